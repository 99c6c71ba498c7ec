"""Whether two functions compute the same on a random ragged batch, with a stand-in for the circuits.

A pass over the model graph may assume of a circuit no more than this: each result of a row is a function of the shared
angles and of that row's, and an overlap one of the shared angles and of those of two rows. So the check runs none: its
stand-in is the sine of a random linear form of those angles, which tells all rows and results apart.
"""

from __future__ import annotations

import numpy as np

from qsanc.ir.circuit import CircuitModule, Overlap, Probabilities
from qsanc.ir.layout import Layout
from qsanc.ir.model import Function, Operation, Type
from qsanc.ir.ops import CIRCUIT, OPS, Array, Call, array_shape
from qsanc.passes.model.graph import Modules, results_of

TOLERANCE = 1e-9
LENGTHS = (3, 1, 2)


def difference(before: Function, after: Function, modules: Modules, *, seed: int = 0) -> str:
    """What an output or a probe of the two functions differs by; the empty string where all agree to 1e-9."""
    rng = np.random.default_rng(seed)
    dims = {axis for kind in before.types() for axis in kind.rows[1:]}
    layout = Layout(len(LENGTHS), {dim: rng.permutation(LENGTHS) for dim in sorted(dims)})
    places = _places(before)
    inputs = [
        rng.normal(size=array_shape(value.type, layout))
        if value.type.kind == "real"
        else rng.integers(0, places, size=array_shape(value.type, layout))
        for value in before.inputs
    ]
    old, new = (_run(function, modules, inputs, layout, seed) for function in (before, after))
    for name in (name for name, _ in (*before.outputs, *before.probes)):
        if not np.allclose(old[name], new[name], rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
            return f"{name} was {np.ravel(old[name])[:4]} and is {np.ravel(new[name])[:4]}"
    return ""


def _places(function: Function) -> int:
    """A number of ints that no lookup of the function is too short for, as far as its inputs go; 3 suffice."""
    types = function.types()
    found = [3]
    for op in function.body:
        table = types[op.inputs[0]] if op.inputs else Type("int")
        if op.name == "gather":
            found += table.static[:1]
        elif op.name in ("pick", "softmax_cross_entropy"):
            found += table.static[-1:]
    return max(min(found), 1)


def _run(function: Function, modules: Modules, inputs: list[Array], layout: Layout, seed: int) -> dict[str, Array]:
    values = list(inputs)
    types = function.types()
    for op in function.body:
        x = [values[number] for number in op.inputs]
        if op.name == CIRCUIT:
            values.extend(_stand_in(op, modules[str(op.attribute("module"))], x, types, layout, seed))
            continue
        call = Call(tuple(types[number] for number in op.inputs), dict(op.attributes), op.types)
        with np.errstate(all="ignore"):
            values.extend(OPS[op.name].evaluate(call, layout, x))
        if op.name == "distinct":
            layout = layout.with_size(str(op.attribute("axis")), len(values[op.first]))
    return {name: np.asarray(values[number]) for name, number in (*function.outputs, *function.probes)}


def _stand_in(
    op: Operation, module: CircuitModule, x: list[Array], types: list[Type], layout: Layout, seed: int
) -> list[Array]:
    rng = np.random.default_rng([seed, *module.name.encode()])
    shared, items = x[0], x[1].reshape(layout.count(types[op.inputs[1]].rows), -1)
    results = []
    for result, number in zip(module.results, results_of(op), strict=True):
        width = 2 ** len(result.wires) if isinstance(result, Probabilities) else 1
        a, b, c = (rng.normal(size=(size, width)) for size in (len(shared), items.shape[1], items.shape[1]))
        phase = shared @ a + (items[x[2]] @ b + items[x[3]] @ c if isinstance(result, Overlap) else items @ b)
        results.append(np.sin(phase).reshape(array_shape(types[number], layout)))
    return results
