"""Small algebra on single operations; c stands for a constant that may have been broadcast.

pow(x, 1) = x            pow(x, 2) = x x          x + 0 = 0 + x = x       x - 0 = x
x 1 = 1 x = x            x / 1 = x                neg(neg x) = x
concat(x) = x            slice of all = x         reshape and broadcast to the same axes = x
reshape(reshape x) = reshape x                    broadcast(broadcast x) = broadcast x
select(x) = reshape x along an axis of length 1
concat(reshape x, reshape y, ...) = stack(x, y, ...) where each is given the axis of length 1 that is joined
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from qsanc.ir.model import Attribute, Function, Operation, Type
from qsanc.passes.model.graph import Graph, Modules, Rename, rebuilt


class _Writer:
    """The graph as the rules see it: values, and the operation that made each."""

    def __init__(self, graph: Graph, made: dict[int, Operation]) -> None:
        self.graph = graph
        self.made = made

    def add(self, operation: Operation, name: str, *inputs: int) -> int:
        same = name == operation.name or name == "stack"
        return self._made(self.graph.add(name, inputs, operation.attributes if same else (), operation.span))

    def reshaped(self, operation: Operation, number: int, kind: Type) -> int:
        """The value with the static axes of this type, by one reshape at most."""
        inner = self.operand(number, "reshape")
        source = number if inner is None else inner
        if self.graph.types[source] == kind:
            return source
        return self._made(self.graph.add("reshape", (source,), (("axes", kind.static),), operation.span))

    def _made(self, number: int) -> int:
        self.made[number] = self.graph.body[-1]
        return number

    def operand(self, number: int, name: str) -> int | None:
        """x where the value is name(x)."""
        made = self.made.get(number)
        return made.inputs[0] if made is not None and made.name == name else None

    def constant(self, number: int) -> Attribute | None:
        """The one number that fills the value, if there is one."""
        inner = self.operand(number, "broadcast")
        if inner is not None:
            return self.constant(inner)
        made = self.made.get(number)
        value = made.attribute("value") if made is not None and made.name == "constant" else None
        return None if isinstance(value, tuple) else value


def _integer(operation: Operation, name: str) -> int:
    value = operation.attribute(name)
    assert isinstance(value, int)
    return value


Rule = Callable[[_Writer, Operation, tuple[int, ...]], "int | None"]


def _neutral(number: float, *, left: bool) -> Rule:
    def rule(writer: _Writer, operation: Operation, x: tuple[int, ...]) -> int | None:
        if writer.constant(x[1]) == number:
            return x[0]
        return x[1] if left and writer.constant(x[0]) == number else None

    return rule


def _power(writer: _Writer, operation: Operation, x: tuple[int, ...]) -> int | None:
    exponent = writer.constant(x[1])
    if exponent == 1:
        return x[0]
    return writer.add(operation, "mul", x[0], x[0]) if exponent == 2 else None


def _twice_is_nothing(writer: _Writer, operation: Operation, x: tuple[int, ...]) -> int | None:
    return writer.operand(x[0], operation.name)


def _last_one_counts(writer: _Writer, operation: Operation, x: tuple[int, ...]) -> int | None:
    inner = writer.operand(x[0], operation.name)
    for same in (x[0], inner):
        if same is not None and writer.graph.types[same] == operation.types[0]:
            return same
    return None if inner is None else writer.add(operation, operation.name, inner)


def _only_place(writer: _Writer, operation: Operation, x: tuple[int, ...]) -> int | None:
    before = writer.graph.types[x[0]]
    if before.axes[_integer(operation, "axis")] != 1:
        return None
    return writer.reshaped(operation, x[0], operation.types[0])


def _joined(writer: _Writer, operation: Operation, x: tuple[int, ...]) -> int | None:
    if (alone := _all_of_it(writer, operation, x)) is not None:
        return alone
    axis = _integer(operation, "axis")
    parts = [writer.operand(number, "reshape") for number in x]
    for number, part in zip(x, parts, strict=True):
        axes = writer.graph.types[number].axes
        if part is None or axes[axis] != 1 or writer.graph.types[part].axes != (*axes[:axis], *axes[axis + 1 :]):
            return None
    return writer.add(operation, "stack", *(part for part in parts if part is not None))


def _all_of_it(writer: _Writer, operation: Operation, x: tuple[int, ...]) -> int | None:
    return x[0] if len(x) == 1 and writer.graph.types[x[0]] == operation.types[0] else None


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "add": _neutral(0, left=True),
        "sub": _neutral(0, left=False),
        "mul": _neutral(1, left=True),
        "div": _neutral(1, left=False),
        "pow": _power,
        "neg": _twice_is_nothing,
        "reshape": _last_one_counts,
        "broadcast": _last_one_counts,
        "concat": _joined,
        "select": _only_place,
        "slice": _all_of_it,
    }
)


def simplify(function: Function, modules: Modules) -> Function:
    made: dict[int, Operation] = {}

    def rewrite(graph: Graph, operation: Operation, rename: Rename) -> None:
        rule = RULES.get(operation.name)
        x = tuple(rename[number] for number in operation.inputs)
        found = rule(_Writer(graph, made), operation, x) if rule else None
        if found is None:
            first = graph.copy(operation, rename)
            made[first] = graph.body[-1]
        else:
            rename[operation.first] = found

    return rebuilt(function, modules, rewrite)
