"""What native code does of a function: instructions for the kernel, and what NumPy and circuits do between them.

    early      steps that depend on the data and the layout alone: lookups by int, distinct values, positions
    loads      what comes from outside is copied to where the kernel finds it
    actions    instructions, circuits, operations that the kernel does not know; then the same backwards

Buffers stand in *stretches* of one array: most of them alone, the results of a circuit one after the other. Stretches
that are never in use at the same time, with equal axes, share a *slot*. Where slots begin follows from the rows of the
batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Protocol, TypeAlias

import numpy as np

from qsanc.grad.circuit import CircuitCall, Circuits
from qsanc.grad.kernels import BLOCK
from qsanc.grad.prepared import Prepared, Step
from qsanc.grad.run import Bars, Values, accumulate, run_step
from qsanc.ir.layout import RECORD, Ints, Layout, Rows
from qsanc.ir.model import Type
from qsanc.ir.ops import Array, Call, array_shape
from qsanc.ir.ops.lookup import expect_inside
from qsanc.ir.ops.tokens import token_rows
from qsanc.target import Floats

Kernel: TypeAlias = Callable[..., None]
Kernels: TypeAlias = Mapping[str, Kernel]

MARKS = 1 << 16
"""Numbers below this are told apart by marks."""
LINE = 8
"""Slots begin at multiples of so many numbers."""


@dataclass(frozen=True, slots=True)
class Load:
    """Copy a value from outside into its buffer, which holds ints if `whole`."""

    number: int
    buffer: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Read:
    """A value that outside needs, and the buffer that holds it; None where it is outside already."""

    number: int
    buffer: int | None


@dataclass(frozen=True, slots=True)
class Check:
    """A value whose ints have to be below a number of places, or below the length of an axis of the batch."""

    number: int
    places: int | str

    def run(self, values: Values, layout: Layout) -> None:
        places = self.places if isinstance(self.places, int) else layout.sizes[self.places]
        if layout.index(values[self.number]).largest >= places:
            expect_inside(values[self.number], places)


@dataclass(frozen=True, slots=True)
class CheckToken:
    """A token that every record has to have."""

    call: Call

    def run(self, values: Values, layout: Layout) -> None:
        token_rows(self.call, layout)


class Action(Protocol):
    def run(self, frame: Frame) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Instructions, and all else that a run does, in order; see `qsanc.grad.lower`.

    `slots`, `ranks`, `buffer_spaces` and `buffer_widths` say, by buffer, which slot it is in, how many buffers of its
    size are before it there, its row space, and the numbers it has for each row. The first `real_slots` slots hold
    reals, the others ints. Constants stand in the first of them, and `constants` are all the numbers there.
    """

    prepared: Prepared
    early: tuple[Step, ...]
    checks: tuple[Check | CheckToken, ...]
    loads: tuple[Load, ...]
    actions: tuple[Action, ...]
    outputs: tuple[tuple[str, Read], ...]
    gradients: tuple[tuple[str, int, int | None], ...]
    code: Ints
    spaces: tuple[Rows, ...]
    dims: tuple[str, ...]
    places: Ints
    constants: Floats
    slots: Ints
    ranks: Ints
    slot_spaces: Ints
    slot_widths: Ints
    buffer_spaces: Ints
    buffer_widths: Ints
    real_slots: int
    arenas: list[Arena] = field(default_factory=list)

    def run(
        self,
        kernels: Kernels,
        values: Values,
        layout: Layout,
        circuits: Circuits,
        cotangents: Mapping[str, Array] | None = None,
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """The wanted values and the gradients, by name, from `values` with the inputs bound. They own their memory."""
        try:
            arena = self.arenas.pop()
        except IndexError:
            arena = Arena(self.constants)
        try:
            for step in self.early:
                layout = run_early(step, values, layout, kernels, arena)
            for check in self.checks:
                check.run(values, layout)
            frame = Frame(self, kernels["run"], arena, values, layout, circuits, cotangents)
            for load in self.loads:
                frame.load(values[load.number], load.buffer, whole=load.whole)
            for action in self.actions:
                action.run(frame)
            return frame.outputs(), frame.gradients()
        finally:
            self.arenas.append(arena)


class Arena:
    """The memory of a run, kept for the next: reals, ints, and room for the work of kernels.

    `bits` and `powers` are the same words, as ints and as reals.
    """

    __slots__ = ("bits", "constants", "count", "ints", "marks", "powers", "reals")

    def __init__(self, constants: Floats) -> None:
        self.constants = constants
        self.reals = np.empty(0)
        self.ints = np.empty(0, dtype=np.int64)
        self.marks = np.empty(MARKS, dtype=np.int64)
        self.count = np.empty(1, dtype=np.int64)
        self.bits = np.empty(2 * BLOCK, dtype=np.int64)
        self.powers = self.bits.view(np.float64)

    def fit(self, reals: int, ints: int) -> None:
        """Take more memory if there is less, with a margin: the next batch may be a little larger."""
        if len(self.reals) < reals:
            self.reals = np.empty(reals + reals // 4)
            self.reals[: len(self.constants)] = self.constants
        if len(self.ints) < ints:
            self.ints = np.empty(ints + ints // 4, dtype=np.int64)


def run_early(step: Step, values: Values, layout: Layout, kernels: Kernels, arena: Arena) -> Layout:
    """`run_step`; distinct numbers are found by marks where they are small."""
    if step.axis is None:
        return run_step(step, values, layout)
    given = values[step.inputs[0]]
    flat = np.ascontiguousarray(given).reshape(-1)
    found, places = np.empty(len(flat), dtype=np.int64), np.empty(len(flat), dtype=np.int64)
    kernels["distinct"](flat, arena.marks, found, places, arena.count)
    count = int(arena.count[0])
    if count < 0:
        return run_step(step, values, layout)
    values[step.first], values[step.first + 1] = found[:count], places.reshape(given.shape)
    layout.index(values[step.first], increasing=True)
    return layout.with_size(step.axis, count)


class Frame:
    """One run of a program: its memory, which it has alone, and where each buffer begins in it."""

    def __init__(
        self,
        program: Program,
        kernel: Kernel,
        arena: Arena,
        values: Values,
        layout: Layout,
        circuits: Circuits,
        cotangents: Mapping[str, Array] | None,
    ) -> None:
        self.program, self.kernel, self.arena, self.values, self.layout = program, kernel, arena, values, layout
        self.circuits, self.cotangents = circuits, cotangents
        self.bars: Bars = [None] * len(program.prepared.types)
        numbers = [layout.count(rows) for rows in program.spaces]
        self.rows = dict(zip(program.spaces, numbers, strict=True))
        self.counts = np.array(numbers, dtype=np.int64)
        room = (self.counts[program.slot_spaces] * program.slot_widths + (LINE - 1)) & -LINE
        ends = np.cumsum(room)
        begin = ends - room
        reals = int(ends[program.real_slots - 1])
        begin[program.real_slots :] -= reals
        self.sizes = self.counts[program.buffer_spaces] * program.buffer_widths
        self.begin = begin[program.slots] + program.ranks * self.sizes
        self.starts, self.lengths_of = self.begin.tolist(), self.sizes.tolist()
        self.lengths = np.array([layout.lengths[dim] for dim in program.dims], dtype=np.int64)
        self.lengths = self.lengths.reshape(len(program.dims), layout.records)
        arena.fit(reals, int(ends[-1]) - reals)

    def native(self, first: int, stop: int) -> None:
        program, arena = self.program, self.arena
        self.kernel(
            program.code,
            first,
            stop,
            arena.reals,
            arena.ints,
            self.begin,
            self.sizes,
            self.counts,
            program.places,
            self.lengths,
            arena.bits,
            arena.powers,
        )

    def load(self, array: Array, buffer: int, *, whole: bool = False) -> None:
        start = self.starts[buffer]
        memory = self.arena.ints if whole else self.arena.reals
        memory[start : start + self.lengths_of[buffer]] = array.reshape(-1)

    def view(self, buffer: int, kind: Type) -> Array:
        """The value in a buffer, where it stands."""
        start = self.starts[buffer]
        return self.arena.reals[start : start + self.lengths_of[buffer]].reshape(self.shape(kind))

    def shape(self, kind: Type) -> tuple[int, ...]:
        if kind.rows not in self.rows:
            return array_shape(kind, self.layout)
        return (self.rows[kind.rows], *kind.static) if kind.rows else kind.static

    def fetch(self, reads: Iterable[Read]) -> None:
        """Put values where outside finds them: copies, because buffers are used again."""
        types = self.program.prepared.types
        for read in reads:
            if read.buffer is not None:
                self.values[read.number] = self.view(read.buffer, types[read.number]).copy()

    def outputs(self) -> dict[str, Array]:
        types = self.program.prepared.types
        return {
            name: np.array(self.values[read.number])
            if read.buffer is None
            else self.view(read.buffer, types[read.number]).copy()
            for name, read in self.program.outputs
        }

    def gradients(self) -> dict[str, Array]:
        found = {}
        for name, number, buffer in self.program.gradients:
            outside, kind = self.bars[number], self.program.prepared.types[number]
            inside = None if buffer is None else self.view(buffer, kind)
            if outside is None:
                found[name] = np.zeros(self.shape(kind)) if inside is None else inside.copy()
            else:
                found[name] = np.asarray(outside) if inside is None else outside + inside
        return found


@dataclass(frozen=True, slots=True)
class Native:
    """Instructions first .. stop - 1."""

    first: int
    stop: int

    def run(self, frame: Frame) -> None:
        frame.native(self.first, self.stop)


@dataclass(frozen=True, slots=True)
class Evaluate:
    """An operation that the kernel does not know."""

    step: Step
    reads: tuple[Read, ...]
    loads: list[Load]

    def run(self, frame: Frame) -> None:
        frame.fetch(self.reads)
        run_step(self.step, frame.values, frame.layout)
        for load in self.loads:
            frame.load(frame.values[load.number], load.buffer, whole=load.whole)


@dataclass(frozen=True, slots=True)
class Group:
    """Results of one call of a circuit, of one type each, whose buffers follow one another from `first` on.

    `places` says which of the call's results they are, `results` which of the module's.
    """

    places: tuple[int, ...]
    results: tuple[int, ...]
    first: int
    type: Type


@dataclass(frozen=True, slots=True)
class Ask:
    """Circuits, and what becomes of the results of each."""

    calls: tuple[tuple[CircuitCall, bool], ...]
    reads: tuple[Read, ...]
    groups: tuple[tuple[Group, ...], ...]

    def run(self, frame: Frame) -> None:
        frame.fetch(self.reads)
        found = frame.circuits.run(self.calls, frame.values, frame.layout)
        for groups, results in zip(self.groups, found, strict=True):
            for group in groups:
                start, many = frame.starts[group.first], frame.lengths_of[group.first] * len(group.places)
                parts = [results.estimates[place].value.reshape(-1) for place in group.places]
                np.concatenate(parts, out=frame.arena.reals[start : start + many])


@dataclass(frozen=True, slots=True)
class Seed:
    """A cotangent that is given."""

    name: str
    buffer: int

    def run(self, frame: Frame) -> None:
        assert frame.cotangents is not None
        frame.load(np.asarray(frame.cotangents[self.name], np.float64), self.buffer)


@dataclass(frozen=True, slots=True)
class AskBack:
    """The way back through a circuit: from the cotangents of its results to those of its slots.

    Of each group, now with the buffers of cotangents, those are given that are present, by place in the group. `into`
    are the buffers for the cotangents of both inputs; None for a value outside.
    """

    call: CircuitCall
    cotangents: tuple[tuple[Group, tuple[int, ...]], ...]
    into: tuple[int | None, ...]

    def run(self, frame: Frame) -> None:
        given = {}
        for group, present in self.cotangents:
            start, size = frame.starts[group.first], frame.lengths_of[group.first]
            many = len(group.places)
            shape = (many, frame.rows[group.type.rows], *group.type.static)
            block = frame.arena.reals[start : start + many * size].reshape(shape).copy()
            for place in present:
                given[group.results[place]] = block[place]
        gradient = frame.circuits.backs[self.call.key](given)
        _deliver(frame, self.call.inputs[0], gradient.shared, self.into[0])
        _deliver(frame, self.call.inputs[1], gradient.items, self.into[1])


@dataclass(frozen=True, slots=True)
class EvaluateBack:
    """The way back through an operation that the kernel does not know; `into` has a buffer for each active input."""

    step: Step
    bar: int
    into: tuple[int | None, ...]

    def run(self, frame: Frame) -> None:
        step, values = self.step, frame.values
        assert step.op.pullback is not None
        x, y = [values[number] for number in step.inputs], values[step.first]
        y_bar = frame.view(self.bar, step.call.results[0]).copy()
        for k, buffer in zip(step.active, self.into, strict=True):
            _deliver(frame, step.inputs[k], step.op.pullback(k, step.call, frame.layout, x, y, y_bar), buffer)


def _deliver(frame: Frame, number: int, bar: Array, buffer: int | None) -> None:
    if buffer is None:
        kind = frame.program.prepared.types[number]
        accumulate(frame.bars, number, bar.reshape(frame.shape(kind)))
    else:
        frame.load(bar, buffer)


def dims_of(spaces: Iterable[Rows]) -> tuple[tuple[str, ...], Ints]:
    """The dims of these row spaces, and for each space the numbers of its own, with how many they are at the end."""
    given = tuple(spaces)
    dims = tuple(sorted({dim for rows in given for dim in rows[1:]}))
    table = np.zeros((len(given), max((len(rows) for rows in given), default=0) + 1), dtype=np.int64)
    for k, rows in enumerate(given):
        if rows[:1] == (RECORD,):
            table[k, : len(rows) - 1] = [dims.index(dim) for dim in rows[1:]]
            table[k, -1] = len(rows) - 1
    return dims, table


def width(kind: Type) -> int:
    return prod(kind.static)
