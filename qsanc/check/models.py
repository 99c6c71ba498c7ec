"""Model blocks: sizes, data, parameters, flow, loss and training defaults."""

from __future__ import annotations

from qsanc.check import block_errors, errors
from qsanc.check.builtins import TRAIN_SETTINGS
from qsanc.check.expressions import condition, expect, within
from qsanc.check.items import sort_of_type
from qsanc.check.loss import differentiable
from qsanc.check.scope import NUMBER, Binding, Meaning, Scope
from qsanc.check.settings import check_settings
from qsanc.check.signatures import declare_generics, declare_type
from qsanc.check.sorts import Context, Sort
from qsanc.diagnostics import Note
from qsanc.source import Span
from qsanc.syntax import ast

_REQUIRED = ("params", "flow", "loss")


def check_size(item: ast.Size, scope: Scope) -> None:
    within(item.within, scope)
    if item.value is not None:
        expect(item.value, scope, Context.NUMBER, Sort.NUMBER)


def check_hyper(item: ast.Hyper, scope: Scope) -> None:
    declare_type(item.type, scope, "hyper", "qubit", "dim", "time")
    within(item.within, scope)
    expect(item.value, scope, Context.NUMBER, Sort.NUMBER, Sort.TRUTH)


def check_model(item: ast.Model, top: Scope) -> None:
    scope = top.inner(Context.NUMBER, Context.FLOW, Context.LOSS)
    declare_generics(item.generics, scope)
    _declare_sizes(item, scope)
    _parts_once(item, scope)
    for part in item.parts:
        if isinstance(part, ast.Data):
            _declare_data(part, scope)
    for part in item.parts:
        if isinstance(part, ast.Params):
            _declare_params(part, scope)
    results = scope.inner()
    for part in item.parts:
        if isinstance(part, ast.Flow):
            _flow(part, results, item)
    for part in item.parts:
        if isinstance(part, ast.Loss):
            inner = results.inner()
            inner.declare(Binding("predict", "`predict`", NUMBER, None))
            expect(part.value, inner, Context.LOSS, Sort.NUMBER)
            differentiable(part, item, scope.findings)
        elif isinstance(part, ast.Train):
            check_settings(part.settings, TRAIN_SETTINGS, scope, Context.NUMBER, "train")
        elif isinstance(part, ast.Require):
            condition(part.condition, scope)
    results.close()
    scope.close()


def _declare_sizes(item: ast.Model, scope: Scope) -> None:
    """Sizes, settings and lets, each of which knows those above it."""
    declared = [part for part in item.parts if isinstance(part, (ast.Size, ast.Hyper, ast.Let))]
    scope.beyond = {part.name: Note(f"`{part.name}` is declared further down", part.name_span) for part in declared}
    for part in declared:
        match part:
            case ast.Size():
                check_size(part, scope)
                scope.declare(Binding(part.name, "size", NUMBER, part.name_span, watched=True))
            case ast.Hyper():
                check_hyper(part, scope)
                meaning = Meaning(sort_of_type(part.type))
                scope.declare(Binding(part.name, "hyper", meaning, part.name_span, part.type, watched=True))
            case ast.Let():
                if part.type is not None:
                    declare_type(part.type, scope, "let", "qubit", "dim")
                found = expect(part.value, scope, Context.NUMBER, Sort.NUMBER, Sort.TRUTH)
                scope.declare(Binding(part.name, "let", found, part.name_span, part.type, watched=True))


def _parts_once(item: ast.Model, scope: Scope) -> None:
    found: dict[str, list[ast.Node]] = {}
    for part in item.parts:
        if isinstance(part, (ast.Data, ast.Params, ast.Flow, ast.Loss, ast.Train)):
            found.setdefault(type(part).__name__.lower(), []).append(part)
    owner = f"model `{item.name}`"
    for role in _REQUIRED:
        if role not in found:
            scope.findings.add(block_errors.missing_part(role, item.name_span, owner, _example(role, item)))
    for role, parts in found.items():
        for extra in parts[1:]:
            scope.findings.add(block_errors.repeated_part(role, extra.span, parts[0].span, owner))


def _example(role: str, model: ast.Model) -> str:
    """What could stand in the place of a missing part, made of the names that are there."""
    trained = [decl.name for part in model.parts if isinstance(part, ast.Params) for decl in part.decls]
    flows = [part for part in model.parts if isinstance(part, ast.Flow)]
    bound = [statement.name for part in flows for statement in part.body if isinstance(statement, ast.Bind)]
    fields = [f.name for part in model.parts if isinstance(part, ast.Data) for f in part.fields]
    last = (bound or trained or ["x"])[-1]
    match role:
        case "params":
            return "params { w: real = 0; }"
        case "flow":
            return f"flow {{ predict {last}; }}"
        case "loss":
            return f"loss mse(predict, {fields[-1]});" if fields else "loss predict;"
        case _:
            return f"predict {last};"


def _declare_data(data: ast.Data, scope: Scope) -> None:
    for dim in data.fields:
        if isinstance(dim, ast.Dim):
            within(dim.within, scope)
            scope.declare(Binding(dim.name, "dim", NUMBER, dim.name_span, watched=True))
    for field in data.fields:
        if isinstance(field, ast.DataField):
            declare_type(field.type, scope, "data field", "qubit", "dim", "time")
            within(field.within, scope)
            scope.declare(Binding(field.name, "data field", NUMBER, field.name_span, field.type, watched=True))


def _declare_params(params: ast.Params, scope: Scope) -> None:
    for decl in params.decls:
        declare_type(decl.type, scope, "trained parameter", "qubit", "dim", "time", "bool")
        within(decl.within, scope)
        if decl.value is not None:
            expect(decl.value, scope, Context.NUMBER, Sort.NUMBER)
        if decl.distribution is not None:
            expect(decl.distribution, scope, Context.INIT, Sort.DISTRIBUTION)
        if decl.type.kind in ("nat", "int", "bit") and not decl.frozen:
            scope.findings.add(errors.integer_parameter(decl))
        scope.declare(Binding(decl.name, "trained parameter", NUMBER, decl.name_span, decl.type, watched=True))


def _flow(flow: ast.Flow, scope: Scope, model: ast.Model) -> None:
    predictions = [statement for statement in flow.body if isinstance(statement, ast.Predict)]
    nested = _nested_predictions(flow.body)
    owner = f"the flow of model `{model.name}`"
    if not predictions and not nested:
        scope.findings.add(block_errors.missing_part("predict", flow.span, owner, _example("predict", model)))
    for extra in predictions[1:]:
        scope.findings.add(block_errors.repeated_part("predict", extra.span, predictions[0].span, owner))
    for inside in nested:
        scope.findings.add(block_errors.predict_in_repeat(inside))
    _flow_body(flow.body, scope)


def _nested_predictions(body: tuple[ast.FlowStmt, ...], depth: int = 0) -> list[ast.Predict]:
    found: list[ast.Predict] = []
    for statement in body:
        if isinstance(statement, ast.Predict) and depth:
            found.append(statement)
        elif isinstance(statement, ast.Repeat):
            found += _nested_predictions(statement.body, depth + 1)
    return found


def _flow_body(body: tuple[ast.FlowStmt, ...], scope: Scope) -> None:
    """A name first bound inside `repeat` lives in that round only; one bound before gets a new value."""
    for statement in body:
        match statement:
            case ast.Bind():
                expect(statement.value, scope, Context.FLOW, Sort.NUMBER)
                _bind(statement, scope)
            case ast.Let():
                if statement.type is not None:
                    declare_type(statement.type, scope, "let", "qubit", "dim")
                found = expect(statement.value, scope, Context.FLOW, Sort.NUMBER, Sort.TRUTH)
                scope.declare(Binding(statement.name, "let", found, statement.name_span, statement.type, watched=True))
            case ast.Repeat():
                within(statement.over, scope)
                round_ = scope.inner()
                round_.declare(Binding(statement.name, "loop variable", NUMBER, statement.name_span))
                _flow_body(statement.body, round_)
                round_.close()
                for name, span in bound_in(statement.body).items():
                    scope.beyond[name] = Note(f"`{name}` is bound inside `repeat`, and lives in that round alone", span)
            case ast.Require():
                condition(statement.condition, scope)
            case ast.Predict():
                expect(statement.value, scope, Context.FLOW, Sort.NUMBER)


def bound_in(body: tuple[ast.FlowStmt, ...]) -> dict[str, Span]:
    return {statement.name: statement.name_span for statement in body if isinstance(statement, ast.Bind)}


def _bind(statement: ast.Bind, scope: Scope) -> None:
    bound = scope.peek(statement.name)
    if bound is not None and bound.role == "flow value":
        return
    top = bound is not None and bound.meaning.item is not None
    if bound is None or top:
        scope.declare(Binding(statement.name, "flow value", NUMBER, statement.name_span, watched=True))
        return
    scope.findings.add(block_errors.assigned(statement.name, statement.name_span, bound.role, bound.span))
