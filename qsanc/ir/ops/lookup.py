"""Operations that look values up by int numbers, and the losses, which look up labels."""

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
    array_shape,
    expect_inputs,
    expect_int,
    expect_real,
    fail_at_run_time,
    is_batch_axis,
)
from qsanc.ir.ops.elementwise import sigmoid


def expect_inside(index: Array, places: int) -> None:
    """Do nothing if all these ints are below `places`, and none below 0."""
    index = np.asarray(index)
    if index.size and int(index.view(np.uint64).max()) >= places:
        wrong = index[(index < 0) | (index >= places)].reshape(-1)[0]
        raise fail_at_run_time(f"number {wrong} is outside 0..{places}")


# gather: y[row, i, :] = table[index[row, i], :]; table_bar[t, :] = sum of y_bar over the places where index = t


def _gather_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("gather", types, 2)
    table, index = types
    expect_int("gather", index)
    if not table.axes or (table.rows and not is_batch_axis(table.rows[0])):
        raise ShapeError(f"`gather` looks up along a first static axis, and the table is {table}")
    return (Type(table.kind, (*index.axes, *table.axes[1:])),)


def _gather(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    if layout.index(x[1]).largest >= len(x[0]):
        expect_inside(x[1], len(x[0]))
    return (np.asarray(x[0].take(x[1], axis=0)),)


def _gather_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    return layout.index(x[1]).sums(y_bar, len(x[0]))


# pick: y[row, a] = x[row, a, index[row]]; x_bar[row, a, c] = y_bar[row, a] where c = index[row], else 0


def _pick_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("pick", types, 2)
    value, index = types
    expect_int("pick", index)
    if not value.static:
        raise ShapeError(f"`pick` needs a static axis, and this value is {value}")
    if index.axes != value.rows:
        raise ShapeError(f"`pick` needs one number for each row of {value}, and these are {index}")
    return (Type(value.kind, value.axes[:-1]),)


def _places(call: Call, layout: Layout, index: Array) -> Array:
    """The index of each row, shaped to stand along the last axis of the value."""
    shape = array_shape(call.inputs[0], layout)
    rows = 1 if call.inputs[0].rows else 0
    wide = index.reshape(*shape[:rows], *(1,) * (len(shape) - rows))
    return np.broadcast_to(wide, (*shape[:-1], 1))


def _pick(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    expect_inside(x[1], call.inputs[0].static[-1])
    return (np.take_along_axis(x[0], _places(call, layout, x[1]), axis=-1)[..., 0],)


def _pick_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    x_bar = np.zeros(x[0].shape)
    np.put_along_axis(x_bar, _places(call, layout, x[1]), np.asarray(y_bar)[..., None], axis=-1)
    return x_bar


# sigmoid_cross_entropy: y = log(1 + exp z) - t z, which is -log sigmoid(z) for t = 1 and -log(1 - sigmoid(z)) for t = 0
#     z_bar = y_bar (sigmoid(z) - t), t_bar = -y_bar z


def _sigmoid_ce_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("sigmoid_cross_entropy", types, 2)
    expect_real("sigmoid_cross_entropy", types[0])
    if types[0].axes != types[1].axes:
        raise ShapeError(f"one label belongs to each logit, and these are {types[0]} and {types[1]}")
    return (types[0],)


def _sigmoid_ce(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    return (np.logaddexp(0.0, x[0]) - x[1] * x[0],)


def _sigmoid_ce_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    return np.asarray(y_bar * (sigmoid(x[0]) - x[1]) if k == 0 else -y_bar * x[0])


# softmax_cross_entropy: y = log sum_c exp z[c] - z[t]; z_bar[c] = y_bar (softmax(z)[c] - [c = t])


def _softmax_ce_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("softmax_cross_entropy", types, 2)
    expect_real("softmax_cross_entropy", types[0])
    expect_int("softmax_cross_entropy", types[1])
    if not types[0].static or types[1].axes != types[0].axes[:-1]:
        raise ShapeError(f"one label belongs to each list of logits, and these are {types[0]} and {types[1]}")
    return (Type("real", types[0].axes[:-1]),)


def _log_total(z: Array) -> Array:
    return np.asarray(np.logaddexp.reduce(z, axis=-1))


def _softmax_ce(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    z, label = x[0], np.asarray(x[1])
    expect_inside(label, z.shape[-1])
    return (_log_total(z) - np.take_along_axis(z, label[..., None], axis=-1)[..., 0],)


def _softmax_ce_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    z, label = x[0], np.asarray(x[1])
    z_bar = np.exp(z - _log_total(z)[..., None])
    at = label[..., None]
    np.put_along_axis(z_bar, at, np.take_along_axis(z_bar, at, axis=-1) - 1.0, axis=-1)
    return np.asarray(z_bar * np.asarray(y_bar)[..., None])


LOOKUP: Mapping[str, OpDef] = MappingProxyType(
    {
        "gather": OpDef(_gather_infer, _gather, _gather_back, rowwise=True),
        "pick": OpDef(_pick_infer, _pick, _pick_back, rowwise=True),
        "sigmoid_cross_entropy": OpDef(_sigmoid_ce_infer, _sigmoid_ce, _sigmoid_ce_back, rowwise=True),
        "softmax_cross_entropy": OpDef(_softmax_ce_infer, _softmax_ce, _softmax_ce_back, rowwise=True),
    }
)
