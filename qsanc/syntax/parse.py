"""From text to tree: the one entrance to the syntax."""

from __future__ import annotations

from qsanc.diagnostics.model import QsanError
from qsanc.source import Source
from qsanc.syntax import ast
from qsanc.syntax.build import Builder
from qsanc.syntax.lexer import lex
from qsanc.syntax.recovery import MOST_DIAGNOSTICS, Parser
from qsanc.syntax.tables import tables


def parse(source: Source) -> ast.File:
    """The tree of a whole file.

    Raises `QsanError` with the findings of the syntax group (QS001 to QS009) in the order of the text, at most 100.
    """
    tree = _run(source, "start")
    assert isinstance(tree, ast.File)
    return tree


def parse_expression(source: Source) -> ast.Expr:
    """The tree of a text that is one expression, as on a command line. Raises `QsanError` as `parse` does."""
    tree = _run(source, "expression")
    assert isinstance(tree, ast.Expr)
    return tree


def _run(source: Source, start: str) -> object:
    lexed = lex(source)
    builder = Builder(source, lexed)
    actions = [getattr(builder, rule.action) if rule.action else None for rule in tables().rules]
    parser = Parser(source, lexed, start, actions)
    tree = parser.run()
    if parser.diagnostics:
        in_order = sorted(parser.diagnostics, key=lambda d: d.span.start if d.span else 0)
        raise QsanError(in_order[:MOST_DIAGNOSTICS])
    return tree
