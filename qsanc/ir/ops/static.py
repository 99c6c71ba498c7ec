"""Operations on the static axes of each row, constants and products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from types import MappingProxyType

import numpy as np

from qsanc.ir.layout import Layout
from qsanc.ir.model import Attribute, Type
from qsanc.ir.ops.definition import (
    Array,
    Attributes,
    Call,
    OpDef,
    ShapeError,
    array_axis,
    array_shape,
    axes_of,
    expect_inputs,
    expect_real,
    filled,
    integer,
    segment_sum,
    size,
    static_axis,
)

# constant: y = value, a number for all places, or the numbers in row-major order, nested or flat


def _numbers(value: Attribute) -> list[int | float]:
    if isinstance(value, str):
        raise ShapeError(f"`constant` takes numbers, and this is `{value}`")
    if not isinstance(value, tuple):
        return [value]
    return [number for part in value for number in _numbers(part)]


def _constant_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("constant", types, 0)
    axes = axes_of("constant", attributes)
    if any(isinstance(axis, str) for axis in axes):
        raise ShapeError("`constant` has static axes only")
    value = attributes.get("value")
    if value is None:
        raise ShapeError("`constant` needs a `value`")
    numbers = _numbers(value)
    if isinstance(value, tuple) and len(numbers) != prod(axis for axis in axes if isinstance(axis, int)):
        raise ShapeError(f"`constant` has {len(numbers)} numbers for axes {list(axes)}")
    real = any(isinstance(number, float) for number in numbers) or not numbers
    return (Type("real" if real else "int", axes),)


def _constant(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    result = call.results[0]
    value = call.attributes["value"]
    dtype = np.float64 if result.kind == "real" else np.int64
    if isinstance(value, tuple):
        return (np.array(_numbers(value), dtype=dtype).reshape(result.static),)
    return (np.full(result.static, value, dtype=dtype),)


# broadcast: y[row, a, b] = x[prefix of row, b]; x_bar[p, b] = sum of y_bar[row, a, b] over the rows of p and over a


def _broadcast_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("broadcast", types, 1)
    source, target = types[0], Type(types[0].kind, axes_of("broadcast", attributes))
    suffix = target.static[len(target.static) - len(source.static) :] if source.static else ()
    if target.rows[: len(source.rows)] != source.rows or suffix != source.static:
        raise ShapeError(f"{source} cannot be repeated to {target}")
    return (target,)


def _broadcast(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    source, target = call.inputs[0], call.results[0]
    value = x[0]
    if not source.rows and target.rows:
        value = value[None]
    elif len(source.rows) < len(target.rows):
        value = layout.repeat(value, target.rows, len(source.rows))
    if len(source.static) < len(target.static):
        ones = (1,) * (len(target.static) - len(source.static))
        rows = 1 if target.rows else 0
        value = value.reshape(*value.shape[:rows], *ones, *source.static)
    shape = array_shape(target, layout)
    return (value if value.shape == shape else filled(value, shape),)


def _broadcast_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    source, target = call.inputs[0], call.results[0]
    g = y_bar
    if len(source.static) < len(target.static):
        first = 1 if target.rows else 0
        g = g.sum(axis=tuple(range(first, first + len(target.static) - len(source.static))))
    return segment_sum(g, layout, target.rows, len(source.rows))


# reshape: the elements of each row in row-major order; x_bar = y_bar with the old axes


def _reshape_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("reshape", types, 1)
    axes = axes_of("reshape", attributes)
    if any(isinstance(axis, str) for axis in axes):
        raise ShapeError("`reshape` names the new static axes only")
    result = Type(types[0].kind, (*types[0].rows, *axes))
    if size(result) != size(types[0]):
        raise ShapeError(
            f"{list(types[0].static)} has {size(types[0])} elements and {list(axes)} has {size(result)}: "
            "reshaping keeps their number"
        )
    return (result,)


def _reshape(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    return (x[0].reshape(array_shape(call.results[0], layout)),)


def _reshape_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    return y_bar.reshape(x[0].shape)


# concat: y = x_0, x_1, ... one after the other along the axis; x_bar_k = the stretch of y_bar that is x_k's


def _concat_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    if not types:
        raise ShapeError("`concat` needs at least one value")
    first = types[0]
    axis = static_axis("concat", first, attributes) + len(first.rows)
    total = 0
    for value in types:
        same = (len(value.axes), value.rows, value.kind) == (len(first.axes), first.rows, first.kind)
        if not same or any(a != b for i, (a, b) in enumerate(zip(value.axes, first.axes, strict=True)) if i != axis):
            raise ShapeError(f"`concat` along axis {axis} cannot join {first} and {value}")
        length = value.axes[axis]
        assert isinstance(length, int)
        total += length
    return (Type(first.kind, (*first.axes[:axis], total, *first.axes[axis + 1 :])),)


def _concat(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    return (np.concatenate(x, axis=_array_axis(call)),)


def _concat_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    axis = _array_axis(call)
    start = sum(value.shape[axis] for value in x[:k])
    return y_bar[(slice(None),) * axis + (slice(start, start + x[k].shape[axis]),)]


def _array_axis(call: Call) -> int:
    axis = call.attributes["axis"]
    assert isinstance(axis, int)
    return array_axis(call.inputs[0], axis)


# stack: y = x_0, x_1, ... along a new static axis at place `axis`; x_bar_k = y_bar at place k of it


def _stack_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    if not types:
        raise ShapeError("`stack` needs at least one value")
    first, axis = types[0], integer("stack", attributes, "axis")
    if not len(first.rows) <= axis <= len(first.axes):
        raise ShapeError(f"`stack`: a new axis of {first} has no place {axis} among its static ones")
    for value in types:
        if value != first:
            raise ShapeError(f"`stack` takes values of one type, and these are {first} and {value}")
    return (Type(first.kind, (*first.axes[:axis], len(types), *first.axes[axis:])),)


def _stack(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    stacked, axis = np.array(x), _array_axis(call)
    if not axis:
        return (stacked,)
    return (np.ascontiguousarray(stacked.transpose(*range(1, axis + 1), 0, *range(axis + 1, stacked.ndim))),)


def _stack_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    return np.asarray(y_bar[(slice(None),) * _array_axis(call) + (k,)])


# select: y = x[.., index, ..]; x_bar = y_bar at that place, 0 elsewhere


def _select_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("select", types, 1)
    axis = static_axis("select", types[0], attributes)
    length, index = types[0].static[axis], integer("select", attributes, "index")
    if not 0 <= index < length:
        raise ShapeError(f"place {index} is outside an axis of length {length}")
    return (Type(types[0].kind, (*types[0].rows, *types[0].static[:axis], *types[0].static[axis + 1 :])),)


def _select_place(call: Call) -> tuple[slice | int, ...]:
    index = call.attributes["index"]
    assert isinstance(index, int)
    return (slice(None),) * _array_axis(call) + (index,)


def _select(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    return (x[0][_select_place(call)],)


def _select_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    x_bar = np.zeros(x[0].shape)
    x_bar[_select_place(call)] = y_bar
    return x_bar


# slice: y = x[.., start:stop, ..]; x_bar = y_bar in that stretch, 0 elsewhere


def _slice_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("slice", types, 1)
    axis = static_axis("slice", types[0], attributes)
    start, stop = integer("slice", attributes, "start"), integer("slice", attributes, "stop")
    static = types[0].static
    if not 0 <= start <= stop <= static[axis]:
        raise ShapeError(f"the stretch {start}..{stop} is outside an axis of length {static[axis]}")
    return (Type(types[0].kind, (*types[0].rows, *static[:axis], stop - start, *static[axis + 1 :])),)


def _slice_place(call: Call) -> tuple[slice, ...]:
    start, stop = call.attributes["start"], call.attributes["stop"]
    assert isinstance(start, int)
    assert isinstance(stop, int)
    return (slice(None),) * _array_axis(call) + (slice(start, stop),)


def _slice(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    return (x[0][_slice_place(call)],)


def _slice_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    x_bar = np.zeros(x[0].shape)
    x_bar[_slice_place(call)] = y_bar
    return x_bar


# matmul: y[row, a, b] = sum_k x[row, a, k] z[prefix of row, k, b]
#     x_bar[row, a, k] = sum_b y_bar[row, a, b] z[prefix of row, k, b]
#     z_bar[p, k, b] = sum over the rows of p and over a of x[row, a, k] y_bar[row, a, b]


def _matmul_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("matmul", types, 2)
    expect_real("matmul", *types)
    x, z = types
    if not x.static or not z.static:
        raise ShapeError(f"`matmul` needs a static axis on both sides, and these are {x} and {z}")
    if x.static[-1] != z.static[0]:
        raise ShapeError(f"the last axis of {x} has length {x.static[-1]}, the first of {z} has {z.static[0]}")
    if x.rows[: len(z.rows)] != z.rows:
        raise ShapeError(f"`matmul` needs the rows of {z} among those of {x}")
    return (Type("real", (*x.rows, *x.static[:-1], *z.static[1:])),)


def _matmul_sizes(call: Call) -> tuple[int, int, int]:
    x, z = call.inputs
    return prod(x.static[:-1]), x.static[-1], prod(z.static[1:])


def _right_rows(call: Call, layout: Layout, z: Array) -> Array:
    """The right factor [row, k, b] of each row of the left one."""
    rows, given = call.inputs[0].rows, call.inputs[1].rows
    return z if rows == given else layout.repeat(z, rows, len(given))


def _matmul(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    a, k, b = _matmul_sizes(call)
    rows, shape = layout.count(call.inputs[0].rows), array_shape(call.results[0], layout)
    if not call.inputs[1].rows:
        return ((x[0].reshape(rows * a, k) @ x[1].reshape(k, b)).reshape(shape),)
    z = _right_rows(call, layout, x[1])
    if a == b == 1:
        return (np.einsum("rk,rk->r", x[0].reshape(rows, k), z.reshape(rows, k)).reshape(shape),)
    return (np.matmul(x[0].reshape(rows, a, k), z.reshape(rows, k, b)).reshape(shape),)


def _matmul_back(which: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    a, k, b = _matmul_sizes(call)
    space, given = call.inputs[0].rows, call.inputs[1].rows
    rows = layout.count(space)
    if not given:
        g = y_bar.reshape(rows * a, b)
        if which == 0:
            return (g @ x[1].reshape(k, b).T).reshape(x[0].shape)
        return (x[0].reshape(rows * a, k).T @ g).reshape(x[1].shape)
    if which == 0:
        z = _right_rows(call, layout, x[1])
        if a == b == 1:
            return (y_bar.reshape(rows, 1) * z.reshape(rows, k)).reshape(x[0].shape)
        x_bar = np.matmul(y_bar.reshape(rows, a, b), z.reshape(rows, k, b).swapaxes(1, 2))
        return np.asarray(x_bar.reshape(x[0].shape))
    if a == b == 1:
        z_bar = y_bar.reshape(rows, 1) * x[0].reshape(rows, k)
    else:
        product = np.matmul(x[0].reshape(rows, a, k).swapaxes(1, 2), y_bar.reshape(rows, a, b))
        z_bar = product.reshape(rows, k * b)
    return segment_sum(z_bar, layout, space, len(given)).reshape(x[1].shape)


STATIC: Mapping[str, OpDef] = MappingProxyType(
    {
        "constant": OpDef(_constant_infer, _constant),
        "broadcast": OpDef(_broadcast_infer, _broadcast, _broadcast_back, rowwise=True),
        "reshape": OpDef(_reshape_infer, _reshape, _reshape_back, rowwise=True),
        "concat": OpDef(_concat_infer, _concat, _concat_back, rowwise=True),
        "stack": OpDef(_stack_infer, _stack, _stack_back, rowwise=True),
        "select": OpDef(_select_infer, _select, _select_back, rowwise=True),
        "slice": OpDef(_slice_infer, _slice, _slice_back, rowwise=True),
        "matmul": OpDef(_matmul_infer, _matmul, _matmul_back, rowwise=True),
    }
)
