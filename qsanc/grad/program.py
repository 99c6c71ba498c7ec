"""What native code does of a function: instructions for the kernel, and what NumPy and circuits do between them.

    early      steps that depend on the data and the layout alone: lookups by int, distinct values, positions
    loads      what comes from outside is copied to where the kernel finds it
    actions    instructions, circuits, operations that the kernel does not know; then the same backwards

Buffers are stretches of one array. Those that are never in use at the same time, with equal axes, share a *slot*; where
slots begin follows from the rows of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Protocol, TypeAlias

import numpy as np

from qsanc.grad.circuit import Asked, CircuitCall, Circuits
from qsanc.grad.prepared import Prepared, Step
from qsanc.grad.run import Bars, Values, accumulate, run_step
from qsanc.ir.layout import RECORD, Ints, Layout, Rows
from qsanc.ir.model import Type
from qsanc.ir.ops import Array, array_shape
from qsanc.ir.ops.lookup import expect_inside
from qsanc.target import Floats

Kernel: TypeAlias = Callable[..., None]

LINE = 8
"""Slots begin at multiples of so many numbers."""


@dataclass(frozen=True, slots=True)
class Load:
    """Copy a value from outside into its buffer."""

    number: int
    buffer: int


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


class Action(Protocol):
    def run(self, frame: Frame) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Instructions, and all else that a run does, in order; see `qsanc.grad.lower`.

    Real buffers come before those of ints. `slots`, `rows` and `widths` say, by buffer, which slot it is in, its row
    space and the numbers it has for each row; `real_slots` slots hold reals. Constants stand in the first slots, and
    `constants` are all the numbers there.
    """

    prepared: Prepared
    early: tuple[Step, ...]
    checks: tuple[Check, ...]
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
    slot_spaces: Ints
    slot_widths: Ints
    buffer_spaces: Ints
    buffer_widths: Ints
    real_slots: int
    arenas: list[tuple[Floats, Ints]] = field(default_factory=list)

    def run(
        self,
        kernel: Kernel,
        values: Values,
        layout: Layout,
        circuits: Circuits,
        cotangents: Mapping[str, Array] | None = None,
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """The wanted values and the gradients, by name, from `values` with the inputs bound. They own their memory."""
        for step in self.early:
            layout = run_step(step, values, layout)
        for check in self.checks:
            places = check.places if isinstance(check.places, int) else layout.sizes[check.places]
            if layout.index(values[check.number]).largest >= places:
                expect_inside(values[check.number], places)
        frame = Frame(self, kernel, values, layout, circuits, cotangents)
        try:
            for load in self.loads:
                frame.load(values[load.number], load.buffer)
            for action in self.actions:
                action.run(frame)
            return frame.outputs(), frame.gradients()
        finally:
            self.arenas.append(frame.arena)


class Frame:
    """One run of a program: its memory, which it has alone, and where each buffer begins in it."""

    def __init__(
        self,
        program: Program,
        kernel: Kernel,
        values: Values,
        layout: Layout,
        circuits: Circuits,
        cotangents: Mapping[str, Array] | None,
    ) -> None:
        self.program, self.kernel, self.values, self.layout = program, kernel, values, layout
        self.circuits, self.cotangents = circuits, cotangents
        self.bars: Bars = [None] * len(program.prepared.types)
        self.counts = np.array([layout.count(rows) for rows in program.spaces], dtype=np.int64)
        sizes = self.counts[program.slot_spaces] * program.slot_widths
        room = (sizes + (LINE - 1)) & -LINE
        begin = np.cumsum(room) - room
        reals = int(begin[program.real_slots]) if program.real_slots < len(begin) else int(room.sum())
        begin[program.real_slots :] -= reals
        ints = int(room[program.real_slots :].sum())
        self.sizes = self.counts[program.buffer_spaces] * program.buffer_widths
        self.begin = begin[program.slots]
        self.starts, self.lengths_of = self.begin.tolist(), self.sizes.tolist()
        self.lengths = (
            np.stack([layout.lengths[dim] for dim in program.dims])
            if program.dims
            else np.zeros((0, layout.records), dtype=np.int64)
        )
        self.arena = self._arena(reals, ints)

    def _arena(self, reals: int, ints: int) -> tuple[Floats, Ints]:
        program = self.program
        try:
            arena = program.arenas.pop()
        except IndexError:
            arena = np.empty(0), np.empty(0, dtype=np.int64)
        if len(arena[0]) < reals or len(arena[1]) < ints:
            # with a margin, so that batches of nearly equal sizes do not take new memory every time
            arena = np.empty(reals + reals // 4 + LINE), np.empty(ints + ints // 4, dtype=np.int64)
            arena[0][: len(program.constants)] = program.constants
        return arena

    def native(self, first: int, stop: int) -> None:
        program, (reals, ints) = self.program, self.arena
        self.kernel(
            program.code, first, stop, reals, ints, self.begin, self.sizes, self.counts, program.places, self.lengths
        )

    def load(self, array: Array, buffer: int) -> None:
        start = self.starts[buffer]
        memory = self.arena[0] if self.program.slots[buffer] < self.program.real_slots else self.arena[1]
        memory[start : start + self.lengths_of[buffer]] = array.reshape(-1)

    def view(self, buffer: int, kind: Type) -> Array:
        """The value in a buffer, where it stands."""
        start = self.starts[buffer]
        return self.arena[0][start : start + self.lengths_of[buffer]].reshape(array_shape(kind, self.layout))

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
                found[name] = np.zeros(array_shape(kind, self.layout)) if inside is None else inside.copy()
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
            frame.load(frame.values[load.number], load.buffer)


@dataclass(frozen=True, slots=True)
class Ask:
    """Circuits."""

    calls: tuple[tuple[CircuitCall, bool], ...]
    reads: tuple[Read, ...]
    loads: list[Load]

    def run(self, frame: Frame) -> None:
        frame.fetch(self.reads)
        frame.circuits.run(self.calls, frame.values, frame.layout)
        for load in self.loads:
            frame.load(frame.values[load.number], load.buffer)


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

    `into` are the buffers for the cotangents of both inputs; None for a value outside.
    """

    call: CircuitCall
    cotangents: tuple[tuple[Asked, int], ...]
    into: tuple[int | None, ...]

    def run(self, frame: Frame) -> None:
        given = {}
        for asked, buffer in self.cotangents:
            rows = frame.layout.count(asked.type.rows)
            given[asked.result] = frame.view(buffer, asked.type).copy().reshape(rows, *asked.type.static)
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
        accumulate(frame.bars, number, bar.reshape(array_shape(kind, frame.layout)))
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
