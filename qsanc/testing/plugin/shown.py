"""Diagnostics in the place of tracebacks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import _pytest
import pluggy
import pytest
from _pytest._code.code import ExceptionRepr, ReprFileLocation, ReprTracebackNative, Traceback
from _pytest._io import TerminalWriter

import qsanc
from qsanc.diagnostics import Diagnostic
from qsanc.diagnostics.render import count, render

_NOT_THE_USERS = tuple(Path(str(package.__file__)).parent for package in (qsanc, _pytest, pluggy))


class Shown(ExceptionRepr):
    """Diagnostics as the report of a failure: in colour on a terminal, as text in files and from other processes.

    `before` and `after` are lines around them.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic], *, before: str = "", after: str = "") -> None:
        self._diagnostics, self._before, self._after = tuple(diagnostics), before, after
        super().__init__(ReprTracebackNative([self._text(color=False)]), _place(self._diagnostics[0]))

    def toterminal(self, tw: TerminalWriter) -> None:
        tw.write(self._text(color=tw.hasmarkup))

    def _text(self, *, color: bool) -> str:
        uncounted = render(self._diagnostics, color=color).rstrip().removesuffix(count(self._diagnostics)).rstrip()
        parts = (self._before, uncounted, self._after)
        return "\n\n".join(part for part in parts if part) + "\n"


def caller(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    """The user's line that an exception came through last: `test_bell.py:7: model = qsan_model("bell.qsan")`."""
    entry = next((entry for entry in reversed(excinfo.traceback) if _is_the_users(Path(entry.path))), None)
    return "" if entry is None else f"{Path(entry.path).name}:{entry.lineno + 1}: {str(entry.statement).strip()}"


def end_at_the_user(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Let the traceback of an exception end at the user's line that it came through last."""
    last, step = None, excinfo.value.__traceback__
    while step is not None:
        if _is_the_users(Path(step.tb_frame.f_code.co_filename)):
            last = step
        step = step.tb_next
    if last is not None:
        last.tb_next = None
        excinfo.traceback = Traceback(excinfo.tb)


def _is_the_users(path: Path) -> bool:
    return not any(folder in path.parents for folder in _NOT_THE_USERS)


def _place(diagnostic: Diagnostic) -> ReprFileLocation | None:
    """Where the summary of a run says that it went wrong, and what."""
    if diagnostic.span is None:
        return ReprFileLocation("", 0, f"{diagnostic.code}: {diagnostic.title}")
    source = diagnostic.span.source
    line, _ = source.position(diagnostic.span.start)
    return ReprFileLocation(source.name, line, f"{diagnostic.code}: {diagnostic.title}")
