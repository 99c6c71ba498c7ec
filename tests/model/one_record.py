"""The meaning of each operation, written for one record at a time on dense arrays: the truth that the table is held to.

A value of type real[record, S, 3] is here a list with an array [length of S, 3] for each record; one without run-time
axes is the same array for every record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special

from qsanc.ir.layout import Layout
from qsanc.ir.model import Attribute, Type

Attributes = Mapping[str, Attribute]


def split(array: np.ndarray, kind: Type, layout: Layout) -> list[np.ndarray]:
    """The flat array of a batch as one dense array for each record."""
    if not kind.rows:
        return [array] * layout.records
    parts, at = [], 0
    for record in range(layout.records):
        shape = [int(layout.lengths[dim][record]) for dim in kind.rows[1:]]
        count = int(np.prod(shape, dtype=int))
        parts.append(array[at : at + count].reshape((*shape, *kind.static)))
        at += count
    assert at == len(array)
    return parts


def _broadcast(attributes: Attributes, types: Sequence[Type], length: Mapping[str, int], x: np.ndarray) -> np.ndarray:
    dims = [length[axis] for axis in attributes["axes"] if isinstance(axis, str) and axis != "record"]
    new = [axis for axis in attributes["axes"] if isinstance(axis, int)]
    own_dims = len(types[0].rows[1:])
    between = (1,) * (len(dims) - own_dims + len(new) - len(types[0].static))
    shaped = x.reshape((*x.shape[:own_dims], *between, *types[0].static))
    return np.broadcast_to(shaped, (*dims, *new))


def _matmul(x: np.ndarray, y: np.ndarray, types: Sequence[Type]) -> np.ndarray:
    rows = x.shape[: x.ndim - len(types[0].static)]
    out = np.zeros((*rows, *types[0].static[:-1], *types[1].static[1:]))
    for place in np.ndindex(*rows):
        own = y[place[: y.ndim - len(types[1].static)]]
        out[place] = np.tensordot(x[place], own, axes=1)
    return out


def _normalize(x: np.ndarray, axis: int) -> np.ndarray:
    total = x.sum(axis=axis, keepdims=True)
    return np.where(total == 0, 0.0, x / np.where(total == 0, 1.0, total))


def _layernorm(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def _sinusoid(length: int, axes: Sequence[int]) -> np.ndarray:
    width = int(np.prod(axes, dtype=int))
    out = np.zeros((length, width))
    for s in range(length):
        for k in range(width):
            angle = s / 10000 ** (2 * (k // 2) / width)
            out[s, k] = np.cos(angle) if k % 2 else np.sin(angle)
    return out.reshape(length, *axes)


def _picked(x: np.ndarray, index: np.ndarray, static: int) -> np.ndarray:
    rows = x.shape[: x.ndim - static]
    out = np.zeros((*rows, *x.shape[len(rows) : -1]))
    for place in np.ndindex(*rows):
        out[place] = x[place][..., index[place]]
    return out


def axis_in_record(attributes: Attributes, types: Sequence[Type]) -> int:
    """The axis of the type as an axis of one record's array."""
    return attributes["axis"] - (1 if types[0].rows else 0)


Reference = Callable[[Attributes, Sequence[Type], Mapping[str, int], Any], Any]

ELEMENTWISE: Mapping[str, Callable[..., np.ndarray]] = {
    "neg": lambda x: 0 - x,
    "exp": lambda x: np.e**x,
    "log": lambda x: np.log2(x) / np.log2(np.e),
    "sqrt": lambda x: x**0.5,
    "sin": lambda x: np.exp(1j * x).imag,
    "cos": lambda x: np.exp(1j * x).real,
    "tanh": lambda x: np.sinh(x) / np.cosh(x),
    "sigmoid": scipy.special.expit,
    "relu": lambda x: x * (x > 0),
    "abs": lambda x: np.maximum(x, -x),
    "real": lambda x: x * 1.0,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: np.exp(y * np.log(x)),
}

REFERENCE: Mapping[str, Reference] = {
    **{name: (lambda a, t, n, *x, f=f: f(*x)) for name, f in ELEMENTWISE.items()},
    "constant": lambda a, t, n: np.array(a["value"]).reshape(a["axes"]),
    "broadcast": _broadcast,
    "sum": lambda a, t, n, x: x.sum(axis_in_record(a, t)),
    "mean": lambda a, t, n, x: x.sum(axis_in_record(a, t)) / max(x.shape[axis_in_record(a, t)], 1),
    "softmax": lambda a, t, n, x: scipy.special.softmax(x, axis_in_record(a, t)) if x.size else x,
    "layernorm": lambda a, t, n, x: _layernorm(x),
    "reshape": lambda a, t, n, x: x.reshape((*x.shape[: x.ndim - len(t[0].static)], *a["axes"])),
    "concat": lambda a, t, n, *x: np.concatenate(x, axis_in_record(a, t)),
    "stack": lambda a, t, n, *x: np.stack(x, axis_in_record(a, t)),
    "select": lambda a, t, n, x: np.take(x, a["index"], axis_in_record(a, t)),
    "slice": lambda a, t, n, x: np.take(x, range(a["start"], a["stop"]), axis_in_record(a, t)),
    "token": lambda a, t, n, x: np.take(x, a["index"], len(t[0].rows) - 2),
    "gather": lambda a, t, n, table, i: np.array([table[k] for k in i.flat]).reshape((*i.shape, *table.shape[1:])),
    "pick": lambda a, t, n, x, i: _picked(x, i, len(t[0].static)),
    "matmul": lambda a, t, n, x, y: _matmul(x, y, t),
    "spread": lambda a, t, n, x: np.stack(
        [x] * x.shape[len(t[0].rows) - 2], axis=len(t[0].rows) - (1 if a["side"] == "left" else 2)
    ),
    "attend": lambda a, t, n, w, v: (
        np.einsum("sj,j...->s...", w, v) if len(t[0].rows) == 3 else np.einsum("psj,pj...->ps...", w, v)
    ),
    "causal": lambda a, t, n, x: np.stack(
        [
            np.stack([x[s, j] if j <= s else np.full(x.shape[2:], a["fill"]) for j in range(x.shape[1])])
            for s in range(x.shape[0])
        ]
    ),
    "normalize_rows": lambda a, t, n, x: _normalize(x, len(t[0].rows) - 2),
    "position": lambda a, t, n: np.arange(n[a["dim"]]) * 1.0,
    "length": lambda a, t, n: np.array(float(n[a["dim"]])),
    "sinusoid": lambda a, t, n: _sinusoid(n[a["dim"]], a["axes"]),
    "sigmoid_cross_entropy": lambda a, t, n, z, y: y * np.log1p(np.exp(-z)) + (1 - y) * np.log1p(np.exp(z)),
    "softmax_cross_entropy": lambda a, t, n, z, y: -np.log(_picked(np.exp(z) / np.exp(z).sum(-1, keepdims=True), y, 1)),
}
