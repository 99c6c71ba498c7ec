"""Dead code: an operation none of whose values reaches an output or a probe is left out.

Probes count as reached, since somebody may ask for them; evaluation leaves them out again where nobody does.
"""

from __future__ import annotations

from qsanc.ir.model import Function
from qsanc.passes.model.graph import Graph, Modules, Rename, results_of


def dead(function: Function, modules: Modules) -> Function:
    needed = {number for _, number in (*function.outputs, *function.probes)}
    kept = []
    for operation in reversed(function.body):
        if needed.intersection(results_of(operation)):
            needed.update(operation.inputs)
            kept.append(operation)
    graph = Graph(function.inputs, modules)
    rename: Rename = {number: number for number in range(len(function.inputs))}
    for operation in reversed(kept):
        graph.copy(operation, rename)
    return graph.finish(function, rename)
