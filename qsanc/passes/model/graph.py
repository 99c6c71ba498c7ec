"""Building a function: what the passes write into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from qsanc.ir.circuit import CircuitModule
from qsanc.ir.model import Attribute, Function, Input, Operation, Type
from qsanc.ir.ops import infer
from qsanc.source import Span

Modules = Mapping[str, CircuitModule]
Rename = dict[int, int]
"""From values of the function before to values of the one after."""


class Graph:
    """A function under construction. Values are numbered as they are added."""

    def __init__(self, inputs: Sequence[Input], modules: Modules) -> None:
        self.inputs = tuple(inputs)
        self.modules = modules
        self.types: list[Type] = [value.type for value in inputs]
        self.body: list[Operation] = []

    def add(
        self,
        name: str,
        inputs: Iterable[int] = (),
        attributes: Iterable[tuple[str, Attribute]] = (),
        span: Span | None = None,
    ) -> int:
        """Add an operation; its first result. Raises `ShapeError` where its inputs do not fit."""
        numbers, settings = tuple(inputs), tuple(sorted(attributes))
        results = infer(name, [self.types[number] for number in numbers], settings, modules=self.modules)
        first = len(self.types)
        self.body.append(Operation(name, numbers, settings, first, results, span))
        self.types.extend(results)
        return first

    def copy(self, operation: Operation, rename: Rename) -> int:
        """Add the same operation on renamed inputs, and enter its results into `rename`."""
        inputs = (rename[number] for number in operation.inputs)
        first = self.add(operation.name, inputs, operation.attributes, operation.span)
        rename.update(zip(results_of(operation), range(first, len(self.types)), strict=True))
        return first

    def finish(self, before: Function, rename: Rename) -> Function:
        """The function, with the outputs and probes of `before`."""
        outputs = tuple((name, rename[number]) for name, number in before.outputs)
        probes = tuple((name, rename[number]) for name, number in before.probes)
        return Function(before.name, self.inputs, tuple(self.body), outputs, probes)


def results_of(operation: Operation) -> range:
    """The numbers of the values that an operation computes."""
    return range(operation.first, operation.first + len(operation.types))


def rebuilt(function: Function, modules: Modules, rewrite: Callable[[Graph, Operation, Rename], None]) -> Function:
    """`function` operation by operation: `rewrite` adds what is needed, and enters the results into the names."""
    graph = Graph(function.inputs, modules)
    rename: Rename = {number: number for number in range(len(function.inputs))}
    for operation in function.body:
        rewrite(graph, operation, rename)
    return graph.finish(function, rename)
