"""Making diagnostics, and the turns of phrase that their messages share."""

from __future__ import annotations

from collections.abc import Iterable

from qsanc.check.nearest import nearest
from qsanc.diagnostics import Diagnostic, Note, Severity
from qsanc.source import Span
from qsanc.syntax import ast


def error(
    code: str, title: str, span: Span | None, label: str = "", *, notes: Iterable[Note] = (), help: str = ""
) -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, title, span, label, notes=tuple(notes), help=help)


def warning(
    code: str, title: str, span: Span | None, label: str = "", *, notes: Iterable[Note] = (), help: str = ""
) -> Diagnostic:
    return Diagnostic(code, Severity.WARNING, title, span, label, notes=tuple(notes), help=help)


def first_here(span: Span | None, text: str = "the first one is here") -> tuple[Note, ...]:
    return (Note(text, span),) if span is not None else ()


def instead(text: str) -> str:
    """A help that is program text: the underlined text, replaced by `text`, is right."""
    return f"write `{text}`"


def suggestion(name: str, known: Iterable[str]) -> str:
    """The help for a misspelt name, empty where nothing comes near."""
    close = nearest(name, known)
    return instead(close) if close else ""


def quoted(expr: ast.Node) -> str:
    """An expression as its author wrote it, or "this" where it is long."""
    text = expr.span.text
    return f"`{text}`" if len(text) <= 40 and "\n" not in text else "this"


def a_or_an(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeio' else 'a'} {noun}"


def several(count: int, noun: str) -> str:
    """`no angle`, `1 angle`, `2 angles`."""
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}" if count else f"no {noun}s"


def head(arg: ast.Arg) -> Span:
    """The name of a named argument."""
    return Span(arg.span.source, arg.span.start, arg.span.start + len(arg.name or ""))


def enumerated(words: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`, each in backquotes."""
    marked = [f"`{word}`" for word in words]
    return " or ".join(filter(None, (", ".join(marked[:-1]), marked[-1]))) if marked else ""
