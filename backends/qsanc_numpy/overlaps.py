"""Tr(rho_left rho_right) for pairs of columns, and its adjoint.

On the whole register it is |<a|b>|^2, on a part of it the inner product of the reduced density matrices. Either way
columns are turned into features (amplitudes, or the entries of the reduced matrix) and the inner products of pairs of
features are taken: by a Gram product of all columns, or by gathering columns pair by pair, whichever costs less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsanc_numpy.arrays import Floats, Ints, Numbers

_GRAM_GAIN = 24
"""A multiplication in a matrix product costs about this much less than one on gathered columns (measured)."""
_GATHER_LIMIT = 1 << 20
"""Amplitudes gathered at once."""


def inner(left: Numbers, right: Numbers, pairs: Ints) -> Numbers:
    """<left column | right column> for each of int64[pair, 2]."""
    if _by_gram(left, right, pairs):
        gram: Numbers = (left.conj().T @ right)[pairs[:, 0], pairs[:, 1]]
        return gram
    values = np.empty(len(pairs), np.result_type(left, right))
    for part in _parts(len(pairs), left.shape[0]):
        chosen = pairs[part]
        values[part] = (left[:, chosen[:, 0]].conj() * right[:, chosen[:, 1]]).sum(axis=0)
    return values


def spread(features: Numbers, weights: Numbers, at: Ints, to: Ints, columns: int, gram: bool) -> Numbers:
    """out[:, to[p]] += weights[p] features[:, at[p]], for an `out` of so many columns."""
    if gram:
        table = np.zeros((features.shape[1], columns), weights.dtype)
        np.add.at(table, (at, to), weights)
        product: Numbers = features @ table
        return product
    out = np.zeros((features.shape[0], columns), np.result_type(features, weights))
    order = np.argsort(to, kind="stable")
    for part in _parts(len(order), features.shape[0]):
        chosen = order[part]
        targets, starts = np.unique(to[chosen], return_index=True)
        out[:, targets] += np.add.reduceat(features[:, at[chosen]] * weights[chosen], starts, axis=1)
    return out


def _by_gram(left: Numbers, right: Numbers, pairs: Ints) -> bool:
    return int(left.shape[1] * right.shape[1]) <= _GRAM_GAIN * len(pairs)


def _parts(count: int, dimension: int) -> list[slice]:
    size = max(1, _GATHER_LIMIT // dimension)
    return [slice(start, start + size) for start in range(0, count, size)]


@dataclass(frozen=True, slots=True, eq=False)
class OverlapPlan:
    """An overlap on `wires` of a register: `kept` wires first, then the others, as axes of a state."""

    left: int
    right: int
    register: int
    kept: tuple[int, ...]
    rest: tuple[int, ...]

    @staticmethod
    def of(left: int, right: int, wires: tuple[int, ...], register: int) -> OverlapPlan:
        return OverlapPlan(left, right, register, wires, tuple(w for w in range(register) if w not in wires))

    @property
    def whole(self) -> bool:
        return not self.rest

    def features(self, state: Numbers) -> Numbers:
        """complex128[feature, column]: the state itself, or the reduced density matrix's entries."""
        if self.whole:
            return state
        matrix = self._matrix(state)
        reduced = matrix @ matrix.conj().transpose(0, 2, 1)
        return np.ascontiguousarray(reduced.reshape(reduced.shape[0], 1 << 2 * len(self.kept)).T)

    def values(self, left: Numbers, right: Numbers, pairs: Ints) -> Floats:
        """float64[pair] from the features of both sides."""
        products = inner(left, right, pairs)
        return products.real**2 + products.imag**2 if self.whole else products.real

    def adjoint(
        self, states: tuple[Numbers, Numbers], features: tuple[Numbers, Numbers], pairs: Ints, cotangents: Floats
    ) -> tuple[Numbers, Numbers]:
        """d/d conj(state) of <cotangents, values>, for the left and for the right states."""
        left, right = features
        if self.whole:
            products = inner(left, right, pairs)
            weights = (cotangents * products.conj(), cotangents * products)
        else:
            weights = (cotangents, cotangents)
        gram = _by_gram(left, right, pairs)
        by_left = spread(right, weights[0], pairs[:, 1], pairs[:, 0], left.shape[1], gram)
        by_right = spread(left, weights[1], pairs[:, 0], pairs[:, 1], right.shape[1], gram)
        if self.whole:
            return by_left, by_right
        return self._applied(by_left, states[0]), self._applied(by_right, states[1])

    def _matrix(self, state: Numbers) -> Numbers:
        """complex128[column, kept, rest]."""
        axes = state.reshape((2,) * self.register + (state.shape[1],))
        ordered = axes.transpose(self.register, *self.kept, *self.rest)
        return ordered.reshape(state.shape[1], 1 << len(self.kept), 1 << len(self.rest))

    def _applied(self, operators: Numbers, state: Numbers) -> Numbers:
        """Each column's operator, complex128[kept * kept, column], on the kept wires of that column."""
        d = 1 << len(self.kept)
        out = np.ascontiguousarray(operators.T).reshape(state.shape[1], d, d) @ self._matrix(state)
        axes = out.reshape((state.shape[1],) + (2,) * self.register)
        back = np.argsort((self.register, *self.kept, *self.rest))
        return np.ascontiguousarray(axes.transpose(*(int(axis) for axis in back))).reshape(state.shape)
