"""`qsanc run`."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from qsanc import registry
from qsanc.api.circuit import Circuit
from qsanc.check.imports import load
from qsanc.cli import options, spending
from qsanc.cli.report import print_json, warn_of_noise
from qsanc.cli.values import argument
from qsanc.fast import Mode
from qsanc.target import Context


@click.command()
@click.argument("file", metavar="FILE", type=options.file)
@click.argument("circuit", metavar="CIRCUIT")
@click.argument("arguments", metavar="[NAME=VALUE]...", nargs=-1, type=options.assignment)
@options.sizes
@options.backend
@options.shots
@click.option("--out", type=options.file, metavar="FOLDER", help="Where a billed backend keeps its tasks.")
@options.billing
@options.jit
@click.option("--seed", type=options.SEED, default=0, show_default=True, help="Of the samples.")
@options.as_json
def command(
    file: Path,
    circuit: str,
    arguments: tuple[tuple[str, str], ...],
    sizes: dict[str, int | float],
    backend: str,
    shots: int | None,
    out: Path | None,
    native: bool,
    max_cost: float | None,
    again: bool,
    jit: Mode,
    seed: int,
    as_json: bool,
) -> int:
    """Run one circuit, or the state that an ansatz prepares, as in `qsanc run FILE h2_energy th=[0.1,pi/2]`.

    Values are .qsan expressions. Generics follow from the shapes of the arguments, or are given with --set.
    """
    module = load(file)
    given = {name: argument(name, text, module) for name, text in options.once(arguments, "the command line").items()}
    twice = [name for name in given if name in sizes]
    if twice:
        raise click.UsageError(f"`{twice[0]}` is given twice, as an argument and with --set")
    backend = spending.named(backend, native=native)
    budget = spending.allowed(registry.load(backend), max_cost, out, shots, give="--out FOLDER")
    context = Context(run_folder=out, budget_usd=budget, again=again)
    function = Circuit(module, circuit, backend, shots, options.tier(jit), context)
    warn_of_noise(module)
    value = function.run({**given, **sizes}, seed=seed)
    if np.iscomplexobj(value):
        width = int(np.log2(len(value)))
        if as_json:
            print_json({"real": value.real.tolist(), "imag": value.imag.tolist()})
            return 0
        for index, amplitude in enumerate(value):
            click.echo(f"{index:0{width}b}  {amplitude.real: .12f} {amplitude.imag:+.12f}i")
    elif as_json:
        print_json({"value": value.tolist(), "shots": shots})
    else:
        click.echo(str(float(value)) if value.ndim == 0 else np.array2string(value, separator=", ", floatmode="unique"))
    return 0
