"""`qsanc test`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from qsanc.api.unexecuted import blocks, unexecuted
from qsanc.check.imports import load
from qsanc.cli import options
from qsanc.diagnostics import QsanError, Severity


@click.command()
@click.argument("file", metavar="FILE", type=options.file)
def command(file: Path) -> int:
    """Check the tests, properties and noise of a file. This version does not run them and says so."""
    found = blocks(load(file))
    if found:
        raise QsanError(replace(unexecuted(block, Severity.ERROR), code="QS702") for block in found)
    click.echo(f"{file} has no tests, no properties and no noise")
    return 0
