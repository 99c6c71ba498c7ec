"""The journal of a run, for commands that only look at it."""

from __future__ import annotations

from pathlib import Path

from qsanc.train import errors
from qsanc_braket.cloud.device_file import NAME as DEVICE
from qsanc_braket.cloud.journal import NAME, Journal

RUN, KEPT = "run.json", "tasks"


def journal_of(run: Path) -> Journal | None:
    """None for a run in which nothing was ever billed. Raises QsanError for what is no run, or has lost its journal."""
    if not run.is_dir():
        help = "give the folder that `qsanc train --out` or `qsanc run --out` made"
        raise errors.fail(errors.error("QS932", f"there is no folder {run}", help=help))
    if (run / NAME).is_file():
        return Journal.read(run)
    if not (run / RUN).is_file() or (run / DEVICE).exists() or (run / KEPT).exists():
        raise errors.fail(errors.not_a_run(str(run), NAME))
    return None


def costs(run: Path) -> dict[str, float]:
    """What counts for each task of a run, in US dollars, by token; nothing for a run that keeps none."""
    if not (run / NAME).is_file():
        return {}
    return {task.token: task.billed_usd for task in Journal.read(run).entries()}
