"""What expressions mean in a property or test: the evaluator's rules, and beyond them unitaries, models with their
settings, conditions on measured numbers, and the functions of `checks`.

Here arrays are tensors whose elements only execution knows. Every call is elaborated in a graph of its own, for its
shapes and for what is wrong in it, which is said at the call. What executes properties (`qsanc.testing.blocks`) answers
the questions that this class leaves open, and keeps all its rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from qsanc.diagnostics import Note
from qsanc.elaborate.calls import elaborate_ansatz
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.instances import Built, instance, member, recorded
from qsanc.elaborate.limits import STEPS_OF_A_CALL, limited
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sentences import entered, result_of
from qsanc.elaborate.signature import Argument, arguments
from qsanc.elaborate.sizes import Sizes
from qsanc.elaborate.values import (
    UNKNOWN,
    Instance,
    Interval,
    Outcome,
    Template,
    Tensor,
    Unitary,
    Unknown,
    Value,
    describe,
    is_number,
    stand_in,
)
from qsanc.source import Span
from qsanc.syntax import ast
from qsanc.syntax.walk import dotted

OPEN = Outcome("condition")
"""A condition that only execution decides."""


class Assertions:
    """One elaboration of a property or test. `said` are findings about its file that need not be said again at a call;
    `ranges` are the ranges of its arrays, where they have one."""

    def __init__(
        self,
        report: Report,
        item: ast.Property | ast.Test,
        sizes: Mapping[str, int | float],
        said: frozenset[tuple[str, Span | None]],
    ) -> None:
        self.item = item
        self.sizes = sizes
        self.ranges: dict[Tensor, Interval] = {}
        self.ev = Evaluator(report, Sizes(sizes, {}), Graph(), self._meaning)
        self._said = said

    def _meaning(self, node: ast.Expr, scope: Scope) -> Value | None:
        """What an expression means here; None where the evaluator's own rules hold."""
        match node:
            case ast.Approx():
                return self._approx(node, scope)
            case ast.Compare():
                return self._compare(node, scope)
            case ast.Binary(op=">>"):
                return self._in_turn(node, scope)
            case ast.Binary(op="and" | "or"):
                left, right = self.ev.expr(node.left, scope), self.ev.expr(node.right, scope)
                open_ = any(isinstance(side, Outcome) for side in (left, right))
                return OPEN if open_ else self.ev.binary(node.op, left, right, node)
            case ast.Unary(op="not"):
                value = self.ev.expr(node.operand, scope)
                return not value if isinstance(value, bool) else value
            case ast.Attr() if not _imported(node, scope):
                return member(self, node, scope)
            case ast.Call():
                return self._call(node, scope)
            case _:
                return None

    # ---- operators ------------------------------------------------------------------------------------------------

    def _approx(self, node: ast.Approx, scope: Scope) -> Value:
        tolerance = None if node.tolerance is None else self.setting("tol", node.tolerance, scope)
        left, right = self.ev.expr(node.left, scope), self.ev.expr(node.right, scope)
        if isinstance(left, Unitary) and isinstance(right, Unitary):
            if left.qubits != right.qubits:
                return self._differ(node, "~=", left, right, scope)
            return self.equivalent(node, left, right, tolerance)
        return self._alike(node, "~=", left, right, scope, tolerance)

    def _compare(self, node: ast.Compare, scope: Scope) -> Value:
        left, right = self.ev.expr(node.left, scope), self.ev.expr(node.right, scope)
        if any(isinstance(side, Tensor | tuple) for side in (left, right)):
            return self._alike(node, node.op, left, right, scope)
        if any(isinstance(side, Outcome) for side in (left, right)):
            return OPEN
        return self.ev.compare(node, left, right)

    def _alike(
        self,
        node: ast.Approx | ast.Compare,
        op: str,
        left: Value,
        right: Value,
        scope: Scope,
        tolerance: float | None = None,
    ) -> Value:
        """Numbers beside numbers: of one shape, or one of them a scalar."""
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return UNKNOWN
        a, b = self.ev.tensor(left, node.span), self.ev.tensor(right, node.span)
        if a is None or b is None:
            return UNKNOWN
        if a.written and b.written and a.written != b.written:
            return self._differ(node, op, a, b, scope)
        return self.compared(node, a, b, tolerance)

    def _in_turn(self, node: ast.Binary, scope: Scope) -> Value:
        left, right = self.ev.expr(node.left, scope), self.ev.expr(node.right, scope)
        if not (isinstance(left, Unitary) and isinstance(right, Unitary)):
            return UNKNOWN
        if left.qubits != right.qubits:
            return self._differ(node, ">>", left, right, scope)
        return self.in_turn(left, right)

    def _differ(self, node: ast.Expr, op: str, left: Value, right: Value, scope: Scope) -> Unknown:
        return self.ev.report.error(
            "QS201",
            f"the sides of `{op}` " + ("act on different qubits" if isinstance(left, Unitary) else "differ in shape"),
            node.span,
            label=f"{describe(left)} {op} {describe(right)}",
            notes=self.ev.where(node, scope),
        )

    # ---- calls ----------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call, scope: Scope) -> Value | None:
        base = node.base
        if isinstance(base, ast.Name) and scope.find(base.name) is None and base.name not in scope.module.names:
            from qsanc.elaborate.checks import CHECKS

            function = CHECKS.get(base.name)
            return function(self, node, scope) if function is not None else None
        if isinstance(base, ast.Attr) and not _imported(base, scope):
            owner = self.ev.expr(base.base, scope)
            return recorded(self, owner, base.name, node, scope) if isinstance(owner, Instance) else UNKNOWN
        callee = self.ev.expr(base, scope)
        if not isinstance(callee, Template):
            return UNKNOWN
        if isinstance(callee.definition.item, ast.Model):
            return instance(self, callee, callee.definition.item, node, scope)
        return self.applied(callee, node.args, node, scope)

    def applied(
        self, template: Template, args: tuple[ast.Arg, ...], node: ast.Call, scope: Scope, *, weights: bool = False
    ) -> Value:
        """The value of a template on arguments; with `weights` the attention weights instead, a row for each token."""
        item = template.definition.item
        assert isinstance(item, (ast.Ansatz, ast.Circuit, ast.Attention))
        given = arguments(self.ev, item.params, args, node.span, item.name, scope)
        if given is None:
            return UNKNOWN
        return self.called(template, given, node, scope, weights=weights)

    def called(
        self, template: Template, given: dict[str, Argument], node: ast.Call, scope: Scope, *, weights: bool
    ) -> Value:
        """The value of a template on arguments that were evaluated."""
        item = template.definition.item
        with self.inside(node, scope) as ev:
            if isinstance(item, ast.Ansatz):
                module = elaborate_ansatz(ev, template, entered(ev, given), node.span)
                return UNKNOWN if module is None else Unitary(module.wires)
            result = result_of(ev, template, given, node.span, weights=weights)
            return UNKNOWN if result is None else stand_in(result.axes)
        return UNKNOWN

    @contextmanager
    def inside(self, node: ast.Call, scope: Scope, sizes: Sizes | None = None) -> Iterator[Evaluator]:
        """An evaluator for the inside of what `node` calls. What it finds outside the property is said at the call."""
        self.ev.steps.take(STEPS_OF_A_CALL, node.span)
        inner = Evaluator(Report(), sizes or self.ev.sizes, Graph(), steps=self.ev.steps)
        with limited(inner.report):
            yield inner
        own = self.item.span
        unmet = inner.report.has("QS204")  # all else follows from that
        for found in inner.report.diagnostics:
            place = found.span
            if not found.is_error or (found.code, place) in self._said or (unmet and found.code != "QS204"):
                continue
            if place is None or (place.source is own.source and own.start <= place.start and place.end <= own.end):
                self.ev.report.add(found)
                continue
            notes = (Note(found.label or "there", place), *(found.notes or self.ev.where(node, scope)))
            label = f"in this call of `{node.base.span.text.partition('[')[0]}`"
            self.ev.report.add(replace(found, span=node.span, label=label, notes=notes, help=""))

    # ---- what only execution knows -------------------------------------------------------------------------------

    def equivalent(self, node: ast.Approx, left: Unitary, right: Unitary, tolerance: float | None) -> Value:
        """Whether two unitaries on the same qubits are one; `tolerance` is that of the expression, if it has one."""
        return OPEN

    def compared(self, node: ast.Approx | ast.Compare, left: Tensor, right: Tensor, tolerance: float | None) -> Value:
        """Whether `left op right` holds for all elements; one side may be a scalar."""
        return OPEN

    def in_turn(self, first: Unitary, then: Unitary) -> Unitary:
        return first

    def inverse(self, value: Unitary) -> Unitary:
        return value

    def is_unitary(self, node: ast.Call, value: Unitary) -> Value:
        return OPEN

    def gradients_agree(self, node: ast.Call, given: Mapping[str, ast.Expr], scope: Scope) -> Value:
        return OPEN

    def follows_law(self, node: ast.Call, given: Mapping[str, ast.Expr], scope: Scope) -> Value:
        return OPEN

    def permuted(self, value: Value, order: Value, node: ast.Call) -> Value:
        """`value` with its first axis in another order."""
        return value

    def extreme(self, choose: Callable[[list[float]], float], values: list[Tensor]) -> Value:
        return stand_in()

    def built(self, template: Template, chosen: Mapping[str, int | float], build: Callable[[], Built]) -> Built:
        """A model elaborated with the sizes and settings `chosen`; None after an error."""
        return build()

    def parameter(self, owner: Instance, name: str) -> Value:
        return stand_in(owner.model.parameter(name).shape)

    def on_record(self, owner: Instance, what: str, fields: Mapping[str, ast.Expr], scope: Scope) -> Value:
        """`predict` or `loss` of a model for one record."""
        return stand_in(owner.function.types()[owner.function.output(what)].static)

    def cost(
        self,
        owner: Instance,
        fields: Mapping[str, ast.Expr],
        given: Mapping[str, ast.Expr],
        scope: Scope,
    ) -> Value:
        """What a training step on a record costs; `given` are all arguments of the call by name."""
        return Outcome("cost")

    def amount(self, cost: Outcome, name: str) -> Value:
        return stand_in()

    # ---- numbers known at compile time ----------------------------------------------------------------------------

    def setting(self, name: str, node: ast.Expr, scope: Scope) -> float | None:
        """The value of a setting, or of an argument of that name; None after QS206 and QS203."""
        wanted = SETTINGS[name]
        value: Value = self.ev.expr(node, scope)
        if isinstance(value, Unknown):
            return None
        fits_kind = isinstance(value, int) if wanted.integer else is_number(value)
        if isinstance(value, bool) or not fits_kind:
            title = f"`{name}` must be {wanted.text}, known at compile time"
            self.ev.report.error("QS206", title, node.span, label=self.ev.shown(value))
        elif not wanted.fits(value):
            self.ev.report.error("QS203", f"`{name}` must be {wanted.text}", node.span, label=self.ev.shown(value))
        else:
            return value  # type: ignore[return-value]
        return None


def _imported(node: ast.Attr, scope: Scope) -> bool:
    """Whether `a.b` is a name of an imported file."""
    path = dotted(node)
    return path is not None and scope.module.lookup(path) is not None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a setting may be."""

    text: str
    integer: bool
    fits: Callable[[Any], bool]


_POSITIVE = _Wanted("a positive integer", True, lambda value: value > 0)
SETTINGS: Mapping[str, _Wanted] = MappingProxyType(
    {
        "examples": _POSITIVE,
        "shots": _POSITIVE,
        "seed": _Wanted("a natural number below 2^63", True, lambda value: 0 <= value < 1 << 63),
        "alpha": _Wanted("a probability, neither 0 nor 1", False, lambda value: 0 < value < 1),
        "tol": _Wanted("a number that is not negative", False, lambda value: value >= 0),
    }
)
