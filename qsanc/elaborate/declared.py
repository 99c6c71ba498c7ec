"""Whether a value is what the type beside its name says: `let k: nat = 2;`, `const p: prob = 0.1;`."""

from __future__ import annotations

from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.signature import axes_of
from qsanc.elaborate.symbols import leaves
from qsanc.elaborate.values import UNKNOWN, DimRef, Time, Unknown, Value, a, article, is_number, of_kind, shape_text
from qsanc.ir.model import Axis
from qsanc.source import Span
from qsanc.syntax import ast


def fits(ev: Evaluator, name: str, type_: ast.Type, value: Value, span: Span, scope: Scope) -> Value:
    """The value; UNKNOWN after QS108, QS201 (shape), QS203 (no probability) or QS206 (no integer, no condition)."""
    if isinstance(value, Unknown):
        return UNKNOWN
    if (type_.kind == "time") != isinstance(value, Time):
        return ev.report.error("QS108", f"`{name}` is {article(type_.kind)}", span, label=f"this is {a(value)}")
    if isinstance(value, Time):
        return value
    axes = _axes(ev, type_, scope)
    found = axes_of(value)
    if axes is None:
        return UNKNOWN
    if found is None:
        return ev.report.error(
            "QS108", f"`{name}` is {article(shape_text(type_.kind, axes))}", span, label=f"this is {a(value)}"
        )
    if found != axes:
        return ev.report.error(
            "QS201",
            f"`{name}` has another shape",
            span,
            label=shape_text(type_.kind, found),
            expected=f"expected {shape_text(type_.kind, axes)}",
        )
    for leaf in leaves(value):
        if type_.kind == "prob" and is_number(leaf) and not 0 <= leaf <= 1:
            return ev.report.error("QS203", f"`{name}` = {ev.shown(leaf)} is not a probability", span)
        if not of_kind(type_.kind, leaf):
            return ev.report.error("QS206", f"`{name}` must be {article(type_.kind)}", span, label=ev.shown(leaf))
    return value


def _axes(ev: Evaluator, type_: ast.Type, scope: Scope) -> tuple[Axis, ...] | None:
    axes: list[Axis] = []
    for dim in type_.dims:
        value = ev.expr(dim, scope)
        if isinstance(value, DimRef):
            axes.append(value.name)
        elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            axes.append(value)
        else:
            if not isinstance(value, Unknown):
                ev.report.error("QS206", "an extent must be a natural number", dim.span, label=ev.shown(value))
            return None
    return tuple(axes)
