"""The numbers of a plan at given bindings: angles of all sites, and the matrices of all blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsanc.ir.gatedef import Generator
from qsanc_numpy.kernels import product
from qsanc_numpy.plan import Block, Complex, Floats, Ints, Kind, Plan


def exponential(generator: Generator, angles: Floats) -> Complex:
    """exp(-i angle G), complex128[d, d, ...] for angles float64[...] in radians."""
    d = generator.matrix.shape[0]
    values = np.array(generator.eigenvalues)
    phases = np.exp(-1j * np.multiply.outer(values, angles)).reshape(len(values), -1)
    flat: Complex = generator.projectors.reshape(len(values), d * d).T @ phases
    return flat.reshape(d, d, *angles.shape)


def factor_matrices(kind: Kind, angles: Floats) -> list[Complex]:
    """Each factor's matrices, complex128[d, d, ...], at angles float64[..., exponential]; fixed ones [d, d, 1, ...]."""
    matrices: list[Complex] = []
    at = 0
    for factor in kind.factors:
        if isinstance(factor, Generator):
            matrices.append(exponential(factor, angles[..., at]))
            at += 1
        else:
            matrices.append(factor.reshape(*factor.shape, *(1,) * (angles.ndim - 1)))
    return matrices


def block_matrices(kind: Kind, angles: Floats) -> Complex:
    """The blocks' matrices, complex128[d, d, ...] at angles float64[..., exponential]."""
    return _chain(factor_matrices(kind, angles), angles.shape[:-1])


def block_derivatives(kind: Kind, angles: Floats) -> list[Complex]:
    """For each exponential, the derivative of the blocks' matrices by its angle: -i G beside the exponential."""
    matrices = factor_matrices(kind, angles)
    derivatives = []
    for k, factor in enumerate(kind.factors):
        if isinstance(factor, Generator):
            turn = (-1j * factor.matrix).reshape(*factor.matrix.shape, *(1,) * (angles.ndim - 1))
            changed = [*matrices[:k], product(turn, matrices[k]), *matrices[k + 1 :]]
            derivatives.append(_chain(changed, angles.shape[:-1]))
    return derivatives


def _chain(matrices: Sequence[Complex], batch: tuple[int, ...]) -> Complex:
    total = matrices[0]
    for matrix in matrices[1:]:
        total = product(matrix, total)
    return np.broadcast_to(total, (*total.shape[:2], *batch)) if total.shape[2:] != batch else total


class Matrices:
    """Angles and block matrices at one set of bindings (values float64[shared slot] and float64[row, item slot])."""

    def __init__(self, plan: Plan, shared: Floats, items: Floats) -> None:
        self.plan = plan
        self.rows = items.shape[0]
        self.base = plan.shared.evaluate(shared)
        """The part of every site's angle that all rows share, float64[site]."""
        self.per_row = plan.items.evaluate(np.ascontiguousarray(items.T)) + self.base[plan.item_sites, None]
        """Angles of the sites with item slots, float64[place in item_sites, row]."""
        self._all = [block_matrices(kind, self.angles(kind)) for kind in plan.kinds]

    def angles(self, kind: Kind) -> Floats:
        """float64[place, exponential] or, for a kind with item slots, float64[place, row, exponential]."""
        return self.angles_at(kind, np.arange(kind.count), None)

    def angles_at(self, kind: Kind, places: Ints, rows: Ints | None) -> Floats:
        """Angles of the blocks at `places`: for every row, or entry by entry for the given rows."""
        sites = kind.sites[places]
        base = self.base[sites]
        if not kind.per_row:
            return base
        place = self.plan.item_place[sites]
        fixed = place < 0
        if rows is None:
            angles = np.moveaxis(self.per_row[place], -1, 1)
            if fixed.any():
                angles = np.where(fixed[:, None, :], base[:, None, :], angles)
            return angles
        return np.where(fixed, base, self.per_row[place, rows[:, None]])

    def of(self, block: Block) -> Complex:
        return self._all[block.kind][:, :, block.place]
