"""Files and their blocks as pytest collects and runs them."""

from __future__ import annotations

import os
import re
import shlex
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._code.code import TerminalRepr

from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.testing.packages import need_packages
from qsanc.testing.plugin.settings import Settings
from qsanc.testing.plugin.shown import Shown

if TYPE_CHECKING:
    from qsanc.testing.blocks.cases import Case
    from qsanc.testing.blocks.engine import Engine
    from qsanc.testing.blocks.search import Outcome

SETTINGS = pytest.StashKey[Settings]()
_ENGINES = pytest.StashKey["dict[str, Engine]"]()

_LONGEST_PROGRAM = 40
"""Lines of a program that a report shows."""

_BLOCK = re.compile(rb"\b(property|test)\b")


class QsanWarning(UserWarning):
    """What the compiler warns of in a file whose blocks are run.

    It is made of text alone, because pytest-xdist makes it anew in another process, where there is no `diagnostic`.
    """

    diagnostic: Diagnostic | None = None

    @classmethod
    def of(cls, diagnostic: Diagnostic) -> QsanWarning:
        warning = cls(f"{diagnostic.code}: {diagnostic.title}")
        warning.diagnostic = diagnostic
        return warning


class BlockFailed(Exception):
    """A block that does not hold, or is wrong."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("; ".join(diagnostic.title for diagnostic in outcome.diagnostics))
        self.outcome = outcome


class QsanFile(pytest.File):
    """A `.qsan` file with its property and test blocks. One that names neither is not even parsed."""

    def collect(self) -> Iterator[QsanBlock]:
        if not _may_hold_blocks(self.path):
            return
        need_packages()
        from qsanc import driver
        from qsanc.api.noise import warnings_of_noise
        from qsanc.testing.blocks.cases import cases_of

        cases = cases_of(near(self.path))
        if cases:
            module = cases[0].module
            for diagnostic in (*driver.check(module), *warnings_of_noise(module)):
                _warn(diagnostic, self.path)
        for case in cases:
            named = replace(case, path=Path(_below(self.path, self.config.rootpath)))
            yield QsanBlock.from_parent(self, name=case.name, case=named)

    def repr_failure(  # type: ignore[override]
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> str | TerminalRepr:
        """Raised by `collect`: what is wrong in the file."""
        match excinfo.value:
            case QsanError(diagnostics=diagnostics):
                return Shown(diagnostics)
            case QsanWarning(diagnostic=diagnostic) if diagnostic is not None:
                return Shown([diagnostic])
            case _:
                return super().repr_failure(excinfo)


class QsanBlock(pytest.Item):
    """A property or a test."""

    def __init__(self, *, case: Case, **of_node: Any) -> None:
        super().__init__(**of_node)
        self.case = case

    def runtest(self) -> None:
        from qsanc.testing.blocks.search import Options, check
        from qsanc.testing.failures import FOLDER

        settings, folder = self.config.stash[SETTINGS], self.config.rootpath / FOLDER
        options = Options(
            examples=settings.examples,
            seed=settings.seed,
            shots=settings.shots,
            alpha=settings.alpha,
            backend=settings.backend,
            cost_limit=settings.cost_limit,
            failures=None if folder in self.path.parents else folder,
        )
        outcome = check(self.case, engine_of(self.config, settings.backend), options)
        if not outcome.passed:
            raise BlockFailed(outcome)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.case.line - 1, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """Raised by `runtest`: what does not hold, the smallest program that shows it, and how to run it again."""
        match excinfo.value:
            case BlockFailed(outcome=outcome):
                return Shown(_as_seen_from_here(outcome), after=_program(outcome) + f"again: {self._again()}")
            case QsanError(diagnostics=diagnostics):
                return Shown(diagnostics)
            case _:
                return super().repr_failure(excinfo, style)

    def _again(self) -> str:
        """The command that runs this block alone, from the folder where pytest was started."""
        path = os.path.relpath(self.path, self.config.invocation_params.dir)
        block = shlex.quote(f"{Path(path).as_posix()}::{self.name}")
        return " ".join(["pytest", block, *self.config.stash[SETTINGS].given])


def engine_of(config: pytest.Config, backend: str) -> Engine:
    """The engine of a backend: one for the whole run, so that a call is compiled once for all blocks.

    Raises QsanError for a backend that cannot be had, and QS802 for one that costs more than the cost limit allows.
    """
    from qsanc.testing.blocks.engine import Engine

    engines = config.stash.setdefault(_ENGINES, {})
    if backend not in engines:
        try:
            engines[backend] = Engine(backend, cost_limit=config.stash[SETTINGS].cost_limit)
        except QsanError as error:
            raise QsanError(map(_in_our_words, error.diagnostics)) from None
    return engines[backend]


def _may_hold_blocks(path: Path) -> bool:
    """Whether a file contains the words that blocks begin with. What cannot be read is left to the compiler to say."""
    try:
        return _BLOCK.search(path.read_bytes()) is not None
    except OSError:
        return True


def near(path: Path) -> Path:
    """A path as people would type it here."""
    return Path(_below(path, Path.cwd()))


def _below(path: Path, folder: Path) -> str:
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


def _warn(diagnostic: Diagnostic, path: Path) -> None:
    span = diagnostic.span
    name, line = (span.source.name, span.source.position(span.start)[0]) if span is not None else (str(path), 1)
    warnings.warn_explicit(QsanWarning.of(diagnostic), category=None, filename=name, lineno=line)


def _as_seen_from_here(outcome: Outcome) -> list[Diagnostic]:
    """The diagnostics of a block, with the way to the kept program as people would type it here."""
    kept = outcome.reproduction
    if kept is None:
        return list(outcome.diagnostics)
    return [replace(d, help=d.help.replace(str(kept), str(near(kept)))) for d in outcome.diagnostics]


def _program(outcome: Outcome) -> str:
    """The smallest program that fails, where it is short enough to be read in passing."""
    if outcome.reproduction is None:
        return ""
    lines = outcome.reproduction.read_text(encoding="utf-8").splitlines()
    if len(lines) > _LONGEST_PROGRAM:
        return ""
    return "\n".join(["smallest program that fails:", *(f"    {line}".rstrip() for line in lines)]) + "\n\n"


def _in_our_words(diagnostic: Diagnostic) -> Diagnostic:
    return replace(diagnostic, help="--qsan-cost-limit 5") if diagnostic.code == "QS802" else diagnostic
