"""A statement that cannot be read: raised where it is found, collected by the reader."""

from __future__ import annotations

from qsanc.diagnostics import Diagnostic, Severity
from qsanc.source import Span


class Wrong(Exception):
    def __init__(
        self, code: str, title: str, span: Span, label: str = "", *, expected: str = "", help: str = ""
    ) -> None:
        super().__init__(title)
        self.diagnostic = Diagnostic(
            code, Severity.ERROR, title, span, label, expected=f"expected {expected}" if expected else "", help=help
        )


class TooLarge(Wrong):
    """The program outgrows a limit: nothing after it is read."""

    def __init__(self, title: str, span: Span, help: str) -> None:
        super().__init__("QS825", title, span, "here it gets too large", expected="a smaller program", help=help)
