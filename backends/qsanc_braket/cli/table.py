"""Tables on the standard output, as wide as what they hold: a cut number is worse than a long line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.table import Table

_WIDE = 400


def show(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns whose name begins with `>` stand to the right."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        shown.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", no_wrap=True)
    for row in rows:
        shown.add_row(*row)
    console = Console(width=_WIDE)
    with console.capture() as text:
        console.print(shown)
    click.echo("\n".join(line.rstrip() for line in text.get().splitlines()))


def grouped(number: int) -> str:
    """A number with its digits in groups of three."""
    return f"{number:,}".replace(",", " ")
