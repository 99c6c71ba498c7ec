"""`qsanc export`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from qsanc.check.imports import load
from qsanc.cli import options
from qsanc.cli.entry import chosen_entry
from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.driver import optimise
from qsanc.elaborate import elaborate
from qsanc.openqasm.writer import BRAKET, Dialect, Program, write
from qsanc.passes.model.pipeline import Level
from qsanc.train import atomic


@click.command()
@click.argument("file", metavar="FILE", type=options.file)
@click.argument("entry", metavar="[ENTRY]", required=False)
@click.option("--to", "language", type=click.Choice(["openqasm3"]), required=True, help="The language to write.")
@click.option(
    "--dialect", type=click.Choice(["standard", "braket"]), default="standard", show_default=True,
    help='Gates of "stdgates.inc", or those that every device on Amazon Braket takes, without an include.',
)  # fmt: skip
@click.option("--all-gates", is_flag=True, help="With --dialect braket: all gates that its simulators take.")
@click.option(
    "--opt", "level", type=click.Choice(["O0", "O1", "O2"]), default="O2", show_default=True, help="Passes to run."
)
@click.option("--program", "name", metavar="NAME", help="Write this one, where there are several.")
@click.option("-o", "--out", type=options.file, metavar="PATH", help="A file; a folder where there are several.")
@options.sizes
def command(
    file: Path,
    entry: str | None,
    language: str,
    dialect: Dialect,
    all_gates: bool,
    level: Level,
    name: str | None,
    out: Path | None,
    sizes: dict[str, int | float],
) -> int:
    """Write ENTRY, a circuit, ansatz, attention block or model of FILE, as programs of another language.

    A program measures every qubit once. There is one for each circuit of a model, each state that is read and each
    measurement basis; several are written as NAME.qasm into the folder that -o names.
    """
    if all_gates and dialect != "braket":
        raise click.UsageError("--all-gates is for --dialect braket")
    module = load(file)
    chosen = chosen_entry(module, entry)
    program = optimise(elaborate(module, entry=chosen, sizes=sizes)[0], level)
    gates = BRAKET if all_gates else None
    written = [text for circuit in program.modules for text in write(circuit, dialect, gates=gates)]
    if not written:
        title = f"`{chosen}` has no circuit to export"
        help = "name a circuit, an ansatz, or a model that calls one"
        raise QsanError([Diagnostic("QS826", Severity.ERROR, title, help=help)])
    names = [text.name for text in written]
    if name is not None:
        written = [text for text in written if text.name == name]
        if not written:
            title = f"`{chosen}` has no program `{name}`"
            raise QsanError([Diagnostic("QS101", Severity.ERROR, title, help=f"it has {', '.join(names)}")])
    if len(written) == 1 and (out is None or not out.is_dir()):
        if out is None:
            click.echo(written[0].text, nl=False)
        else:
            atomic.write(out, written[0].text.encode())
        return 0
    if out is None:
        raise click.UsageError(
            f"{len(written)} programs: choose one with --program, or give a folder with -o\n  " + "\n  ".join(names)
        )
    _write_all(written, out)
    return 0


def _write_all(programs: list[Program], folder: Path) -> None:
    atomic.make_folder(folder)
    taken: set[str] = set()
    for program in programs:
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", program.name).strip("._") or "program"
        while stem.lower() in taken:
            stem += "_"
        taken.add(stem.lower())
        path = folder / f"{stem}.qasm"
        atomic.write(path, program.text.encode())
        click.echo(f"wrote {path}")
