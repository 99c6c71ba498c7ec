"""Collecting findings: elaboration goes on after an error, and says each thing once although loops repeat it."""

from __future__ import annotations

from qsanc.diagnostics import Diagnostic, Note, QsanError, Severity
from qsanc.elaborate.values import UNKNOWN, Unknown
from qsanc.source import Span


class Report:
    """The findings so far. Two findings with one code at one place are the same finding."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int, int], Diagnostic] = {}

    def add(self, diagnostic: Diagnostic) -> None:
        span = diagnostic.span
        key = (
            (diagnostic.code, id(span.source), span.start, span.end)
            if span
            else (diagnostic.code, 0, 0, len(self._found))
        )
        self._found.setdefault(key, diagnostic)

    def error(
        self,
        code: str,
        title: str,
        span: Span | None,
        *,
        label: str = "",
        expected: str = "",
        notes: tuple[Note, ...] = (),
        help: str = "",
    ) -> Unknown:
        """Record an error; the value of the expression that has it is UNKNOWN."""
        self.add(Diagnostic(code, Severity.ERROR, title, span, label, expected, notes, help))
        return UNKNOWN

    def warning(self, code: str, title: str, span: Span | None, *, label: str = "", help: str = "") -> None:
        self.add(Diagnostic(code, Severity.WARNING, title, span, label, help=help))

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return tuple(self._found.values())

    @property
    def in_order(self) -> tuple[Diagnostic, ...]:
        """The findings in the order of the text, file by file."""
        files = {id(d.span.source): None for d in self.diagnostics if d.span is not None}
        first = {source: place for place, source in enumerate(files)}
        return tuple(
            sorted(
                self.diagnostics,
                key=lambda d: (first[id(d.span.source)], d.span.start) if d.span is not None else (len(first), 0),
            )
        )

    @property
    def failed(self) -> bool:
        return any(d.is_error for d in self._found.values())

    def has(self, code: str) -> bool:
        return any(d.code == code for d in self._found.values())

    def raise_errors(self) -> None:
        """End the phase: raise everything found if there is an error among it."""
        if self.failed:
            raise QsanError(self.in_order)
