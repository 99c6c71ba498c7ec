"""Operations that mix the tokens of a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from qsanc.ir.layout import RECORD, Layout, Padded
from qsanc.ir.model import Type
from qsanc.ir.ops.definition import (
    Array,
    Attributes,
    Call,
    OpDef,
    ShapeError,
    column,
    expect_inputs,
    expect_real,
    fail_at_run_time,
    integer,
    segment_sum,
    size,
    text,
)


def _tokens(name: str, value: Type) -> None:
    """The last run-time axis of the value is one of tokens."""
    if len(value.rows) < 2:
        raise ShapeError(f"`{name}` needs a run-time axis beside {RECORD}, and this value is {value}")


def _pairs_of(name: str, value: Type) -> None:
    """The last two run-time axes are one dim twice."""
    if len(value.rows) < 3 or value.rows[-1] != value.rows[-2]:
        raise ShapeError(f"`{name}` needs pairs of tokens, as in real[record, S, S], and this value is {value}")


# token: y[r] = x[r, index]; x_bar[r, s] = y_bar[r] where s is that token, else 0


def _token_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("token", types, 1)
    _tokens("token", types[0])
    integer("token", attributes, "index")
    rows = types[0].rows
    return (Type(types[0].kind, (*rows[:-1], *types[0].static)),)


def token_rows(call: Call, layout: Layout) -> Array:
    """int64[segment]: the row of the token asked for. Raises QsanError where a record does not have it."""
    rows, index = call.inputs[0].rows, call.attributes["index"]
    assert isinstance(index, int)
    widths = layout.widths(rows, len(rows) - 1)
    places = widths + index if index < 0 else np.full(len(widths), index, dtype=np.int64)
    if len(widths) and ((places < 0) | (places >= widths)).any():
        raise fail_at_run_time(f"token {index} was asked for, and a record has only {widths.min()}")
    return np.asarray(layout.starts(rows, len(rows) - 1) + places)


def _token(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    return (x[0][token_rows(call, layout)],)


def _token_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    x_bar = np.zeros(x[0].shape)
    x_bar[token_rows(call, layout)] = y_bar
    return x_bar


# spread: y[s, j] = x[s] (left) or x[j] (right); x_bar[s] = sum_j y_bar[s, j], or x_bar[j] = sum_s y_bar[s, j]


def _spread_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("spread", types, 1)
    _tokens("spread", types[0])
    if text("spread", attributes, "side") not in ("left", "right"):
        raise ShapeError("`spread` has the sides left and right")
    rows = types[0].rows
    return (Type(types[0].kind, (*rows, rows[-1], *types[0].static)),)


def _spread(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    rows = call.results[0].rows
    if call.attributes["side"] == "left":
        return (layout.repeat(x[0], rows, len(rows) - 1),)
    return (x[0].take(layout.right(rows), axis=0),)


def _spread_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    rows = call.results[0].rows
    if call.attributes["side"] == "left":
        return segment_sum(y_bar, layout, rows, len(rows) - 1)
    if call.results[0].static:
        return np.concatenate(
            [
                y_bar[pair : pair + s * j].reshape(s, j, *y_bar.shape[1:]).sum(axis=0)
                for s, j, pair, _, _ in layout.blocks(rows)
            ]
            or [x[0]]
        )
    return np.bincount(layout.right(rows), weights=y_bar, minlength=len(x[0]))


# attend: y[s] = sum_j w[s, j] v[j]; w_bar[s, j] = <y_bar[s], v[j]>, v_bar[j] = sum_s w[s, j] y_bar[s]


def _attend_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("attend", types, 2)
    expect_real("attend", *types)
    w, v = types
    if len(w.rows) < 3 or w.static:
        raise ShapeError(f"the weights are one number for each pair of tokens, and these are {w}")
    if v.rows != (*w.rows[:-2], w.rows[-1]):
        raise ShapeError(f"weights {w} do not fit values {v}")
    return (Type("real", (*w.rows[:-1], *v.static)),)


def _attend(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    w, v = call.inputs
    values = x[1].reshape(len(x[1]), size(v))
    if (space := layout.padded(w.rows)) is not None:
        out = _packed(np.matmul(_weights(x[0], space), _right(values, space)), space.left)
    else:
        out = np.empty((layout.count(w.rows[:-1]), values.shape[1]))
        for m, n, pair, left, right in layout.blocks(w.rows):
            np.matmul(x[0][pair : pair + m * n].reshape(m, n), values[right : right + n], out=out[left : left + m])
    return (out.reshape(len(out), *v.static),)


def _attend_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    w, v = call.inputs
    width = size(v)
    g, values = y_bar.reshape(len(y_bar), width), x[1].reshape(len(x[1]), width)
    space = layout.padded(w.rows)
    if k == 0:
        if space is not None:
            products = np.matmul(_left(g, space), _right(values, space).swapaxes(1, 2)).reshape(-1)
            return np.asarray(products if space.pairs is None else products.take(space.pairs))
        w_bar = np.empty(x[0].shape)
        for m, n, pair, left, right in layout.blocks(w.rows):
            block = w_bar[pair : pair + m * n].reshape(m, n)
            np.matmul(g[left : left + m], values[right : right + n].T, out=block)
        return w_bar
    if space is not None:
        products = np.matmul(_weights(x[0], space).swapaxes(1, 2), _left(g, space))
        return _packed(products, space.right).reshape(x[1].shape)
    v_bar = np.empty((len(x[1]), width))
    for m, n, pair, left, right in layout.blocks(w.rows):
        block = x[0][pair : pair + m * n].reshape(m, n)
        np.matmul(block.T, g[left : left + m], out=v_bar[right : right + n])
    return v_bar.reshape(x[1].shape)


def _weights(w: Array, space: Padded) -> Array:
    """[block, height, width], with 0 outside the blocks."""
    if space.pairs is not None:
        wide = np.zeros(space.blocks * space.height * space.width)
        wide[space.pairs] = w
        w = wide
    return w.reshape(space.blocks, space.height, space.width)


def _left(rows: Array, space: Padded) -> Array:
    return _wide(rows, space.left, space.blocks, space.height)


def _right(rows: Array, space: Padded) -> Array:
    return _wide(rows, space.right, space.blocks, space.width)


def _wide(rows: Array, places: Array | None, blocks: int, length: int) -> Array:
    """[block, length, place of a row], with 0 outside the blocks."""
    width = rows.shape[1]
    if places is not None:
        wide = np.zeros((blocks * length, width))
        wide[places] = rows
        rows = wide
    return rows.reshape(blocks, length, width)


def _packed(blocks: Array, places: Array | None) -> Array:
    """The rows inside the blocks, from [block, length, place of a row]."""
    rows = blocks.reshape(blocks.shape[0] * blocks.shape[1], blocks.shape[2])
    return rows if places is None else rows.take(places, axis=0)


# causal: y[s, j] = x[s, j] where j <= s, else fill; x_bar = y_bar there, else 0


def _causal_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("causal", types, 1)
    expect_real("causal", types[0])
    _pairs_of("causal", types[0])
    if not isinstance(attributes.get("fill"), int | float):
        raise ShapeError("`causal` needs a number as its `fill`")
    return (types[0],)


def _hidden(call: Call, layout: Layout) -> Array:
    return column(layout.future(call.inputs[0].rows), len(call.inputs[0].static))


def _causal(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    fill = call.attributes["fill"]
    assert isinstance(fill, int | float)
    return (np.where(_hidden(call, layout), float(fill), x[0]),)


def _causal_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    return np.where(_hidden(call, layout), 0.0, y_bar)


# normalize_rows: y[s, j] = x[s, j] / t[s], t[s] = sum_j x[s, j]; 0 where t = 0
#     x_bar[s, j] = (y_bar[s, j] - sum_i y_bar[s, i] y[s, i]) / t[s]; 0 where t = 0


def _normalize_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("normalize_rows", types, 1)
    expect_real("normalize_rows", types[0])
    _tokens("normalize_rows", types[0])
    return (types[0],)


def _inverse_totals(call: Call, layout: Layout, x: Array) -> Array:
    rows = call.inputs[0].rows
    total = segment_sum(x, layout, rows, len(rows) - 1)
    inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total != 0.0)
    return layout.repeat(inverse, rows, len(rows) - 1)


def _normalize(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    return (x[0] * _inverse_totals(call, layout, x[0]),)


def _normalize_back(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
    rows = call.inputs[0].rows
    along = layout.repeat(segment_sum(y_bar * y, layout, rows, len(rows) - 1), rows, len(rows) - 1)
    np.subtract(y_bar, along, out=along)
    along *= _inverse_totals(call, layout, x[0])
    return along


TOKENS: Mapping[str, OpDef] = MappingProxyType(
    {
        "token": OpDef(_token_infer, _token, _token_back),
        "spread": OpDef(_spread_infer, _spread, _spread_back),
        "attend": OpDef(_attend_infer, _attend, _attend_back),
        "causal": OpDef(_causal_infer, _causal, _causal_back),
        "normalize_rows": OpDef(_normalize_infer, _normalize, _normalize_back),
    }
)
