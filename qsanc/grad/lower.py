"""From a prepared function to a program for native code.

Steps that depend on the data and the layout alone go first, in NumPy; so do lookups in large inputs, which are not
copied. Then each operation becomes instructions by a row of `qsanc.grad.rules`, or is left to NumPy where there is no
row. A reshape is no instruction: the value stands in the same buffer, and so do both cotangents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from qsanc.grad import kernels as k
from qsanc.grad.circuit import CircuitCall
from qsanc.grad.prepared import Prepared, Step
from qsanc.grad.program import (
    LINE,
    Action,
    Ask,
    AskBack,
    Check,
    CheckToken,
    Evaluate,
    EvaluateBack,
    Group,
    Load,
    Native,
    Program,
    Read,
    Seed,
    dims_of,
    width,
)
from qsanc.grad.rules import BACKWARD, FORWARD, LOOKUPS, is_known
from qsanc.ir.layout import Rows
from qsanc.ir.model import Type
from qsanc.target import Floats

LARGE = 4096
"""Numbers of an input that are not copied just to look some of them up."""

MEAN = "mean"
NONE = "none"
Seeds = tuple[str, ...] | str
"""What the gradient is of: the mean loss, given cotangents of these values, or nothing, where there is none."""


def program_of(prepared: Prepared, seeds: Seeds) -> Program:
    """The program for a function and what its gradient is of. It is made once, and kept with the function."""
    known = prepared.programs.get(seeds)
    if known is None:
        known = prepared.programs.setdefault(seeds, _Lowering(prepared).run(seeds))
    return known


@dataclass(slots=True)
class _Stretch:
    """Memory for some buffers with equal axes: `many` of them, whether they hold ints, the moments of the first and of
    the last use, and the numbers of a constant.
    """

    rows: Rows
    width: int
    whole: bool
    born: int
    last: int
    numbers: Floats | None = None
    many: int = 1


class _Lowering:
    """One pass over the function forwards, and one back; `now` counts instructions and actions."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.now = 0
        self.stretches: list[_Stretch] = []
        self.buffers: list[tuple[_Stretch, int]] = []
        self.code: list[list[int]] = []
        self.spaces: dict[Rows, int] = {(): 0}
        self.actions: list[Action] = []
        self.flushed = 0
        self.home: dict[int, int] = {}
        self.groups: dict[int, tuple[Group, ...]] = {}
        self.blocks: dict[int, tuple[int, int]] = {}
        self.bar_blocks: dict[int, int] = {}
        self.ints: dict[int, int] = {}
        self.loads: list[Load] = []
        self.made_by: dict[int, tuple[int, list[Load]]] = {}
        self.bars: dict[int, int] = {}
        self.numbers: dict[float, int] = {}
        self.early: set[int] = set()
        self.inside: set[int] = set()
        self.constant(0.0)
        for number, array in prepared.constants:
            if prepared.types[number].kind == "real":
                flat = array.reshape(-1) if array.size else np.zeros(1)
                self.home[number] = self._buffer((), len(flat), numbers=flat)

    # buffers

    def _buffer(self, rows: Rows, size: int, *, whole: bool = False, numbers: Floats | None = None) -> int:
        self.space(rows)
        self.stretches.append(_Stretch(rows, size, whole, self.now, self.now, numbers))
        self.buffers.append((self.stretches[-1], 0))
        return len(self.buffers) - 1

    def _block(self, kind: Type, many: int) -> int:
        """Buffers one after the other; the number of the first."""
        self.space(kind.rows)
        self.stretches.append(_Stretch(kind.rows, width(kind), False, self.now, self.now, many=many))
        self.buffers.extend((self.stretches[-1], rank) for rank in range(many))
        return len(self.buffers) - many

    def space(self, rows: Rows) -> int:
        return self.spaces.setdefault(rows, len(self.spaces))

    def constant(self, value: float) -> int:
        """The buffer of one number that never changes."""
        if value not in self.numbers:
            self.numbers[value] = self._buffer((), 1, numbers=np.array([value]))
        return self.numbers[value]

    def scratch(self, kind: Type) -> int:
        return self._buffer(kind.rows, width(kind))

    def real(self, number: int) -> int:
        """The buffer of a value as reals; one that comes from outside is loaded as soon as it is there."""
        if number not in self.home:
            kind = self.prepared.types[number]
            self.home[number] = self._loaded(number, kind, whole=False)
        return self.home[number]

    def index(self, number: int) -> int:
        """The buffer of a value as ints, which are all from outside."""
        if number not in self.ints:
            self.ints[number] = self._loaded(number, self.prepared.types[number], whole=True)
        return self.ints[number]

    def _loaded(self, number: int, kind: Type, *, whole: bool) -> int:
        buffer = self._buffer(kind.rows, width(kind), whole=whole)
        born, loads = self.made_by.get(number, (0, self.loads))
        self.buffers[buffer][0].born = born
        loads.append(Load(number, buffer, whole))
        return buffer

    def target(self, number: int) -> tuple[int, int]:
        """The buffer for the cotangent of a value, and whether there is something in it already."""
        home = self.real(number)
        add = home in self.bars
        if not add:
            self.bars[home] = self._new_bar(home, self.prepared.types[number])
        return self.bars[home], int(add)

    def _new_bar(self, home: int, kind: Type) -> int:
        """A buffer for a cotangent; those of results that stand together stand together, too."""
        if home not in self.blocks:
            return self._buffer(kind.rows, width(kind))
        first, many = self.blocks[home]
        if first not in self.bar_blocks:
            stretch = self.buffers[home][0]
            self.bar_blocks[first] = self._block(Type("real", (*stretch.rows, stretch.width)), many)
        return self.bar_blocks[first] + home - first

    def bar(self, number: int) -> int | None:
        home = self.home.get(number)
        return None if home is None else self.bars.get(home)

    # instructions and actions

    def emit(
        self,
        what: int,
        out: int,
        *operands: int,
        rows: Rows = (),
        depth: int = 0,
        add: int = 0,
        sizes: tuple[int, ...] = (),
    ) -> None:
        """Add an instruction; a fourth operand stands before the `sizes`, in column 8."""
        given = [*operands[:3], 0, 0, 0][:3]
        row = [what, add, out, *given, self.space(rows), depth, *operands[3:], *sizes]
        self.code.append(row + [0] * (k.COLUMNS - len(row)))
        self.touch(out, *operands)

    def touch(self, *buffers: int) -> None:
        for buffer in buffers:
            self.buffers[buffer][0].last = self.now
        self.now += 1

    def act(self, action: Action) -> None:
        self._flush()
        self.actions.append(action)

    def _flush(self) -> None:
        if self.flushed < len(self.code):
            self.actions.append(Native(self.flushed, len(self.code)))
            self.flushed = len(self.code)

    def read(self, number: int) -> Read:
        """Where outside finds a value: in a buffer just if it was computed there."""
        if number not in self.inside:
            return Read(number, None)
        buffer = self.home[number]
        self.buffers[buffer][0].last = self.now
        return Read(number, buffer)

    # the pass

    def run(self, seeds: Seeds) -> Program:
        prepared = self.prepared
        early, checks = self._early(), self._checks()
        self.now = 1
        for level in prepared.levels:
            for step in level.steps:
                if step.first not in self.early:
                    self._forward(step)
            if level.calls:
                self._ask(level.calls)
        if seeds != NONE:
            self._seed(seeds)
            for level in reversed(prepared.levels):
                for call, active in level.calls:
                    if active:
                        self._ask_back(call)
                for step in reversed(level.steps):
                    self._backward(step)
        self._flush()
        ends = tuple((name, self.read(number)) for name, number in prepared.wanted)
        gradients = []
        for name, number in prepared.wrt if seeds != NONE else ():
            bar = self.bar(number)
            gradients.append((name, number, bar))
            if bar is not None:
                self.buffers[bar][0].last = self.now
        return self._finish(early, checks, ends, tuple(gradients))

    def _early(self) -> tuple[Step, ...]:
        """The steps that no real value computed here goes into."""
        prepared = self.prepared
        outside = set(range(len(prepared.function.inputs))) | {number for number, _ in prepared.constants}
        found = []
        for level in prepared.levels:
            for step in level.steps:
                kinds = [prepared.types[number] for number in step.inputs]
                ready = all(number in outside for number in step.inputs)
                no_reals = all(kind.kind == "int" for kind in kinds)
                lookup = step.name == "gather" and width(kinds[0]) > LARGE and step.inputs[0] in outside
                if ready and (no_reals or lookup):
                    found.append(step)
                    self.early.add(step.first)
                    outside.update(range(step.first, step.first + len(step.call.results)))
        return tuple(found)

    def _checks(self) -> tuple[Check | CheckToken, ...]:
        """The ints that the kernel looks something up by, and how many places there are; tokens that have to be there.

        Places among distinct numbers are right by what they are.
        """
        steps = [step for level in self.prepared.levels for step in level.steps]
        right = {(step.first + 1, step.axis) for step in steps if step.axis is not None}
        checks = {}
        for step in steps:
            if step.first not in self.early and step.name in LOOKUPS and is_known(step.name, step.call):
                table = step.call.inputs[0]
                places = table.axes[0] if step.name == "gather" else table.axes[-1]
                if (step.inputs[1], places) not in right:
                    checks[step.inputs[1], places] = Check(step.inputs[1], places)
        tokens = [CheckToken(step.call) for step in steps if step.name == "token" and step.first not in self.early]
        return (*checks.values(), *tokens)

    def _forward(self, step: Step) -> None:
        if step.name == "reshape":
            self.home[step.first] = self.real(step.inputs[0])
            self.inside.add(step.first)
        elif is_known(step.name, step.call):
            x = tuple(self._operand(step, place) for place in range(len(step.inputs)))
            kind = step.call.results[0]
            y = self.home[step.first] = self._buffer(kind.rows, width(kind))
            self.inside.add(step.first)
            FORWARD[step.name](self, step.call, x, y)
        else:
            loads: list[Load] = []
            self.act(Evaluate(step, tuple(self.read(number) for number in step.inputs), loads))
            self._made(range(step.first, step.first + len(step.call.results)), loads)

    def _operand(self, step: Step, place: int) -> int:
        number = step.inputs[place]
        return self.index(number) if step.name in LOOKUPS and place == 1 else self.real(number)

    def _made(self, numbers: range | tuple[int, ...], loads: list[Load]) -> None:
        """These values come from the action just added."""
        self.made_by.update((number, (self.now, loads)) for number in numbers)
        self.now += 1

    def _ask(self, calls: tuple[tuple[CircuitCall, bool], ...]) -> None:
        numbers = dict.fromkeys(number for call, _ in calls for number in call.inputs)
        reads = tuple(self.read(number) for number in numbers)
        self.act(Ask(calls, reads, tuple(self._grouped(call) for call, _ in calls)))
        self.now += 1

    def _grouped(self, call: CircuitCall) -> tuple[Group, ...]:
        """The results of a call by type, each group with buffers of its own."""
        alike: dict[Type, list[int]] = {}
        for place, asked in enumerate(call.asked):
            alike.setdefault(asked.type, []).append(place)
        groups = []
        for kind, places in alike.items():
            first = self._block(kind, len(places))
            groups.append(Group(tuple(places), tuple(call.asked[place].result for place in places), first, kind))
            for rank, place in enumerate(places):
                self.home[call.asked[place].value] = first + rank
                self.inside.add(call.asked[place].value)
                self.blocks[first + rank] = (first, len(places))
        self.groups[call.key] = tuple(groups)
        return tuple(groups)

    def _seed(self, seeds: Seeds) -> None:
        wanted = dict(self.prepared.wanted)
        if seeds == MEAN:
            self.emit(k.SEED, self.target(wanted["loss"])[0])
            return
        for name in seeds:
            buffer, finish = self._into(wanted[name])
            self.act(Seed(name, buffer))
            self.touch(buffer)
            finish()

    def _into(self, number: int) -> tuple[int, Callable[[], None]]:
        """A buffer that an action writes a cotangent into, and what adds it to an earlier one afterwards."""
        bar, add = self.target(number)
        if not add:
            return bar, lambda: None
        new = self.scratch(self.prepared.types[number])
        return new, lambda: self.emit(k.COPY, bar, new, add=1)

    def _ask_back(self, call: CircuitCall) -> None:
        cotangents = []
        for group in self.groups[call.key]:
            if group.first in self.bar_blocks:
                many = range(len(group.places))
                present = tuple(rank for rank in many if group.first + rank in self.bars)
                bars = replace(group, first=self.bar_blocks[group.first])
                cotangents.append((bars, present))
        if cotangents:
            into, finish = self._all_into(call.inputs[:2])
            self.act(AskBack(call, tuple(cotangents), into))
            self.touch(*(bars.first for bars, _ in cotangents), *(buffer for buffer in into if buffer is not None))
            for end in finish:
                end()

    def _all_into(self, numbers: Sequence[int]) -> tuple[tuple[int | None, ...], list[Callable[[], None]]]:
        """`_into` for each of these values; None for inputs of the function, whose cotangents stay outside."""
        buffers: list[int | None] = []
        finish = []
        for number in numbers:
            if number < len(self.prepared.function.inputs) or number not in self.prepared.active:
                buffers.append(None)
            else:
                buffer, end = self._into(number)
                buffers.append(buffer)
                finish.append(end)
        return tuple(buffers), finish

    def _backward(self, step: Step) -> None:
        g = self.bar(step.first)
        if g is None or not step.active or step.name == "reshape":
            return
        if step.first in self.early or not is_known(step.name, step.call):
            into, finish = self._all_into([step.inputs[place] for place in step.active])
            self.act(EvaluateBack(step, g, into))
            self.touch(g, *(buffer for buffer in into if buffer is not None))
            for end in finish:
                end()
            return
        x = tuple(self._operand(step, place) for place in range(len(step.inputs)))
        for place in step.active:
            out, add = self.target(step.inputs[place])
            BACKWARD[step.name](self, step.call, place, x, self.home[step.first], g, out, add)

    # slots

    def _finish(
        self,
        early: tuple[Step, ...],
        checks: tuple[Check | CheckToken, ...],
        outputs: tuple[tuple[str, Read], ...],
        gradients: tuple[tuple[str, int, int | None], ...],
    ) -> Program:
        slots, slot_of = self._slots()
        order = sorted(range(len(slots)), key=lambda slot: (slots[slot].whole, slots[slot].numbers is None))
        rank = {slot: place for place, slot in enumerate(order)}
        dims, places = dims_of(self.spaces)
        constants = [slots[slot].numbers for slot in order if slots[slot].numbers is not None]
        return Program(
            prepared=self.prepared,
            early=early,
            checks=checks,
            loads=tuple(self.loads),
            actions=tuple(self.actions),
            outputs=outputs,
            gradients=gradients,
            code=np.array(self.code, dtype=np.int64).reshape(-1, k.COLUMNS),
            spaces=tuple(self.spaces),
            dims=dims,
            places=places,
            constants=_padded([numbers for numbers in constants if numbers is not None]),
            slots=np.array([rank[slot_of[id(stretch)]] for stretch, _ in self.buffers], dtype=np.int64),
            ranks=np.array([place for _, place in self.buffers], dtype=np.int64),
            slot_spaces=np.array([self.spaces[slots[slot].rows] for slot in order], dtype=np.int64),
            slot_widths=np.array([slots[slot].width * slots[slot].many for slot in order], dtype=np.int64),
            buffer_spaces=np.array([self.spaces[stretch.rows] for stretch, _ in self.buffers], dtype=np.int64),
            buffer_widths=np.array([stretch.width for stretch, _ in self.buffers], dtype=np.int64),
            real_slots=sum(not slot.whole for slot in slots),
        )

    def _slots(self) -> tuple[list[_Stretch], dict[int, int]]:
        """A stretch for each slot, and the slot of each stretch, by identity.

        Stretches are taken in the order in which they come into use. A slot is free again after the last use of what is
        in it, for a stretch with the same axes; constants keep theirs.
        """
        slots: list[_Stretch] = []
        busy_until: list[int] = []
        alike: dict[tuple[bool, Rows, int], list[int]] = {}
        slot_of: dict[int, int] = {}
        for stretch in sorted(self.stretches, key=lambda stretch: stretch.born):
            same = alike.setdefault((stretch.whole, stretch.rows, stretch.width * stretch.many), [])
            free = [slot for slot in same if busy_until[slot] < stretch.born]
            if free and stretch.numbers is None:
                slot = free[-1]
                busy_until[slot] = stretch.last
            else:
                slot = len(slots)
                slots.append(stretch)
                busy_until.append(stretch.last)
                if stretch.numbers is None:
                    same.append(slot)
            slot_of[id(stretch)] = slot
        return slots, slot_of


def _padded(arrays: Sequence[Floats]) -> Floats:
    """The numbers of constants as they stand in memory, each from a multiple of `LINE` on."""
    ends = [(-len(numbers)) % LINE for numbers in arrays]
    return np.concatenate([np.pad(numbers, (0, end)) for numbers, end in zip(arrays, ends, strict=True)])
