"""What expressions mean in a property or test: the evaluator's rules, and beyond them unitaries, models with their
settings, conditions on measured numbers, and the functions of the table at the end.

Arrays are tensors whose elements only execution knows. Every call is elaborated in a graph of its own, for its shapes
and for what is wrong in it, which is said at the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeAlias

from qsanc.check.arguments import by_name
from qsanc.check.builtins import builtin
from qsanc.check.sorts import Context
from qsanc.diagnostics import CompilerBug, Note
from qsanc.elaborate.calls import call_circuit, elaborate_ansatz
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.instances import instance, member, priced, recorded
from qsanc.elaborate.limits import STEPS_OF_A_CALL, limited
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sentences import call_on_sentence, entered
from qsanc.elaborate.signature import arguments, axes_of
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

_CONDITION = Outcome("condition")


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
                return _CONDITION if open_ else self.ev.binary(node.op, left, right, node)
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
        if node.tolerance is not None:
            self.setting("tol", node.tolerance, scope)
        left, right = self.ev.expr(node.left, scope), self.ev.expr(node.right, scope)
        if isinstance(left, Unitary) and isinstance(right, Unitary):
            return _CONDITION if left == right else self._differ(node, "~=", left, right, scope)
        return self._alike(node, "~=", left, right, scope)

    def _compare(self, node: ast.Compare, scope: Scope) -> Value:
        left, right = self.ev.expr(node.left, scope), self.ev.expr(node.right, scope)
        if any(isinstance(side, (Tensor, tuple)) for side in (left, right)):
            return self._alike(node, node.op, left, right, scope)
        if any(isinstance(side, Outcome) for side in (left, right)):
            return _CONDITION
        return self.ev.compare(node, left, right)

    def _alike(self, node: ast.Expr, op: str, left: Value, right: Value, scope: Scope) -> Value:
        """Numbers beside numbers: of one shape, or one of them a scalar."""
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return UNKNOWN
        a, b = self.ev.tensor(left, node.span), self.ev.tensor(right, node.span)
        if a is None or b is None:
            return UNKNOWN
        if a.written and b.written and a.written != b.written:
            return self._differ(node, op, a, b, scope)
        return _CONDITION

    def _in_turn(self, node: ast.Binary, scope: Scope) -> Value:
        left, right = self.ev.expr(node.left, scope), self.ev.expr(node.right, scope)
        if not (isinstance(left, Unitary) and isinstance(right, Unitary)):
            return UNKNOWN
        return left if left == right else self._differ(node, ">>", left, right, scope)

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
        value: Value = UNKNOWN
        with self.inside(node, scope) as ev:
            if isinstance(item, ast.Attention):
                axes = call_on_sentence(ev, template, item, given, node.span, weights=weights)
                value = UNKNOWN if axes is None else stand_in(axes)
            elif isinstance(item, ast.Circuit):
                result = call_circuit(ev, template, entered(ev, given), node.span)
                value = stand_in(result.type.static) if isinstance(result, Tensor) else UNKNOWN
            else:
                module = elaborate_ansatz(ev, template, entered(ev, given), node.span)
                value = UNKNOWN if module is None else Unitary(module.wires)
        return value

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

    # ---- numbers known at compile time ----------------------------------------------------------------------------

    def setting(self, name: str, node: ast.Expr, scope: Scope) -> None:
        """Check the value of a setting, or of an argument of that name. Reports QS206 and QS203."""
        wanted = _SETTINGS[name]
        value: Value = self.ev.expr(node, scope)
        if isinstance(value, Unknown):
            return
        fits_kind = isinstance(value, int) if wanted.integer else is_number(value)
        if isinstance(value, bool) or not fits_kind:
            title = f"`{name}` must be {wanted.text}, known at compile time"
            self.ev.report.error("QS206", title, node.span, label=self.ev.shown(value))
        elif not wanted.fits(value):
            self.ev.report.error("QS203", f"`{name}` must be {wanted.text}", node.span, label=self.ev.shown(value))


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
_SETTINGS: Mapping[str, _Wanted] = MappingProxyType(
    {
        "examples": _POSITIVE,
        "shots": _POSITIVE,
        "seed": _Wanted("a natural number", True, lambda value: value >= 0),
        "alpha": _Wanted("a probability, neither 0 nor 1", False, lambda value: 0 < value < 1),
        "tol": _Wanted("a number that is not negative", False, lambda value: value >= 0),
    }
)


# ---- functions ------------------------------------------------------------------------------------------------------

Function: TypeAlias = Callable[[Assertions, ast.Call, Scope], Value]


def _given(node: ast.Call) -> dict[str, ast.Expr]:
    """The arguments of a built-in by name."""
    assert isinstance(node.base, ast.Name)
    row = builtin(node.base.name, Context.CHECK)
    if row is None or row.formals is None:
        raise CompilerBug(f"`{node.base.name}` is no function of a property")
    return by_name(node.args, row.formals)


def _unitary(check: Assertions, node: ast.Call, scope: Scope) -> Value:
    value = check.ev.expr(_given(node)["u"], scope)
    return _CONDITION if isinstance(value, Unitary) else UNKNOWN


def _inv(check: Assertions, node: ast.Call, scope: Scope) -> Value:
    return check.ev.expr(_given(node)["u"], scope)


def _identity(check: Assertions, node: ast.Call, scope: Scope) -> Value:
    expr = _given(node)["n"]
    qubits = check.ev.integer(expr, scope, "the number of qubits")
    if qubits is None:
        return UNKNOWN
    if qubits < 1:
        return check.ev.report.error(
            "QS203",
            "an identity acts on one qubit or more",
            expr.span,
            label=str(qubits),
            notes=check.ev.where(expr, scope),
        )
    return Unitary(qubits)


def _judged(check: Assertions, node: ast.Call, scope: Scope) -> Value:
    """`gradient` and `distribution`: a circuit with its arguments, and numbers that are settings too."""
    given = _given(node)
    value = check.ev.expr(given["f"], scope)
    for name in given.keys() & _SETTINGS.keys():
        check.setting(name, given[name], scope)
    return UNKNOWN if isinstance(value, Unknown) else _CONDITION


def _weights(check: Assertions, node: ast.Call, scope: Scope) -> Value:
    template = check.ev.expr(node.args[0].value, scope)
    if not isinstance(template, Template):
        return UNKNOWN
    return check.applied(template, node.args[1:], node, scope, weights=True)


def _permute(check: Assertions, node: ast.Call, scope: Scope) -> Value:
    """`permute(x, order)[i] = x[order[i]]`."""
    given = _given(node)
    value, order = check.ev.expr(given["x"], scope), check.ev.expr(given["order"], scope)
    if isinstance(value, Unknown) or isinstance(order, Unknown):
        return UNKNOWN
    axes, span = axes_of(value), given["order"].span
    if not axes:
        return check.ev.report.error(
            "QS201", "only an array can be permuted", given["x"].span, label=f"this is a {describe(value)}"
        )
    places = axes_of(order)
    if places != axes[:1]:
        found = f"{places[0]} places" if places else f"a {describe(order)}"
        return check.ev.report.error(
            "QS201",
            "an order names each place of the first axis once",
            span,
            label=f"{found} for an axis of {axes[0]}",
            notes=check.ev.where((given["x"], given["order"]), scope),
        )
    if isinstance(order, tuple):
        outside = [place for place in order if not isinstance(place, int) or not 0 <= place < len(order)]
        if outside:
            label = f"valid are 0 to {len(order) - 1}"
            return check.ev.report.error(
                "QS205", f"place {check.ev.shown(outside[0])} is out of range", span, label=label
            )
        if len(set(order)) != len(order):
            twice = next(place for place in order if order.count(place) > 1)
            return check.ev.report.error("QS203", "this order is no permutation", span, label=f"{twice} stands twice")
    return value


def _extreme(choose: Callable[[list[float]], float]) -> Function:
    def function(check: Assertions, node: ast.Call, scope: Scope) -> Value:
        values = [check.ev.expr(arg.value, scope) for arg in node.args]
        if any(isinstance(value, Unknown) for value in values):
            return UNKNOWN
        if all(is_number(value) for value in values):
            return choose(values)  # type: ignore[arg-type]
        tensors = [check.ev.tensor(value, node.span) for value in values]
        return UNKNOWN if any(tensor is None for tensor in tensors) else stand_in()

    return function


def _cost(check: Assertions, node: ast.Call, scope: Scope) -> Value:
    return priced(check, _given(node), node, scope)


CHECKS: Mapping[str, Function] = MappingProxyType(
    {
        "unitary": _unitary,
        "inv": _inv,
        "identity": _identity,
        "gradient": _judged,
        "distribution": _judged,
        "weights": _weights,
        "permute": _permute,
        "min": _extreme(min),
        "max": _extreme(max),
        "cost": _cost,
    }
)
