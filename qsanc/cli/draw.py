"""`qsanc draw`."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from qsanc.check.imports import load
from qsanc.cli import options
from qsanc.cli.entry import chosen_entry
from qsanc.elaborate import elaborate
from qsanc.ir.draw import draw


@click.command()
@click.argument("file", metavar="FILE", type=options.file)
@click.argument("name", metavar="[NAME]", required=False)
@options.sizes
@click.option("--width", type=click.IntRange(min=20), help="Columns of a line; as wide as the terminal by default.")
def command(file: Path, name: str | None, sizes: dict[str, int | float], width: int | None) -> int:
    """Draw the circuits of NAME, a circuit, ansatz, attention block or model, as written (before any pass)."""
    module = load(file)
    program, _ = elaborate(module, entry=chosen_entry(module, name), sizes=sizes)
    width = width or shutil.get_terminal_size((100, 24)).columns
    click.echo("\n".join(draw(circuit, width=width) for circuit in program.modules), nl=False)
    return 0
