"""Values that follow from the layout of the batch, or from which of its words are equal. None has a gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from qsanc.ir.layout import RECORD, Layout
from qsanc.ir.model import Type
from qsanc.ir.ops.definition import (
    Array,
    Attributes,
    Call,
    OpDef,
    ShapeError,
    array_shape,
    axes_of,
    expect_inputs,
    expect_int,
    expect_rows,
    is_batch_axis,
    size,
    text,
)


def _dim(name: str, attributes: Attributes) -> str:
    dim = text(name, attributes, "dim")
    if dim == RECORD or is_batch_axis(dim):
        raise ShapeError(f"`{name}` needs a run-time dim, and {dim} is none")
    return dim


def _position_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("position", types, 0)
    return (Type("real", (RECORD, _dim("position", attributes))),)


def _position(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    return (layout.place(call.results[0].rows).astype(np.float64),)


def _length_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("length", types, 0)
    _dim("length", attributes)
    return (Type("real", (RECORD,)),)


def _length(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    dim = call.attributes["dim"]
    assert isinstance(dim, str)
    return (layout.lengths[dim].astype(np.float64),)


# sinusoid of D places: y[s, 2i] = sin(s / 10000^(2i/D)), y[s, 2i + 1] = cos(s / 10000^(2i/D))


def _sinusoid_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("sinusoid", types, 0)
    axes = axes_of("sinusoid", attributes)
    if any(isinstance(axis, str) for axis in axes):
        raise ShapeError("`sinusoid` names its static axes only")
    return (Type("real", (RECORD, _dim("sinusoid", attributes), *axes)),)


def _sinusoid(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    result = call.results[0]
    width = size(result)
    place = np.arange(width)
    longest = int(layout.lengths[result.rows[1]].max(initial=0))
    phase = np.arange(longest)[:, None] / 10000.0 ** ((place - place % 2) / max(width, 1))
    table = np.where(place % 2, np.cos(phase), np.sin(phase))
    return (table[layout.place(result.rows)].reshape(array_shape(result, layout)),)


# pairs: the row numbers of s and of j for each pair (s, j)


def _row_pairs_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("pairs", types, 0)
    dim = _dim("pairs", attributes)
    numbers = Type("int", (RECORD, dim, dim))
    return (numbers, numbers)


def _row_pairs(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    rows = call.results[0].rows
    return (layout.owner(rows, 2), layout.right(rows))


# distinct: u = the sorted distinct values of x along batch axis `axis`, and the place of each x in it: x = u[place]


def _distinct_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("distinct", types, 1)
    expect_int("distinct", types[0])
    axis = text("distinct", attributes, "axis")
    if not is_batch_axis(axis):
        raise ShapeError(f"`distinct` makes an axis U0, U1, ..., and {axis} is none")
    expect_rows("distinct", types[0].rows)
    return (Type("int", (axis,)), types[0])


def _distinct(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    given = x[0].reshape(-1)
    order = np.argsort(given)
    ordered = given[order]
    first = np.empty(len(given), dtype=np.bool_)
    first[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    places = np.empty(len(given), dtype=np.int64)
    places[order] = np.cumsum(first) - 1
    values = ordered[first]
    layout.index(values, increasing=True)
    return (values, places.reshape(x[0].shape))


PLACES: Mapping[str, OpDef] = MappingProxyType(
    {
        "position": OpDef(_position_infer, _position),
        "length": OpDef(_length_infer, _length),
        "sinusoid": OpDef(_sinusoid_infer, _sinusoid),
        "pairs": OpDef(_row_pairs_infer, _row_pairs),
        "distinct": OpDef(_distinct_infer, _distinct),
    }
)
