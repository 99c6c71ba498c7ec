"""One run of a property or test: the rules of `elaborate.assertions`, with numbers for every array.

Arrays are computed as they are written (`eager`). Circuits, attention blocks and models run on the engine's backend,
each compiled once for the shapes it is called with; an ansatz is elaborated with its numbers, for its unitary.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace

import numpy as np

from qsanc.diagnostics import Diagnostic, Severity
from qsanc.elaborate.assertions import Assertions
from qsanc.elaborate.calls import elaborate_ansatz
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.instances import Built
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sentences import result_of
from qsanc.elaborate.signature import Argument
from qsanc.elaborate.sizes import Sizes
from qsanc.elaborate.symbols import holds
from qsanc.elaborate.values import UNKNOWN, Instance, Outcome, Template, Tensor, Unitary, Unknown, Value, is_number
from qsanc.ir.bound import Bound
from qsanc.ir.ops import Array
from qsanc.syntax import ast
from qsanc.testing.assertions.compare import STATE_WIRES, deviation, method
from qsanc.testing.blocks import costs, gradients, laws, records, unitaries
from qsanc.testing.blocks.eager import EagerGraph, brief, farthest, sides
from qsanc.testing.blocks.engine import Called, Engine
from qsanc.testing.blocks.verdict import Evidence

TOLERANCE = 1e-9
"""Of `~=` where neither it nor the block names one."""

_ORDER: Mapping[str, Callable[[Array, Array], Array]] = {
    "==": operator.eq,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


class Execution(Assertions):
    """`chosen` are settings from outside (`shots`, `alpha`, `seed`), which count for more than those of the block.

    `evidence` is what the comparisons of the present assertion found; `examples` are those that share its alpha.
    """

    def __init__(
        self,
        item: ast.Property | ast.Test,
        engine: Engine,
        *,
        chosen: Mapping[str, float],
        seed: int,
        examples: int,
        report: Report | None = None,
    ) -> None:
        super().__init__(report or Report(), item, {}, frozenset())
        self.graph = EagerGraph()
        self.ev = Evaluator(self.ev.report, Sizes({}, {}), self.graph, self._meaning)
        self.engine = engine
        self.seed = seed
        self.examples = examples
        self.evidence: list[Evidence] = []
        self._chosen = dict(chosen)
        self._own: dict[str, float] = {}

    def setting(self, name: str, node: ast.Expr, scope: Scope) -> float | None:
        value = super().setting(name, node, scope)
        if value is not None and any(isinstance(s, ast.Setting) and s.value is node for s in self.item.body):
            self._own[name] = value
        return value

    def number_for(self, name: str, default: float, given: float | None = None) -> float:
        """A setting: from outside, at the assertion itself, of the block, or the default."""
        found = (self._chosen.get(name), given, self._own.get(name), default)
        return next(value for value in found if value is not None)

    def array(self, value: Value) -> Array | None:
        """The numbers of a value; None after an error."""
        tensor = self.ev.tensor(value, self.item.name_span)
        return None if tensor is None else self.graph.array(tensor)

    def observe(self, node: ast.Expr, held: bool, found: str) -> bool:
        """Keep what a comparison found, for the message about the assertion that it decides."""
        self.evidence.append(Evidence(node, held, found))
        return held

    # ---- comparisons ----------------------------------------------------------------------------------------------

    def compared(self, node: ast.Approx | ast.Compare, left: Tensor, right: Tensor, tolerance: float | None) -> Value:
        a, b = self.graph.array(left), self.graph.array(right)
        shown = f" {node.op if isinstance(node, ast.Compare) else '~='} ".join(sides(a, b))
        if isinstance(node, ast.Compare):
            with np.errstate(invalid="ignore"):
                held = not np.all(a == b) if node.op == "!=" else np.all(_ORDER[node.op](a, b))
                return self.observe(node, bool(held), shown)
        tolerance = self.number_for("tol", TOLERANCE, tolerance)
        place, apart = farthest(a, b)
        where = f" at {list(place)}" if place else ""
        return self.observe(node, apart <= tolerance, f"{shown}, {apart:.3g} apart{where}, tol {tolerance:g}")

    def _compare(self, node: ast.Compare, scope: Scope) -> Value:
        value = super()._compare(node, scope)
        if isinstance(value, bool) and not (self.evidence and self.evidence[-1].node is node):
            plain = [self.ev.attempt(side, scope) for side in (node.left, node.right)]
            self.observe(node, value, f" {node.op} ".join(self._plainly(*plain)))
        return value

    def _plainly(self, left: Value, right: Value) -> tuple[str, str]:
        if is_number(left) and is_number(right):
            return sides(np.array(left), np.array(right))
        return self.ev.shown(left), self.ev.shown(right)

    def equivalent(self, node: ast.Approx, left: Unitary, right: Unitary, tolerance: float | None) -> Value:
        a, b = circuit_of(left), circuit_of(right)
        if a.wires > STATE_WIRES:
            title = f"circuits of more than {STATE_WIRES} qubits are not compared exactly"
            return self.refuse(Diagnostic("QS704", Severity.ERROR, title, node.span, label=f"{a.wires} qubits"))
        distance = deviation(a, b, strict=node.strict, seed=self.seed)
        tolerance = self.number_for("tol", TOLERANCE, tolerance)
        held = distance <= tolerance
        text = f"{distance:.3g} apart, tol {tolerance:g} ({method(a.wires, strict=node.strict)})"
        self.evidence.append(Evidence(node, held, text, (a, b), tolerance))
        return held

    def is_unitary(self, node: ast.Call, value: Unitary) -> Value:
        apart, how = unitaries.from_unitary(self.engine, circuit_of(value), seed=self.seed)
        tolerance = self.number_for("tol", TOLERANCE)
        return self.observe(node, apart <= tolerance, f"{how}: {apart:.3g} from the identity, tol {tolerance:g}")

    # ---- unitaries ------------------------------------------------------------------------------------------------

    def in_turn(self, first: Unitary, then: Unitary) -> Unitary:
        return Unitary(first.qubits, circuit_of(first).then(circuit_of(then)))

    def inverse(self, value: Unitary) -> Unitary:
        return Unitary(value.qubits, circuit_of(value).inverse())

    # ---- calls ----------------------------------------------------------------------------------------------------

    def called(
        self, template: Template, given: dict[str, Argument], node: ast.Call, scope: Scope, *, weights: bool
    ) -> Value:
        if isinstance(template.definition.item, ast.Ansatz):
            return self._unitary(template, given, node, scope)
        key = self.key(template, given, node, weights=weights)
        called = self.engine.once(key, lambda: self._compiled(template, given, node, scope, weights=weights))
        if called is None:
            return UNKNOWN
        assert isinstance(called, Called)
        arrays = {name: self.array(given[name].value) for name in called.inputs}
        found = {name: array for name, array in arrays.items() if array is not None}
        return self.graph.hold(called.run(found, self.engine.context(self.seed)))

    def _compiled(
        self, template: Template, given: dict[str, Argument], node: ast.Call, scope: Scope, *, weights: bool
    ) -> Called | None:
        before = len(self.ev.report.diagnostics)
        result = None
        with self.inside(node, scope) as ev:
            result = result_of(ev, template, given, node.span, weights=weights)
        failed = any(found.is_error for found in self.ev.report.diagnostics[before:])
        return None if result is None or failed else self.engine.compile(result)

    def _unitary(self, template: Template, given: dict[str, Argument], node: ast.Call, scope: Scope) -> Value:
        module = None
        with self.inside(node, scope) as ev:
            numbers = {name: replace(argument, value=self.known(argument.value)) for name, argument in given.items()}
            module = elaborate_ansatz(ev, template, numbers, node.span)
        return UNKNOWN if module is None else Unitary(module.wires, Bound.of(module, 0, np.empty(0)))

    def known(self, value: Value) -> Value:
        """A value without arrays: their numbers in their place."""
        if isinstance(value, Tensor):
            array = self.graph.array(value)
            return array.astype(object) if array.ndim else array.item()
        return tuple(self.known(part) for part in value) if isinstance(value, tuple) else value

    def key(self, template: Template, given: dict[str, Argument], node: ast.Call, *, weights: bool) -> Hashable:
        """What compiled calls are told apart by: everything but the numbers in arrays."""

        def kind(value: Value) -> Hashable:
            if not holds(value, Tensor):
                return repr(value)
            tensor = self.ev.tensor(value, node.span)
            return None if tensor is None else (tensor.type.kind, tensor.type.axes)

        sizes = tuple((name, repr(value)) for name, value, _ in template.generics)
        arguments = tuple((name, kind(argument.value)) for name, argument in given.items())
        return template.definition, sizes, arguments, weights

    # ---- functions ------------------------------------------------------------------------------------------------

    def gradients_agree(self, node: ast.Call, given: Mapping[str, ast.Expr], scope: Scope) -> Value:
        return gradients.agree(self, node, given, scope)

    def follows_law(self, node: ast.Call, given: Mapping[str, ast.Expr], scope: Scope) -> Value:
        return laws.follows(self, node, given, scope)

    def permuted(self, value: Value, order: Value, node: ast.Call) -> Value:
        array, places = self.array(value), self.array(order)
        if array is None or places is None:
            return UNKNOWN
        if sorted(places.tolist()) != list(range(len(places))):
            title = "this order is no permutation"
            return self.ev.report.error("QS203", title, node.span, label=brief(places))
        return self.graph.hold(array[places.astype(np.int64)])

    def extreme(self, choose: Callable[[list[float]], float], values: list[Tensor]) -> Value:
        numbers = np.concatenate([self.graph.array(value).ravel() for value in values])
        if not numbers.size or np.isnan(numbers).any():
            return math.nan
        return float(choose(numbers.tolist()))

    # ---- models ---------------------------------------------------------------------------------------------------

    def built(self, template: Template, chosen: Mapping[str, int | float], build: Callable[[], Built]) -> Built:
        sizes = tuple((name, repr(value)) for name, value, _ in template.generics)
        key = ("model", template.definition, sizes, tuple(sorted(chosen.items())))
        return self.engine.once(key, build)  # type: ignore[return-value]

    def parameter(self, owner: Instance, name: str) -> Value:
        return self.graph.hold(records.parameters(self, owner)[name])

    def on_record(self, owner: Instance, what: str, fields: Mapping[str, ast.Expr], scope: Scope) -> Value:
        found = records.of_record(self, owner, "loss" if what == "loss" else "predict", fields, scope)
        return UNKNOWN if found is None else self.graph.hold(found)

    def cost(
        self,
        owner: Instance,
        fields: Mapping[str, ast.Expr],
        given: Mapping[str, ast.Expr],
        scope: Scope,
    ) -> Value:
        return costs.step(self, owner, fields, given, scope)

    def amount(self, cost: Outcome, name: str) -> Value:
        return dict(cost.numbers)[name]

    # ---- errors ---------------------------------------------------------------------------------------------------

    def raise_errors(self) -> None:
        """Raise what was wrong in the block at these arguments."""
        self.ev.report.raise_errors()

    def refuse(self, diagnostic: Diagnostic) -> Unknown:
        """An assertion that cannot be executed as it stands."""
        self.ev.report.add(diagnostic)
        return UNKNOWN


def circuit_of(value: Unitary) -> Bound:
    assert value.circuit is not None, "an executed unitary has its gates"
    return value.circuit
