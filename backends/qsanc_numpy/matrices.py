"""The numbers of a plan at given bindings: angles of all sites, and the matrices of all blocks.

A matrix M, [d, d, ...], is kept by flipped bits: X[x, a, ...] = M[a, a ^ x, ...].
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from qsanc_numpy.arrays import Floats, Ints, Numbers
from qsanc_numpy.plan import Block, Group, Kind, Plan

Functions = list[Floats]
"""For each exponential of a kind the functions of its angles: see `expansions`."""


@lru_cache(maxsize=8)
def flip_order(dimension: int) -> Ints:
    """Where each entry X[x, a] is among the entries M[a, b], both flattened."""
    a = np.arange(dimension)
    order: Ints = (a * dimension + (a ^ a[:, None])).ravel()
    return order


@lru_cache(maxsize=8)
def square_order(dimension: int) -> Ints:
    """Where each entry M[a, b] is among the entries X[x, a], both flattened."""
    return np.argsort(flip_order(dimension))


def by_flips(matrices: Numbers) -> Numbers:
    """X[x, a, ...] = M[a, a ^ x, ...]."""
    d = len(matrices)
    found: Numbers = matrices.reshape(d * d, -1).take(flip_order(d), axis=0)
    return found.reshape(matrices.shape)


def turned_back(kind: Kind, shifted: Numbers, inverse: Numbers) -> Numbers:
    """X[x, a, ...] of M' M^-1: what turns a state behind a block M into that behind M'."""
    d = kind.dimension
    order = square_order(d)
    left, right = (m.reshape(d * d, -1).take(order, axis=0).reshape(d, d, -1) for m in (shifted, inverse))
    total: Numbers = left[:, 0, None] * right[None, 0]
    for k in range(1, d):
        total = total + left[:, k, None] * right[None, k]
    return by_flips(total)


def kron(factors: Numbers) -> Numbers:
    """The Kronecker products of matrices [..., factor, d, d]."""
    count = factors.shape[-3]
    if count == 1:
        only: Numbers = factors[..., 0, :, :]
        return only
    if count % 2:
        return _kron(factors[..., 0, :, :], kron(factors[..., 1:, :, :]))
    return kron(_kron(factors[..., 0::2, :, :], factors[..., 1::2, :, :]))


def _kron(left: Numbers, right: Numbers) -> Numbers:
    both = left[..., :, None, :, None] * right[..., None, :, None, :]
    d = left.shape[-1] * right.shape[-1]
    return both.reshape(*both.shape[:-4], d, d)


class SharedMatrices:
    """Angles and block matrices that all rows share, at values float64[shared slot]."""

    def __init__(self, plan: Plan, shared: Floats) -> None:
        self.plan = plan
        self.base = plan.shared.evaluate(shared)
        """The part of every site's angle that all rows share, float64[site]."""
        self._functions: dict[int, Functions] = {}
        self._found: dict[tuple[int, bool], Numbers] = {}
        self._square: dict[int, Numbers] = {}
        self._groups: dict[Group, tuple[Numbers, Numbers]] = {}

    def functions(self, number: int) -> Functions:
        """Of the angles of a kind without item slots, float64[function, place] for each exponential."""
        if number not in self._functions:
            kind = self.plan.kinds[number]
            self._functions[number] = kind.expansion.functions(self.base[kind.sites.T])
        return self._functions[number]

    def forward(self, block: Block) -> Numbers:
        """X[x, a, 1] of a block, or X[x, member, a, 1] of one in lockstep."""
        return self._at(block, inverse=False)

    def backward(self, block: Block) -> Numbers:
        """The same of the inverse."""
        return self._at(block, inverse=True)

    def group(self, group: Group) -> tuple[Numbers, Numbers]:
        """The matrices of its blocks, [..., block, 2, 2], and their Kronecker product, with an axis before for members
        in lockstep."""
        found = self._groups.get(group)
        if found is None:
            factors = self._factors(group)
            found = self._groups[group] = (factors, kron(factors))
        return found

    def _factors(self, group: Group) -> Numbers:
        if len(group.parts) == 1:
            part = group.parts[0]
            one: Numbers = self._squares(part.kind)[part.places]
            return one
        parts = [self._squares(part.kind)[part.places] for part in group.parts]
        lead = parts[0].shape[:-3]
        factors = np.empty((*lead, len(group.blocks), 2, 2), np.result_type(*parts))
        for part, matrices in zip(group.parts, parts, strict=True):
            factors[..., part.blocks, :, :] = matrices
        return factors

    def _at(self, block: Block, *, inverse: bool) -> Numbers:
        found = self._all(block.kind, inverse)
        if isinstance(block.place, np.ndarray):
            return found[:, :, block.place].swapaxes(1, 2)[..., None]
        return found[:, :, block.place : block.place + 1]

    def _all(self, number: int, inverse: bool) -> Numbers:
        """X[x, a, place], with the identity as one more place."""
        found = self._found.get((number, inverse))
        if found is None:
            kind = self.plan.kinds[number]
            matrices = kind.expansion.matrices(self.functions(number), (kind.count,), inverse=inverse)
            found = np.zeros((*matrices.shape[:2], kind.count + 1), matrices.dtype)
            found[:, :, :-1] = matrices
            found[0, :, -1] = 1.0
            self._found[number, inverse] = found
        return found

    def _squares(self, number: int) -> Numbers:
        """M[place, a, b], with the identity as one more place."""
        found = self._square.get(number)
        if found is None:
            d = self.plan.kinds[number].dimension
            flat = self._all(number, False).reshape(d * d, -1)
            found = self._square[number] = flat.T.take(square_order(d), axis=1).reshape(-1, d, d)
        return found


class Matrices:
    """Angles and block matrices of rows: those of `shared`, and with values float64[row, item slot] all others."""

    def __init__(self, shared: SharedMatrices, items: Floats) -> None:
        plan = shared.plan
        self.plan, self.shared, self.rows = plan, shared, items.shape[0]
        self.per_row = plan.items.evaluate(items.T)
        """Angles of the sites with item slots, float64[place in item_sites, row]."""
        constant = shared.base[plan.item_sites, None]
        if constant.any():
            self.per_row += constant
        self._functions: dict[int, Functions] = {}
        self._found: dict[tuple[int, bool], Numbers] = {}

    def angles_at(self, kind: Kind, places: Ints, rows: Ints | None) -> Floats:
        """Angles of the blocks at `places`, float64[exponential, place, ...]: for a kind with item slots for every row,
        or entry by entry for the given rows."""
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

    def functions(self, number: int) -> Functions:
        """Of the angles of a kind with item slots, float64[function, place, row] for each exponential."""
        if number not in self._functions:
            kind = self.plan.kinds[number]
            angles = self.angles_at(kind, np.arange(kind.count), None)
            self._functions[number] = kind.expansion.functions(angles)
        return self._functions[number]

    def forward(self, block: Block) -> Numbers:
        """X[x, a, 1] of a block, or X[x, a, row] of one with item slots."""
        if not self.plan.kinds[block.kind].per_row:
            return self.shared.forward(block)
        assert isinstance(block.place, int)
        return self._all(block.kind, False)[:, :, block.place]

    def backward(self, block: Block) -> Numbers:
        """The same of the inverse."""
        if not self.plan.kinds[block.kind].per_row:
            return self.shared.backward(block)
        assert isinstance(block.place, int)
        return self._all(block.kind, True)[:, :, block.place]

    def group(self, group: Group) -> tuple[Numbers, Numbers]:
        return self.shared.group(group)

    def _all(self, number: int, inverse: bool) -> Numbers:
        """X[x, a, place, row]."""
        found = self._found.get((number, inverse))
        if found is None:
            kind = self.plan.kinds[number]
            found = kind.expansion.matrices(self.functions(number), (kind.count, self.rows), inverse=inverse)
            self._found[number, inverse] = found
        return found
