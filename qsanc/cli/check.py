"""`qsanc check`."""

from __future__ import annotations

from pathlib import Path

import click

from qsanc.check.imports import load
from qsanc.cli import options
from qsanc.cli.report import show, show_json
from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.driver import check


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.file)
@options.sizes
@options.as_json
def command(files: tuple[Path, ...], sizes: dict[str, int | float], as_json: bool) -> int:
    """Check files and report everything that is wrong with them.

    Models are checked at the sizes of the file or of --set, templates at small ones. Warnings alone are no failure.
    """
    found: list[Diagnostic] = []
    for file in files:
        try:
            found.extend(check(load(file), sizes=sizes))
        except QsanError as error:
            found.extend(error.diagnostics)
    if as_json:
        show_json(found)
    elif found:
        show(found)
    else:
        click.echo(f"{len(files)} file{'s' if len(files) > 1 else ''} checked, nothing to report")
    return int(any(diagnostic.is_error for diagnostic in found))
