"""The numbers of a plan at given bindings: angles of all sites, and the matrices of all blocks.

A matrix M, [d, d, ...], is kept by flipped bits: X[x, a, ...] = M[a, a ^ x, ...].
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from qsanc.ir.gatedef import Generator
from qsanc_numpy.arrays import Complex, Floats, Ints, Numbers
from qsanc_numpy.plan import Block, Kind, Plan


@lru_cache(maxsize=64)
def _basis(generator: Generator) -> tuple[Floats, Numbers]:
    """Frequencies w and matrices [d * d, 1 + cosines + sines] such that exp(-i t G) is the sum of those matrices
    times (1, cos(w t), sin(w t)); the matrices are real where all exponentials are."""
    d = len(generator.matrix)
    zero: Complex = np.zeros((d, d), np.complex128)
    cosines: dict[float, Complex] = {}
    sines: dict[float, Complex] = {}
    for value, projector in zip(generator.eigenvalues, generator.projectors, strict=True):
        if value == 0:
            zero = zero + projector
        else:
            w = abs(value)
            cosines[w] = cosines.get(w, 0) + projector
            sines[w] = sines.get(w, 0) - 1j * np.sign(value) * projector
    parts = np.stack([zero, *cosines.values(), *sines.values()]).reshape(-1, d * d).T
    parts = np.ascontiguousarray(parts)
    return np.array(list(cosines), np.float64), parts.real.copy() if np.all(parts.imag == 0) else parts


def exponential(generator: Generator, angles: Floats) -> Numbers:
    """exp(-i angle G), [d, d, ...], for angles float64[...] in radians; float64 where G is imaginary."""
    d = len(generator.matrix)
    frequencies, parts = _basis(generator)
    w = len(frequencies)
    functions = np.empty((1 + 2 * w, angles.size))
    functions[0] = 1.0
    turned = np.multiply.outer(frequencies, angles.ravel())
    np.cos(turned, out=functions[1 : 1 + w])
    np.sin(turned, out=functions[1 + w :])
    return (parts @ functions).reshape(d, d, *angles.shape)


@lru_cache(maxsize=64)
def _slope_matrix(generator: Generator) -> Numbers:
    """-i G, float64 where it is real."""
    turn = -1j * generator.matrix
    return turn.real.copy() if np.all(turn.imag == 0) else turn


def _fixed(matrix: Complex) -> Numbers:
    return matrix.real.copy() if np.all(matrix.imag == 0) else matrix


def factor_matrices(kind: Kind, angles: Floats) -> list[Numbers]:
    """Each factor's matrices, [d, d, ...], at angles float64[exponential, ...]; fixed ones [d, d, 1, ...]."""
    matrices: list[Numbers] = []
    at = 0
    for factor in kind.factors:
        if isinstance(factor, Generator):
            matrices.append(exponential(factor, angles[at]))
            at += 1
        else:
            matrices.append(_fixed(factor).reshape(*factor.shape, *(1,) * (angles.ndim - 1)))
    return matrices


def block_matrices(kind: Kind, angles: Floats) -> Numbers:
    """The blocks' matrices, [d, d, ...] at angles float64[exponential, ...]."""
    return _chain(factor_matrices(kind, angles), angles.shape[1:])


def _chain(matrices: Sequence[Numbers], batch: tuple[int, ...]) -> Numbers:
    total = matrices[0]
    for matrix in matrices[1:]:
        total = product(matrix, total)
    return np.broadcast_to(total, (*total.shape[:2], *batch)) if total.shape[2:] != batch else total


def product(left: Numbers, right: Numbers) -> Numbers:
    """Matrix product over the first two axes, entrywise over the others: [d, d, ...]."""
    d = left.shape[0]
    total: Numbers = left[:, 0, None] * right[None, 0]
    for k in range(1, d):
        total = total + left[:, k, None] * right[None, k]
    return total


def slopes(kind: Kind, angles: Floats, small: Numbers) -> list[Floats]:
    """For each exponential, the slope by its angle, float64[...]: 2 Re sum D[a, b] K[a, b] for the derivative D of the
    block's matrix at angles float64[exponential, ...].

    `small` is K[a, b] behind the block, [d, d, ...]: the sum over the other wires of conj(costate)[a] state[b]. There
    an exponential's own slope is 2 Re sum (-i G)[a, b] K[a, b]; before a factor M it is M^T K conj(M).
    """
    found: list[Floats] = []
    matrices: list[Numbers] | None = None
    left = int(kind.sites.shape[1])
    for k in reversed(range(len(kind.factors))):
        factor = kind.factors[k]
        if isinstance(factor, Generator):
            found.append(_slope(_slope_matrix(factor), small))
            left -= 1
        if not left:
            break
        if matrices is None:
            matrices = factor_matrices(kind, angles)
        matrix = matrices[k]
        small = product(product(matrix.swapaxes(0, 1), small), matrix.conj())
    return found[::-1]


def _slope(turn: Numbers, small: Numbers) -> Floats:
    total: Floats | float = 0.0
    for a, b in np.argwhere(turn):
        entry = turn[a, b]
        part = small[a, b]
        if np.iscomplexobj(part):
            total = total + (2 * entry.real) * part.real - (2 * entry.imag) * part.imag
        else:
            total = total + (2 * entry.real) * part
    return np.asarray(total)


def by_flips(matrices: Numbers) -> Numbers:
    """X[x, a, ...] = M[a, a ^ x, ...]."""
    a = np.arange(len(matrices))
    flipped: Numbers = matrices[a, a ^ a[:, None]]
    return flipped


def from_flips(flipped: Numbers) -> Numbers:
    """M[a, b, ...] = X[a ^ b, a, ...]."""
    a = np.arange(len(flipped))[:, None]
    matrices: Numbers = flipped[a ^ a.T, a]
    return matrices


def inverse(flipped: Numbers) -> Numbers:
    """The conjugate transposes: the X of M is conj(X[x, a ^ x]) for that of its inverse."""
    a = np.arange(len(flipped))
    turned: Numbers = flipped[a[:, None], a ^ a[:, None]]
    return turned.conj() if np.iscomplexobj(turned) else turned


class SharedMatrices:
    """Angles and block matrices that all rows share, at values float64[shared slot]."""

    def __init__(self, plan: Plan, shared: Floats) -> None:
        self.plan = plan
        self.base = plan.shared.evaluate(shared)
        """The part of every site's angle that all rows share, float64[site]."""
        self._forward: dict[int, Numbers] = {}
        self._inverse: dict[int, Numbers] = {}

    def angles(self, number: int) -> Floats:
        """Of the blocks of a kind without item slots, float64[exponential, place]."""
        return self.base[self.plan.kinds[number].sites.T]

    def forward(self, block: Block) -> Numbers:
        """X[x, a] of a block, or X[x, a, member] of one in lockstep."""
        matrix: Numbers = self._all(block.kind)[:, :, block.place]
        return matrix

    def backward(self, block: Block) -> Numbers:
        """The same of the inverse."""
        if block.kind not in self._inverse:
            self._inverse[block.kind] = inverse(self._all(block.kind))
        matrix: Numbers = self._inverse[block.kind][:, :, block.place]
        return matrix

    def _all(self, number: int) -> Numbers:
        """X[x, a, place], with the identity as one more place."""
        if number not in self._forward:
            flipped = by_flips(block_matrices(self.plan.kinds[number], self.angles(number)))
            one = np.zeros((*flipped.shape[:2], 1))
            one[0] = 1.0
            self._forward[number] = np.concatenate([flipped, one], axis=2)
        return self._forward[number]


class Matrices:
    """Angles and block matrices of rows: those of `shared`, and with values float64[row, item slot] all others."""

    def __init__(self, shared: SharedMatrices, items: Floats) -> None:
        plan = shared.plan
        self.plan, self.shared, self.rows = plan, shared, items.shape[0]
        self.per_row = plan.items.evaluate(np.ascontiguousarray(items.T))
        """Angles of the sites with item slots, float64[place in item_sites, row]."""
        constant = shared.base[plan.item_sites, None]
        if np.any(constant):
            self.per_row += constant
        self._forward: dict[int, Numbers] = {}
        self._inverse: dict[int, Numbers] = {}

    def angles(self, number: int) -> Floats:
        """float64[exponential, place] or, for a kind with item slots, float64[exponential, place, row]."""
        kind = self.plan.kinds[number]
        return self.angles_at(kind, np.arange(kind.count), None)

    def angles_at(self, kind: Kind, places: Ints, rows: Ints | None) -> Floats:
        """Angles of the blocks at `places`: for every row, or entry by entry for the given rows."""
        sites = kind.sites[places].T
        base = self.shared.base[sites]
        if not kind.per_row:
            return base
        place = self.plan.item_place[sites]
        fixed = place < 0
        if rows is None:
            angles = self.per_row[place]
            return np.where(fixed[:, :, None], base[:, :, None], angles) if fixed.any() else angles
        angles = self.per_row[place, rows[None, :]]
        return np.where(fixed, base, angles) if fixed.any() else angles

    def forward(self, block: Block) -> Numbers:
        """X[x, a] of a block, or X[x, a, row] of one with item slots."""
        if not self.plan.kinds[block.kind].per_row:
            return self.shared.forward(block)
        matrix: Numbers = self._all(block.kind)[:, :, block.place]
        return matrix

    def backward(self, block: Block) -> Numbers:
        """The same of the inverse."""
        if not self.plan.kinds[block.kind].per_row:
            return self.shared.backward(block)
        if block.kind not in self._inverse:
            self._inverse[block.kind] = inverse(self._all(block.kind))
        matrix: Numbers = self._inverse[block.kind][:, :, block.place]
        return matrix

    def _all(self, number: int) -> Numbers:
        """X[x, a, place, row]."""
        if number not in self._forward:
            self._forward[number] = by_flips(block_matrices(self.plan.kinds[number], self.angles(number)))
        return self._forward[number]
