"""`qsanc explain-error`."""

from __future__ import annotations

import click

from qsanc.diagnostics.catalog import page


@click.command()
@click.argument("code", metavar="CODE")
def command(code: str) -> int:
    """Explain an error code, as in `qsanc explain-error QS201`."""
    text = page(code.upper())
    if text is None:
        click.echo(f"error: there is no code {code}; codes are QS and three digits, as in QS201", err=True)
        return 1
    click.echo(text.rstrip("\n"))
    return 0
