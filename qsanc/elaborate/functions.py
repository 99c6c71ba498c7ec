"""The functions of the language: what each means on numbers, inside a circuit, and on values of the model graph.

One table, `FUNCTIONS`. Names, contexts and numbers of arguments are checked before (`check.builtins`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.limits import MOST_ITEMS, TooLarge
from qsanc.elaborate.measure import expectation
from qsanc.elaborate.observables import multiple_of_identity
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.symbols import holds, leaves, nested
from qsanc.elaborate.values import (
    UNKNOWN,
    Deferred,
    DimRef,
    Measured,
    Observed,
    Tensor,
    Unknown,
    Value,
    Wires,
    describe,
    is_number,
)
from qsanc.ir.circuit import Angle, Pauli, Probabilities, Probability
from qsanc.ir.model import Axis
from qsanc.ir.ops import ShapeError
from qsanc.syntax import ast

Function: TypeAlias = Callable[[Evaluator, ast.Call, Scope], Value]


def _values(ev: Evaluator, node: ast.Call, scope: Scope) -> tuple[list[Any], dict[str, Any]] | None:
    """Positional and named arguments; None after an error in one of them."""
    given = [(arg.name, ev.expr(arg.value, scope)) for arg in node.args]
    if any(isinstance(value, Unknown) for _, value in given):
        return None
    return [v for n, v in given if n is None], {n: v for n, v in given if n is not None}


def _wrong(ev: Evaluator, node: ast.Call, wanted: str, found: Value) -> Unknown:
    name = node.base.span.text
    return ev.report.error("QS108", f"`{name}` needs {wanted}", node.span, label=f"got {describe(found)}")


def _shapes(ev: Evaluator, node: ast.Call, *operands: Value) -> Unknown:
    return ev.report.error(
        "QS201",
        f"shapes do not fit in `{node.base.span.text}`",
        node.span,
        label=", ".join(describe(o) for o in operands),
    )


# ---- elementwise -------------------------------------------------------------------------------------------------


def _elementwise(name: str, static: Callable[[float], float]) -> Function:
    def function(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
        values = _values(ev, node, scope)
        return UNKNOWN if values is None else _mapped(ev, node, name, static, values[0][0])

    return function


def _mapped(ev: Evaluator, node: ast.Call, name: str, static: Callable[[float], float], value: Any) -> Value:
    """The function `name` of a number, or of each of a list or an array."""
    if is_number(value):
        try:
            return ev.computed(static(value), node.span)
        except (ValueError, OverflowError):
            return ev.report.error("QS203", f"{name}({ev.shown(value)}) is not a finite real number", node.span)
    if isinstance(value, Tensor):
        return ev.graph.emit(name, ev.graph.real(value), span=node.span)
    if isinstance(value, (Angle, Deferred)):
        return Deferred(name, (value,))
    if isinstance(value, np.ndarray):
        mapped = np.empty(value.shape, dtype=object)
        for place in np.ndindex(*value.shape):
            mapped[place] = _mapped(ev, node, name, static, value[place])
        return UNKNOWN if any(isinstance(item, Unknown) for item in mapped.ravel()) else mapped
    if isinstance(value, tuple):
        return ev.listed(tuple(_mapped(ev, node, name, static, item) for item in value), node.span)
    return _wrong(ev, node, "a number", value)


def _tan(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    values = _values(ev, node, scope)
    if values is None:
        return UNKNOWN
    sine, cosine = (_mapped(ev, node, f.__name__, f, values[0][0]) for f in (math.sin, math.cos))
    return ev.binary("/", sine, cosine, ast.Binary("/", node, node, span=node.span))


def _integral(static: Callable[[float], int]) -> Function:
    def function(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
        values = _values(ev, node, scope)
        if values is None:
            return UNKNOWN
        value = values[0][0]
        if not is_number(value):
            return ev.report.error(
                "QS206",
                f"`{node.base.span.text}` needs a number known at compile time",
                node.span,
                label=describe(value),
            )
        return ev.computed(static(value), node.span)

    return function


def _extreme(static: Callable[[list[float]], float], of_two: str) -> Function:
    def function(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
        values = _values(ev, node, scope)
        if values is None:
            return UNKNOWN
        numbers = leaves(tuple(values[0]))
        if not numbers or not all(is_number(n) for n in numbers):
            found = next((n for n in numbers if not is_number(n)), None)
            return ev.report.error(
                "QS206",
                f"`{node.base.span.text}` needs numbers known at compile time",
                node.span,
                label="there are none" if found is None else describe(found),
                help=f"of two numbers x and y it is {of_two}" if isinstance(found, Tensor) else "",
            )
        return static(numbers)

    return function


# ---- reductions and shapes ---------------------------------------------------------------------------------------


def _axis(ev: Evaluator, node: ast.Call, tensor: Tensor, axis: Any) -> int | None:
    """A written axis number as an axis of the type; None after an error."""
    written = len(tensor.written)
    if isinstance(axis, bool) or not isinstance(axis, int) or not -written <= axis < written:
        ev.report.error(
            "QS205",
            f"there is no axis {ev.shown(axis)}",
            node.span,
            label=f"{describe(tensor)} has axes 0 to {written - 1}" if written else f"{describe(tensor)} has no axes",
        )
        return None
    return axis % written + len(tensor.type.axes) - written


def _reduction(name: str) -> Function:
    def function(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
        values = _values(ev, node, scope)
        if values is None:
            return UNKNOWN
        value, axis = values[0][0], values[1].get("axis", values[0][1] if len(values[0]) > 1 else None)
        if axis is None and isinstance(value, (tuple, np.ndarray)) and not holds(value, Tensor):
            items = leaves(value)
            plus, over = ast.Binary("+", node, node, span=node.span), ast.Binary("/", node, node, span=node.span)
            while len(items) > 1:
                pairs = zip(items[::2], items[1::2], strict=False)
                items = [ev.binary("+", x, y, plus) for x, y in pairs] + items[len(items) // 2 * 2 :]
            total = items[0] if items else 0
            return ev.binary("/", total, len(leaves(value)), over) if name == "mean" else total
        tensor = ev.tensor(value, node.span)
        if tensor is None:
            return UNKNOWN
        tensor = ev.graph.real(tensor)
        if axis is not None:
            place = _axis(ev, node, tensor, axis)
            return UNKNOWN if place is None else ev.graph.emit(name, tensor, axis=place, span=node.span)
        while tensor.written:
            tensor = ev.graph.emit(name, tensor, axis=len(tensor.type.axes) - 1, span=node.span)
        return tensor

    return function


def _softmax(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    values = _values(ev, node, scope)
    tensor = ev.tensor(values[0][0], node.span) if values else None
    if values is None or tensor is None:
        return UNKNOWN
    place = _axis(ev, node, tensor, values[1].get("axis", -1))
    return UNKNOWN if place is None else ev.graph.emit("softmax", ev.graph.real(tensor), axis=place, span=node.span)


def _layernorm(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    values = _values(ev, node, scope)
    tensor = ev.tensor(values[0][0], node.span) if values else None
    if tensor is None:
        return UNKNOWN
    if not tensor.type.static:
        return _wrong(ev, node, "a value with an axis of known length", tensor)
    return ev.graph.emit("layernorm", ev.graph.real(tensor), span=node.span)


def _flatten(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    values = _values(ev, node, scope)
    tensor = ev.tensor(values[0][0], node.span) if values else None
    if tensor is None:
        return UNKNOWN
    if len(tensor.written) != len(tensor.type.static):
        return ev.report.error(
            "QS207",
            f"the run-time axis {tensor.written[0]} cannot be flattened",
            node.span,
            label=describe(tensor),
            help=f"write `flatten(mean({node.args[0].span.text}, axis = 0))`",
        )
    return ev.graph.flat(tensor, tensor.type.rows)


def _target(ev: Evaluator, node: ast.Call, tensor: Tensor, shape: Any) -> tuple[Axis, ...] | None:
    """The axes a list such as `[S, D]` asks for, with the value's records before them; None after an error."""
    items = shape if isinstance(shape, tuple) else (shape,)
    axes: list[Axis] = ["record"] if tensor.type.rows[:1] == ("record",) else []
    for item in items:
        if isinstance(item, DimRef):
            axes.append(item.name)
        elif isinstance(item, int) and not isinstance(item, bool) and item >= 0:
            axes.append(item)
        else:
            ev.report.error("QS206", "an extent is a natural number or a run-time dim", node.span, label=ev.shown(item))
            return None
    return tuple(axes)


def _shaped(ev: Evaluator, node: ast.Call, scope: Scope) -> tuple[Tensor, tuple[Axis, ...]] | None:
    """The arguments of a function of a value and the axes that it shall have; None after an error."""
    values = _values(ev, node, scope)
    tensor = ev.tensor(values[0][0], node.span) if values else None
    axes = _target(ev, node, tensor, values[0][1]) if values and tensor else None
    return (tensor, axes) if tensor and axes is not None else None


def _reshape(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    shaped = _shaped(ev, node, scope)
    if shaped is None:
        return UNKNOWN
    tensor, axes = shaped
    static = tuple(axis for axis in axes if isinstance(axis, int))
    rows = tuple(axis for axis in axes if isinstance(axis, str))
    if axes != rows + static or rows != tensor.type.rows or math.prod(static) != math.prod(tensor.type.static):
        shown = ", ".join(str(axis) for axis in axes if axis != "record")
        return ev.report.error(
            "QS201",
            "the number of elements differs" if rows == tensor.type.rows else "a run-time axis stays whole and first",
            node.span,
            label=f"{describe(tensor)} as [{shown}]",
        )
    return ev.graph.emit("reshape", tensor, axes=static, span=node.span)


def _broadcast(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    shaped = _shaped(ev, node, scope)
    if shaped is None:
        return UNKNOWN
    tensor, axes = shaped
    if any(isinstance(axis, str) for axis in axes) and axes[0] != "record":
        axes = ("record", *axes)
    try:
        return ev.graph.broadcast(tensor, axes)
    except ShapeError:
        return _shapes(ev, node, tensor)


def _concat(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    values = _values(ev, node, scope)
    if values is None:
        return UNKNOWN
    parts = values[0][0] if len(values[0]) == 1 and isinstance(values[0][0], tuple) else tuple(values[0])
    if not any(isinstance(part, Tensor) for part in parts) and values[1].get("axis", 0) == 0:
        lists = (nested(part) if isinstance(part, np.ndarray) else part for part in parts)
        return ev.listed(tuple(i for part in lists for i in (part if isinstance(part, tuple) else (part,))), node.span)
    tensors = [tensor for part in parts if (tensor := ev.tensor(part, node.span)) is not None]
    if len(tensors) != len(parts):
        return UNKNOWN
    if not tensors:
        return _wrong(ev, node, "something to join", parts)
    rows = max((tensor.type.rows for tensor in tensors), key=len)
    try:
        tensors = [ev.graph.broadcast(ev.graph.real(t), rows + t.type.static) for t in tensors]
        place = _axis(ev, node, tensors[0], values[1].get("axis", 0))
        if place is None:
            return UNKNOWN
        if place < len(rows):
            return ev.report.error(
                "QS207",
                f"values cannot be joined along the run-time axis {rows[place]}",
                node.span,
                help=f"write `concat({node.args[0].span.text}, axis = 1)`" if tensors[0].type.static else "",
            )
        return ev.graph.emit("concat", *tensors, axis=place, span=node.span)
    except ShapeError:
        return _shapes(ev, node, *parts)


def _size(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    values = _values(ev, node, scope)
    if values is None:
        return UNKNOWN
    value = values[0][0]
    if isinstance(value, Tensor) and len(value.written) == len(value.type.static):
        return math.prod(value.type.static)
    if isinstance(value, np.ndarray):
        return int(value.size)
    if isinstance(value, tuple):
        return len(leaves(value))
    if is_number(value):
        return 1
    if isinstance(value, Wires):
        return len(value.wires)
    return ev.report.error(
        "QS206", "the number of elements is known only at run time", node.span, label=describe(value)
    )


# ---- products ----------------------------------------------------------------------------------------------------


def _dot(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    """sum_k a[k] b[k] over the last axis."""
    operands = _two(ev, node, scope)
    if operands is None:
        return UNKNOWN
    a, b = operands
    if not a.written or a.written != b.written:
        return _shapes(ev, node, a, b)
    if a.type.rows != b.type.rows and len(a.type.static) == 1 == len(a.written):
        longer, shorter = (a, b) if len(a.type.rows) > len(b.type.rows) else (b, a)
        return ev.graph.emit("matmul", longer, shorter, span=node.span)
    product = ev.graph.binary("mul", a, b, node.span)
    return ev.graph.emit("sum", product, axis=len(product.type.axes) - 1, span=node.span)


def _matmul(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    operands = _two(ev, node, scope)
    if operands is None:
        return UNKNOWN
    a, b = operands
    try:
        if len(b.type.rows) > len(a.type.rows) and len(b.written) == len(b.type.static):
            a = ev.graph.broadcast(a, b.type.rows + a.type.static)
        return ev.graph.emit("matmul", a, b, span=node.span)
    except ShapeError:
        return _shapes(ev, node, a, b)


def _two(ev: Evaluator, node: ast.Call, scope: Scope) -> tuple[Tensor, Tensor] | None:
    values = _values(ev, node, scope)
    if values is None:
        return None
    a, b = (ev.tensor(value, node.span) for value in values[0][:2])
    return (ev.graph.real(a), ev.graph.real(b)) if a and b else None


def _sinusoid(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    values = _values(ev, node, scope)
    if values is None:
        return UNKNOWN
    dim, *extents = values[0]
    if not isinstance(dim, DimRef):
        return _wrong(ev, node, "a run-time dim first", dim)
    if not extents or not all(isinstance(e, int) and e > 0 for e in leaves(tuple(extents))):
        return ev.report.error("QS206", "the extents of `sinusoid` are natural numbers", node.span)
    return ev.graph.emit("sinusoid", dim=dim.name, axes=tuple(extents), span=node.span)


# ---- losses ------------------------------------------------------------------------------------------------------


def _mse(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    """The squared error, its mean where `predict` has several numbers; a class is compared as a one-hot vector."""
    operands = _two_any(ev, node, scope)
    if operands is None:
        return UNKNOWN
    predict, label = operands
    if label.type.kind == "int" and len(predict.written) == 1 and not label.written:
        classes = predict.type.static[0] if predict.type.static else 0
        if classes**2 > MOST_ITEMS:
            raise TooLarge(f"`mse` with {classes} classes; `cross_entropy` takes so many", node.span)
        one_hot = ev.graph.constant(
            tuple(float(i == j) for i in range(classes) for j in range(classes)), (classes, classes)
        )
        label = ev.graph.emit("gather", one_hot, label, span=node.span)
    try:
        error = ev.graph.binary("sub", predict, label, node.span)
    except ShapeError:
        return _shapes(ev, node, predict, label)
    squared = ev.graph.emit("mul", error, error, span=node.span)
    while squared.written:
        squared = ev.graph.emit("mean", squared, axis=len(squared.type.axes) - 1, span=node.span)
    return squared


def _cross_entropy(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    """-log p[label]; from the logits where `predict` is a sigmoid or a softmax."""
    operands = _two_any(ev, node, scope)
    if operands is None:
        return UNKNOWN
    graph, (predict, label) = ev.graph, operands
    producer = graph.producer(predict)
    binary = not predict.written
    if label.written or len(predict.written) > 1:
        return _shapes(ev, node, predict, label)
    if not binary and label.type.kind != "int":
        return _wrong(ev, node, "a class as its label", label)
    if producer is not None and producer.name in ("sigmoid", "softmax") and (producer.name == "sigmoid") == binary:
        logits = graph.operand(producer, 0)
        return graph.emit(f"{producer.name}_cross_entropy", logits, label, span=node.span)
    if not binary:
        chosen = graph.emit("pick", predict, label, span=node.span)
        return graph.emit("neg", graph.emit("log", chosen), span=node.span)
    one = graph.constant(1.0)
    target = graph.real(label)
    hit = graph.binary("mul", target, graph.emit("log", predict))
    miss = graph.binary("mul", graph.binary("sub", one, target), graph.emit("log", graph.binary("sub", one, predict)))
    return graph.emit("neg", graph.binary("add", hit, miss), span=node.span)


def _two_any(ev: Evaluator, node: ast.Call, scope: Scope) -> tuple[Tensor, Tensor] | None:
    values = _values(ev, node, scope)
    if values is None:
        return None
    a, b = (ev.tensor(value, node.span) for value in values[0][:2])
    return (ev.graph.real(a), b) if a and b else None


def _sumsq(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    values = _values(ev, node, scope)
    tensor = ev.tensor(values[0][0], node.span) if values else None
    if tensor is None:
        return UNKNOWN
    tensor = ev.graph.real(tensor)
    squared = ev.graph.emit("mul", tensor, tensor, span=node.span)
    while squared.written:
        squared = ev.graph.emit("sum", squared, axis=len(squared.type.axes) - 1, span=node.span)
    return squared


# ---- observables and measurements --------------------------------------------------------------------------------


def _pauli(letter: str) -> Function:
    def function(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
        values = _values(ev, node, scope)
        if values is None:
            return UNKNOWN
        wires = values[0][0]
        if not isinstance(wires, Wires):
            return _wrong(ev, node, "a qubit", wires)
        if not wires.single:
            return ev.report.error(
                "QS304",
                f"`{letter}` is an observable of one qubit",
                node.span,
                label=describe(wires),
                help=f"write `[{letter}({wires.name}[i]) for i in 0..{len(wires.wires)}]`",
            )
        factors = () if letter == "I" else ((wires.wires[0], letter),)
        return Observed(((1.0, Pauli(factors)),))

    return function


def _paulis(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    """Z on each qubit, X, Y, then Z Z, X X, Y Y on the neighbours of the ring, each pair once."""
    values = _values(ev, node, scope)
    if values is None:
        return UNKNOWN
    wires = values[0][0]
    if not isinstance(wires, Wires):
        return _wrong(ev, node, "a register", wires)
    n = len(wires.wires)
    pairs = {tuple(sorted((i, (i + 1) % n))): None for i in range(n) if n > 1}
    products: list[Pauli] = [Pauli(((wire, letter),)) for letter in "ZXY" for wire in wires.wires]
    for letter in "ZXY":
        for i, j in pairs:
            products.append(Pauli(tuple(sorted(((wires.wires[i], letter), (wires.wires[j], letter))))))
    count = values[1].get("count", values[0][1] if len(values[0]) > 1 else len(products))
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        return ev.report.error("QS206", "`count` must be a natural number", node.span, label=ev.shown(count))
    if count > len(products):
        return ev.report.error(
            "QS607",
            f"{count} Paulis asked for, there are {len(products)}",
            node.span,
            label=f"on {n} qubits",
            notes=tuple(n for a in node.args if a.name == "count" for n in ev.where(a.value, scope)),
        )
    return tuple(Observed(((1.0, pauli),)) for pauli in products[:count])


def _expval(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    values = _values(ev, node, scope)
    return UNKNOWN if values is None else _expectations(ev, node, values[0][0])


def _expectations(ev: Evaluator, node: ast.Call, value: Value) -> Value:
    if isinstance(value, Observed):
        return expectation(value)
    if is_number(value):
        return expectation(multiple_of_identity(value))  # type: ignore[arg-type]
    if isinstance(value, tuple) and value:
        parts = tuple(_expectations(ev, node, item) for item in value)
        return UNKNOWN if any(isinstance(part, Unknown) for part in parts) else parts
    return _wrong(ev, node, "an observable", value)


def _probs(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    values = _values(ev, node, scope)
    if values is None:
        return UNKNOWN
    wires = _read(ev, node, values[0][0])
    return UNKNOWN if wires is None else Measured(Probabilities(0, wires))


def _prob_of(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    values = _values(ev, node, scope)
    if values is None:
        return UNKNOWN
    wires, index = _read(ev, node, values[0][0]), values[0][1]
    if wires is None:
        return UNKNOWN
    if isinstance(index, bool) or not isinstance(index, int):
        return ev.report.error(
            "QS206", "a basis state is an integer known at compile time", node.span, label=ev.shown(index)
        )
    if not 0 <= index < 1 << len(wires):
        return ev.report.error(
            "QS205",
            f"there is no basis state {index}",
            node.span,
            label=f"valid are 0 to {(1 << len(wires)) - 1 if len(wires) < 64 else f'2^{len(wires)} - 1'}",
        )
    return Measured(Probability(0, wires, index))


def _read(ev: Evaluator, node: ast.Call, value: Value) -> tuple[int, ...] | None:
    parts = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(part, Wires) for part in parts):
        _wrong(ev, node, "qubits", value)
        return None
    wires = tuple(w for part in parts for w in part.wires)
    if not wires:
        ev.report.error("QS304", "there is no qubit to read", node.span)
        return None
    if len(set(wires)) != len(wires):
        ev.report.error("QS302", "one qubit is read twice", node.span)
        return None
    return wires


def _overlap(ev: Evaluator, node: ast.Call, scope: Scope) -> Value:
    if ev.overlaps.get(id(node)):
        return ev.overlaps[id(node)].pop(0)
    return ev.report.error("QS108", "`overlap` stands only in the score of an attention block", node.span)


def _sigmoid(x: float) -> float:
    return 0.5 * (1 + math.tanh(0.5 * x))


FUNCTIONS: Mapping[str, Function] = {
    "exp": _elementwise("exp", math.exp),
    "log": _elementwise("log", math.log),
    "sqrt": _elementwise("sqrt", math.sqrt),
    "sin": _elementwise("sin", math.sin),
    "cos": _elementwise("cos", math.cos),
    "tanh": _elementwise("tanh", math.tanh),
    "abs": _elementwise("abs", abs),
    "sigmoid": _elementwise("sigmoid", _sigmoid),
    "relu": _elementwise("relu", lambda x: max(x, 0)),
    "tan": _tan,
    "floor": _integral(math.floor),
    "ceil": _integral(math.ceil),
    "min": _extreme(min, "y - relu(y - x)"),
    "max": _extreme(max, "y + relu(x - y)"),
    "sum": _reduction("sum"),
    "mean": _reduction("mean"),
    "softmax": _softmax,
    "layernorm": _layernorm,
    "flatten": _flatten,
    "reshape": _reshape,
    "broadcast": _broadcast,
    "concat": _concat,
    "size": _size,
    "dot": _dot,
    "matmul": _matmul,
    "sinusoid": _sinusoid,
    "mse": _mse,
    "cross_entropy": _cross_entropy,
    "sumsq": _sumsq,
    "X": _pauli("X"),
    "Y": _pauli("Y"),
    "Z": _pauli("Z"),
    "I": _pauli("I"),
    "paulis": _paulis,
    "expval": _expval,
    "probs": _probs,
    "prob_of": _prob_of,
    "overlap": _overlap,
}
