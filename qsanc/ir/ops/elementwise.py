"""Operations that work element by element, on values of equal types. Beside each: y and x_bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from qsanc.ir.layout import Layout
from qsanc.ir.model import Type
from qsanc.ir.ops.definition import Array, Attributes, Call, OpDef, ShapeError, expect_inputs, expect_int, expect_real


def _unary(
    name: str,
    function: Callable[[Array], Array],
    derivative: Callable[[Array, Array, Array], Array],
    *,
    ints: bool = False,
) -> OpDef:
    def infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
        expect_inputs(name, types, 1)
        if not ints:
            expect_real(name, types[0])
        return (types[0],)

    def evaluate(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
        return (function(x[0]),)

    def pullback(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
        return derivative(x[0], y, y_bar)

    return OpDef(infer, evaluate, pullback, rowwise=True)


def _binary(
    name: str,
    function: Callable[[Array, Array], Array],
    left: Callable[[Array, Array, Array, Array], Array],
    right: Callable[[Array, Array, Array, Array], Array],
    *,
    ints: bool = False,
) -> OpDef:
    sides = (left, right)

    def infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
        expect_inputs(name, types, 2)
        if types[0] != types[1]:
            raise ShapeError(f"`{name}` takes two values of one type, and these are {types[0]} and {types[1]}")
        if not ints:
            expect_real(name, *types)
        return (types[0],)

    def evaluate(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
        return (function(x[0], x[1]),)

    def pullback(k: int, call: Call, layout: Layout, x: Sequence[Array], y: Array, y_bar: Array) -> Array:
        return sides[k](x[0], x[1], y, y_bar)

    return OpDef(infer, evaluate, pullback, rowwise=True)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    return np.exp(-np.logaddexp(0.0, -x))


def _power_base(x: Array, p: Array, y: Array, g: Array) -> Array:
    return g * np.where(p == 0.0, 0.0, p * np.power(x, np.where(p == 0.0, 1.0, p - 1.0)))


def _power_exponent(x: Array, p: Array, y: Array, g: Array) -> Array:
    return g * np.where(x == 0.0, 0.0, y * np.log(np.where(x == 0.0, 1.0, x)))


def _real_infer(types: Sequence[Type], attributes: Attributes) -> tuple[Type, ...]:
    expect_inputs("real", types, 1)
    expect_int("real", types[0])
    return (Type("real", types[0].axes),)


def _real(call: Call, layout: Layout, x: Sequence[Array]) -> tuple[Array, ...]:
    return (x[0].astype(np.float64),)


ELEMENTWISE: Mapping[str, OpDef] = MappingProxyType(
    {
        # x_bar = -y_bar
        "neg": _unary("neg", np.negative, lambda x, y, g: -g, ints=True),
        # x_bar = y_bar y
        "exp": _unary("exp", np.exp, lambda x, y, g: g * y),
        # x_bar = y_bar / x
        "log": _unary("log", np.log, lambda x, y, g: g / x),
        # x_bar = y_bar / (2 y)
        "sqrt": _unary("sqrt", np.sqrt, lambda x, y, g: 0.5 * g / y),
        # x_bar = y_bar cos x
        "sin": _unary("sin", np.sin, lambda x, y, g: g * np.cos(x)),
        # x_bar = -y_bar sin x
        "cos": _unary("cos", np.cos, lambda x, y, g: -g * np.sin(x)),
        # x_bar = y_bar (1 - y^2)
        "tanh": _unary("tanh", np.tanh, lambda x, y, g: g * (1.0 - y * y)),
        # x_bar = y_bar y (1 - y)
        "sigmoid": _unary("sigmoid", sigmoid, lambda x, y, g: g * y * (1.0 - y)),
        # x_bar = y_bar where x > 0, else 0
        "relu": _unary("relu", lambda x: np.maximum(x, 0.0), lambda x, y, g: np.where(x > 0.0, g, 0.0)),
        # x_bar = y_bar sign x, which is 0 at 0
        "abs": _unary("abs", np.abs, lambda x, y, g: g * np.sign(x), ints=True),
        # ints have no gradient
        "real": OpDef(_real_infer, _real, rowwise=True),
        # x_bar = y_bar, z_bar = y_bar
        "add": _binary("add", np.add, lambda x, z, y, g: g, lambda x, z, y, g: g, ints=True),
        # x_bar = y_bar, z_bar = -y_bar
        "sub": _binary("sub", np.subtract, lambda x, z, y, g: g, lambda x, z, y, g: -g, ints=True),
        # x_bar = y_bar z, z_bar = y_bar x
        "mul": _binary("mul", np.multiply, lambda x, z, y, g: g * z, lambda x, z, y, g: g * x, ints=True),
        # x_bar = y_bar / z, z_bar = -y_bar y / z
        "div": _binary("div", np.divide, lambda x, z, y, g: g / z, lambda x, z, y, g: -g * y / z),
        # y = x^p: x_bar = y_bar p x^(p-1), p_bar = y_bar y log x (0 at x = 0)
        "pow": _binary("pow", np.power, _power_base, _power_exponent),
    }
)
