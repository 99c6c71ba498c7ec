"""What one row of the operation table says, and the small vocabulary the rows are written in.

Reverse mode is written per input: with y = f(x_0, x_1, ...) and the scalar L at the end, `pullback(k, ...)` computes
the cotangent x_bar_k = dL/dx_k from y_bar = dL/dy. Only real inputs have one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.ir.layout import RECORD, Layout
from qsanc.ir.model import Attribute, Type

Array: TypeAlias = NDArray[Any]
Attributes: TypeAlias = Mapping[str, Attribute]

SMALL = 1 << 12
"""Elements that are repeated rather than seen through a view, which costs more to make."""


class ShapeError(Exception):
    """The types or attributes of an operation do not fit; the message says how, in plain words."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One use of an operation: its attributes and the types around it."""

    inputs: tuple[Type, ...]
    attributes: Attributes
    results: tuple[Type, ...]


Infer: TypeAlias = Callable[[Sequence[Type], Attributes], tuple[Type, ...]]
Evaluate: TypeAlias = Callable[[Call, Layout, Sequence[Array]], tuple[Array, ...]]
Pullback: TypeAlias = Callable[[int, Call, Layout, Sequence[Array], Array, Array], Array]


@dataclass(frozen=True, slots=True, eq=False)
class OpDef:
    """One operation: result types, evaluation, reverse-mode derivative.

    `evaluate(call, layout, x)` gives one array for each result: the row space is one leading axis, absent where the
    type has no run-time axes, and the static axes follow; reals are float64, ints int64. For operations of one result
    `pullback(k, call, layout, x, y, y_bar)` is the cotangent of input k; None where there is no gradient. `rowwise`
    says that each row of the result depends on the same row of every input, as long as a reduced axis is a static one.
    """

    infer: Infer
    evaluate: Evaluate
    pullback: Pullback | None = None
    rowwise: bool = False


def fail_at_run_time(title: str) -> QsanError:
    """A place that exists in no record, or in not all of them, which only the data could show."""
    return QsanError((Diagnostic("QS205", Severity.ERROR, title),))


def expect_inputs(name: str, types: Sequence[Type], count: int) -> None:
    if len(types) != count:
        raise ShapeError(f"`{name}` takes {count} value{'s' * (count != 1)}, and there are {len(types)}")


def expect_real(name: str, *types: Type) -> None:
    for value in types:
        if value.kind != "real":
            raise ShapeError(f"`{name}` takes real values, and this one is {value}")


def expect_int(name: str, value: Type) -> None:
    if value.kind != "int":
        raise ShapeError(f"`{name}` takes an int value here, and this one is {value}")


def integer(name: str, attributes: Attributes, key: str) -> int:
    value = attributes.get(key)
    if not isinstance(value, int):
        raise ShapeError(f"`{name}` needs an integer `{key}`")
    return value


def text(name: str, attributes: Attributes, key: str) -> str:
    value = attributes.get(key)
    if not isinstance(value, str):
        raise ShapeError(f"`{name}` needs a name as its `{key}`")
    return value


def axes_of(name: str, attributes: Attributes) -> tuple[str | int, ...]:
    """The attribute `axes`, checked: run-time axes first, sizes not negative, the first run-time axis `record` or U."""
    value = attributes.get("axes")
    if not isinstance(value, tuple):
        raise ShapeError(f"`{name}` needs a list of `axes`")
    axes: list[str | int] = []
    for axis in value:
        if isinstance(axis, str):
            if axes and isinstance(axes[-1], int):
                raise ShapeError(f"`{name}`: the run-time axis {axis} stands behind a static one")
            axes.append(axis)
        elif isinstance(axis, int) and axis >= 0:
            axes.append(axis)
        else:
            raise ShapeError(f"`{name}`: {axis} is not an axis")
    expect_rows(name, tuple(axis for axis in axes if isinstance(axis, str)))
    return tuple(axes)


def expect_rows(name: str, rows: tuple[str, ...]) -> None:
    if not rows:
        return
    if is_batch_axis(rows[0]):
        if len(rows) > 1:
            raise ShapeError(f"`{name}`: {rows[0]} belongs to the whole batch and stands alone among run-time axes")
    elif rows[0] != RECORD or RECORD in rows[1:] or any(map(is_batch_axis, rows)):
        raise ShapeError(f"`{name}`: run-time axes begin with {RECORD}, and these are {', '.join(rows)}")


def is_batch_axis(axis: str) -> bool:
    """Whether this axis is U0, U1, ...: places of the batch as a whole."""
    return axis[:1] == "U" and axis[1:].isdecimal()


def static_axis(name: str, value: Type, attributes: Attributes, key: str = "axis") -> int:
    """The attribute `axis` as a place among the static axes of `value`."""
    axis = integer(name, attributes, key)
    if not len(value.rows) <= axis < len(value.axes):
        raise ShapeError(f"`{name}`: axis {axis} is not a static axis of {value}")
    return axis - len(value.rows)


def array_axis(value: Type, axis: int) -> int:
    """The axis of the array that holds static axis number `axis` of the type, counted with its run-time axes."""
    rows = len(value.rows)
    return axis - rows + (1 if rows else 0)


def array_shape(value: Type, layout: Layout) -> tuple[int, ...]:
    """The shape of the array that holds a value of this type."""
    return (layout.count(value.rows), *value.static) if value.rows else value.static


def size(value: Type) -> int:
    """Elements of one row."""
    return prod(value.static)


def segment_sum(x: Array, layout: Layout, rows: tuple[str, ...], depth: int) -> Array:
    """sum of the rows of each segment at this depth: x has one row for each of `rows`, the result of `rows[:depth]`."""
    if depth == len(rows):
        return x
    if depth == 0:
        return np.asarray(x.sum(axis=0))
    return segment_reduce(np.add, x, 0.0, layout, rows, depth)


def segment_reduce(
    function: np.ufunc, x: Array, empty: float, layout: Layout, rows: tuple[str, ...], depth: int
) -> Array:
    """`function` over the rows of each segment, `empty` for segments without rows."""
    starts = layout.starts(rows, depth)
    occupied = layout.occupied(rows, depth)
    if occupied is None and len(starts):
        return np.asarray(function.reduceat(x, starts, axis=0))
    out = np.full((len(starts), *x.shape[1:]), empty, dtype=x.dtype)
    if occupied is not None and len(occupied):
        out[occupied] = function.reduceat(x, starts[occupied], axis=0)
    return out


def filled(x: Array, shape: tuple[int, ...]) -> Array:
    """x repeated to this shape: an array where it is small, and a view, which cannot be written to, where it is not."""
    if prod(shape) > SMALL:
        return np.broadcast_to(x, shape)
    out = np.empty(shape, x.dtype)
    out[...] = x
    return out


def column(rows: Array, static: int) -> Array:
    """rows[:, None, ...], so that it combines with `static` further axes."""
    return rows.reshape(-1, *(1,) * static) if static else rows
