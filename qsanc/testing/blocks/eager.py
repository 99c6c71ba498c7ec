"""A graph of the model language that computes every operation as it is added."""

from __future__ import annotations

import math

import numpy as np

from qsanc.elaborate.graph import Graph
from qsanc.elaborate.values import Tensor
from qsanc.ir.layout import Layout
from qsanc.ir.model import Attribute, Type
from qsanc.ir.ops import OPS, Array, Call
from qsanc.source import Span


class EagerGraph(Graph):
    """The arrays of one run of a block: constants, results of calls, and what is computed from them."""

    def __init__(self) -> None:
        super().__init__()
        self._arrays: dict[int, Array] = {}

    def hold(self, array: Array) -> Tensor:
        """An array that came from elsewhere: int64 or float64, of static axes."""
        array = np.asarray(array)
        kind = Type("int" if array.dtype.kind in "iu" else "real", tuple(array.shape))
        self._types.append(kind)
        self._arrays[len(self._types) - 1] = array
        return Tensor(len(self._types) - 1, kind)

    def array(self, tensor: Tensor) -> Array:
        return self._arrays[tensor.value]

    def emit_all(
        self, name: str, *inputs: Tensor, span: Span | None = None, **attributes: Attribute
    ) -> tuple[Tensor, ...]:
        results = super().emit_all(name, *inputs, span=span, **attributes)
        call = Call(tuple(t.type for t in inputs), attributes, tuple(t.type for t in results))
        with np.errstate(all="ignore"):
            arrays = OPS[name].evaluate(call, _ONE_RECORD, [self.array(t) for t in inputs])
        for tensor, array in zip(results, arrays, strict=True):
            self._arrays[tensor.value] = np.asarray(array)
        return results


_ONE_RECORD = Layout(1)


def literal(array: Array) -> object:
    """An array as nested tuples of Python numbers, which the elaborator takes for a list known at compile time."""
    if array.ndim == 0:
        return array.item()
    return tuple(literal(part) for part in array)


def sides(left: Array, right: Array) -> tuple[str, str]:
    """Two arrays as a person reads them, with as many digits as it takes to tell them apart."""
    for digits in (6, 10, 17):
        a, b = brief(left, digits=digits), brief(right, digits=digits)
        if a != b:
            break
    return a, b


def brief(array: Array, *, most: int = 12, digits: int = 6) -> str:
    """An array as a person reads it, without its middle where it is long."""
    text = np.array2string(
        np.asarray(array),
        separator=", ",
        threshold=most,
        edgeitems=2,
        formatter={"float_kind": lambda value: f"{value:.{digits}g}"},
    )
    return " ".join(text.split())


def farthest(left: Array, right: Array) -> tuple[tuple[int, ...], float]:
    """Where two arrays that broadcast differ most, and by how much; infinity where a number is not finite."""
    with np.errstate(all="ignore"):
        apart = np.abs(np.asarray(left, np.float64) - np.asarray(right, np.float64))
    apart = np.where(np.isnan(apart), math.inf, apart)
    if apart.size == 0:
        return (), 0.0
    place = np.unravel_index(int(np.argmax(apart)), apart.shape)
    return tuple(int(k) for k in place), float(apart[place])
