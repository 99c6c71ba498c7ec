"""A block tried until it fails first. Unlike `blocks.search` this looks for no smaller example and keeps nothing."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis.errors import Unsatisfiable

from qsanc.diagnostics import QsanError
from qsanc.elaborate.properties import Excluded
from qsanc.syntax import ast
from qsanc.testing.blocks.arguments import Arguments
from qsanc.testing.blocks.cases import Case
from qsanc.testing.blocks.engine import Engine
from qsanc.testing.blocks.examples import try_examples
from qsanc.testing.blocks.once import Level, execute


@dataclass(frozen=True, slots=True)
class Fall:
    """How a block failed: at which example, and the error where it could not be run at all."""

    example: int
    error: str = ""


class _Stop(BaseException):
    """The first failure ends the search. No `Exception`: the search must not look for smaller ones."""


def first_failure(case: Case, engine: Engine, *, examples: int, seed: int) -> Fall | None:
    """The first example that a block fails at, of so many from `seed`; None where all pass.

    A block that has an error at its arguments, or that no arguments satisfy, fails as well: it noticed.
    """
    trial = _Trial(case, engine, Level(seed, examples if isinstance(case.item, ast.Property) else 1))
    try:
        if isinstance(case.item, ast.Property):
            try_examples(case.module, case.item, trial.attempt, examples=examples, seed=seed)
        else:
            trial.attempt({})
    except _Stop:
        return trial.fall
    except QsanError as error:
        return Fall(trial.tried, error.diagnostics[0].title)
    except (Unsatisfiable, Excluded):
        return Fall(trial.tried, "no arguments satisfy what it assumes")
    return None


class _Trial:
    def __init__(self, case: Case, engine: Engine, level: Level) -> None:
        self._case, self._engine, self._level = case, engine, level
        self.tried = 0
        self.fall: Fall | None = None

    def attempt(self, values: Arguments) -> None:
        """Raises `_Stop` at a failure, and `Excluded` as `execute` does."""
        try:
            failed, error = execute(self._case.module, self._case.item, values, self._engine, self._level), ""
        except QsanError as found:
            failed, error = None, found.diagnostics[0].title
        self.tried += 1
        if failed is not None or error:
            self.fall = Fall(self.tried, error)
            raise _Stop
