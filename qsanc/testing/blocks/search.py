"""A block tried until it fails: on what was kept from earlier runs, then on arguments from Hypothesis, then on smaller
ones."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hypothesis import Phase
from hypothesis.errors import Unsatisfiable

from qsanc.diagnostics import Diagnostic, Note, QsanError, Severity
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.properties import Excluded
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sizes import Sizes
from qsanc.syntax import ast
from qsanc.testing.blocks import reproduction
from qsanc.testing.blocks.arguments import Arguments, text_of
from qsanc.testing.blocks.cases import Case
from qsanc.testing.blocks.engine import Engine
from qsanc.testing.blocks.examples import try_examples
from qsanc.testing.blocks.once import Level, execute
from qsanc.testing.blocks.verdict import Failure
from qsanc.testing.failures import FOLDER

DEFAULT_EXAMPLES = 100
_SHRINKING = 10.0
"""Seconds for smaller arguments, once some were found to fail."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller wants other than the blocks say; None leaves it to them.

    `failures` is the folder of counterexamples; with None they are neither replayed nor kept. `cost_limit` is in US
    dollars.
    """

    examples: int | None = None
    seed: int | None = None
    shots: int | None = None
    alpha: float | None = None
    backend: str = "numpy"
    cost_limit: float = 0.0
    failures: Path | None = FOLDER

    @property
    def chosen(self) -> tuple[tuple[str, float], ...]:
        given = {"shots": self.shots, "alpha": self.alpha}
        return tuple((name, value) for name, value in given.items() if value is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How a block fared. `tried` are the examples that counted, `replayed` those of them from earlier runs.

    After a failure `diagnostics` say what did not hold, or what was wrong; `values` are the smallest arguments found,
    and `reproduction` is the file that fails by itself, where one was written.
    """

    case: Case
    diagnostics: tuple[Diagnostic, ...] = ()
    tried: int = 0
    replayed: int = 0
    seconds: float = 0.0
    values: Mapping[str, str] = field(default_factory=dict)
    reproduction: Path | None = None

    @property
    def passed(self) -> bool:
        return not self.diagnostics


def check(case: Case, engine: Engine, options: Options) -> Outcome:
    """Try a block: a test once, a property on as many examples as asked for, or until one fails.

    Nothing is tried again to make it pass. What fails is kept in `options.failures`, made as small as a few seconds
    allow, and tried first the next time.
    """
    begun = time.monotonic()
    trial = _Trial(case, engine, options)
    try:
        found = trial.replay() or trial.search()
        diagnostics: tuple[Diagnostic, ...] = () if found is None else (trial.explain(found),)
    except QsanError as error:
        diagnostics = tuple(_at(trial.values, diagnostic) for diagnostic in error.diagnostics)
    return Outcome(
        case,
        diagnostics,
        trial.tried,
        trial.replayed,
        time.monotonic() - begun,
        text_of(trial.values) if diagnostics else {},
        trial.reproduction,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A failure, the arguments, and the number of the example that led to it; None from an earlier run."""

    failure: Failure
    values: Arguments
    example: int | None


class _Refuted(Exception):
    """What the search for examples takes for a failure."""


class _Enough(BaseException):
    """Smaller arguments are no longer looked for. No `Exception`: the search must not take it for a failure."""


class _Trial:
    """One block being tried. `values` are the arguments tried last."""

    def __init__(self, case: Case, engine: Engine, options: Options) -> None:
        self._case, self._engine, self._options = case, engine, options
        own = _own_settings(case)
        self.examples = _first(options.examples, own.get("examples"), DEFAULT_EXAMPLES)
        if isinstance(case.item, ast.Test):
            self.examples = 1
        self.seed = _first(options.seed, own.get("seed"), 0)
        self.tried = self.replayed = 0
        self.values: Arguments = {}
        self.reproduction: Path | None = None

    def run(self, values: Arguments) -> Failure | None:
        """Try some arguments. Raises as `execute` does."""
        self.values = values
        level = Level(self.seed, self.examples, self._options.chosen)
        failure = execute(self._case.module, self._case.item, values, self._engine, level)
        self.tried += 1
        return failure

    def replay(self) -> _Found | None:
        """Try what failed earlier."""
        item, folder = self._case.item, self._options.failures
        if folder is None or not isinstance(item, ast.Property):
            return None
        for values in reproduction.earlier(folder, self._case):
            try:
                failure = self.run(values)
            except Excluded:
                continue
            self.replayed += 1
            if failure is not None:
                return _Found(failure, values, None)
        return None

    def search(self) -> _Found | None:
        """Try a test once, or a property on new arguments."""
        item = self._case.item
        if isinstance(item, ast.Test):
            try:
                failure = self.run({})
            except Excluded:
                raise self._nothing_tried() from None
            found = None if failure is None else _Found(failure, {}, None)
        else:
            found = self._search(item)
        if found is None and self._options.failures is not None:
            reproduction.forget(self._options.failures, self._case)
        return found

    def _search(self, item: ast.Property) -> _Found | None:
        last: _Found | None = None
        first, since = 0, 0.0

        def attempt(values: dict[str, Any]) -> None:
            nonlocal last, first, since
            if last is not None and time.monotonic() - since > _SHRINKING:
                raise _Enough
            failure = self.run(values)
            if failure is not None:
                if last is None:
                    first, since = self.tried, time.monotonic()
                last = _Found(failure, values, first)
                raise _Refuted

        try:
            try_examples(
                self._case.module,
                item,
                attempt,
                examples=self.examples,
                seed=self.seed,
                phases=(Phase.generate, Phase.shrink),
            )
        except (_Refuted, _Enough):
            pass
        except Unsatisfiable:
            raise self._nothing_tried() from None
        return last

    def _nothing_tried(self) -> QsanError:
        """QS705: nothing passed the assumptions."""
        self.values = {}
        item = self._case.item
        assumed = [statement for statement in item.body if isinstance(statement, ast.Assume)]
        place = assumed[0].condition.span if assumed else item.name_span
        title = f"no arguments of `{item.name}` satisfy what it assumes"
        label = "false for all that were tried"
        return QsanError([Diagnostic("QS705", Severity.ERROR, title, place, label=label, help=_WIDER)])

    def explain(self, found: _Found) -> Diagnostic:
        """The failure as a diagnostic; before that, it is made small and kept."""
        self.values = found.values
        folder = self._options.failures
        not_kept: tuple[Note, ...] = ()
        if folder is not None and folder.resolve() not in self._case.path.resolve().parents:
            try:
                self.reproduction = reproduction.keep(
                    folder,
                    self._case,
                    found.values,
                    found.failure,
                    seed=self.seed,
                    engine=self._engine,
                    chosen=self._options.chosen,
                )
            except (OSError, ValueError, QsanError) as error:
                not_kept = (Note(f"could not be kept in {folder}: {error}"),)
        help_ = "" if self.reproduction is None else f"qsanc test {self.reproduction}"
        shown = found.failure.diagnostic(
            text_of(found.values), seed=self.seed, example=found.example, reproduction=help_
        )
        return replace(shown, notes=(*shown.notes, *not_kept))


def _at(values: Arguments, found: Diagnostic) -> Diagnostic:
    """What is wrong in a block, with the arguments that it does not tell yet."""
    told = " ".join(note.text for note in found.notes)
    notes = [Note(f"with {name} = {text}") for name, text in text_of(values).items() if f"{name} = " not in told]
    return replace(found, notes=(*found.notes, *notes))


def _own_settings(case: Case) -> dict[str, int]:
    """The settings of a block that are known before its arguments."""
    ev = Evaluator(Report(), Sizes({}, {}), Graph())
    scope = Scope(case.module)
    found = {}
    for statement in case.item.body:
        if isinstance(statement, ast.Setting) and statement.name in ("examples", "seed"):
            value = ev.attempt(statement.value, scope)
            if isinstance(value, int):
                found[statement.name] = value
    return found


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


_WIDER = "say it with the ranges of the arguments instead"
