"""Reductions along one axis of the type: a static one, or the last run-time one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from qsanc.ir.layout import Layout
from qsanc.ir.model import Type
from qsanc.ir.ops.definition import (
    Array,
    Attributes,
    Call,
    OpDef,
    ShapeError,
    array_axis,
    array_shape,
    column,
    expect_inputs,
    expect_real,
    filled,
    integer,
    segment_reduce,
    segment_sum,
)

LAYERNORM_EPSILON = 1e-5


def _reduced_axis(name: str, value: Type, attributes: Attributes) -> int:
    axis = integer(name, attributes, "axis")
    if not 0 <= axis < len(value.axes):
        raise ShapeError(f"`{name}`: {value} has no axis {axis}")
    if axis < len(value.rows):
        if axis != len(value.rows) - 1:
            raise ShapeError(f"`{name}`: axis {axis} of {value} is not the last run-time one")
        if axis == 0:
            raise ShapeError(f"`{name}`: axis {value.axes[0]} of {value} is the batch's, and no record sees it")
    return axis


def _reduce_infer(name: str, types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs(name, types, 1)
    axis = _reduced_axis(name, types[0], attributes)
    return (Type(types[0].kind, (*types[0].axes[:axis], *types[0].axes[axis + 1 :])),)


def _axis(call: Call) -> int:
    axis = call.attributes["axis"]
    assert isinstance(axis, int)
    return axis


def _runs_along_tokens(call: Call) -> bool:
    return _axis(call) < len(call.inputs[0].rows)


def _counts(call: Call, layout: Layout) -> Array | float:
    """The number of summands of each sum, at least 1, shaped to divide the result."""
    value, axis = call.inputs[0], _axis(call)
    if not _runs_along_tokens(call):
        return float(max(value.static[axis - len(value.rows)], 1))
    return column(np.maximum(layout.widths(value.rows, axis), 1).astype(np.float64), len(value.static))


def _spread_back_out(call: Call, layout: Layout, g: Array) -> Array:
    """Each entry of the reduced array at all the places it was reduced from."""
    value, axis = call.inputs[0], _axis(call)
    if _runs_along_tokens(call):
        return layout.repeat(g, value.rows, axis)
    wide = np.asarray(g)[(slice(None),) * array_axis(value, axis) + (None,)]
    return filled(wide, array_shape(value, layout))


def _sum_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    return _reduce_infer("sum", types, attributes)


def _sum(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    value, axis = call.inputs[0], _axis(call)
    if _runs_along_tokens(call):
        return (segment_sum(x[0], layout, value.rows, axis),)
    return (x[0].sum(axis=array_axis(value, axis)),)


def _sum_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    return _spread_back_out(call, layout, y_bar)


def _mean_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_real("mean", *types)
    return _reduce_infer("mean", types, attributes)


def _mean(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    return (_sum(call, layout, x)[0] / _counts(call, layout),)


def _mean_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    return _spread_back_out(call, layout, y_bar / _counts(call, layout))


def _softmax_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("softmax", types, 1)
    expect_real("softmax", types[0])
    _reduced_axis("softmax", types[0], attributes)
    return (types[0],)


def _softmax(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    value, axis = call.inputs[0], _axis(call)
    if _runs_along_tokens(call):
        largest = segment_reduce(np.maximum, x[0], -np.inf, layout, value.rows, axis)
    else:
        largest = x[0].max(axis=array_axis(value, axis), initial=-np.inf)
    finite = np.where(largest == -np.inf, 0.0, largest)
    weights = np.exp(x[0] - _spread_back_out(call, layout, finite))
    total = _sum(call, layout, (weights,))[0]
    return (weights / _spread_back_out(call, layout, np.where(total == 0.0, 1.0, total)),)


def _softmax_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    mean = _sum(call, layout, (y * y_bar,))[0]
    return np.asarray(y * (y_bar - _spread_back_out(call, layout, mean)))


# layernorm over the last static axis of D places: y = (x - m) / s, m = mean x, s^2 = mean (x - m)^2 + 1e-5
#     x_bar = (y_bar - mean y_bar - y mean(y_bar y)) / s


def _layernorm_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("layernorm", types, 1)
    expect_real("layernorm", types[0])
    if not types[0].static:
        raise ShapeError(f"`layernorm` needs a static axis, and this value is {types[0]}")
    return (types[0],)


def _deviation(x: Array) -> tuple[Array, Array]:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred, np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + LAYERNORM_EPSILON)


def _layernorm(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    centred, deviation = _deviation(x[0])
    return (centred / deviation,)


def _layernorm_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    along_y = (y_bar * y).mean(axis=-1, keepdims=True)
    return np.asarray((y_bar - y_bar.mean(axis=-1, keepdims=True) - y * along_y) / _deviation(x[0])[1])


REDUCE: Mapping[str, OpDef] = MappingProxyType(
    {
        # y = sum x; x_bar = y_bar at each of the places
        "sum": OpDef(_sum_infer, _sum, _sum_back, rowwise=True),
        # y = (sum x) / count, 0 where there is nothing; x_bar = y_bar / count
        "mean": OpDef(_mean_infer, _mean, _mean_back, rowwise=True),
        # y = exp x / sum exp x, 0 where all x are -inf; x_bar = y (y_bar - sum y y_bar)
        "softmax": OpDef(_softmax_infer, _softmax, _softmax_back, rowwise=True),
        "layernorm": OpDef(_layernorm_infer, _layernorm, _layernorm_back, rowwise=True),
    }
)
