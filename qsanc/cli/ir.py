"""`qsanc ir`."""

from __future__ import annotations

from pathlib import Path

import click

from qsanc import registry
from qsanc.check.imports import load
from qsanc.cli import options
from qsanc.cli.entry import chosen_entry
from qsanc.cli.tree import tree
from qsanc.driver import compile_entry, optimise
from qsanc.elaborate import elaborate
from qsanc.ir.model_text import print_function, print_model
from qsanc.ir.text import print_module
from qsanc.passes.model.pipeline import Level
from qsanc.syntax.parse import parse
from qsanc.syntax.read import read_source


@click.command()
@click.argument("file", metavar="FILE", type=options.file)
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--stage",
    type=click.Choice(["ast", "model", "circuit", "plan"]),
    default="circuit",
    show_default=True,
    help="The tree of the text, the graph around the circuits, the circuits, or how a backend executes them.",
)
@click.option(
    "--opt", "level", type=click.Choice(["O0", "O1", "O2"]), default="O2", show_default=True, help="Passes to run."
)
@click.option("--verify-passes", is_flag=True, help="Test every pass on random bindings.")
@options.sizes
@options.backend
def command(
    file: Path,
    name: str | None,
    stage: str,
    level: Level,
    verify_passes: bool,
    sizes: dict[str, int | float],
    backend: str,
) -> int:
    """Print what the compiler makes of NAME, a model, circuit, ansatz or attention block of FILE."""
    chosen = registry.load(backend)
    if stage == "ast":
        click.echo(tree(parse(read_source(file))))
        return 0
    module = load(file)
    entry = chosen_entry(module, name)
    if stage == "plan":
        compiled = compile_entry(module, entry, chosen, sizes=sizes, level=level, verify=verify_passes)
        click.echo("\n".join(executable.plan().rstrip("\n") for executable in compiled.executables.values()))
        return 0
    program = optimise(elaborate(module, entry=entry, sizes=sizes)[0], level, verify=verify_passes)
    if stage == "circuit":
        click.echo("\n".join(map(print_module, program.modules)), nl=False)
    else:
        click.echo("\n".join([*map(print_model, program.models), *map(print_function, program.functions)]), nl=False)
    return 0
