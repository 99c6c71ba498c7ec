"""The instructions of each operation of the model language, forwards and backwards.

    FORWARD[name](writer, call, x, y)                       y from the operands x
    BACKWARD[name](writer, call, place, x, y, g, out, add)  out from g, the cotangent of y; added if `add`

All but `call` and `place` are buffers. The values and derivatives are those of `qsanc.ir.ops`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Protocol, TypeAlias

from qsanc.grad import kernels as k
from qsanc.ir.layout import Rows
from qsanc.ir.model import Type
from qsanc.ir.ops import Call
from qsanc.ir.ops.definition import size
from qsanc.ir.ops.reduce import LAYERNORM_EPSILON

LARGE_FACTOR = 4096
"""Numbers of a right factor from which on a product is left to the library that NumPy uses."""

LOOKUPS = frozenset({"gather", "pick", "softmax_cross_entropy"})
"""Operations whose second operand is ints."""

OWN = -1
"""The depth at which each row is its own owner."""


class Writer(Protocol):
    """Where instructions go."""

    def emit(
        self,
        what: int,
        out: int,
        *operands: int,
        rows: Rows = (),
        depth: int = 0,
        add: int = 0,
        sizes: tuple[int, ...] = (),
    ) -> None: ...

    def constant(self, value: float) -> int: ...

    def scratch(self, kind: Type) -> int: ...


Forward: TypeAlias = Callable[[Writer, Call, tuple[int, ...], int], None]
Backward: TypeAlias = Callable[[Writer, Call, int, tuple[int, ...], int, int, int, int], None]


def is_known(name: str, call: Call) -> bool:
    """Whether there are instructions for this use of an operation."""
    if name == "matmul" and size(call.inputs[1]) > LARGE_FACTOR:
        return False
    return name in FORWARD


def _number(call: Call, name: str) -> int:
    value = call.attributes[name]
    assert isinstance(value, int)
    return value


def _depth(of: Type, among: Type) -> int:
    """The depth of the rows of one type among those of another."""
    return OWN if of.rows == among.rows and of.rows else len(of.rows)


# element by element


def _elementwise(what: int) -> Forward:
    def forward(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
        writer.emit(what, y, *x)

    return forward


def _factor(what: int, of: Callable[[tuple[int, ...], int], int]) -> Backward:
    """out = g times, or divided by, one of the buffers."""

    def backward(
        writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
    ) -> None:
        writer.emit(what, out, g, of(x, y), add=add)

    return backward


def _slope(what: int) -> Backward:
    def backward(
        writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
    ) -> None:
        writer.emit(what, out, g, x[0], y, x[-1], add=add)

    return backward


def _same(writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int) -> None:
    writer.emit(k.COPY, out, g, add=add)


def _minus(writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int) -> None:
    writer.emit(k.NEG, out, g, add=add)


def _by_place(left: Backward, right: Backward) -> Backward:
    sides = (left, right)

    def backward(
        writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
    ) -> None:
        sides[place](writer, call, place, x, y, g, out, add)

    return backward


# places within the static axes: (outer of a row, stretch, stride and first place of the result, of the operand)


def _move(
    writer: Writer, rows: Rows, outer: int, stretch: int, to: tuple[int, int, int], of: tuple[int, int, int], add: int
) -> None:
    writer.emit(k.MOVE, to[0], of[0], rows=rows, add=add, sizes=(outer, stretch, to[1], to[2], of[1], of[2]))


def _around(value: Type, axis: int) -> tuple[int, int, int]:
    """Numbers before a static axis, given among all axes, its length, and numbers behind it."""
    at = axis - len(value.rows)
    return prod(value.static[:at]), value.static[at], prod(value.static[at + 1 :])


def _parts(call: Call) -> list[tuple[int, int]]:
    """The stretch that each operand of `concat` or `stack` has in the result, as first number and how many."""
    axis, result = _number(call, "axis"), call.results[0]
    inner = _around(result, axis)[2]
    parts, first = [], 0
    for value in call.inputs:
        many = inner * (value.static[axis - len(value.rows)] if len(value.axes) == len(result.axes) else 1)
        parts.append((first, many))
        first += many
    return parts


def _joined(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    outer, length, inner = _around(call.results[0], _number(call, "axis"))
    for part, (first, many) in zip(x, _parts(call), strict=True):
        _move(writer, call.results[0].rows, outer, many, (y, length * inner, first), (part, many, 0), 0)


def _joined_back(
    writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
) -> None:
    outer, length, inner = _around(call.results[0], _number(call, "axis"))
    first, many = _parts(call)[place]
    _move(writer, call.results[0].rows, outer, many, (out, many, 0), (g, length * inner, first), add)


def _stretch(call: Call) -> tuple[int, int, int, int]:
    """Of `select` or `slice`: numbers before the axis, those of the whole axis, first of the stretch, its length."""
    outer, length, inner = _around(call.inputs[0], _number(call, "axis"))
    if "index" in call.attributes:
        return outer, length * inner, _number(call, "index") * inner, inner
    start = _number(call, "start")
    return outer, length * inner, start * inner, (_number(call, "stop") - start) * inner


def _cut(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    outer, whole, first, many = _stretch(call)
    _move(writer, call.inputs[0].rows, outer, many, (y, many, 0), (x[0], whole, first), 0)


def _cut_back(writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int) -> None:
    outer, whole, first, many = _stretch(call)
    if not add:
        writer.emit(k.ZERO, out)
    _move(writer, call.inputs[0].rows, outer, many, (out, whole, first), (g, many, 0), add)


def _repeats(call: Call) -> tuple[int, int]:
    source, target = call.inputs[0], call.results[0]
    return prod(target.static[: len(target.static) - len(source.static)]), size(source)


def _broadcast(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    rows, depth = call.results[0].rows, _depth(call.inputs[0], call.results[0])
    writer.emit(k.BROADCAST, y, x[0], rows=rows, depth=depth, sizes=_repeats(call))


def _broadcast_back(
    writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
) -> None:
    rows, depth = call.results[0].rows, _depth(call.inputs[0], call.results[0])
    writer.emit(k.BROADCAST_BACK, out, g, rows=rows, depth=depth, add=add, sizes=_repeats(call))


# reductions


def _runs_along_tokens(call: Call) -> bool:
    return _number(call, "axis") < len(call.inputs[0].rows)


def _sum(mean: bool) -> Forward:
    def forward(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
        value = call.inputs[0]
        if _runs_along_tokens(call):
            writer.emit(k.SUM_TOKENS, y, x[0], rows=value.rows, sizes=(size(value), int(mean)))
        else:
            around = _around(value, _number(call, "axis"))
            divisor = max(around[1], 1) if mean else 1
            writer.emit(k.SUM, y, x[0], rows=value.rows, sizes=(*around, divisor))

    return forward


def _sum_back(mean: bool) -> Backward:
    def backward(
        writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
    ) -> None:
        value = call.inputs[0]
        if _runs_along_tokens(call):
            writer.emit(k.SUM_TOKENS_BACK, out, g, rows=value.rows, add=add, sizes=(size(value), int(mean)))
        else:
            around = _around(value, _number(call, "axis"))
            divisor = max(around[1], 1) if mean else 1
            writer.emit(k.SUM_BACK, out, g, rows=value.rows, add=add, sizes=(*around, divisor))

    return backward


def _softmax(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    value = call.inputs[0]
    if _runs_along_tokens(call):
        writer.emit(k.SOFTMAX_TOKENS, y, x[0], rows=value.rows, sizes=(size(value),))
    else:
        writer.emit(k.SOFTMAX, y, x[0], rows=value.rows, sizes=_around(value, _number(call, "axis")))


def _softmax_back(
    writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
) -> None:
    value = call.inputs[0]
    if _runs_along_tokens(call):
        writer.emit(k.SOFTMAX_TOKENS_BACK, out, g, x[0], y, rows=value.rows, add=add, sizes=(size(value),))
    else:
        around = _around(value, _number(call, "axis"))
        writer.emit(k.SOFTMAX_BACK, out, g, x[0], y, rows=value.rows, add=add, sizes=around)


def _layernorm(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    value, epsilon = call.inputs[0], writer.constant(LAYERNORM_EPSILON)
    sizes = (prod(value.static[:-1]), value.static[-1])
    writer.emit(k.LAYERNORM, y, x[0], x[0], epsilon, rows=value.rows, sizes=sizes)


def _layernorm_back(
    writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
) -> None:
    value, epsilon = call.inputs[0], writer.constant(LAYERNORM_EPSILON)
    sizes = (prod(value.static[:-1]), value.static[-1], epsilon)
    writer.emit(k.LAYERNORM_BACK, out, g, x[0], y, rows=value.rows, add=add, sizes=sizes)


def _normalize(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    writer.emit(k.NORMALIZE, y, x[0], rows=call.inputs[0].rows, sizes=(size(call.inputs[0]),))


def _normalize_back(
    writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
) -> None:
    value = call.inputs[0]
    writer.emit(k.NORMALIZE_BACK, out, g, x[0], y, rows=value.rows, add=add, sizes=(size(value),))


# lookups and losses


def _gather(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    writer.emit(k.GATHER, y, x[0], x[1], sizes=(_entry(call),))


def _gather_back(
    writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
) -> None:
    writer.emit(k.GATHER_BACK, out, g, x[1], add=add, sizes=(_entry(call),))


def _entry(call: Call) -> int:
    """Numbers at one place of the table of `gather`."""
    table = call.inputs[0]
    return size(table) if table.rows else prod(table.static[1:])


def _pick(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    static = call.inputs[0].static
    writer.emit(k.PICK, y, x[0], x[1], sizes=(prod(static[:-1]), static[-1]))


def _pick_back(writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int) -> None:
    static = call.inputs[0].static
    writer.emit(k.PICK_BACK, out, g, x[1], add=add, sizes=(prod(static[:-1]), static[-1]))


def _sigmoid_ce_back(
    writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
) -> None:
    if place == 0:
        writer.emit(k.SIGMOID_CE_LOGIT, out, g, x[0], x[1], add=add)
    else:
        writer.emit(k.SIGMOID_CE_LABEL, out, g, x[0], add=add)


def _softmax_ce(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    writer.emit(k.SOFTMAX_CE, y, x[0], x[1], sizes=(call.inputs[0].static[-1],))


def _softmax_ce_back(
    writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
) -> None:
    writer.emit(k.SOFTMAX_CE_BACK, out, g, x[0], x[1], add=add, sizes=(call.inputs[0].static[-1],))


# products


def _product_sizes(call: Call) -> tuple[int, int, int]:
    x, z = call.inputs
    return prod(x.static[:-1]), x.static[-1], prod(z.static[1:])


def _matmul(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    left, right = call.inputs
    writer.emit(k.MATMUL, y, *x, rows=left.rows, depth=_depth(right, left), sizes=_product_sizes(call))


def _matmul_back(
    writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
) -> None:
    (left, right), sizes = call.inputs, _product_sizes(call)
    what, operands = (k.MATMUL_LEFT, (g, x[1])) if place == 0 else (k.MATMUL_RIGHT, (x[0], g))
    writer.emit(what, out, *operands, rows=left.rows, depth=_depth(right, left), add=add, sizes=sizes)


# tokens


def _token(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    value = call.inputs[0]
    writer.emit(k.TOKEN, y, x[0], rows=value.rows, sizes=(size(value), _number(call, "index")))


def _token_back(writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int) -> None:
    value = call.inputs[0]
    writer.emit(k.TOKEN_BACK, out, g, rows=value.rows, add=add, sizes=(size(value), _number(call, "index")))


def _spread(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    what = k.SPREAD_LEFT if call.attributes["side"] == "left" else k.SPREAD_RIGHT
    writer.emit(what, y, x[0], rows=call.results[0].rows, sizes=(size(call.inputs[0]), writer.constant(0.0)))


def _spread_back(
    writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
) -> None:
    what = k.SPREAD_LEFT_BACK if call.attributes["side"] == "left" else k.SPREAD_RIGHT_BACK
    sizes = (size(call.inputs[0]), writer.constant(0.0))
    writer.emit(what, out, g, rows=call.results[0].rows, add=add, sizes=sizes)


def _causal(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    fill = call.attributes["fill"]
    assert isinstance(fill, int | float)
    sizes = (size(call.inputs[0]), writer.constant(float(fill)))
    writer.emit(k.CAUSAL, y, x[0], rows=call.inputs[0].rows, sizes=sizes)


def _causal_back(
    writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
) -> None:
    sizes = (size(call.inputs[0]), writer.constant(0.0))
    writer.emit(k.CAUSAL_BACK, out, g, rows=call.inputs[0].rows, add=add, sizes=sizes)


def _attend(writer: Writer, call: Call, x: tuple[int, ...], y: int) -> None:
    w, v = call.inputs
    writer.emit(k.ATTEND, y, *x, rows=w.rows, sizes=(size(v), writer.constant(0.0)))


def _attend_back(
    writer: Writer, call: Call, place: int, x: tuple[int, ...], y: int, g: int, out: int, add: int
) -> None:
    w, v = call.inputs
    sizes = (size(v), writer.constant(0.0))
    if place == 0:
        writer.emit(k.ATTEND_WEIGHTS, out, g, x[1], writer.scratch(v), rows=w.rows, add=add, sizes=sizes)
    else:
        writer.emit(k.ATTEND_VALUES, out, x[0], g, rows=w.rows, add=add, sizes=sizes)


FORWARD: Mapping[str, Forward] = MappingProxyType(
    {
        "neg": _elementwise(k.NEG),
        "exp": _elementwise(k.EXP),
        "log": _elementwise(k.LOG),
        "sqrt": _elementwise(k.SQRT),
        "sin": _elementwise(k.SIN),
        "cos": _elementwise(k.COS),
        "tanh": _elementwise(k.TANH),
        "sigmoid": _elementwise(k.SIGMOID),
        "relu": _elementwise(k.RELU),
        "abs": _elementwise(k.ABS),
        "add": _elementwise(k.ADD),
        "sub": _elementwise(k.SUB),
        "mul": _elementwise(k.MUL),
        "div": _elementwise(k.DIV),
        "pow": _elementwise(k.POW),
        "broadcast": _broadcast,
        "concat": _joined,
        "stack": _joined,
        "select": _cut,
        "slice": _cut,
        "sum": _sum(mean=False),
        "mean": _sum(mean=True),
        "softmax": _softmax,
        "layernorm": _layernorm,
        "normalize_rows": _normalize,
        "gather": _gather,
        "pick": _pick,
        "sigmoid_cross_entropy": _elementwise(k.SIGMOID_CE),
        "softmax_cross_entropy": _softmax_ce,
        "matmul": _matmul,
        "token": _token,
        "spread": _spread,
        "causal": _causal,
        "attend": _attend,
    }
)

BACKWARD: Mapping[str, Backward] = MappingProxyType(
    {
        "neg": _minus,
        "exp": _factor(k.MUL, lambda x, y: y),
        "log": _factor(k.DIV, lambda x, y: x[0]),
        "sqrt": _slope(k.SQRT_BACK),
        "sin": _slope(k.SIN_BACK),
        "cos": _slope(k.COS_BACK),
        "tanh": _slope(k.TANH_BACK),
        "sigmoid": _slope(k.SIGMOID_BACK),
        "relu": _slope(k.RELU_BACK),
        "abs": _slope(k.ABS_BACK),
        "add": _same,
        "sub": _by_place(_same, _minus),
        "mul": _by_place(_factor(k.MUL, lambda x, y: x[1]), _factor(k.MUL, lambda x, y: x[0])),
        "div": _by_place(_factor(k.DIV, lambda x, y: x[1]), _slope(k.DIV_RIGHT)),
        "pow": _by_place(_slope(k.POW_BASE), _slope(k.POW_EXPONENT)),
        "broadcast": _broadcast_back,
        "concat": _joined_back,
        "stack": _joined_back,
        "select": _cut_back,
        "slice": _cut_back,
        "sum": _sum_back(mean=False),
        "mean": _sum_back(mean=True),
        "softmax": _softmax_back,
        "layernorm": _layernorm_back,
        "normalize_rows": _normalize_back,
        "gather": _gather_back,
        "pick": _pick_back,
        "sigmoid_cross_entropy": _sigmoid_ce_back,
        "softmax_cross_entropy": _softmax_ce_back,
        "matmul": _matmul_back,
        "token": _token_back,
        "spread": _spread_back,
        "causal": _causal_back,
        "attend": _attend_back,
    }
)
