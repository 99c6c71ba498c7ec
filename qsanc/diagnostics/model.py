"""What an error is: a value with a code, a place, notes and a help. How it looks is `render`'s business."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from qsanc.source import Span


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Note:
    """A further remark, with the place it speaks of where there is one."""

    text: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about the user's input.

    `code` is stable (`QS201`) and has a page in `qsanc explain-error`. `span` is the place to look at, None only
    where the input has no text (a directory, a command-line value). `label` stands under the underlined span.
    `expected` are the lines that begin with "= expected". `help` is one fix; where it is program text it compiles if
    pasted.
    """

    code: str
    severity: Severity
    title: str
    span: Span | None = None
    label: str = ""
    expected: str = ""
    notes: tuple[Note, ...] = ()
    help: str = ""

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR


class QsanError(Exception):
    """The user's input is wrong. Carries every diagnostic found, at least one of them an error."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(
            "; ".join(f"{d.code}: {d.title}" + (f" ({d.span})" if d.span else "") for d in self.diagnostics)
        )


class CompilerBug(Exception):
    """qsanc broke one of its own invariants. Never the user's fault, and worth a report."""
