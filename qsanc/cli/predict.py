"""`qsanc predict`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from qsanc.api import load_run
from qsanc.cli import options
from qsanc.cli.report import print_json


@click.command()
@click.argument("run", metavar="RUN", type=options.file)
@click.argument("texts", metavar="[TEXT...|-]", nargs=-1)
@click.option("--backend", help="Where circuits run, ENTRY[:TARGET]; by default as in training.")
@options.as_json
def command(run: Path, texts: tuple[str, ...], backend: str | None, as_json: bool) -> int:
    """Predict the label of each TEXT, or of each line of the standard input where TEXT is `-` or missing."""
    model = load_run(run, backend=backend)
    if texts in ((), ("-",)):
        texts = tuple(line.rstrip("\r\n") for line in sys.stdin if line.strip())
    if not texts:
        return 0
    labels = model.predict(list(texts)).tolist()
    chances = model.predict_proba(list(texts)).tolist() if model.classes else [None] * len(labels)
    if as_json:
        print_json(
            {
                "predictions": [
                    {"text": text, "label": label}
                    | (
                        {}
                        if chance is None
                        else {"probabilities": dict(zip(map(str, model.classes), chance, strict=True))}
                    )
                    for text, label, chance in zip(texts, labels, chances, strict=True)
                ]
            }
        )
        return 0
    for text, label, chance in zip(texts, labels, chances, strict=True):
        click.echo(f"{label}\t{text}" if chance is None else f"{label}\t{max(chance):.3f}\t{text}")
    return 0
