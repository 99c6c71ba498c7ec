"""What has to run of a function of the model language, and in which order.

Operations are ordered in levels: what needs no circuit, then all circuits that can run now, together, then what needs
those, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from qsanc.grad.circuit import CircuitCall, calls_of
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.layout import Layout
from qsanc.ir.model import Function, Operation, Type
from qsanc.ir.ops import CIRCUIT, OPS, Array, Call, OpDef

if TYPE_CHECKING:
    from qsanc.grad.parts import Parts
    from qsanc.grad.program import Program

CONSTANT = "constant"


@dataclass(frozen=True, slots=True)
class Step:
    """One operation as it runs. `active` are its places of inputs on a path from what is differentiated by."""

    name: str
    op: OpDef
    call: Call
    inputs: tuple[int, ...]
    first: int
    active: tuple[int, ...]
    axis: str | None
    dead: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """Operations that need circuits of earlier levels only, then circuits that need those; True marks active ones."""

    steps: tuple[Step, ...]
    calls: tuple[tuple[CircuitCall, bool], ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to run of a function: outputs and probes `wanted`, differentiable by the inputs `wrt`.

    `constants` are the values that are the same in every run, by number; `active` are the values on a path from `wrt`.
    `programs` holds what native code is to do, by what the gradient is of, and `parts` both parts of an evaluation of
    many records, if it has parts; these are filled on demand.
    """

    function: Function
    wanted: tuple[tuple[str, int], ...]
    wrt: tuple[tuple[str, int], ...]
    needed: frozenset[int]
    types: tuple[Type, ...]
    levels: tuple[Level, ...]
    constants: tuple[tuple[int, Array], ...]
    active: frozenset[int]
    modules: Mapping[str, CircuitModule]
    programs: dict[tuple[str, ...] | str, Program] = field(default_factory=dict, init=False, compare=False, repr=False)
    parts: list[Parts | None] = field(default_factory=list, init=False, compare=False, repr=False)


def prepare(
    function: Function,
    modules: Iterable[CircuitModule],
    wanted: Sequence[str] = ("loss",),
    *,
    wrt: Sequence[str] = (),
) -> Prepared:
    """What has to run for the outputs or probes `wanted`, and for their gradient by the inputs named in `wrt`.

    Do this once and keep it: it does not depend on the batch. Raises KeyError for a name that the function lacks.
    """
    known = {module.name: module for module in modules}
    types = function.types()
    named = {**dict(function.probes), **dict(function.outputs)}
    inputs = {value.name: number for number, value in enumerate(function.inputs)}
    targets = tuple((name, named[name]) for name in wanted)
    sources = tuple((name, inputs[name]) for name in wrt)
    needed = _needed(function, (number for _, number in targets))
    active = _active(function, types, (number for _, number in sources))
    body = [op for op in function.body if any(op.first + k in needed for k in range(len(op.types)))]
    order = _by_level(body, types)
    last = _last_uses(order, {number for _, number in targets})
    levels, constants = [], []
    for operations in order:
        steps = []
        for op in operations:
            if op.name == CONSTANT:
                constants.append((op.first, _constant(op)))
            elif op.name != CIRCUIT:
                steps.append(_step(op, types, active, last.get(op.first, ())))
        calls = [
            (call, any(number in active for number in op.inputs[:2]))
            for op in operations
            if op.name == CIRCUIT
            for call in calls_of(op, types, known[str(op.attribute("module"))], needed)
        ]
        levels.append(Level(tuple(steps), tuple(calls)))
    return Prepared(
        function,
        targets,
        sources,
        frozenset(needed),
        tuple(types),
        tuple(levels),
        tuple(constants),
        frozenset(active),
        MappingProxyType(known),
    )


def _needed(function: Function, targets: Iterable[int]) -> set[int]:
    """All values that the targets depend on, themselves included."""
    needed = set(targets)
    for operation in reversed(function.body):
        if any(operation.first + k in needed for k in range(len(operation.types))):
            needed.update(operation.inputs)
    return needed


def _active(function: Function, types: Sequence[Type], sources: Iterable[int]) -> set[int]:
    """All real values that depend on the sources through operations with a derivative."""
    active = set(sources)
    for op in function.body:
        has_gradient = op.name == CIRCUIT or OPS[op.name].pullback is not None
        if has_gradient and any(number in active for number in op.inputs):
            active.update(op.first + k for k, kind in enumerate(op.types) if kind.kind == "real")
    return {number for number in active if types[number].kind == "real"}


def _by_level(body: Sequence[Operation], types: Sequence[Type]) -> list[list[Operation]]:
    """The operations by the number of circuits in sequence before them, each level in the order given."""
    depth = [0] * len(types)
    levels: list[list[Operation]] = []
    for operation in body:
        level = max((depth[number] for number in operation.inputs), default=0)
        while len(levels) <= level:
            levels.append([])
        levels[level].append(operation)
        for k in range(len(operation.types)):
            depth[operation.first + k] = level + (operation.name == CIRCUIT)
    return levels


def _last_uses(order: Sequence[Sequence[Operation]], kept: set[int]) -> dict[int, tuple[int, ...]]:
    """For each operation, by its first value, the values that nothing needs after it."""
    dead: dict[int, tuple[int, ...]] = {}
    later = set(kept)
    for operations in reversed(order):
        later.update(number for op in operations if op.name == CIRCUIT for number in op.inputs)
        for op in reversed(operations):
            if op.name != CIRCUIT:
                dead[op.first] = tuple(set(op.inputs) - later)
                later.update(op.inputs)
    return dead


def _step(op: Operation, types: Sequence[Type], active: set[int], dead: tuple[int, ...]) -> Step:
    call = Call(tuple(types[number] for number in op.inputs), dict(op.attributes), op.types)
    places = tuple(k for k, number in enumerate(op.inputs) if number in active)
    axis = str(op.attribute("axis")) if op.name == "distinct" else None
    definition = OPS[op.name]
    return Step(op.name, definition, call, op.inputs, op.first, places if definition.pullback else (), axis, dead)


def _constant(op: Operation) -> Array:
    (value,) = OPS[op.name].evaluate(Call((), dict(op.attributes), op.types), Layout(0), ())
    value.flags.writeable = False
    return value
