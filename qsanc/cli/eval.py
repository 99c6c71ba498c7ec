"""`qsanc eval`."""

from __future__ import annotations

from pathlib import Path

import click

from qsanc.cli import options
from qsanc.cli.report import print_json
from qsanc.cli.results import table
from qsanc.cli.trained import loaded
from qsanc.fast import Mode
from qsanc.train.run_info import report_json
from qsanc.train.tables import read_table


@click.command()
@click.argument("run", metavar="RUN", type=options.file)
@click.option("--data", required=True, type=options.file, help="A .tsv, .csv or .jsonl file with labels.")
@click.option("--backend", help="Where circuits run, ENTRY[:TARGET]; by default as in training.")
@options.shots_of_run
@click.option("--seed", type=options.SEED, default=0, show_default=True, help="Of the samples.")
@options.billing
@options.jit_of_run
@options.columns
@options.truncate
@options.as_json
def command(
    run: Path,
    data: Path,
    backend: str | None,
    shots: int | None,
    seed: int,
    native: bool,
    max_cost: float | None,
    again: bool,
    jit: Mode | None,
    columns: dict[str, str],
    truncate: bool,
    as_json: bool,
) -> int:
    """Evaluate a trained model on a data file of its own."""
    model = loaded(run, backend, shots, seed, jit, native=native, max_cost=max_cost, again=again)
    report = model.evaluate(read_table(data), columns=columns or None, truncate=truncate)
    if as_json:
        print_json({"data": str(data), "report": report_json(report)})
    else:
        table([(str(data), report)])
    return 0
