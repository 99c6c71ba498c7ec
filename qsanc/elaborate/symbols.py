"""Arithmetic of scalars and arrays inside a circuit: affine while it can be, deferred to the model graph otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qsanc.elaborate.values import Deferred, Scalar, Value, is_number, is_symbolic
from qsanc.ir.circuit import Angle
from qsanc.ir.ops import ShapeError


def symbolic(name: str, left: Value, right: Value) -> Value | None:
    """`left name right` where at least one of them is a scalar or an array inside a circuit; None where it is neither.

    Raises `ShapeError` where two arrays differ in shape.
    """
    a, b = _as_array(left), _as_array(right)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if a is None or b is None:
            return None
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape != b.shape:
            raise ShapeError("arrays differ in shape")
        shape = a.shape if isinstance(a, np.ndarray) else b.shape
        result = np.empty(shape, dtype=object)
        for place in np.ndindex(*shape):
            x = a[place] if isinstance(a, np.ndarray) else a
            y = b[place] if isinstance(b, np.ndarray) else b
            result[place] = _scalar(name, x, y)  # type: ignore[arg-type]
        return result
    if a is None or b is None:
        return None
    return _scalar(name, a, b)


def _as_array(value: Value) -> Any:
    if is_number(value) or is_symbolic(value):
        return value
    if isinstance(value, tuple):
        try:
            array = np.array(value, dtype=object)
        except ValueError:
            return None
        return array if all(is_number(x) or isinstance(x, (Angle, Deferred)) for x in array.ravel()) else None
    return None


def _scalar(name: str, a: Scalar, b: Scalar) -> Scalar:
    x, y = (Angle(float(v)) if is_number(v) else v for v in (a, b))  # type: ignore[arg-type]
    if isinstance(x, Angle) and isinstance(y, Angle):
        if name == "add":
            return x + y
        if name == "sub":
            return x + -y
        if name == "mul" and (x.is_constant or y.is_constant):
            return y.scaled(x.constant) if x.is_constant else x.scaled(y.constant)
        if name == "div" and y.is_constant and y.constant:
            return x.scaled(1 / y.constant)
    return Deferred(name, (a, b))


def rectangular(value: tuple[Any, ...]) -> NDArray[np.float64] | None:
    """A rectangular list of plain numbers as an array, or None."""

    def shape(item: object) -> tuple[int, ...] | None:
        if is_number(item):
            return ()
        if not isinstance(item, tuple) or not item:
            return None
        inner = {shape(element) for element in item}
        only = inner.pop() if len(inner) == 1 else None
        return None if only is None else (len(item), *only)

    return np.array(value, dtype=np.float64) if shape(value) is not None else None
