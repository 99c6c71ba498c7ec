"""`qsanc fmt`."""

from __future__ import annotations

from pathlib import Path

import click

from qsanc.cli import options
from qsanc.cli.report import show
from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.syntax.parse import parse
from qsanc.syntax.printer import print_file
from qsanc.syntax.read import read_source
from qsanc.train import atomic


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.file)
@click.option("--check", is_flag=True, help="Change nothing; fail if a file is not laid out so.")
def command(files: tuple[Path, ...], check: bool) -> int:
    """Lay out files in the one canonical way; comments stay. Files with syntax errors are left alone."""
    found: list[Diagnostic] = []
    changed = 0
    for file in files:
        try:
            source = read_source(file)
            text = print_file(parse(source))
        except QsanError as error:
            found.extend(error.diagnostics)
            continue
        if text != source.text:
            changed += 1
            click.echo(f"{'would change' if check else 'changed'} {file}")
            if not check:
                target = file.resolve()
                mode = target.stat().st_mode
                atomic.write(target, text.encode("utf-8"))
                target.chmod(mode)
    if found:
        show(found)
    return int(bool(found) or (check and changed > 0))
