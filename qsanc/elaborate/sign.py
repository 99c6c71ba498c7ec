"""What is known of a value's sign without running anything: enough to warn before rows are divided by their sums."""

from __future__ import annotations

from enum import Enum

from qsanc.elaborate.graph import Graph
from qsanc.elaborate.values import Tensor
from qsanc.ir.circuit import Overlap, Probabilities, Probability
from qsanc.ir.model import Operation


class Sign(Enum):
    POSITIVE = "positive"
    NONNEGATIVE = "not negative"
    ANY = "any"


_MAPS = frozenset({"broadcast", "reshape", "select", "slice", "token", "spread", "real", "sum", "mean"})
_DEEPEST = 100
"""How many operations back a sign is looked for."""
_ALWAYS = {
    "exp": Sign.POSITIVE,
    "sigmoid": Sign.POSITIVE,
    "softmax": Sign.POSITIVE,
    "relu": Sign.NONNEGATIVE,
    "sqrt": Sign.NONNEGATIVE,
    "abs": Sign.NONNEGATIVE,
    "length": Sign.POSITIVE,
    "position": Sign.NONNEGATIVE,
}


def sign(graph: Graph, tensor: Tensor) -> Sign:
    """The sign of every element. An overlap counts as positive: it vanishes only for orthogonal states."""
    return _sign(graph, tensor, {}, _DEEPEST)


def _sign(graph: Graph, tensor: Tensor, known: dict[int, Sign], depth: int) -> Sign:
    if tensor.value not in known:
        known[tensor.value] = Sign.ANY if depth == 0 else _found(graph, tensor, known, depth)
    return known[tensor.value]


def _found(graph: Graph, tensor: Tensor, known: dict[int, Sign], depth: int) -> Sign:
    operation = graph.producer(tensor)
    if operation is None:
        return Sign.ANY
    if operation.name in _ALWAYS:
        return _ALWAYS[operation.name]
    if operation.name == "circuit":
        result = graph.module(str(operation.attribute("module"))).results[tensor.value - operation.first]
        if isinstance(result, Overlap):
            return Sign.POSITIVE
        return Sign.NONNEGATIVE if isinstance(result, (Probability, Probabilities)) else Sign.ANY
    operands = [_sign(graph, graph.operand(operation, k), known, depth - 1) for k in range(len(operation.inputs))]
    match operation.name:
        case "constant":
            return _of_numbers(operation.attribute("value"))
        case name if name in _MAPS:
            return operands[0]
        case "mul" | "matmul" if operation.inputs[0] == operation.inputs[1]:
            return Sign.NONNEGATIVE
        case "mul" | "div" | "matmul":
            return _product(*operands)
        case "add" | "concat":
            if Sign.ANY in operands:
                return Sign.ANY
            return Sign.POSITIVE if Sign.POSITIVE in operands and operation.name == "add" else _weakest(operands)
        case "pow":
            exponent = _number(graph.producer(graph.operand(operation, 1)), graph)
            if operands[0] is Sign.POSITIVE:
                return Sign.POSITIVE
            return Sign.NONNEGATIVE if exponent is not None and exponent % 2 == 0 else operands[0]
    return Sign.ANY


def _product(left: Sign, right: Sign) -> Sign:
    if Sign.ANY in (left, right):
        return Sign.ANY
    return _weakest([left, right])


def _weakest(signs: list[Sign]) -> Sign:
    return Sign.POSITIVE if all(s is Sign.POSITIVE for s in signs) else Sign.NONNEGATIVE


def _of_numbers(value: object) -> Sign:
    numbers = value if isinstance(value, tuple) else (value,)
    least = min((n for n in numbers if isinstance(n, (int, float))), default=-1.0)
    return Sign.POSITIVE if least > 0 else Sign.NONNEGATIVE if least == 0 else Sign.ANY


def _number(operation: Operation | None, graph: Graph) -> float | None:
    """The number that a chain of broadcasts starts from, if it is one."""
    while operation is not None and operation.name == "broadcast":
        operation = graph.producer(graph.operand(operation, 0))
    if operation is None or operation.name != "constant":
        return None
    value = operation.attribute("value")
    return float(value) if isinstance(value, (int, float)) else None
