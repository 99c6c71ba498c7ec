"""Functions of the model language, evaluated and differentiated: the chain rule around the circuits.

`prepare` decides once what runs and in which order; `evaluate` and `value_and_gradient` run it on a batch: in NumPy,
operation by operation, or in native code where the tier has it (`qsanc.grad.program`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qsanc.fast import OFF, Tier
from qsanc.grad.circuit import Back, CircuitCall, Circuits, Method
from qsanc.grad.kernels import LIBRARY
from qsanc.grad.lower import MEAN, NONE, program_of
from qsanc.grad.parts import is_of_batch, parts_of, rows_of, stretches
from qsanc.grad.prepared import Prepared, Step, prepare
from qsanc.grad.run import ABSENT, Bars, Values, accumulate, bind, ones_over, run_step
from qsanc.ir.layout import Layout
from qsanc.ir.model import Type
from qsanc.ir.ops import Array, array_shape
from qsanc.target import Context, Executable

AT_ONCE = 256
"""Records that are evaluated at once."""

__all__ = ["Prepared", "evaluate", "prepare", "value_and_gradient"]


def evaluate(
    prepared: Prepared,
    executables: Mapping[str, Executable],
    inputs: Mapping[str, Array],
    layout: Layout,
    *,
    context: Context | None = None,
    shots: int | None = None,
    independent: bool = False,
    tier: Tier = OFF,
) -> dict[str, Array]:
    """The wanted values by name, each [row, static axes ...] (see `ir.layout`).

    `inputs` are given by name in the same form, and those not needed may be missing; `executables` by module name. Any
    number of records takes the memory of `AT_ONCE`, beside what they share. Raises `BackendFailure` where a backend did
    not deliver, and `QsanError` where a number looks up what is not there.
    """
    circuits = Circuits(executables, context or Context(), None, shots, independent)
    if layout.records <= AT_ONCE or any(is_of_batch(prepared.types[number]) for _, number in prepared.wanted):
        return _evaluated(prepared, inputs, layout, circuits, tier)
    return _in_parts(prepared, inputs, layout, circuits, tier)


def _evaluated(
    prepared: Prepared, inputs: Mapping[str, Array], layout: Layout, circuits: Circuits, tier: Tier
) -> dict[str, Array]:
    values = bind(prepared, inputs, layout)
    kernels = tier.kernels(LIBRARY)
    with np.errstate(all="ignore"):
        if kernels is not None:
            return program_of(prepared, NONE).run(kernels, values, layout, circuits)[0]
        _forward(prepared, values, layout, circuits, keep=False)
    return _wanted(prepared, values)


def _in_parts(
    prepared: Prepared, inputs: Mapping[str, Array], layout: Layout, circuits: Circuits, tier: Tier
) -> dict[str, Array]:
    """The wanted values for many records: what all of them share once, then `AT_ONCE` records at a time."""
    if not prepared.parts:
        prepared.parts.append(parts_of(prepared, prepared.modules))
    parts = prepared.parts[0]
    if parts is not None:
        found = _evaluated(parts.whole, inputs, layout, circuits, tier)
        sizes = {axis: len(found[name]) for axis, name in parts.sized}
        layout = Layout(layout.records, layout.lengths, {**layout.sizes, **sizes})
        prepared, inputs = parts.some, {**inputs, **found}
    given = [(value.name, value.type.rows) for value in prepared.function.inputs if value.name in inputs]
    pieces = []
    for first, stop, some in stretches(layout, AT_ONCE):
        slices = {name: rows_of(np.asarray(inputs[name]), rows, layout, first, stop) for name, rows in given}
        pieces.append(_evaluated(prepared, slices, some, circuits, tier))
    return {
        name: np.concatenate([piece[name] for piece in pieces]) if prepared.types[number].rows else pieces[0][name]
        for name, number in prepared.wanted
    }


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
    tier: Tier = OFF,
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The wanted values, and the gradient of a scalar by each input of `prepared.wrt`, both by name.

    The scalar is the mean over the records of output `loss`, or sum over names of <cotangents[name], value> where
    `cotangents` of wanted values are given. Raises as `evaluate` does.
    """
    values = bind(prepared, inputs, layout)
    circuits = Circuits(executables, context or Context(), method, shots, independent)
    kernels = tier.kernels(LIBRARY)
    with np.errstate(all="ignore"):
        if kernels is not None:
            program = program_of(prepared, MEAN if cotangents is None else tuple(sorted(cotangents)))
            return program.run(kernels, values, layout, circuits, cotangents)
        layout = _forward(prepared, values, layout, circuits, keep=True)
        bars = _seed(prepared, values, cotangents)
        for level in reversed(prepared.levels):
            for call, active in level.calls:
                if active:
                    _circuit_back(call, circuits.backs[call.key], bars, prepared.types, layout)
            for step in reversed(level.steps):
                _step_back(step, values, bars, layout)
    gradients = {}
    for name, number in prepared.wrt:
        bar = bars[number]
        kind = prepared.types[number]
        gradients[name] = np.zeros(array_shape(kind, layout)) if bar is None else np.asarray(bar)
    return _wanted(prepared, values), gradients


def _forward(prepared: Prepared, values: Values, layout: Layout, circuits: Circuits, *, keep: bool) -> Layout:
    """Fill `values` level by level; those that nothing needs any more are let go, unless `keep`."""
    for level in prepared.levels:
        for step in level.steps:
            layout = run_step(step, values, layout)
            if not keep:
                for number in step.dead:
                    values[number] = ABSENT
        for (call, _), results in zip(level.calls, circuits.run(level.calls, values, layout), strict=True):
            call.deliver(results, values, layout)
    return layout


def _seed(prepared: Prepared, values: Values, cotangents: Mapping[str, Array] | None) -> Bars:
    wanted = dict(prepared.wanted)
    if cotangents is None:
        cotangents = {"loss": ones_over(np.asarray(values[wanted["loss"]]))}
    bars: Bars = [None] * len(prepared.types)
    for name, cotangent in cotangents.items():
        accumulate(bars, wanted[name], np.asarray(cotangent, np.float64))
    return bars


def _step_back(step: Step, values: Values, bars: Bars, layout: Layout) -> None:
    """The cotangents of the inputs of a step; that of its result is let go, as nothing before it uses the result."""
    y_bar = bars[step.first]
    if y_bar is None or not step.active or step.op.pullback is None:
        return
    bars[step.first] = None
    x = [values[number] for number in step.inputs]
    y = values[step.first]
    for k in step.active:
        accumulate(bars, step.inputs[k], step.op.pullback(k, step.call, layout, x, y, y_bar))


def _circuit_back(call: CircuitCall, back: Back, bars: Bars, types: tuple[Type, ...], layout: Layout) -> None:
    cotangents = {}
    shapes = {kind: (layout.count(kind.rows), *kind.static) for kind in call.kinds}
    for asked in call.asked:
        bar = bars[asked.value]
        if bar is not None:
            cotangents[asked.result] = np.ascontiguousarray(bar, np.float64).reshape(shapes[asked.type])
    if not cotangents:
        return
    gradient = back(cotangents)
    accumulate(bars, call.inputs[0], gradient.shared)
    accumulate(bars, call.inputs[1], gradient.items.reshape(array_shape(types[call.inputs[1]], layout)))


def _wanted(prepared: Prepared, values: Values) -> dict[str, Array]:
    same = {number for number, _ in prepared.constants}
    return {name: np.array(values[k]) if k in same else np.asarray(values[k]) for name, k in prepared.wanted}
