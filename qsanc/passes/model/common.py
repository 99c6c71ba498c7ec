"""Common subexpressions: f(x) and f(x) are one value, where f is one operation with equal attributes.

Circuit calls are no exception: equal circuits with equal angles are run once, and have one sample with shots.
"""

from __future__ import annotations

from qsanc.ir.model import Function, Operation
from qsanc.passes.model.graph import Graph, Modules, Rename, rebuilt, results_of


def common(function: Function, modules: Modules) -> Function:
    known: dict[tuple[str, tuple[int, ...], str], int] = {}

    def rewrite(graph: Graph, operation: Operation, rename: Rename) -> None:
        inputs = tuple(rename[number] for number in operation.inputs)
        # as text, because 1 == 1.0 and the constants 1 and 1.0 differ in type
        key = (operation.name, inputs, repr(operation.attributes))
        if key not in known:
            known[key] = graph.copy(operation, rename)
        else:
            rename.update((number, known[key] + k) for k, number in enumerate(results_of(operation)))

    return rebuilt(function, modules, rewrite)
