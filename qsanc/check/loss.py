"""Whether the loss can be trained: it depends on a trained parameter, and on none through a step function.

What depends on what follows from names alone: a value depends on all names in the expression that it was bound to.
"""

from __future__ import annotations

from collections.abc import Iterator

from qsanc.check import block_errors
from qsanc.check.scope import Findings
from qsanc.syntax import ast

_STEPS = ("floor", "ceil")


def differentiable(loss: ast.Loss, model: ast.Model, findings: Findings) -> None:
    """QS405 for each step function of a trained value in flow and loss, and for a loss without any trained value."""
    params = [decl for part in model.parts if isinstance(part, ast.Params) for decl in part.decls]
    trained = {decl.name for decl in params if not decl.frozen}
    if not trained:
        return
    steps: dict[int, ast.Expr] = {}
    for part in model.parts:
        if isinstance(part, ast.Flow):
            _follow(part.body, trained, steps)
    steady = _depends(loss.value, trained, steps)
    for step in steps.values():
        findings.add(block_errors.step_function(step))
    if not steady and not steps:
        findings.add(block_errors.loss_without_predict(loss))


def _follow(body: tuple[ast.FlowStmt, ...], trained: set[str], steps: dict[int, ast.Expr]) -> None:
    """Add to `trained` the names of the flow that depend on it."""
    for statement in body:
        match statement:
            case ast.Bind() | ast.Let():
                if _depends(statement.value, trained, steps):
                    trained.add(statement.name)
            case ast.Predict():
                if _depends(statement.value, trained, steps):
                    trained.add("predict")
            case ast.Repeat():
                before = -1
                while before != len(trained):
                    before = len(trained)
                    _follow(statement.body, trained, steps)


def _depends(expr: ast.Expr, trained: set[str], steps: dict[int, ast.Expr]) -> bool:
    """Whether an expression depends on one of `trained` with a derivative; step functions on the way are collected."""
    if isinstance(expr, ast.Name):
        return expr.name in trained
    below = [_depends(part, trained, steps) for part in parts(expr)]
    called = expr.base.name if isinstance(expr, ast.Call) and isinstance(expr.base, ast.Name) else ""
    if any(below) and (called in _STEPS or isinstance(expr, ast.Compare)):
        steps.setdefault(expr.span.start, expr)
        return False
    return any(below) and called != "size"


def parts(expr: ast.Expr) -> Iterator[ast.Expr]:
    """The expressions directly inside an expression."""
    match expr:
        case ast.ListOf(items=items):
            yield from items
        case ast.Comprehension():
            yield from (expr.body, expr.over)
        case ast.Unary():
            yield expr.operand
        case ast.Binary() | ast.Compare():
            yield from (expr.left, expr.right)
        case ast.Approx():
            yield from (expr.left, expr.right)
            if expr.tolerance is not None:
                yield expr.tolerance
        case ast.Range():
            yield from (expr.low, expr.high)
        case ast.Index() | ast.Call():
            yield expr.base
            yield from (arg.value for arg in expr.args)
        case ast.Attr():
            yield expr.base
