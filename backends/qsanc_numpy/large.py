"""Circuits on large registers: a stretch of operations on one column of 2^n amplitudes, forwards and back.

For 11 to 26 wires, where time goes into passes over memory: several wires are worked on while a block is in the cache,
and permutations of basis states are folded into addresses. `prepare` decides once how; what varies is given at run
time. There are two routes through a stretch: products of small matrices by NumPy, and, where native kernels are given,
columns by these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc_numpy import large_native, large_numpy
from qsanc_numpy.large_fuse import Array, Diagonal, Fused, Linear, Matrix, Operation, Piece, fuse, small_matrices
from qsanc_numpy.large_kernels import LIBRARY, WIRES
from qsanc_numpy.large_layout import Affine
from qsanc_numpy.large_native import Column, ColumnSweep, Kernels, Space, Sums, Tables, column_sweeps
from qsanc_numpy.large_numpy import BLOCK, GROUP, WHOLE, Scratch, Sweep, sweeps_of
from qsanc_numpy.large_workers import Workers

__all__ = ["LIBRARY", "Diagonal", "Kernels", "LargePlan", "Linear", "Matrix", "Operation", "prepare"]

Visit: TypeAlias = Sweep | ColumnSweep

THREADED_FROM = 17
"""Wires from which on NumPy shares a sweep among threads: below, the register is a block."""
NATIVE_THREADED_FROM = 14
"""The same for native code, whose blocks are smaller."""


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """The visits of the state that carry out a stretch, and those that undo it; their groups by number."""

    groups: tuple[Fused, ...]
    ahead: tuple[Visit, ...]
    back: tuple[Visit, ...]

    def lines(self) -> list[str]:
        return [f"  {visit.name(self.groups)}" for visit in self.ahead]


@dataclass(frozen=True, slots=True, eq=False)
class LargePlan:
    """A stretch of operations on `wires` wires, ready to run.

    States are complex128, complex64 or (where every matrix is real) float64 or float32: arrays [2^wires] or
    [2^wires, column], contiguous. They are given up by the caller: the results may lie in the same memory or not.
    `kernels` are those of `LIBRARY`; they serve complex128, and NumPy the rest. Threads change no bit of a result.

    In complex64 the error of a state of norm 1 is at most 2^-18 for each group that acted: roundings of 2^-24, of
    sums of 16 terms with two parts each. That of K is at most three times as large.
    """

    wires: int
    operations: tuple[Operation, ...]
    numpy: Route
    native: Route | None

    def forward(
        self, matrices: Sequence[Array], state: Array, kernels: Kernels | None = None, *, threads: int = 2
    ) -> Array:
        """The state after all operations. Memory at most: two states."""
        if state.ndim == 2:
            return _columns([self.forward(matrices, column, kernels, threads=threads) for column in _split(state)])
        route, kernels = self._route(state, kernels)
        threads = self._threads(route, threads)
        products = _products(route, matrices, state.dtype)
        column = _column(route.ahead, products, backwards=False)
        scratch = Scratch([v for v in route.ahead if isinstance(v, Sweep)], state.dtype, 2, threads)
        space = Space(1, threads if column else 0)
        spare: Array | None = None
        number = 0
        with Workers(threads) as workers:
            for visit in route.ahead:
                target = state
                if visit.source is not None:
                    target = np.empty_like(state) if spare is None else spare
                if isinstance(visit, Sweep):
                    large_numpy.forward(visit, products, state, target, scratch, workers)
                else:
                    assert kernels is not None
                    assert column is not None
                    large_native.forward(kernels, visit, column, number, state, target, space, workers)
                    number += 1
                if target is not state:
                    state, spare = target, state
        return state

    def backward(
        self,
        matrices: Sequence[Array],
        ket: Array,
        bra: Array,
        kernels: Kernels | None = None,
        *,
        wanted: frozenset[int],
        threads: int = 2,
    ) -> tuple[Array, Array, dict[int, Array]]:
        """(ket before, bra before, K of the matrices in `wanted`) of ket and bra after all operations.

        `bra` is the conjugate of the costate. K[a, b] is the sum over the other wires of bra[a] ket[b], with bra after
        the matrix acted and ket before, so that a derivative D of the matrix contributes 2 Re sum D[a, b] K[a, b].
        Memory at most: four states, those given included.
        """
        if ket.ndim == 2:
            runs = [
                self.backward(matrices, one, other, kernels, wanted=wanted, threads=threads)
                for one, other in zip(_split(ket), _split(bra), strict=True)
            ]
            small = {index: np.add.reduce([run[2][index] for run in runs]) for index in runs[0][2]}
            return _columns([run[0] for run in runs]), _columns([run[1] for run in runs]), small
        if ket.dtype != bra.dtype:
            raise CompilerBug(f"a state of {ket.dtype} and a costate of {bra.dtype}")
        route, kernels = self._route(ket, kernels)
        threads = self._threads(route, threads)
        products = _products(route, matrices, ket.dtype)
        column = _column(route.back, products, backwards=True)
        scratch = Scratch([v for v in route.back if isinstance(v, Sweep)], ket.dtype, 4, threads)
        space = Space(2, threads if column else 0)
        sums = Sums(len(column.sweeps) if column else 0)
        read = frozenset(k for k, group in enumerate(route.groups) if group.indices & wanted)
        reduced: dict[int, Array] = {}
        states, spare = (ket, bra), None
        del ket, bra
        number = 0
        with Workers(threads) as workers:
            for visit in route.back:
                target = states
                if visit.source is not None:
                    target = (np.empty_like(states[0]), np.empty_like(states[1])) if spare is None else spare
                if isinstance(visit, Sweep):
                    reduced.update(large_numpy.backward(visit, products, states, target, read, scratch, workers))
                else:
                    assert kernels is not None
                    assert column is not None
                    large_native.backward(kernels, visit, column, number, states, target, space, sums, workers)
                    number += 1
                if target is not states:
                    states, spare = target, states
        if column is not None:
            for visit, each in zip(column.sweeps, column.reduced(sums.same, sums.other), strict=True):
                reduced.update(
                    (group, whole) for group, whole in zip(visit.groups, each, strict=False) if group in read
                )
        return *states, small_matrices(reduced, route.groups, matrices, wanted)

    def _route(self, state: Array, kernels: Kernels | None) -> tuple[Route, Kernels | None]:
        if kernels is None or self.native is None or state.dtype != np.complex128:
            return self.numpy, None
        return self.native, kernels

    def _threads(self, route: Route, most: int) -> int:
        return most if self.wires >= (THREADED_FROM if route is self.numpy else NATIVE_THREADED_FROM) else 1

    @property
    def flops(self) -> float:
        """Additions and multiplications of `forward` by NumPy, complex; `backward` takes three times as many."""
        return float(sum(8 << (self.wires + len(group.wires)) for group in self.numpy.groups))

    @property
    def bytes(self) -> float:
        """What `forward` by NumPy reads and writes in memory, for complex128."""
        return float(32 * len(self.numpy.ahead) << self.wires)

    def __str__(self) -> str:
        lines = [
            f"large register: {self.wires} wires, {len(self.numpy.ahead)} sweeps, {len(self.numpy.groups)} groups, "
            f"{self.flops / 1e9:.3g} Gflop, {self.bytes / 1e9:.3g} GB",
            *self.numpy.lines(),
        ]
        if self.native is not None:
            lines += [f"with native code: {len(self.native.ahead)} sweeps", *self.native.lines()]
        return "\n".join(lines) + "\n"


def prepare(wires: int, operations: Sequence[Operation], *, group: int = GROUP, block: int | None = None) -> LargePlan:
    """How `operations`, in the order of time, are carried out on a register of `wires` wires.

    `group` and `block` are the numbers of wires that one product and one block of the NumPy route have; without
    `block`, all wires of a register that is small enough, or BLOCK.
    """
    if block is None:
        block = wires if wires <= WHOLE else BLOCK
    pieces = fuse(wires, operations, group)
    groups = tuple(piece for piece in pieces if isinstance(piece, Fused))
    plain = Route(groups, sweeps_of(wires, pieces, groups, block), sweeps_of(wires, _undone(pieces), groups, block))
    return LargePlan(wires, tuple(operations), plain, _native(wires, pieces, block) if wires >= WIRES else None)


def _undone(pieces: Sequence[Piece]) -> list[Piece]:
    return [piece.inverse() if isinstance(piece, Affine) else piece for piece in reversed(pieces)]


def _native(wires: int, pieces: Sequence[Piece], block: int) -> Route:
    split: list[Piece] = []
    for stage in _stages(pieces):
        split += _by_wire(stage)
    groups = tuple(piece for piece in split if isinstance(piece, Fused))
    made: dict[object, Tables] = {}
    ahead = _visits(wires, split, groups, block, False, made)
    return Route(groups, ahead, _visits(wires, _undone(split), groups, block, True, made))


def _stages(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Cut before each permutation."""
    stages: list[list[Piece]] = [[]]
    for piece in pieces:
        if isinstance(piece, Affine):
            stages.append([])
        stages[-1].append(piece)
    return stages


def _by_wire(stage: Sequence[Piece]) -> list[Piece]:
    """The stage with a group for each wire, if no operation of it is on more than one."""
    operations = [operation for piece in stage if isinstance(piece, Fused) for operation in piece.operations]
    if any(isinstance(operation, Linear) or len(operation.wires) > 1 for operation in operations):
        return list(stage)
    own: dict[int, list[Operation]] = {}
    for operation in operations:
        assert not isinstance(operation, Linear)
        own.setdefault(operation.wires[0], []).append(operation)
    return [
        *(piece for piece in stage if isinstance(piece, Affine)),
        *(Fused((wire,), own[wire]) for wire in sorted(own)),
    ]


def _visits(
    wires: int,
    pieces: Sequence[Piece],
    groups: Sequence[Fused],
    block: int,
    backwards: bool,
    made: dict[object, Tables],
) -> tuple[Visit, ...]:
    number = {id(group): k for k, group in enumerate(groups)}
    visits: list[Visit] = []
    for stage in _stages(pieces):
        fused = [piece for piece in stage if isinstance(piece, Fused)]
        if not stage:
            continue
        if any(len(group.wires) > 1 for group in fused):
            visits += sweeps_of(wires, stage, groups, block)
            continue
        pending = stage[0] if isinstance(stage[0], Affine) else Affine.identity(wires)
        on = [group.wires[0] for group in fused]
        visits += column_sweeps(wires, pending, on, [number[id(group)] for group in fused], backwards, made)
    return tuple(visits)


def _column(visits: Sequence[Visit], products: Sequence[Array], *, backwards: bool) -> Column | None:
    sweeps = [visit for visit in visits if isinstance(visit, ColumnSweep)]
    return Column(sweeps, products, backwards) if sweeps else None


def _products(route: Route, matrices: Sequence[Array], dtype: np.dtype[np.inexact]) -> list[Array]:
    products = [group.matrix(matrices) for group in route.groups]
    if dtype.kind == "f":
        if any(np.any(product.imag) for product in products):
            raise CompilerBug("a real state and a matrix that is not real")
        products = [product.real for product in products]
    return [np.ascontiguousarray(product, dtype) for product in products]


def _split(state: Array) -> list[Array]:
    return [np.ascontiguousarray(state[:, column]) for column in range(state.shape[1])]


def _columns(states: Sequence[Array]) -> Array:
    return np.stack(states, axis=1)
