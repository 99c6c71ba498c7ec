"""What a stretch of a circuit becomes on a large register: permutations, and groups of a few wires between them.

    Operation ::= Matrix | Linear | Diagonal          what is given, in the order of time
    Piece     ::= Affine | Fused                       what is carried out

Neighbouring operations on few wires are one `Fused`, whose matrix is the product of its members and which is applied
once. From R[a, c], the sum of bra[a] ket[c] over all other wires with both states *after* a group, follow the matrices
K of its members, one after the other from the last: tracing out wires and undoing members acts on R alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qsanc.diagnostics import CompilerBug
from qsanc_numpy.large_layout import Affine, LinearGate

Array: TypeAlias = NDArray[np.inexact]
Ints: TypeAlias = NDArray[np.int64]


COLUMN = 3
"""Wires of a group where every operation is on one: 2^3 terms an amplitude for 3 wires, 16 for 4, in as many products
as memory can serve."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A unitary on `wires`, wires[0] the most significant; number `index` in the matrices given at run time."""

    wires: tuple[int, ...]
    index: int


@dataclass(frozen=True, slots=True)
class Linear:
    """A permutation of the basis states made of x, cx and swap, in the order of time."""

    gates: tuple[LinearGate, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Diagonal:
    """Fixed phases on `wires`: complex128[2^len(wires)], wires[0] the most significant."""

    wires: tuple[int, ...]
    phases: NDArray[np.complex128]


Operation: TypeAlias = Matrix | Linear | Diagonal


class Member:
    """A matrix, or fixed operation, seen from its group, whose wire k is the bit len - 1 - k of the group's states."""

    def __init__(self, wires: tuple[int, ...], group: tuple[int, ...], index: int | None, fixed: Array | None) -> None:
        self.wires = wires
        self.index = index
        self._fixed = fixed
        self._group = group

    @cached_property
    def _places(self) -> tuple[Ints, Ints]:
        """Own[x]: what the own wires read in group state x; rest[x]: the group state with them cleared."""
        width = len(self._group)
        bits = [width - 1 - self._group.index(wire) for wire in self.wires]
        states = np.arange(1 << width)
        own = np.zeros_like(states)
        for bit in bits:
            own = own << 1 | states >> bit & 1
        return own, states & ~sum(1 << bit for bit in bits)

    @cached_property
    def _spread(self) -> tuple[Ints, NDArray[np.bool_]]:
        own, rest = self._places
        size = 1 << len(self.wires)
        return own[:, None] * size + own, rest[:, None] == rest

    @cached_property
    def _gathered(self) -> Ints:
        """int64[4^wires, rest]: where R of the group holds what is summed to each entry of R of this member."""
        own, _ = self._places
        size, whole = 1 << len(self.wires), len(own)
        at = np.empty((size, whole // size), np.int64)
        for a in range(size):
            at[a] = np.flatnonzero(own == a)
        return (at[:, None, :] * whole + at).reshape(size * size, -1)

    def own(self, matrices: Sequence[Array]) -> Array:
        return self._fixed if self._fixed is not None else matrices[self._number]

    @property
    def _number(self) -> int:
        if self.index is None:
            raise CompilerBug("a member without matrix")
        return self.index

    def matrix(self, matrices: Sequence[Array]) -> Array:
        """The matrix on the whole group."""
        at, same = self._spread
        own: Array = np.where(same, self.own(matrices).reshape(-1)[at], 0)
        return own

    def reduced(self, whole: Array) -> Array:
        """R of this member, of R of the group."""
        size = 1 << len(self.wires)
        traced: Array = np.add.reduce(whole.reshape(-1)[self._gathered], axis=1).reshape(size, size)
        return traced


class Fused:
    """Operations on at most a few wires, as one matrix on `wires`, wires[0] the most significant."""

    def __init__(self, wires: tuple[int, ...], operations: Sequence[Operation]) -> None:
        self.wires = wires
        self.operations = tuple(operations)

    @cached_property
    def members(self) -> tuple[Member, ...]:
        return tuple(self._member(operation) for operation in self.operations)

    def _member(self, operation: Operation) -> Member:
        if isinstance(operation, Matrix):
            return Member(operation.wires, self.wires, operation.index, None)
        if isinstance(operation, Diagonal):
            return Member(operation.wires, self.wires, None, np.diag(operation.phases))
        wires = wires_of(operation)
        moved = Affine.of([(name, tuple(wires.index(w) for w in on)) for name, on in operation.gates], len(wires))
        fixed = np.zeros((1 << len(wires),) * 2)
        for x in range(1 << len(wires)):
            fixed[moved(x), x] = 1
        return Member(wires, self.wires, None, fixed)

    @cached_property
    def is_column(self) -> bool:
        """Whether its members are a matrix each on a wire of its own."""
        return all(len(m.wires) == 1 for m in self.members) and len(self.members) == len(self.wires)

    @cached_property
    def _by_wire(self) -> tuple[Member, ...]:
        return tuple(sorted(self.members, key=lambda m: self.wires.index(m.wires[0])))

    def matrix(self, matrices: Sequence[Array]) -> Array:
        """The product of the members, [2^wires, 2^wires]."""
        if self.is_column:
            product = self._by_wire[0].own(matrices)
            for member in self._by_wire[1:]:
                own = member.own(matrices)
                product = (product[:, None, :, None] * own[:, None, :]).reshape((2 * len(product),) * 2)
            return product
        if len(self.members) == 1 and self.members[0].wires == self.wires:
            return self.members[0].own(matrices)
        product = self.members[0].matrix(matrices)
        for member in self.members[1:]:
            product = member.matrix(matrices) @ product
        return product

    def small(self, whole: Array, matrices: Sequence[Array], wanted: frozenset[int]) -> Iterator[tuple[int, Array]]:
        """(index, K) of the members that are wanted; `whole` is R of the group."""
        later = list(self.members)
        if len(later) == 1 and later[0].wires == self.wires:
            index = later[0].index
            if index is not None and index in wanted:
                yield index, whole @ matrices[index].conj()
            return
        while later:
            member = later.pop()
            if member.index is not None and member.index in wanted:
                yield member.index, member.reduced(whole) @ member.own(matrices).conj()
            if not self.is_column and any(m.index in wanted for m in later):
                matrix = member.matrix(matrices)
                whole = matrix.T @ whole @ matrix.conj()

    @cached_property
    def indices(self) -> frozenset[int]:
        return frozenset(m.index for m in self.members if m.index is not None)

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.wires))})"


Piece: TypeAlias = Affine | Fused


def wires_of(operation: Operation) -> tuple[int, ...]:
    """The wires that an operation touches; those of a permutation in ascending order."""
    if isinstance(operation, Linear):
        return tuple(sorted({wire for _, on in operation.gates for wire in on}))
    return operation.wires


def fuse(wires: int, operations: Sequence[Operation], most: int) -> tuple[Piece, ...]:
    """The pieces of a stretch, in the order of time, with groups of at most `most` wires.

    A permutation that lies within one group becomes a member of it. Any other ends all groups before it.
    An operation that is wider than `most` is a group of its own.
    """
    pieces: list[Piece] = []
    groups: list[_Growing] = []
    pending = Affine.identity(wires)
    for operation in operations:
        on = frozenset(wires_of(operation))
        if isinstance(operation, Linear):
            home = _home(groups, on, most)
            if home is None or not groups or not pending.is_identity:
                pieces += _closed(groups, most)
                groups = []
                pending = pending.then(Affine.of(operation.gates, wires))
                continue
        if not pending.is_identity:
            pieces.append(pending)
            pending = Affine.identity(wires)
        home = _home(groups, on, most)
        if home is None:
            home = _Growing(set(), [])
            groups.append(home)
        home.wires |= on
        home.operations.append(operation)
    pieces += _closed(groups, most)
    if not pending.is_identity:
        pieces.append(pending)
    return tuple(pieces)


@dataclass(slots=True)
class _Growing:
    wires: set[int]
    operations: list[Operation]


def _home(groups: Sequence[_Growing], on: frozenset[int], most: int) -> _Growing | None:
    """The last group that an operation meets, where it fits into it."""
    for group in reversed(groups):
        if group.wires & on:
            return group if len(group.wires | on) <= most or on <= group.wires else None
    return None


def _closed(groups: Sequence[_Growing], most: int) -> list[Fused]:
    """Groups packed together: each goes into the first one that has room and that nothing between them forbids."""
    single = all(len(group.wires) == 1 for group in groups)
    if single and groups:
        most = min(most, COLUMN)
        most = -(-len(groups) // -(-len(groups) // most))
    packed: list[_Growing] = []
    for group in groups:
        last = max((k for k, other in enumerate(packed) if other.wires & group.wires), default=0)
        room = (other for other in packed[last:] if len(other.wires | group.wires) <= most)
        home = next(room, None)
        if home is None:
            packed.append(_Growing(set(group.wires), list(group.operations)))
        else:
            home.wires |= group.wires
            home.operations += group.operations
    return [Fused(tuple(sorted(group.wires)), group.operations) for group in packed]


def small_matrices(
    reduced: Mapping[int, Array], groups: Sequence[Fused], matrices: Sequence[Array], wanted: frozenset[int]
) -> dict[int, Array]:
    """K of each wanted matrix, of R of each group by its number; matrices that act in several places are summed."""
    result: dict[int, Array] = {}
    for number, whole in reduced.items():
        for index, small in groups[number].small(whole, matrices, wanted):
            known = result.get(index)
            result[index] = small if known is None else known + small
    return result
