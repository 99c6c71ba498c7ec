"""`qsanc test`."""

from __future__ import annotations

from pathlib import Path

import click

from qsanc.check.imports import load
from qsanc.cli import options
from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.syntax import ast


@click.command()
@click.argument("file", metavar="FILE", type=options.file)
def command(file: Path) -> int:
    """Check the tests and properties of a file. This version does not run them and says so."""
    blocks = [item for item in load(file).file.items if isinstance(item, ast.Test | ast.Property)]
    if blocks:
        raise QsanError(
            Diagnostic(
                "QS702",
                Severity.ERROR,
                f"`{block.name}` is checked, but this version of qsanc does not run tests and properties",
                block.name_span,
            )
            for block in blocks
        )
    click.echo(f"{file} has no tests and no properties")
    return 0
