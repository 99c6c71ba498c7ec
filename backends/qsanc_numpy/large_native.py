"""Large registers with native code: which wires a sweep works on, and what its kernels are given.

A column, a unitary on each of some wires, goes through the state in sweeps of at most nine wires. The matrix of a wire
is taken apart as U = left (1 -t; t 1) right x^flip, with 0 <= t <= 1: left and right are diagonal and are multiplied
together over all wires of the sweep, x is an exchange of addresses, and what remains is real.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qsanc_numpy.large_kernels import GATES, HIGH, LANES, SIZE, WIRES
from qsanc_numpy.large_layout import Affine
from qsanc_numpy.large_workers import PARTS, Workers, parts_of

Array: TypeAlias = NDArray[np.inexact]
Complex: TypeAlias = NDArray[np.complex128]
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Kernels = Mapping[str, Callable[..., None]]

BATCH = 4
"""Blocks that are read together: neighbours, so that memory is read in runs of 4 * 8 amplitudes."""
PADDED = SIZE + 16
"""Length of a plane, so that equal places of several planes do not compete for a place in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Where the amplitudes of a block lie: high[h] ^ low[lane] ^ bases[block], in the old state and in the new one."""

    old_high: Ints
    old_low: Ints
    old_bases: Ints
    new_high: Ints
    new_low: Ints
    new_bases: Ints


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSweep:
    """One visit of the state: new = column(old[source(...)]), one group of the plan for each wire in `wires`.

    Gate k of the kernels is `wires[k]`; the rest of the block's wires are identities or lanes. `flips[k]` are the
    addresses' bits that an x on it changes, in the old state for `forward`, in the new one for `backward`.
    """

    wires: tuple[int, ...]
    groups: tuple[int, ...]
    source: Affine | None
    tables: Tables
    flips: Ints

    @property
    def blocks(self) -> int:
        return len(self.tables.new_bases)

    def name(self, groups: Sequence[object]) -> str:
        moved = "" if self.source is None else "permute, "
        names = ", ".join(map(str, sorted(self.wires))) or "nothing"
        return f"blocks of 2^{WIRES}: {moved}native column on {names}"

    @property
    def triples(self) -> int:
        return -(-len(self.wires) // 3)

    @property
    def batch(self) -> int:
        """Blocks that are read together: where lanes are the lowest wires, to read longer runs."""
        return min(BATCH, self.blocks) if self.tables.new_low[-1] == LANES - 1 else 1

    def parts(self) -> list[range]:
        return parts_of(self.blocks, self.batch)


class Space:
    """What the kernels of one run work in: a set of planes for each thread, sums for each share of the blocks."""

    def __init__(self, states: int, threads: int) -> None:
        self._free: SimpleQueue[Floats] = SimpleQueue()
        for _ in range(threads):
            self._free.put(np.empty((2 * states * BATCH, PADDED)))
        self.same = np.empty((PARTS, 2, SIZE)) if states > 1 else np.empty((0, 2, SIZE))
        self.other = np.empty((PARTS, GATES, 4))

    def use(self, work: Callable[[Floats], None]) -> None:
        planes = self._free.get()
        try:
            work(planes)
        finally:
            self._free.put(planes)


class Sums:
    """What the reverse sweeps of a run read off: bra ket by h, and bra[0] ket[1], bra[1] ket[0] by gate."""

    def __init__(self, sweeps: int) -> None:
        self.same = np.empty((sweeps, 2, HIGH))
        self.other = np.empty((sweeps, GATES, 4))


def column_sweeps(
    register: int,
    pending: Affine,
    wires: Sequence[int],
    groups: Sequence[int],
    backwards: bool,
    made: dict[object, Tables],
) -> list[ColumnSweep]:
    """Sweeps for a column on `wires`, after the permutation `pending`. `made` keeps tables that sweeps share."""
    number = dict(zip(wires, groups, strict=True))
    source = None if pending.is_identity else pending.inverse()
    near = () if source is None else _near(register, pending)
    rest = sorted(wires, key=lambda wire: (wire not in near, wire))
    count = max(1, -(-len(rest) // GATES))
    sweeps = []
    for k in range(count):
        share = rest[len(rest) * k // count : len(rest) * (k + 1) // count]
        own = tuple(sorted(share, key=lambda wire: (wire not in near, -wire)))
        key = (source, own)
        block = _block(register, own, near if source is not None else ())
        if key not in made:
            made[key] = _tables(register, source, block)
        bits = np.array([1 << (register - 1 - wire) for wire in own], np.int64)
        if source is not None and not backwards:
            bits = np.array([source.linear(int(bit)) for bit in bits], np.int64)
        sweeps.append(ColumnSweep(own, tuple(number[wire] for wire in own), source, made[key], bits))
        source = None
    return sweeps


def _near(register: int, moved: Affine) -> tuple[int, ...]:
    """The wires that a block needs so that it takes whole lines of four old amplitudes, where they are few."""
    near: list[int] = []
    for line in (moved.linear(1), moved.linear(2)):
        own = [register - 1 - bit for bit in range(register) if line >> bit & 1]
        if len(own) <= 3:
            near += [wire for wire in own if wire not in near]
    return tuple(near)


def _block(register: int, own: Sequence[int], near: Sequence[int]) -> tuple[int, ...]:
    """All wires of a block: those worked on, others that are identities, and, last, the lanes."""
    lowest = range(register - 1, -1, -1)
    wanted = dict.fromkeys([*lowest[:2], *near, *lowest])
    spare = [wire for wire in wanted if wire not in own][: WIRES - len(own)]
    lanes = sorted(spare, reverse=True)[:3]
    return (*own, *(wire for wire in spare if wire not in lanes), *lanes)


def _tables(register: int, source: Affine | None, block: Sequence[int]) -> Tables:
    """`block`: its first wires, gate by gate, are the bits of h from the lowest; its last three are the lanes."""
    high = [register - 1 - wire for wire in reversed(block[:GATES])]
    low = [register - 1 - wire for wire in reversed(block[GATES:])]
    bases = [register - 1 - wire for wire in range(register) if wire not in block]
    plain = Affine.identity(register)
    new = [plain.table(bits) for bits in (high, low, bases)]
    if source is None:
        return Tables(*new, *new)
    old = [source.table(bits) for bits in (high, low, bases)]
    return Tables(old[0], old[1], old[2] ^ source.constant, *new)


class Column:
    """The numbers of all column sweeps of one run: factors and tangents, from the matrices of their groups."""

    def __init__(self, sweeps: Sequence[ColumnSweep], products: Sequence[Array], backwards: bool) -> None:
        self.sweeps = sweeps
        count = len(sweeps)
        at = np.full((count, GATES), -1, np.int64)
        for k, sweep in enumerate(sweeps):
            at[k, : len(sweep.groups)] = sweep.groups
        numbers = np.unique(at[at >= 0])
        place = np.full(len(products) + 1, len(numbers), np.int64)
        place[numbers] = np.arange(len(numbers))
        unitary = np.empty((len(numbers) + 1, 2, 2), np.complex128)
        for k, group in enumerate(numbers.tolist()):
            unitary[k] = products[group]
        unitary[-1] = np.eye(2)
        left, right, tangent, flip = taken_apart(unitary)
        own = place[at]
        self.left = left[own]
        self.tangents = -tangent[own] if backwards else tangent[own]
        self.flips = flip[own]
        scale = np.abs(self.left[..., 0])
        self.left /= scale[..., None]
        ones = np.ones_like(right[own])
        size = np.multiply.reduce(scale, axis=1)
        self.left_factors = _factors(self.left)
        self.right_factors = _factors(np.stack([ones, right[own]], axis=-1))
        scaled = self.right_factors if backwards else self.left_factors
        scaled *= size[:, None, None]

    def address(self, number: int, sweep: ColumnSweep) -> int:
        """What the exchanges of a sweep add to addresses."""
        return int(np.bitwise_xor.reduce(sweep.flips[self.flips[number, : len(sweep.wires)]], initial=0))

    def reduced(self, same: Floats, other: Floats) -> Complex:
        """R[sweep, gate, a, c] of what the sweeps left in `Sums`, with both states after the column."""
        by_high = same[:, 0] + 1j * same[:, 1]
        reduced = np.empty((len(same), GATES, 2, 2), np.complex128)
        for gate in range(GATES):
            reduced[:, gate, 1, 1] = np.add.reduce(by_high.reshape(len(same), -1, 2, 1 << gate)[:, :, 1], axis=(1, 2))
        reduced[:, :, 0, 0] = np.add.reduce(by_high, axis=1)[:, None] - reduced[:, :, 1, 1]
        reduced[:, :, 0, 1] = other[:, :, 0] + 1j * other[:, :, 1]
        reduced[:, :, 1, 0] = other[:, :, 2] + 1j * other[:, :, 3]
        reduced *= self.left.conj()[..., :, None]
        reduced *= self.left[..., None, :]
        return reduced


def taken_apart(unitary: Complex) -> tuple[Complex, Complex, Floats, NDArray[np.bool_]]:
    """(left, right, t, flip) with unitary = diag(left) (1 -t; t 1) diag(1, right) x^flip, for each; |t| <= 1."""
    flip = np.abs(unitary[:, 0, 0]) < np.abs(unitary[:, 0, 1])
    plain = np.where(flip[:, None, None], unitary[:, :, ::-1], unitary)
    corner, below, last = plain[:, 0, 0], plain[:, 1, 0], plain[:, 1, 1]
    size, sine = np.abs(corner), np.abs(below)
    none = sine == 0
    phase = np.where(none, 1, below) / np.where(none, 1, sine)
    left = np.stack([corner, size * phase], axis=1)
    return left, last / left[:, 1], sine / size, flip


def _factors(pairs: Complex) -> Floats:
    """float64[sweep, re and im, h]: products of pairs[sweep, gate, bit] over the bits of h, bit k that of gate k."""
    product = np.ones((len(pairs), 1), np.complex128)
    for gate in range(GATES):
        product = (pairs[:, gate, :, None] * product[:, None, :]).reshape(len(pairs), -1)
    return np.stack([product.real, product.imag], axis=1)


def forward(
    kernels: Kernels,
    sweep: ColumnSweep,
    column: Column,
    number: int,
    old: Array,
    new: Array,
    space: Space,
    workers: Workers,
) -> None:
    """new = column(old), for sweep `number` of the run."""
    parts, tables, flip = sweep.parts(), sweep.tables, column.address(number, sweep)
    run = kernels["column_forward"]

    def work(part: int) -> None:
        space.use(
            lambda planes: run(
                old.view(np.float64),
                new.view(np.float64),
                tables.old_high,
                tables.old_low,
                tables.old_bases,
                tables.new_high,
                tables.new_low,
                tables.new_bases,
                parts[part].start,
                parts[part].stop,
                sweep.batch,
                flip,
                column.right_factors[number],
                column.left_factors[number],
                column.tangents[number],
                sweep.triples,
                planes,
            )
        )

    workers.share(len(parts), work)


def backward(
    kernels: Kernels,
    sweep: ColumnSweep,
    column: Column,
    number: int,
    old: tuple[Array, Array],
    new: tuple[Array, Array],
    space: Space,
    sums: Sums,
    workers: Workers,
) -> None:
    """Ket and bra in `new`, with the column undone. What its matrices' R follow from is left in `sums`."""
    parts, tables, flip = sweep.parts(), sweep.tables, column.address(number, sweep)
    run = kernels["column_backward"]

    def work(part: int) -> None:
        space.same[part] = 0
        space.other[part] = 0
        space.use(
            lambda planes: run(
                old[0].view(np.float64),
                old[1].view(np.float64),
                new[0].view(np.float64),
                new[1].view(np.float64),
                tables.old_high,
                tables.old_low,
                tables.old_bases,
                tables.new_high,
                tables.new_low,
                tables.new_bases,
                parts[part].start,
                parts[part].stop,
                sweep.batch,
                flip,
                column.right_factors[number],
                column.left_factors[number],
                column.tangents[number],
                sweep.triples,
                planes,
                space.same[part],
                space.other[part],
            )
        )

    workers.share(len(parts), work)
    lanes = space.same[: len(parts)].reshape(len(parts), 2, HIGH, LANES)
    np.add.reduce(lanes, axis=(0, 3), out=sums.same[number])
    np.add.reduce(space.other[: len(parts)], out=sums.other[number])
