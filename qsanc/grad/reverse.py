"""Functions of the model language, evaluated and differentiated: the chain rule around the circuits.

`prepare` decides once what runs and in which order; `evaluate` and `value_and_gradient` run it on a batch. Operations
are ordered in levels: what needs no circuit, then all circuits that can run now, together, then what needs those, and
so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.grad.circuit import Back, CircuitCall, Method, Running, calls_of, differentiable_call
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.layout import Layout
from qsanc.ir.model import Function, Operation, Type
from qsanc.ir.ops import CIRCUIT, OPS, Array, Call, OpDef, array_shape
from qsanc.target import Context, Executable, Results

Values = list[Array]
Bars = list["Array | None"]

CONSTANT = "constant"

_ABSENT = np.empty(0)


@dataclass(frozen=True, slots=True)
class Step:
    """One operation as it runs. `active` are its places of inputs on a path from what is differentiated by."""

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

    `constants` are the values that are the same in every run, by number.
    """

    function: Function
    wanted: tuple[tuple[str, int], ...]
    wrt: tuple[tuple[str, int], ...]
    needed: frozenset[int]
    types: tuple[Type, ...]
    levels: tuple[Level, ...]
    constants: tuple[tuple[int, Array], ...]


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
    return Prepared(function, targets, sources, frozenset(needed), tuple(types), tuple(levels), tuple(constants))


def evaluate(
    prepared: Prepared,
    executables: Mapping[str, Executable],
    inputs: Mapping[str, Array],
    layout: Layout,
    *,
    context: Context | None = None,
    shots: int | None = None,
    independent: bool = False,
) -> dict[str, Array]:
    """The wanted values by name, each [row, static axes ...] (see `ir.layout`).

    `inputs` are given by name in the same form, and those not needed may be missing; `executables` by module name.
    Raises `BackendFailure` where a backend did not deliver, and `QsanError` where a number looks up what is not there.
    """
    context = context or Context()
    values = _bind(prepared, inputs, layout)

    def start(call: CircuitCall, layout: Layout, active: bool) -> Callable[[], Results]:
        executable = executables[call.module]
        request = call.request(values, layout, shots, independent)
        return Running(executable, executable.submit(request, context)).results

    with np.errstate(all="ignore"):
        _forward(prepared, values, layout, start, keep=False)
    return _wanted(prepared, values)


def value_and_gradient(
    prepared: Prepared,
    executables: Mapping[str, Executable],
    inputs: Mapping[str, Array],
    layout: Layout,
    *,
    method: Method,
    cotangents: Mapping[str, Array] | None = None,
    context: Context | None = None,
    shots: int | None = None,
    independent: bool = False,
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The wanted values, and the gradient of a scalar by each input of `prepared.wrt`, both by name.

    The scalar is the mean over the records of output `loss`, or sum over names of <cotangents[name], value> where
    `cotangents` of wanted values are given. Raises as `evaluate` does.
    """
    context = context or Context()
    values = _bind(prepared, inputs, layout)
    backs: dict[int, Back] = {}

    def start(call: CircuitCall, layout: Layout, active: bool) -> Callable[[], Results]:
        executable = executables[call.module]
        request = call.request(values, layout, shots, independent)
        if not active:
            return Running(executable, executable.submit(request, context)).results
        results, backs[call.key] = differentiable_call(executable, request, context, method)
        return results

    with np.errstate(all="ignore"):
        layout = _forward(prepared, values, layout, start, keep=True)
        bars = _seed(prepared, values, layout, cotangents)
        for level in reversed(prepared.levels):
            for call, active in level.calls:
                if active:
                    _circuit_back(call, backs[call.key], bars, prepared.types, layout)
            for step in reversed(level.steps):
                _step_back(step, values, bars, layout)
    gradients = {}
    for name, number in prepared.wrt:
        bar = bars[number]
        kind = prepared.types[number]
        gradients[name] = np.zeros(array_shape(kind, layout)) if bar is None else np.asarray(bar)
    return _wanted(prepared, values), gradients


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
    return Step(definition, call, op.inputs, op.first, places if definition.pullback else (), axis, dead)


def _constant(op: Operation) -> Array:
    (value,) = OPS[op.name].evaluate(Call((), dict(op.attributes), op.types), Layout(0), ())
    value.flags.writeable = False
    return value


def _bind(prepared: Prepared, inputs: Mapping[str, Array], layout: Layout) -> Values:
    values: Values = [_ABSENT] * len(prepared.types)
    for number, value in prepared.constants:
        values[number] = value
    for number, given in enumerate(prepared.function.inputs):
        if number not in prepared.needed:
            continue
        if given.name not in inputs:
            raise CompilerBug(f"function {prepared.function.name} was called without its input {given.name}")
        array = np.asarray(inputs[given.name], np.float64 if given.type.kind == "real" else np.int64)
        if array.shape != (expected := array_shape(given.type, layout)):
            raise CompilerBug(f"input {given.name} has shape {array.shape}, and {given.type} is {expected} here")
        values[number] = array
    return values


def _forward(
    prepared: Prepared,
    values: Values,
    layout: Layout,
    start: Callable[[CircuitCall, Layout, bool], Callable[[], Results]],
    *,
    keep: bool,
) -> Layout:
    """Fill `values` level by level; those that nothing needs any more are let go, unless `keep`."""
    for level in prepared.levels:
        for step in level.steps:
            arrays = step.op.evaluate(step.call, layout, [values[k] for k in step.inputs])
            for k, array in enumerate(arrays):
                values[step.first + k] = array
            if step.axis is not None:
                layout = layout.with_size(step.axis, len(arrays[0]))
            if not keep:
                for number in step.dead:
                    values[number] = _ABSENT
        waiting = [(call, start(call, layout, active)) for call, active in level.calls]
        for call, results in waiting:
            call.deliver(results(), values, layout)
    return layout


def _seed(prepared: Prepared, values: Values, layout: Layout, cotangents: Mapping[str, Array] | None) -> Bars:
    wanted = dict(prepared.wanted)
    if cotangents is None:
        loss = np.asarray(values[wanted["loss"]])
        cotangents = {"loss": np.full(loss.shape, 1.0 / max(loss.size, 1))}
    bars: Bars = [None] * len(prepared.types)
    for name, cotangent in cotangents.items():
        _accumulate(bars, wanted[name], np.asarray(cotangent, np.float64))
    return bars


def _accumulate(bars: Bars, number: int, bar: Array) -> None:
    known = bars[number]
    bars[number] = bar if known is None else known + bar


def _step_back(step: Step, values: Values, bars: Bars, layout: Layout) -> None:
    """The cotangents of the inputs of a step; that of its result is let go, as nothing before it uses the result."""
    y_bar = bars[step.first]
    if y_bar is None or not step.active or step.op.pullback is None:
        return
    bars[step.first] = None
    x = [values[number] for number in step.inputs]
    y = values[step.first]
    for k in step.active:
        _accumulate(bars, step.inputs[k], step.op.pullback(k, step.call, layout, x, y, y_bar))


def _circuit_back(call: CircuitCall, back: Back, bars: Bars, types: Sequence[Type], layout: Layout) -> None:
    cotangents = {}
    for asked in call.asked:
        bar = bars[asked.value]
        if bar is not None:
            rows = layout.count(asked.type.rows)
            cotangents[asked.result] = np.ascontiguousarray(bar, np.float64).reshape(rows, *asked.type.static)
    if not cotangents:
        return
    gradient = back(cotangents)
    _accumulate(bars, call.inputs[0], gradient.shared)
    _accumulate(bars, call.inputs[1], gradient.items.reshape(array_shape(types[call.inputs[1]], layout)))


def _wanted(prepared: Prepared, values: Values) -> dict[str, Array]:
    same = {number for number, _ in prepared.constants}
    return {name: np.array(values[k]) if k in same else np.asarray(values[k]) for name, k in prepared.wanted}
