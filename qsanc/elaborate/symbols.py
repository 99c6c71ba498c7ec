"""Arithmetic of scalars and arrays inside a circuit: affine while it can be, deferred to the model graph otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qsanc.elaborate.values import UNKNOWN, Deferred, Scalar, Unknown, Value, is_number, is_symbolic
from qsanc.ir.circuit import Angle
from qsanc.ir.ops import ShapeError


def symbolic(apply: Callable[[Scalar, Scalar], Value], left: Value, right: Value) -> Value | None:
    """`apply` to two scalars, or to the elements of arrays and lists of them; None where an operand is neither.

    A list of plain numbers stays one. Raises `ShapeError` where two arrays differ in shape.
    """
    a, b = _as_array(left), _as_array(right)
    if a is None or b is None:
        return None
    if not isinstance(a, np.ndarray) and not isinstance(b, np.ndarray):
        return apply(a, b)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape != b.shape:
        raise ShapeError("arrays differ in shape")
    shape = a.shape if isinstance(a, np.ndarray) else b.shape
    result = np.empty(shape, dtype=object)
    for place in np.ndindex(*shape):
        x: Any = a[place] if isinstance(a, np.ndarray) else a
        y: Any = b[place] if isinstance(b, np.ndarray) else b
        element = apply(x, y)
        if isinstance(element, Unknown):
            return UNKNOWN
        result[place] = element
    plain = isinstance(left, tuple) or isinstance(right, tuple)
    return nested(result) if plain and all(is_number(x) for x in result.ravel()) else result


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


def affine(name: str, a: Scalar, b: Scalar) -> Scalar:
    """The operation `name` of the model language on two scalars: an affine form where there is one."""
    x, y = (Angle(float(v)) if is_number(v) else v for v in (a, b))  # type: ignore[arg-type]
    if isinstance(x, Angle) and isinstance(y, Angle):
        if name == "add":
            return _plain(x + y)
        if name == "sub":
            return _plain(x + -y)
        if name == "mul" and (x.is_constant or y.is_constant):
            return _plain(y.scaled(x.constant) if x.is_constant else x.scaled(y.constant))
        if name == "div" and y.is_constant and y.constant:
            return _plain(x.scaled(1 / y.constant))
    return Deferred(name, (a, b))


def _plain(angle: Angle) -> Scalar:
    return angle.constant if angle.is_constant else angle


def finite(scalar: Scalar) -> bool:
    """Whether all numbers of an affine form are finite."""
    if isinstance(scalar, Angle):
        return math.isfinite(scalar.constant) and all(math.isfinite(c) for _, c in scalar.terms)
    return isinstance(scalar, Deferred) or math.isfinite(scalar)


def holds(value: Value, kind: type) -> bool:
    """Whether a value, or something in the list that it is, is of this kind."""
    return isinstance(value, kind) or (isinstance(value, tuple) and any(holds(item, kind) for item in value))


def leaves(value: Any) -> list[Any]:
    """All that stands in lists and arrays, in order; a value that is neither stands alone."""
    if isinstance(value, np.ndarray):
        return value.ravel().tolist()
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, tuple) else [value]


def elements(value: Value) -> tuple[int, int]:
    """How many elements a list has, those of lists in it included, and how deep it is nested."""
    if isinstance(value, np.ndarray):
        return value.size, value.ndim
    if not isinstance(value, tuple):
        return 1, 0
    inside = [elements(item) for item in value]
    return sum(count for count, _ in inside), 1 + max((depth for _, depth in inside), default=0)


def nested(array: Any) -> Any:
    """An array as lists of lists."""
    return tuple(nested(part) for part in array) if isinstance(array, np.ndarray) else array


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
