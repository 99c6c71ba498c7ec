"""`qsanc predict`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from qsanc.cli import options
from qsanc.cli.report import print_json
from qsanc.cli.trained import loaded
from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.fast import Mode
from qsanc.train.tables import read_table


@click.command()
@click.argument("run", metavar="RUN", type=options.file)
@click.argument("texts", metavar="[TEXT...|-]", nargs=-1)
@click.option("--data", type=options.file, help="A .tsv, .csv or .jsonl file of records; labels are not read.")
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
    texts: tuple[str, ...],
    data: Path | None,
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
    """Predict the label of each record: of a data file, of each TEXT, or of each line of the standard input where TEXT
    is `-` or missing.

    For a model of numbers a TEXT is the numbers of its field in order, as in "0.1, 0.2"; a number below zero that comes
    first stands after `--`.
    """
    if data is not None and texts:
        raise click.UsageError("give either --data or TEXT")
    if columns and data is None:
        raise click.UsageError("--column stands beside --data")
    model = loaded(run, backend, shots, seed, jit, native=native, max_cost=max_cost, again=again)
    if data is not None:
        table = read_table(data)
    else:
        piped = texts in ((), ("-",))
        table = model.lines(_standard_input() if piped else texts, "<stdin>" if piped else "<arguments>")
    labels, chances = [], []
    if table.rows:
        labels = model.predict(table, columns=columns or None, truncate=truncate).tolist()
        chances = [None] * len(labels)
        if model.classes:
            chances = model.predict_proba(table, columns=columns or None, truncate=truncate).tolist()
    shown = None
    if data is None:
        shown = [(table.text or "")[start:end] for start, end in zip(table.starts, table.ends, strict=True)]
    names = list(map(str, model.classes))
    if as_json:
        print_json(
            {
                "predictions": [
                    ({"record": row + 1} if shown is None else {"text": shown[row]})
                    | {"label": label}
                    | ({} if chance is None else {"probabilities": dict(zip(names, chance, strict=True))})
                    for row, (label, chance) in enumerate(zip(labels, chances, strict=True))
                ]
            }
        )
        return 0
    for row, (label, chance) in enumerate(zip(labels, chances, strict=True)):
        cells = [
            str(label),
            *([] if chance is None else [f"{max(chance):.3f}"]),
            *([] if shown is None else [shown[row]]),
        ]
        click.echo("\t".join(cells))
    return 0


def _standard_input() -> list[str]:
    """Its lines. Only "\\n" and "\\r\\n" end one."""
    try:
        lines = sys.stdin.read().split("\n")
    except UnicodeDecodeError:
        raise QsanError([Diagnostic("QS904", Severity.ERROR, "the standard input is not UTF-8")]) from None
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]
