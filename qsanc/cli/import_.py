"""`qsanc import`."""

from __future__ import annotations

from pathlib import Path

import click

from qsanc.check.builtins import BUILTINS
from qsanc.cli import options
from qsanc.cli.report import show
from qsanc.ir.gates import GATES
from qsanc.openqasm.qsan import qsan
from qsanc.openqasm.reader import read
from qsanc.source import Source
from qsanc.syntax.parse import parse
from qsanc.syntax.printer import print_file
from qsanc.syntax.read import read_source
from qsanc.syntax.tables import tables, words
from qsanc.train import atomic

LATER = words("gate measure while extern kernel dataset requires")


@click.command()
@click.argument("file", metavar="FILE.qasm", type=options.file)
@click.option("--name", metavar="NAME", help="Of the circuit; by default that of the file.")
@click.option("-o", "--out", type=options.file, metavar="FILE.qsan", help="Write a file instead of the terminal.")
def command(file: Path, name: str | None, out: Path | None) -> int:
    """Read a program in OpenQASM 3 as a .qsan file with one circuit, or one ansatz where nothing is measured.

    Controls and powers follow the specification of OpenQASM 3; QS822 tells where Braket's interpreter differs.
    """
    taken = LATER | {*tables().keywords, *(row.name for row in BUILTINS), *GATES}
    program = read(read_source(file), taken=taken)
    if program.warnings:
        show(program.warnings)
    stem = name or file.name.partition(".")[0]
    text = print_file(parse(Source(str(out or file), qsan(program, stem, taken=taken))))
    if out is None:
        click.echo(text, nl=False)
    else:
        atomic.write(out, text.encode("utf-8"))
    return 0
