"""`qsanc tasks`: the ledger of a run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from qsanc.cli import options
from qsanc.cli.report import print_json
from qsanc_braket.cli import table
from qsanc_braket.cli.ledger import journal_of
from qsanc_braket.cli.table import grouped
from qsanc_braket.cloud.journal import Task


@dataclass(frozen=True, slots=True)
class Total:
    """Over all tasks; `usd` holds the `reserved_usd` of those whose cost is not known yet."""

    tasks: int
    executables: int
    shots: int
    usd: float
    reserved_usd: float


@click.command()
@click.argument("run", metavar="RUN", type=options.file)
@click.option("--live", is_flag=True, help="Ask the service for the state of tasks whose end is not known.")
@click.option("--cancel", is_flag=True, help="Cancel the tasks that have not ended.")
@options.as_json
def command(run: Path, live: bool, cancel: bool, as_json: bool) -> int:
    """List the tasks of a run on Amazon Braket: their states, shots and cost.

    What is listed is the run's own journal; the service is asked with --live or --cancel alone. What is cancelled is
    noted there, what was never sent costs nothing, and neither is submitted again unasked. A cost in brackets is
    what was put aside for a task whose cost is not known yet.
    """
    journal = journal_of(run)
    tasks = () if journal is None else journal.entries()
    if journal is not None and (live or cancel):
        from qsanc_braket.cli.service import cancelled, looked_up

        if cancel:
            journal = cancelled(run, tasks)
        tasks = looked_up(journal)
    if as_json:
        name = None if journal is None else journal.run
        print_json({"run": name, "tasks": [_json(task) for task in tasks], "total": asdict(_totals(tasks))})
    elif journal is None:
        click.echo(f"{run} has no tasks: nothing was billed in it")
    else:
        _show(tasks)
    return 0


def _show(tasks: Sequence[Task]) -> None:
    columns = ("time (UTC)", ">step", "purpose", ">part", "state", ">executables", ">shots", ">USD", "task")
    if tasks:
        table.show(columns, map(_row, tasks))
    total = _totals(tasks)
    states = ", ".join(f"{count} {state.lower()}" for state, count in Counter(task.state for task in tasks).items())
    counts = f"{total.executables} executables, {grouped(total.shots)} shots, {total.usd:.4f} USD"
    click.echo(f"{total.tasks} tasks{f' ({states})' if states else ''}, {counts}")
    if total.reserved_usd:
        click.echo(f"{total.reserved_usd:.4f} USD of that, in brackets, is put aside for tasks that may cost as much")


def _row(task: Task) -> tuple[str, ...]:
    usd = f"{task.billed_usd:.4f}" if task.cost_usd is not None else f"({task.billed_usd:.4f})"
    where = task.arn or f"no ARN, token {task.token[:12]}"
    time = f"{datetime.fromisoformat(task.intended).astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    counts = (str(task.executables), grouped(task.shots), usd)
    what = f"{where}: {task.message}" if task.message else where
    return (time, str(task.step), task.purpose, str(task.part), task.state.lower(), *counts, what)


def _totals(tasks: Sequence[Task]) -> Total:
    return Total(
        len(tasks),
        sum(task.executables for task in tasks),
        sum(task.shots for task in tasks),
        math.fsum(task.billed_usd for task in tasks),
        math.fsum(task.reserved_usd for task in tasks if task.cost_usd is None),
    )


def _json(task: Task) -> dict[str, object]:
    return {
        "intended": task.intended,
        "step": task.step,
        "purpose": task.purpose,
        "part": task.part,
        "attempt": task.attempt,
        "state": task.state,
        "executables": task.executables,
        "shots": task.shots,
        "reserved_usd": task.reserved_usd,
        "cost_usd": task.cost_usd,
        "device": task.device,
        "arn": task.arn,
        "token": task.token,
        "message": task.message or None,
    }
