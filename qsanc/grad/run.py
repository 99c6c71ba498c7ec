"""The parts of a run that do not depend on who computes: inputs bound, one operation evaluated, cotangents added."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.grad.prepared import Prepared, Step
from qsanc.ir.layout import Layout
from qsanc.ir.ops import Array, array_shape

Values = list[Array]
Bars = list["Array | None"]

ABSENT = np.empty(0)


def bind(prepared: Prepared, inputs: Mapping[str, Array], layout: Layout) -> Values:
    """The values of a run by number, as far as they are known before it: constants, and the inputs that are needed."""
    values: Values = [ABSENT] * len(prepared.types)
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


def run_step(step: Step, values: Values, layout: Layout) -> Layout:
    """Evaluate one operation; the layout, which knows the length of a new axis of the batch if that is its result."""
    arrays = step.op.evaluate(step.call, layout, [values[k] for k in step.inputs])
    for k, array in enumerate(arrays):
        values[step.first + k] = array
    return layout if step.axis is None else layout.with_size(step.axis, len(arrays[0]))


def ones_over(loss: Array) -> Array:
    """The cotangent of the values of which the mean is taken."""
    return np.full(loss.shape, 1.0 / max(loss.size, 1))


def accumulate(bars: Bars, number: int, bar: Array) -> None:
    known = bars[number]
    bars[number] = bar if known is None else known + bar
