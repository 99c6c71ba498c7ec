"""Property and test blocks."""

from __future__ import annotations

from qsanc.check import block_errors
from qsanc.check.builtins import CHECK_SETTINGS
from qsanc.check.expressions import condition, meaning
from qsanc.check.scope import Binding, Scope
from qsanc.check.settings import check_settings
from qsanc.check.signatures import declare_params, declare_type
from qsanc.check.sorts import Context
from qsanc.syntax import ast


def check_property(item: ast.Property, top: Scope) -> None:
    scope = top.inner(Context.NUMBER, Context.CHECK)
    declare_params(item.params, scope)
    _body(item, "property", scope)
    scope.close()


def check_test(item: ast.Test, top: Scope) -> None:
    scope = top.inner(Context.NUMBER, Context.CHECK)
    _body(item, "test", scope)
    scope.close()


def _body(item: ast.Property | ast.Test, kind: str, scope: Scope) -> None:
    settings = [statement for statement in item.body if isinstance(statement, ast.Setting)]
    check_settings(settings, CHECK_SETTINGS, scope, Context.NUMBER, kind)
    for statement in item.body:
        match statement:
            case ast.Let():
                if statement.type is not None:
                    declare_type(statement.type, scope, "let", "qubit", "dim")
                found = meaning(statement.value, scope, Context.CHECK)
                scope.declare(Binding(statement.name, "let", found, statement.name_span, statement.type, watched=True))
            case ast.Assume() | ast.Assert():
                condition(statement.condition, scope, Context.CHECK)
    if not any(isinstance(statement, ast.Assert) for statement in item.body):
        scope.findings.add(block_errors.no_assertion(item.name, kind, item.name_span))
