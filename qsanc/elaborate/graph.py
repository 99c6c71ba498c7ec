"""Building a function of the model language, operation by operation, each typed as it is added."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from qsanc.diagnostics import CompilerBug
from qsanc.elaborate.limits import MOST_ELEMENTS, MOST_OPERATIONS, TooLarge
from qsanc.elaborate.values import Tensor
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.model import Attribute, Axis, Function, Input, Operation, Type
from qsanc.ir.ops import ShapeError, infer
from qsanc.source import Span

SCALAR = Type("real")


class Graph:
    """A function under construction, with the circuit modules that it calls."""

    def __init__(self) -> None:
        self.modules: list[CircuitModule] = []
        self.probes: list[tuple[str, int]] = []
        self.in_row = False
        self._inputs: list[Input] = []
        self._body: list[Operation] = []
        self._types: list[Type] = []

    def input(self, value: Input, span: Span | None = None) -> Tensor:
        if self._body:
            raise CompilerBug("inputs of a function come before its operations")
        _affordable(value.type, span)
        self._inputs.append(value)
        self._types.append(value.type)
        return Tensor(len(self._types) - 1, value.type)

    def emit(self, name: str, *inputs: Tensor, span: Span | None = None, **attributes: Attribute) -> Tensor:
        """Add an operation with one result. Raises `ShapeError` where the types do not fit, `TooLarge` past a limit."""
        return self.emit_all(name, *inputs, span=span, **attributes)[0]

    def emit_all(
        self, name: str, *inputs: Tensor, span: Span | None = None, **attributes: Attribute
    ) -> tuple[Tensor, ...]:
        ordered = tuple(sorted(attributes.items()))
        modules = {module.name: module for module in self.modules}
        types = infer(name, tuple(t.type for t in inputs), ordered, modules=modules)
        for type_ in types:
            _affordable(type_, span)
        if len(self._body) == MOST_OPERATIONS:
            raise TooLarge(f"the flow has more than {MOST_OPERATIONS} operations", span)
        first = len(self._types)
        self._body.append(Operation(name, tuple(t.value for t in inputs), ordered, first, types, span))
        self._types.extend(types)
        return tuple(Tensor(first + k, type_, self.in_row) for k, type_ in enumerate(types))

    def constant(self, value: float | tuple[float, ...], axes: tuple[int, ...] = ()) -> Tensor:
        """A literal; `value` is a number or the row-major elements of an array of `axes`."""
        return self.emit("constant", value=value, axes=axes)

    def real(self, tensor: Tensor) -> Tensor:
        return tensor if tensor.type.kind == "real" else self.emit("real", tensor)

    def broadcast(self, tensor: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        return tensor if tensor.type.axes == axes else self.emit("broadcast", tensor, axes=axes)

    def unified(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Both at one type: a scalar takes the other's shape, a value without records the other's."""
        left, right = self.real(left), self.real(right)
        a, b = left.written, right.written
        if a and b and a != b:
            raise ShapeError(f"{shown(left.type)} and {shown(right.type)}")
        rows = max(left.type.rows, right.type.rows, key=len)
        axes = rows + (left.type.static or right.type.static)
        return self.broadcast(left, axes), self.broadcast(right, axes)

    def binary(self, name: str, left: Tensor, right: Tensor, span: Span | None = None) -> Tensor:
        left, right = self.unified(left, right)
        return self.emit(name, left, right, span=span)

    def flat(self, tensor: Tensor, rows: tuple[str, ...]) -> Tensor:
        """All static elements of a value on one axis, at the row space `rows`."""
        tensor = self.broadcast(tensor, rows + tensor.type.static)
        count = 1
        for extent in tensor.type.static:
            count *= extent
        return tensor if tensor.type.static == (count,) else self.emit("reshape", tensor, axes=(count,))

    def joined(self, parts: Iterable[Tensor], rows: tuple[str, ...]) -> Tensor:
        """The elements of all parts, one after the other, on one static axis."""
        flat = [self.flat(self.real(part), rows) for part in parts]
        if not flat:
            return self.broadcast(self.constant((), (0,)), (*rows, 0))
        return flat[0] if len(flat) == 1 else self.emit("concat", *flat, axis=len(rows))

    def producer(self, tensor: Tensor) -> Operation | None:
        """The operation that computes a value; None for an input."""
        for operation in reversed(self._body):
            if operation.first <= tensor.value < operation.first + len(operation.types):
                return operation
        return None

    def operand(self, operation: Operation, position: int) -> Tensor:
        value = operation.inputs[position]
        return Tensor(value, self._types[value])

    def module(self, name: str) -> CircuitModule:
        return next(module for module in self.modules if module.name == name)

    def add_module(self, module: CircuitModule) -> CircuitModule:
        """Register a module under a name of its own, or the equal one that is there already."""
        for known in self.modules:
            if replace(known, name=module.name) == module:
                return known
        taken = {known.name for known in self.modules}
        name, count = module.name, 1
        while name in taken:
            name, count = f"{module.name}_{count}", count + 1
        named = replace(module, name=name)
        self.modules.append(named)
        return named

    def probe(self, label: str, tensor: Tensor) -> None:
        self.probes.append((label, tensor.value))

    def relabel(self, first: int, index: int) -> None:
        """Mark the probes added since `first` with the round of the loop that they belong to, outer loops first."""
        for place in range(first, len(self.probes)):
            label, value = self.probes[place]
            block, _, rest = label.partition(".")
            name, bracket, inner = block.partition("[")
            self.probes[place] = (f"{name}[{index}]{bracket}{inner}.{rest}", value)

    def finish(self, name: str, outputs: tuple[tuple[str, Tensor], ...]) -> Function:
        return Function(
            name,
            tuple(self._inputs),
            tuple(self._body),
            tuple((output, tensor.value) for output, tensor in outputs),
            tuple(self._distinct_probes()),
        )

    def _distinct_probes(self) -> Iterator[tuple[str, int]]:
        """The probes, later calls of one block outside loops numbered from 2: `gpqsa`, `gpqsa_2`."""
        calls: Counter[str] = Counter()
        for label, value in self.probes:
            calls[label] += 1
            block, _, rest = label.partition(".")
            yield (label if calls[label] == 1 else f"{block}_{calls[label]}.{rest}"), value


def _affordable(type_: Type, span: Span | None) -> None:
    if math.prod(type_.static) > MOST_ELEMENTS:
        raise TooLarge(f"an array of more than {MOST_ELEMENTS} numbers", span)


def shown(type_: Type) -> str:
    """A type as the program writes it: without the record axis."""
    axes = tuple(axis for axis in type_.axes if axis != "record")
    return f"{type_.kind}[{', '.join(map(str, axes))}]" if axes else type_.kind
