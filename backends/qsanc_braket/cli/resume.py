"""`qsanc resume`: a run that was stopped, finished without paying twice."""

from __future__ import annotations

from pathlib import Path

import click

from qsanc.cli import options
from qsanc.cli.train import resumed
from qsanc.train.run_folder import RunFolder
from qsanc_braket.cli.ledger import costs


@click.command()
@click.argument("run", metavar="RUN", type=options.file)
@click.option(
    "--max-cost",
    type=options.positive,
    metavar="USD",
    help="Stop before the run would cost more, all tasks before included; by default as it was begun.",
)
@click.option("--again", is_flag=True, help="Submit anew, and pay anew, what a device failed to run.")
@options.as_json
def command(run: Path, max_cost: float | None, again: bool, as_json: bool) -> int:
    """Finish a training that was stopped, on the data that it was begun with.

    Tasks that were submitted before are read, wherever they have come to meanwhile, and not paid again.
    """
    path, before = RunFolder.open(run).path, costs(run)
    if before:
        click.echo(f"{path}: {_tasks(len(before))} so far, {sum(before.values()):.2f} USD", err=True)
    try:
        return resumed(run, {}, True, max_cost, again, as_json)
    finally:
        after = costs(run)
        new = [cost for token, cost in after.items() if token not in before]
        if after:
            kept = sum(cost for token, cost in after.items() if token in before)
            click.echo(
                f"{_tasks(len(new), 'new ')}, {sum(new):.2f} USD; the {len(before)} from before, {kept:.2f} USD, "
                "were not submitted again",
                err=True,
            )


def _tasks(count: int, kind: str = "") -> str:
    return f"{count} {kind}task{'s' * (count != 1)}"
