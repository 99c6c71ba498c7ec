"""The functions of properties and tests, in one table: what each takes, and what is wrong with that.

What they are worth is a question for execution, put through the methods of `Assertions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from qsanc.check.arguments import by_name
from qsanc.check.builtins import builtin
from qsanc.check.sorts import Context
from qsanc.diagnostics import CompilerBug
from qsanc.elaborate.assertions import SETTINGS, Assertions
from qsanc.elaborate.instances import priced
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.signature import axes_of
from qsanc.elaborate.values import UNKNOWN, Template, Unitary, Unknown, Value, describe, is_number
from qsanc.ir.bound import Bound
from qsanc.syntax import ast

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
    return check.is_unitary(node, value) if isinstance(value, Unitary) else UNKNOWN


def _inv(check: Assertions, node: ast.Call, scope: Scope) -> Value:
    value = check.ev.expr(_given(node)["u"], scope)
    return check.inverse(value) if isinstance(value, Unitary) else UNKNOWN


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
    return Unitary(qubits, Bound(qubits))


def _judged(judge: Callable[[Assertions, ast.Call, Mapping[str, ast.Expr], Scope], Value]) -> Function:
    """`gradient` and `distribution`: a circuit with its arguments, and numbers that are settings too."""

    def function(check: Assertions, node: ast.Call, scope: Scope) -> Value:
        given = _given(node)
        value = check.ev.expr(given["f"], scope)
        for name in given.keys() & SETTINGS.keys():
            check.setting(name, given[name], scope)
        return UNKNOWN if isinstance(value, Unknown) else judge(check, node, given, scope)

    return function


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
    return check.permuted(value, order, node)


def _extreme(choose: Callable[[list[float]], float]) -> Function:
    def function(check: Assertions, node: ast.Call, scope: Scope) -> Value:
        values = [check.ev.expr(arg.value, scope) for arg in node.args]
        if any(isinstance(value, Unknown) for value in values):
            return UNKNOWN
        if all(is_number(value) for value in values):
            return choose(values)  # type: ignore[arg-type]
        tensors = [check.ev.tensor(value, node.span) for value in values]
        known = [tensor for tensor in tensors if tensor is not None]
        return check.extreme(choose, known) if len(known) == len(tensors) else UNKNOWN

    return function


def _cost(check: Assertions, node: ast.Call, scope: Scope) -> Value:
    return priced(check, _given(node), node, scope)


CHECKS: Mapping[str, Function] = MappingProxyType(
    {
        "unitary": _unitary,
        "inv": _inv,
        "identity": _identity,
        "gradient": _judged(lambda check, *asked: check.gradients_agree(*asked)),
        "distribution": _judged(lambda check, *asked: check.follows_law(*asked)),
        "weights": _weights,
        "permute": _permute,
        "min": _extreme(min),
        "max": _extreme(max),
        "cost": _cost,
    }
)
