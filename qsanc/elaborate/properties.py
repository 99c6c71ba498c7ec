"""Property and test blocks with sizes known: everything that is wrong in them before they are executed.

The integers of a property are taken at the low and at the high end of their ranges, its arrays as arguments of the
declared shapes whose elements nobody knows yet. What an assertion can say is `assertions`' business.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from qsanc.check.module import Module
from qsanc.elaborate.assertions import Assertions
from qsanc.elaborate.blocks import let
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.limits import limited
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.values import UNKNOWN, Interval, Unknown, Value
from qsanc.ir.model import Input, Type
from qsanc.syntax import ast

End: TypeAlias = Literal["low", "high", "middle"]

INTEGERS = ("nat", "int", "bit", "bool")
_ENOUGH = 2
"""Choices of the integers, allowed by every `assume`, at which a property is elaborated."""
_MOST_CHOICES = 50


def elaborate_property(
    report: Report, item: ast.Property | ast.Test, module: Module, sizes: Mapping[str, int | float]
) -> None:
    """Check a property or test of `module`; `sizes` are those set from outside (`--set n=6`).

    What `report` already holds about a template or model of the file is not said again where that is called.
    Reports QS210 for an argument for which no values can be drawn, QS203 for empty ranges and for settings that make
    no sense, and what the calls in the body have: QS201 to QS209, QS301 to QS304.
    """
    said = frozenset((d.code, d.span) for d in report.diagnostics)
    found, allowed = Report(), 0
    for ends in itertools.islice(_choices(item), _MOST_CHOICES):
        allowed += _holds(Assertions(found, item, sizes, said), module, ends)
        if allowed == _ENOUGH:
            break
    for diagnostic in sorted(found.diagnostics, key=lambda d: d.span.start if d.span else 0):
        report.add(diagnostic)


def _choices(item: ast.Property | ast.Test) -> Iterator[Mapping[str, End]]:
    """Which end of its range each integer takes: all the low one, all the high one, then any."""
    params = item.params if isinstance(item, ast.Property) else ()
    names = [param.name for param in params if param.type.kind in INTEGERS and not param.type.dims]
    ends: tuple[End, ...] = ("low", "high", "middle")
    every = [(end,) * len(names) for end in ends[:2]]
    for choice in dict.fromkeys([*every, *itertools.islice(itertools.product(ends, repeat=len(names)), _MOST_CHOICES)]):
        yield dict(zip(names, choice, strict=True))


def _holds(assertions: Assertions, module: Module, ends: Mapping[str, End]) -> bool:
    """Elaborate a block for one choice of its integers; False where an `assume` excludes it."""
    item, ev = assertions.item, assertions.ev
    scope = Scope(module)
    signature = Evaluator(ev.report, ev.sizes, Graph())
    with limited(ev.report):
        for param in item.params if isinstance(item, ast.Property) else ():
            value = _argument(assertions, signature, param, ends.get(param.name, "low"), scope)
            scope.bind(param.name, value, declared=param.type, span=param.name_span)
        try:
            for _ in judged(assertions, scope):
                pass
        except Excluded:
            return False
    return True


class Excluded(Exception):
    """An `assume` does not hold: these arguments say nothing about the property."""


def judged(assertions: Assertions, scope: Scope) -> Iterator[tuple[ast.Assert, Value]]:
    """Go through a block in order: each assertion, and what its condition is worth. Raises `Excluded`."""
    for statement in assertions.item.body:
        match statement:
            case ast.Setting():
                assertions.setting(statement.name, statement.value, scope)
            case ast.Let():
                let(assertions.ev, statement, scope)
            case ast.Assume():
                if assertions.ev.expr(statement.condition, scope) is False:
                    raise Excluded
            case ast.Assert():
                yield statement, assertions.ev.expr(statement.condition, scope)


def _argument(assertions: Assertions, ev: Evaluator, param: ast.Param, end: End, scope: Scope) -> Value:
    """An integer at this end of its range, or an array of the declared shape; UNKNOWN after an error. `ev` evaluates
    what the signature says, so that in the graph of the assertions arguments come first."""
    kind = param.type.kind
    bounds = bounds_of(ev, param, scope)
    if isinstance(bounds, Unknown):
        return UNKNOWN
    if kind in INTEGERS and not param.type.dims:
        steps = bounds.integers() if bounds is not None else None
        assert steps is not None, "an integer has a range of integers"
        low, high = steps[0], steps[-1]
        value = {"low": low, "high": high, "middle": low + (high - low + 1) // 2}[end]
        return bool(value) if kind == "bool" else value
    axes = extents(ev, param, scope)
    if axes is None:
        return UNKNOWN
    type_ = Type("int" if kind in INTEGERS else "real", axes)
    tensor = assertions.ev.graph.input(Input(param.name, "argument", type_), param.type.span)
    if bounds is not None:
        assertions.ranges[tensor] = bounds
    return tensor


def extents(ev: Evaluator, param: ast.Param, scope: Scope) -> tuple[int, ...] | None:
    """The shape of an argument; None after QS206."""
    axes: list[int] = []
    for dim in param.type.dims:
        extent = ev.integer(dim, scope, "an extent")
        if extent is None:
            return None
        if extent < 0:
            title = "an extent must be a natural number"
            ev.report.error("QS206", title, dim.span, label=str(extent), notes=ev.where(dim, scope))
            return None
        axes.append(extent)
    return tuple(axes)


def bounds_of(ev: Evaluator, param: ast.Param, scope: Scope) -> Interval | Unknown | None:
    """The range that values of an argument are drawn from; None for reals without one."""
    kind, within = param.type.kind, param.within
    if within is None:
        if kind in ("bit", "bool"):
            return Interval(0, 1, closed=True)
        if kind in ("angle", "real", "prob"):
            return Interval(0, 1, closed=True) if kind == "prob" else None
        return ev.report.error(
            "QS210",
            f"`{param.name}` has no range to draw values from",
            param.span,
            label="no property has times for arguments" if kind == "time" else "a range follows `in`",
            help=f"write `{param.span.text} in 1..=4`" if kind != "time" and param.default is None else "",
        )
    bounds = ev.expr(within, scope)
    if not isinstance(bounds, Interval):
        return UNKNOWN
    notes = ev.where(within, scope)
    steps = bounds.integers()
    if kind in INTEGERS and steps is None:
        return ev.report.error(
            "QS206",
            f"the range of `{param.name}` has integers at its ends",
            within.span,
            label=str(bounds),
            notes=notes,
        )
    if (not steps) if steps is not None else (bounds.high, bounds.closed) < (bounds.low, True):
        return ev.report.error(
            "QS203",
            f"the range of `{param.name}` is empty",
            within.span,
            label=f"nothing lies in {bounds}",
            notes=notes,
        )
    low, high = _LIMITS.get(kind, (-float("inf"), float("inf")))
    if bounds.low < low or (steps[-1] if kind in INTEGERS and steps else bounds.high) > high:
        return ev.report.error(
            "QS203",
            f"the range of `{param.name}` is larger than that of a {kind}",
            within.span,
            label=f"a {kind} is not negative" if kind == "nat" else f"a {kind} lies in {low}..={high}",
            notes=notes,
        )
    return bounds


_LIMITS: Mapping[str, tuple[float, float]] = {"nat": (0, float("inf")), "bit": (0, 1), "bool": (0, 1), "prob": (0, 1)}
