"""Models in a property or test: `reader(vocab = 3, w = 0)`, and what is asked of one record, `m.predict([0, 1, 2])`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from qsanc.diagnostics import Note
from qsanc.elaborate.models import elaborate_model
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.signature import axes_of
from qsanc.elaborate.sizes import Sizes
from qsanc.elaborate.values import (
    UNKNOWN,
    Instance,
    Interval,
    Outcome,
    Template,
    Tensor,
    Unknown,
    Value,
    describe,
    is_number,
    number,
    shape_text,
)
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.model import Function
from qsanc.ir.program import DataField, Model, Parameter
from qsanc.syntax import ast

if TYPE_CHECKING:
    from qsanc.elaborate.assertions import Assertions

Built: TypeAlias = "tuple[Model, Function, tuple[CircuitModule, ...]] | None"
"""A model, the function that computes it, and the circuit modules that this calls; None after an error."""


def instance(check: Assertions, template: Template, item: ast.Model, node: ast.Call, scope: Scope) -> Value:
    """A model with sizes, settings and parameters given by name; the others are as they would be in training.

    Reports QS206 for a setting that is no number, QS202 for a size that only data would give, QS201 and QS203 for
    parameters, and what is wrong in the model at these sizes.
    """
    settings = {part.name for part in item.parts if isinstance(part, (ast.Size, ast.Hyper))}
    values = {arg.name or "": (check.ev.expr(arg.value, scope), arg.value) for arg in node.args}
    if any(isinstance(value, Unknown) for value, _ in values.values()):
        return UNKNOWN
    chosen = dict(check.sizes)
    for name in settings & values.keys():
        value, expr = values[name]
        if not is_number(value):
            title = f"`{name}` of `{item.name}` must be a number known at compile time"
            return check.ev.report.error("QS206", title, expr.span, label=describe(value))
        chosen[name] = value  # type: ignore[assignment]
    built = check.built(template, chosen, lambda: _built(check, template, item, chosen, settings, node, scope))
    if built is None:
        return UNKNOWN
    model, function, modules = built
    fits = [
        _parameter_fits(check, item, parameter, *values[parameter.name])
        for parameter in model.parameters
        if parameter.name in values
    ]
    given = tuple((name, value) for name, (value, _) in values.items() if name not in settings)
    return Instance(model, function, modules, given) if all(fits) else UNKNOWN


def _built(
    check: Assertions,
    template: Template,
    item: ast.Model,
    chosen: Mapping[str, int | float],
    settings: set[str],
    node: ast.Call,
    scope: Scope,
) -> Built:
    given = {name for name, _, _ in template.generics}
    outer = Scope(template.definition.module)
    for name, value, place in template.generics:
        outer.bind(name, value, span=place)
    sizes = Sizes(chosen, {})
    with check.inside(node, scope, sizes) as ev:
        own = replace(item, generics=tuple(generic for generic in item.generics if generic.name not in given))
        built = elaborate_model(ev, own, outer)
        for size in sizes.chosen:
            if size.origin == "placeholder" and size.name in settings:
                check.ev.report.error(
                    "QS202",
                    f"nothing says how large `{size.name}` of `{item.name}` is: a test has no data",
                    node.span,
                    help=f"{node.span.text.removesuffix(')').rstrip()}{', ' if node.args else ''}{size.name} = 3)",
                )
                return None
        return None if built is None else (*built, tuple(ev.graph.modules))
    return None


def _parameter_fits(check: Assertions, item: ast.Model, parameter: Parameter, value: Value, expr: ast.Expr) -> bool:
    """Whether a value can be that of a parameter: one number for all its elements, or an array of its shape."""
    axes = axes_of(value)
    if axes is None or (axes and axes != parameter.shape):
        declared = next(
            decl
            for part in item.parts
            if isinstance(part, ast.Params)
            for decl in part.decls
            if decl.name == parameter.name
        )
        check.ev.report.error(
            "QS201",
            f"shapes do not fit: `{parameter.name}` of `{item.name}`",
            expr.span,
            label=describe(value) if axes is None else shape_text("real", axes),
            expected=f"expected one number or {shape_text(parameter.kind, parameter.shape)}: {declared.type.span.text}",
        )
        return False
    low = -math.inf if parameter.low is None else parameter.low
    high = math.inf if parameter.high is None else parameter.high
    for extreme in _extremes(check, value):
        if not low <= extreme <= high:
            check.ev.report.error(
                "QS203",
                f"`{parameter.name}` of `{item.name}` is outside its range",
                expr.span,
                label=f"{number(extreme)} is not in {number(low)}..={number(high)}",
            )
            return False
    return True


def member(check: Assertions, node: ast.Attr, scope: Scope) -> Value:
    """`m.predict` of a model without data, `m.w`, `m.n`; `cost(m).circuits`."""
    owner = check.ev.expr(node.base, scope)
    if isinstance(owner, Outcome):
        return check.amount(owner, node.name)
    if not isinstance(owner, Instance):
        return UNKNOWN
    if node.name in ("predict", "loss"):
        call = ast.Call(node, (), span=node.span)
        return recorded(check, owner, node.name, call, scope)
    for size in owner.model.sizes:
        if size.name == node.name:
            return size.value
    return check.parameter(owner, node.name)


def recorded(check: Assertions, owner: Instance, what: str, node: ast.Call, scope: Scope) -> Value:
    """`predict` or `loss` of a model for one record, whose fields are given in order or by name."""
    model = owner.model
    fields = {field.name: field for field in model.fields}
    given = {arg.name or list(fields)[place]: arg.value for place, arg in enumerate(node.args)}
    missing = [
        name for name, field in fields.items() if name not in given and (what == "loss" or field.role != "label")
    ]
    if missing:
        return check.ev.report.error("QS107", f"`{node.base.span.text}` lacks the field `{missing[0]}`", node.span)
    if not _fields_fit(check, owner, given, scope):
        return UNKNOWN
    return check.on_record(owner, what, given, scope)


def priced(check: Assertions, given: dict[str, ast.Expr], node: ast.Call, scope: Scope) -> Value:
    """`cost(m, method = ..., tokens = [0, 1, 2], shots = 100)`: what a training step on this record costs."""
    owner = check.ev.expr(given["m"], scope)
    if not isinstance(owner, Instance):
        return UNKNOWN
    fields = {field.name for field in owner.model.fields}
    for arg in node.args:
        if arg.name is not None and arg.name not in fields | {"m", "method", "shots"}:
            return check.ev.report.error(
                "QS101",
                f"`cost` of `{owner.model.name}` has no argument `{arg.name}`",
                arg.span,
                help=", ".join(["method", "shots", *sorted(fields)]),
            )
    if "shots" in given:
        check.setting("shots", given["shots"], scope)
    record = {name: expr for name, expr in given.items() if name in fields}
    return check.cost(owner, record, given, scope) if _fields_fit(check, owner, record, scope) else UNKNOWN


def _fields_fit(check: Assertions, owner: Instance, given: dict[str, ast.Expr], scope: Scope) -> bool:
    """Whether the fields of a record are what the model's `data` block says."""
    lengths: dict[str, int] = {}
    good = True
    for field in owner.model.fields:
        if field.name not in given:
            continue
        expr = given[field.name]
        value = check.ev.expr(expr, scope)
        if isinstance(value, Unknown):
            good = False
        elif not (isinstance(value, str) and field.role == "tokens"):
            good &= _field_fits(check, owner, field, value, expr, lengths)
    return good


def _field_fits(
    check: Assertions, owner: Instance, field: DataField, value: Value, expr: ast.Expr, lengths: dict[str, int]
) -> bool:
    """Whether a field has the shape and the values that the `data` block declares. `lengths` are those of its dims."""
    report, what = check.ev.report, f"`{field.name}` of `{owner.model.name}`"
    declared, axes = field.type.axes[1:], axes_of(value)
    if (
        axes is None
        or len(axes) != len(declared)
        or any(a != d for a, d in zip(axes, declared, strict=True) if isinstance(d, int))
    ):
        report.error(
            "QS201",
            f"shapes do not fit: {what}",
            expr.span,
            label=describe(value) if axes is None else shape_text(field.type.kind, axes),
            expected=f"expected {shape_text(field.type.kind, declared)}",
        )
        return False
    for dim, length in zip(declared, axes, strict=True):
        if (
            isinstance(dim, str)
            and isinstance(length, int)
            and not _length_fits(check, owner, dim, length, expr, lengths)
        ):
            return False
    plain = _plain(value)
    whole = all(isinstance(n, int) for n in plain) and (not isinstance(value, Tensor) or value.type.kind == "int")
    if field.type.kind == "int" and not whole:
        report.error("QS108", f"{what} holds integers", expr.span, label=describe(value))
        return False
    if field.low is not None and field.high is not None:
        bounds = Interval(field.low, field.high, field.closed)
    elif field.classes is not None:
        bounds = Interval(0, field.classes - 1, closed=True)
    else:
        return True
    for place, extreme in enumerate(_extremes(check, value)):
        if extreme in bounds:
            continue
        item = expr.items[place] if isinstance(expr, ast.ListOf) and len(plain) == len(expr.items) else expr
        report.error(
            "QS205" if field.role == "tokens" else "QS203",
            f"{what} is out of range" if field.role != "tokens" else f"there is no word {number(extreme)}",
            item.span,
            label=f"{number(extreme)} is not in {bounds}",
            notes=tuple(
                Note(f"with {s.name} = {number(s.value)}") for s in owner.model.sizes if s.name == field.sized_by
            ),
        )
        return False
    return True


def _length_fits(
    check: Assertions, owner: Instance, dim: str, length: int, expr: ast.Expr, lengths: dict[str, int]
) -> bool:
    bounds = next(bounds for bounds in owner.model.dims if bounds.name == dim)
    if length < bounds.low or (bounds.high is not None and length > bounds.high):
        allowed = f"{bounds.low}..={bounds.high}" if bounds.high is not None else f"at least {bounds.low}"
        check.ev.report.error(
            "QS203", f"`{dim}` of `{owner.model.name}` is {length} here", expr.span, label=f"the model allows {allowed}"
        )
        return False
    if lengths.setdefault(dim, length) != length:
        check.ev.report.error(
            "QS201",
            f"`{dim}` of `{owner.model.name}` has two lengths",
            expr.span,
            label=f"{length}, and {lengths[dim]}",
        )
        return False
    return True


def _plain(value: Value) -> list[int | float]:
    """All numbers of a list known at compile time, in order."""
    if isinstance(value, tuple):
        return [n for item in value for n in _plain(item)]
    return [value] if is_number(value) else []  # type: ignore[list-item]


def _extremes(check: Assertions, value: Value) -> list[int | float]:
    """The numbers of a list; for an array of the property the ends of its range."""
    bounds = check.ranges.get(value) if isinstance(value, Tensor) else None
    if bounds is None:
        return _plain(value)
    steps = bounds.integers() if isinstance(value, Tensor) and value.type.kind == "int" else None
    return [
        bounds.low,
        steps[-1] if steps else bounds.high if bounds.closed else math.nextafter(bounds.high, -math.inf),
    ]
