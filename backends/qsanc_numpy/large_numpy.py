"""Large registers with NumPy alone: sweeps over blocks that stay in the cache, with a product for each group of wires.

    Sweep ::= permutation, block, turns

A sweep visits the state once. A block is the amplitudes that differ only in the block's wires; it is taken through the
permutation before it, if there is one, which therefore costs no pass of its own. A group's matrix is applied by one
product that also turns the block: its wires were the first axis and become the last one, so that the next group comes
to the front and nothing is transposed. Blocks are independent: threads share them, and what is summed over blocks is
summed in a fixed order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from queue import SimpleQueue
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qsanc_numpy.large_fuse import Array, Fused, Piece
from qsanc_numpy.large_layout import Affine
from qsanc_numpy.large_workers import Workers, parts_of

Ints: TypeAlias = NDArray[np.int64]

GROUP = 4
"""Wires of a group: products with 16 x 16 matrices take the least time a gate, counted with what a pass costs."""
BLOCK = 15
"""Wires of a block: with both states of the adjoint sweep and their outputs, 2 MB, part of the last cache."""
WHOLE = 16
"""Wires up to which the register is one block: what cutting it saves is less than what it costs."""
RUN = 4
"""Lowest wires that a block has in any case, so that memory is read and written in runs of 2^RUN amplitudes."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """`group` (a number) of `wires` wires is applied to the block's first axis; `axes` brings it there beforehand."""

    group: int
    wires: int
    axes: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """One visit of the state: new[block] = groups(old[source(block)]).

    `wires`: of the block, as it is loaded, the most significant first. `source`: the map from new to old indices, None
    where the sweep permutes nothing. `table` are the old indices in a block without those of the block itself, or, if
    nothing is permuted, `view`, `load` say where it lies. `view`, `store`: the shape of the state in which blocks are
    parts, and the shape and the axes of the finished block there.
    """

    wires: tuple[int, ...]
    source: Affine | None
    turns: tuple[Turn, ...]
    table: Ints | None
    offsets: Ints
    view: tuple[int, ...]
    outer: tuple[int, ...]
    load: tuple[int, ...]
    shape: tuple[int, ...]
    store: tuple[int, ...]

    @property
    def blocks(self) -> int:
        return len(self.offsets)

    def name(self, groups: Sequence[Fused]) -> str:
        moved = "" if self.source is None else "permute, "
        names = " ".join(str(groups[turn.group]) for turn in self.turns) or "nothing"
        return f"blocks of 2^{len(self.wires)}: {moved}products on {names}"

    def parts(self) -> list[range]:
        return parts_of(self.blocks)

    def place(self, state: Array, block: int) -> Array:
        """The block as a part of the state, with an axis for each run of its wires."""
        index: list[int | slice] = [slice(None)] * len(self.view)
        for axis in reversed(self.outer):
            size = self.view[axis]
            index[axis] = block % size
            block //= size
        part: Array = state.reshape(self.view)[tuple(index)]
        return part

    def fetch(self, state: Array, block: int, out: Array, indices: Ints) -> None:
        if self.table is None:
            part = self.place(state, block).transpose(self.load)
            np.copyto(out.reshape(part.shape), part)
        else:
            np.bitwise_xor(self.table, self.offsets[block], out=indices)
            np.take(state, indices, out=out, mode="clip")

    def put(self, state: Array, block: int, done: Array) -> None:
        np.copyto(self.place(state, block), done.reshape(self.shape).transpose(self.store))


def sweeps_of(wires: int, pieces: Sequence[Piece], groups: Sequence[Fused], block: int = BLOCK) -> tuple[Sweep, ...]:
    """Sweeps that carry out `pieces`; groups are numbered by `groups`."""
    number = {id(group): k for k, group in enumerate(groups)}
    sweeps: list[Sweep] = []
    made: dict[object, Sweep] = {}
    waiting: list[Fused] = []
    pending = Affine.identity(wires)

    def flush() -> None:
        nonlocal waiting, pending
        while waiting or not pending.is_identity:
            now, waiting = _taken(waiting, wires, block)
            source = None if pending.is_identity else pending.inverse()
            shape = (source, tuple(group.wires for group in now))
            if shape not in made:
                made[shape] = _sweep(wires, source, [group.wires for group in now], block)
            numbered = zip(made[shape].turns, now, strict=True)
            turns = tuple(Turn(number[id(group)], turn.wires, turn.axes) for turn, group in numbered)
            sweeps.append(replace(made[shape], turns=turns))
            pending = Affine.identity(wires)

    for piece in pieces:
        if isinstance(piece, Affine):
            flush()
            pending = piece
        else:
            waiting.append(piece)
    flush()
    return tuple(sweeps)


def _taken(waiting: Sequence[Fused], wires: int, block: int) -> tuple[list[Fused], list[Fused]]:
    """The groups of the next sweep, and those that must wait: a group comes after those it shares wires with."""
    room = wires if wires <= block else block
    lowest = frozenset(range(max(0, wires - RUN), wires)) if wires > block else frozenset()
    now: list[Fused] = []
    later: list[Fused] = []
    inside: frozenset[int] = lowest
    blocked: set[int] = set()
    for group in waiting:
        on = frozenset(group.wires)
        if not on & blocked and (len(inside | on) <= room or not now):
            now.append(group)
            inside |= on
        else:
            later.append(group)
            blocked |= on
    return now, later


def _sweep(wires: int, source: Affine | None, groups: Sequence[tuple[int, ...]], block: int) -> Sweep:
    touched = list(dict.fromkeys(wire for on in groups for wire in on))
    lowest = list(range(max(0, wires - RUN), wires))
    others = [w for w in [*lowest[::-1], *range(wires - 1, -1, -1)] if w not in touched]
    spare = max(0, min(block, wires) - len(touched))
    inside = set(touched) | set(dict.fromkeys(others)) & set(list(dict.fromkeys(others))[:spare])
    if wires > block:
        inside |= set(lowest)
    order = [*touched, *(w for w in sorted(inside) if w not in touched)]
    loaded = tuple(order)
    turns = []
    for on in groups:
        axes = None
        if tuple(order[: len(on)]) != on:
            wanted = [*on, *(w for w in order if w not in on)]
            axes = tuple(order.index(w) for w in wanted)
            order = wanted
        turns.append(Turn(-1, len(on), axes))
        order = order[len(on) :] + order[: len(on)]
    view, outer, runs = _view(wires, inside, [loaded, tuple(order)])
    place = {run: k for k, run in enumerate(runs)}
    load = tuple(place[run] for run in _segments(loaded, runs))
    last = _segments(tuple(order), runs)
    store = tuple(last.index(run) for run in runs)
    free = [w for w in range(wires) if w not in inside]
    table, offsets = None, np.zeros(1 << len(free), np.int64)
    if source is not None:
        table = source.table([wires - 1 - w for w in loaded])
        offsets = source.table([wires - 1 - w for w in free]) ^ source.constant
    return Sweep(
        loaded, source, tuple(turns), table, offsets, view, outer, load, tuple(1 << len(r) for r in last), store
    )


def _view(
    wires: int, inside: set[int], layouts: Sequence[tuple[int, ...]]
) -> tuple[tuple[int, ...], tuple[int, ...], list[tuple[int, ...]]]:
    """The register cut into runs that are wholly inside or outside a block, and together in all `layouts`."""
    together = [set(pairwise(layout)) for layout in layouts]
    runs: list[tuple[int, ...]] = []
    for wire in range(wires):
        follows = bool(runs) and (wire in inside) == (runs[-1][-1] in inside)
        if follows and (wire not in inside or all((runs[-1][-1], wire) in pairs for pairs in together)):
            runs[-1] = (*runs[-1], wire)
        else:
            runs.append((wire,))
    outer = tuple(k for k, run in enumerate(runs) if run[0] not in inside)
    return tuple(1 << len(run) for run in runs), outer, [run for run in runs if run[0] in inside]


def _segments(layout: tuple[int, ...], runs: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    starting = {run[0]: run for run in runs}
    return [starting[wire] for wire in layout if wire in starting]


class Scratch:
    """Blocks to work in, a set for each thread."""

    def __init__(self, sweeps: Sequence[Sweep], dtype: np.dtype[np.inexact], arrays: int, threads: int) -> None:
        size = max((1 << len(sweep.wires) for sweep in sweeps), default=1)
        self._free: SimpleQueue[tuple[list[Array], Ints]] = SimpleQueue()
        for _ in range(threads):
            self._free.put(([np.empty(size, dtype) for _ in range(arrays)], np.empty(size, np.int64)))

    def use(self, work: Callable[[list[Array], Ints], None]) -> None:
        own = self._free.get()
        try:
            work(*own)
        finally:
            self._free.put(own)


def forward(
    sweep: Sweep, matrices: Sequence[Array], old: Array, new: Array, scratch: Scratch, workers: Workers
) -> None:
    """new = groups(old[source(...)]); `old` may be `new` where nothing is permuted. `scratch` has two arrays."""
    parts = sweep.parts()
    size = 1 << len(sweep.wires)

    def work(part: int) -> None:
        scratch.use(lambda arrays, indices: blocks(parts[part], [a[:size] for a in arrays], indices[:size]))

    def blocks(numbers: range, arrays: list[Array], indices: Ints) -> None:
        one, two = arrays
        for block in numbers:
            sweep.fetch(old, block, one, indices)
            done, other = one, two
            for turn in sweep.turns:
                done, other = _front(turn, done, other)
                np.matmul(done.reshape(1 << turn.wires, -1).T, matrices[turn.group].T, out=_last(other, turn))
                done, other = other, done
            sweep.put(new, block, done)

    workers.share(len(parts), work)


def _last(block: Array, turn: Turn) -> Array:
    return block.reshape(-1, 1 << turn.wires)


def _front(turn: Turn, block: Array, other: Array) -> tuple[Array, Array]:
    """The block with the wires of `turn` first, and the array that is free."""
    if turn.axes is None:
        return block, other
    moved = block.reshape((2,) * len(turn.axes)).transpose(turn.axes)
    np.copyto(other.reshape(moved.shape), moved)
    return other, block


def backward(
    sweep: Sweep,
    matrices: Sequence[Array],
    old: tuple[Array, Array],
    new: tuple[Array, Array],
    wanted: frozenset[int],
    scratch: Scratch,
    workers: Workers,
) -> Iterator[tuple[int, Array]]:
    """Ket and bra in `new`, with the groups undone, and R of those in `wanted`. `scratch` has four arrays."""
    parts = sweep.parts()
    size = 1 << len(sweep.wires)
    sums: list[Mapping[int, Array]] = [{}] * len(parts)
    conjugate = {turn.group: matrices[turn.group].conj() for turn in sweep.turns}

    def work(part: int) -> None:
        own: dict[int, Array] = {}
        sums[part] = own
        scratch.use(lambda arrays, indices: blocks(parts[part], own, [a[:size] for a in arrays], indices[:size]))

    def blocks(numbers: range, own: dict[int, Array], arrays: list[Array], indices: Ints) -> None:
        for block in numbers:
            ket, bra, ket_free, bra_free = arrays
            sweep.fetch(old[0], block, ket, indices)
            sweep.fetch(old[1], block, bra, indices)
            for turn in sweep.turns:
                ket, ket_free = _front(turn, ket, ket_free)
                bra, bra_free = _front(turn, bra, bra_free)
                d = 1 << turn.wires
                if turn.group in wanted:
                    whole = bra.reshape(d, -1) @ ket.reshape(d, -1).T
                    known = own.get(turn.group)
                    own[turn.group] = whole if known is None else known + whole
                np.matmul(ket.reshape(d, -1).T, conjugate[turn.group], out=_last(ket_free, turn))
                np.matmul(bra.reshape(d, -1).T, matrices[turn.group], out=_last(bra_free, turn))
                ket, ket_free = ket_free, ket
                bra, bra_free = bra_free, bra
            sweep.put(new[0], block, ket)
            sweep.put(new[1], block, bra)

    workers.share(len(parts), work)
    for turn in sweep.turns:
        if turn.group in wanted:
            total = sums[0][turn.group]
            for k in range(1, len(sums)):
                total = total + sums[k][turn.group]
            yield turn.group, total
