"""`distribution(f, shots, alpha)`: whether samples of a circuit follow its exact law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from qsanc.diagnostics import Diagnostic, Severity
from qsanc.driver import Compiled, compile_program
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sentences import result_of
from qsanc.elaborate.signature import Argument, arguments
from qsanc.elaborate.values import UNKNOWN, Template, Value
from qsanc.grad.reverse import Prepared, evaluate, prepare
from qsanc.ir.circuit import Expectation, Probabilities, Probability, Result
from qsanc.ir.layout import Layout
from qsanc.ir.ops import CIRCUIT, Array
from qsanc.ir.program import Program
from qsanc.syntax import ast
from qsanc.target import Context, Floats
from qsanc.target.sampling import measured_module, readings
from qsanc.testing.statistics import fits, shots_needed

if TYPE_CHECKING:
    from qsanc.testing.blocks.execution import Execution

Counts: TypeAlias = Expectation | Probabilities | Probability
ALPHA = 1e-6
DEFAULT_SHOTS = 4096
_WORTH_FINDING = 0.05
"""The total variation for which the shots needed are told."""


@dataclass(frozen=True, slots=True, eq=False)
class _Sampled:
    """A circuit whose results are all told by counts: those of the program, or of every setting they are read in."""

    compiled: Compiled
    prepared: Prepared
    results: tuple[Counts, ...]
    names: tuple[str, ...]

    def laws(self, arrays: Mapping[str, Array], context: Context, shots: int | None) -> list[Floats]:
        """float64[outcome] for each result: exact, or relative frequencies of `shots` shots."""
        found = evaluate(self.prepared, self.compiled.executables, arrays, Layout(1), context=context, shots=shots)
        return [
            as_law(result, np.asarray(found[name], np.float64).ravel())
            for result, name in zip(self.results, self.names, strict=True)
        ]


def as_law(result: Counts, value: Floats) -> Floats:
    """The probabilities of the outcomes of a measurement, from the value that it gives as a result."""
    if isinstance(result, Probabilities):
        return value
    chance = float(value[0])
    if isinstance(result, Expectation):
        identity, factor = _linear(result)
        chance = (1 + (chance - identity) / factor) / 2
    return np.array([chance, 1 - chance])


def _linear(result: Expectation) -> tuple[float, float]:
    """An expectation of one product of Paulis, and perhaps the identity, as `identity + factor * <product>`."""
    identity = sum(c for c, pauli in result.observable.terms if not pauli.factors)
    return identity, sum(c for c, pauli in result.observable.terms if pauli.factors)


def _told_by_counts(result: Result) -> bool:
    """Whether the value of a result with shots is a number of counts, as it is for one product of Paulis."""
    if isinstance(result, Expectation):
        return sum(bool(pauli.factors) for _, pauli in result.observable.terms) == 1
    return isinstance(result, Probabilities | Probability)


def follows(run: Execution, node: ast.Call, given: Mapping[str, ast.Expr], scope: Scope) -> Value:
    """Whether the outcomes of a circuit, sampled on the engine's backend, follow the exact law.

    Every result is tested by itself; the level `alpha` (1e-6) is shared among these and the examples of the property.
    Results that are sums over several measurements are tested by the outcomes of each. Reports QS704 for what is not
    the call of a circuit.
    """
    template, bound = _call(run, given["f"], scope)
    if template is None or bound is None:
        title = "`distribution` takes the call of a circuit"
        return run.refuse(Diagnostic("QS704", Severity.ERROR, title, given["f"].span, help="distribution(f(x))"))
    alpha = run.number_for("alpha", ALPHA, _number(run, "alpha", given, scope))
    shots = int(run.number_for("shots", DEFAULT_SHOTS, _number(run, "shots", given, scope)))
    key = ("law", run.key(template, bound, node, weights=False))
    sampled = run.engine.once(key, lambda: _compiled(run, template, bound, node, scope))
    if not isinstance(sampled, _Sampled):
        return UNKNOWN
    inputs = [value.name for value in sampled.prepared.function.inputs]
    arrays = {name: array for name in inputs if (array := run.array(bound[name].value)) is not None}
    context = run.engine.context(run.seed)
    exact, seen = sampled.laws(arrays, context, None), sampled.laws(arrays, context, shots)
    level = alpha / run.examples / max(len(exact), 1)
    chances = [fits(np.rint(counts * shots), law) for counts, law in zip(seen, exact, strict=True)]
    if not chances:
        return run.observe(node, True, "nothing is measured")
    worst = int(np.argmin(chances))
    held = chances[worst] >= level
    text = f"p = {chances[worst]:.3g} with {shots} shots, alpha {level:.3g}"
    return run.observe(node, held, text if held else text + _needed(exact[worst], level))


def _needed(law: Floats, level: float) -> str:
    if law.min() > 1 - _WORTH_FINDING or len(law) < 2:
        return ""
    shots = shots_needed(law, tv=_WORTH_FINDING, alpha=level)
    return f"; a total variation of {_WORTH_FINDING} is found in 95 of 100 runs with {shots} shots"


def _number(run: Execution, name: str, given: Mapping[str, ast.Expr], scope: Scope) -> float | None:
    return run.setting(name, given[name], scope) if name in given else None


def _call(run: Execution, node: ast.Expr, scope: Scope) -> tuple[Template | None, dict[str, Argument] | None]:
    """The circuit that an expression calls, with its arguments."""
    callee = run.ev.expr(node.base, scope) if isinstance(node, ast.Call) else None
    if not isinstance(node, ast.Call) or not isinstance(callee, Template):
        return None, None
    item = callee.definition.item
    if not isinstance(item, ast.Circuit):
        return None, None
    return callee, arguments(run.ev, item.params, node.args, node.span, item.name, scope)


def _compiled(
    run: Execution, template: Template, given: dict[str, Argument], node: ast.Call, scope: Scope
) -> _Sampled | None:
    """The circuit with results that are told by counts; None after an error."""
    result = None
    with run.inside(node, scope) as ev:
        result = result_of(ev, template, given, node.span)
    if result is None:
        return None
    graph = result.graph
    call = next(op for op in graph.finish("law", ()).body if op.name == CIRCUIT)
    module = graph.module(str(call.attribute("module")))
    if not all(_told_by_counts(asked) for asked in module.results):
        module = graph.add_module(measured_module(module, readings(module).settings))
    values = graph.emit_all("circuit", graph.operand(call, 0), graph.operand(call, 1), module=module.name)
    names = tuple(f"result {k}" for k in range(len(values)))
    function = graph.finish("law", tuple(zip(names, values, strict=True)))
    compiled = compile_program(Program(tuple(graph.modules), (function,), ()), run.engine.backend)
    prepared = prepare(compiled.program.functions[0], compiled.program.modules, names)
    return _Sampled(compiled, prepared, module.results, names)  # type: ignore[arg-type]
