"""Circuits on large registers: a stretch of operations on one column of 2^n amplitudes, forwards and back.

For 11 to 26 wires, where time goes into passes over memory: several wires are worked on while a block is in the cache,
and permutations of basis states are folded into addresses. `prepare` decides once how; what varies is given at run
time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc_numpy.large_fuse import Array, Diagonal, Fused, Linear, Matrix, Operation, Piece, fuse, small_matrices
from qsanc_numpy.large_layout import Affine
from qsanc_numpy.large_numpy import BLOCK, GROUP, Sweep, run_backward, run_forward, sweeps_of

__all__ = ["Diagonal", "LargePlan", "Linear", "Matrix", "Operation", "prepare"]

Kernels = Mapping[str, Callable[..., None]]

THREADED_FROM = 17
"""Wires from which on two threads pay: below, the register is a block."""


@dataclass(frozen=True, slots=True, eq=False)
class LargePlan:
    """A stretch of operations on `wires` wires, ready to run.

    States are complex128, complex64 or (where every matrix is real) float64 and float32: arrays [2^wires] or
    [2^wires, column], contiguous. They are given up by the caller: the results may lie in the same memory or not.
    """

    wires: int
    operations: tuple[Operation, ...]
    groups: tuple[Fused, ...]
    ahead: tuple[Sweep, ...]
    back: tuple[Sweep, ...]

    def forward(
        self, matrices: Sequence[Array], state: Array, kernels: Kernels | None = None, *, threads: int = 2
    ) -> Array:
        """The state after all operations. Memory at most: two states."""
        if state.ndim == 2:
            return _columns([self.forward(matrices, column, kernels, threads=threads) for column in _split(state)])
        threads = self._threads(threads)
        with _pool(threads) as pool:
            return run_forward(self.ahead, self._products(matrices, state.dtype), state, pool, threads)

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
        threads = self._threads(threads)
        read = frozenset(k for k, group in enumerate(self.groups) if group.indices & wanted)
        with _pool(threads) as pool:
            products = self._products(matrices, ket.dtype)
            ket, bra, reduced = run_backward(self.back, products, ket, bra, read, pool, threads)
        return ket, bra, small_matrices(reduced, self.groups, matrices, wanted)

    def _products(self, matrices: Sequence[Array], dtype: np.dtype[np.inexact]) -> list[Array]:
        products = [group.matrix(matrices) for group in self.groups]
        if dtype.kind == "f":
            if any(np.any(product.imag) for product in products):
                raise CompilerBug("a real state and a matrix that is not real")
            products = [product.real for product in products]
        return [np.ascontiguousarray(product, dtype) for product in products]

    def _threads(self, most: int) -> int:
        return most if self.wires >= THREADED_FROM else 1

    @property
    def flops(self) -> float:
        """Additions and multiplications of `forward` on a complex state; `backward` takes three times as many."""
        return float(sum(8 << (self.wires + len(group.wires)) for group in self.groups))

    @property
    def bytes(self) -> float:
        """What `forward` reads and writes in memory, for complex128."""
        return float(32 * len(self.ahead) << self.wires)

    def __str__(self) -> str:
        lines = [
            f"large register: {self.wires} wires, {len(self.ahead)} sweeps, {len(self.groups)} groups, "
            f"{self.flops / 1e9:.3g} Gflop, {self.bytes / 1e9:.3g} GB"
        ]
        for sweep in self.ahead:
            moved = "" if sweep.source is None else "permute, "
            names = " ".join(str(self.groups[turn.group]) for turn in sweep.turns) or "nothing"
            lines.append(f"  sweep of {sweep.blocks} blocks of 2^{len(sweep.wires)}: {moved}products on {names}")
        return "\n".join(lines) + "\n"


def prepare(wires: int, operations: Sequence[Operation], *, group: int = GROUP, block: int = BLOCK) -> LargePlan:
    """How `operations`, in the order of time, are carried out on a register of `wires` wires.

    `group` and `block` are the numbers of wires that one product and one block have.
    """
    pieces = fuse(wires, operations, group)
    groups = tuple(piece for piece in pieces if isinstance(piece, Fused))
    undone: list[Piece] = [piece.inverse() if isinstance(piece, Affine) else piece for piece in reversed(pieces)]
    return LargePlan(
        wires,
        tuple(operations),
        groups,
        sweeps_of(wires, pieces, groups, block),
        sweeps_of(wires, undone, groups, block),
    )


def _pool(threads: int) -> AbstractContextManager[ThreadPoolExecutor | None]:
    return ThreadPoolExecutor(threads) if threads > 1 else nullcontext()


def _split(state: Array) -> list[Array]:
    return [np.ascontiguousarray(state[:, column]) for column in range(state.shape[1])]


def _columns(states: Sequence[Array]) -> Array:
    return np.stack(states, axis=1)
