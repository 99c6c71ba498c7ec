"""The journal of a run, for commands that only look at it."""

from __future__ import annotations

from pathlib import Path

from qsanc.train import errors
from qsanc_braket.cloud.journal import NAME, Journal


def journal_of(run: Path) -> Journal:
    """Raises QsanError where the folder keeps no tasks."""
    if not (run / NAME).is_file():
        raise errors.fail(errors.not_a_run(str(run), NAME))
    return Journal.read(run)


def costs(run: Path) -> dict[str, float]:
    """What counts for each task of a run, in US dollars, by token; nothing for a run that keeps none."""
    if not (run / NAME).is_file():
        return {}
    return {task.token: task.billed_usd for task in Journal.read(run).entries()}
