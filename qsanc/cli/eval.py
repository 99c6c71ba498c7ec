"""`qsanc eval`."""

from __future__ import annotations

from pathlib import Path

import click

from qsanc.api import load_run
from qsanc.cli import options
from qsanc.cli.report import print_json
from qsanc.cli.results import table
from qsanc.fast import Mode
from qsanc.train.run_folder import RunFolder
from qsanc.train.run_info import report_json
from qsanc.train.tables import read_table


@click.command()
@click.argument("run", metavar="RUN", type=options.file)
@click.option("--data", required=True, type=options.file, help="A .tsv, .csv or .jsonl file with labels.")
@click.option("--backend", help="Where circuits run, ENTRY[:TARGET]; by default as in training.")
@options.jit_of_run
@options.columns
@options.truncate
@options.as_json
def command(
    run: Path,
    data: Path,
    backend: str | None,
    jit: Mode | None,
    columns: dict[str, str],
    truncate: bool,
    as_json: bool,
) -> int:
    """Evaluate a trained model on a data file of its own."""
    model = load_run(run, backend=backend, jit=options.tier(jit or RunFolder.open(run).info.jit.mode))
    report = model.evaluate(read_table(data), columns=columns or None, truncate=truncate)
    if as_json:
        print_json({"data": str(data), "report": report_json(report)})
    else:
        table([(str(data), report)])
    return 0
