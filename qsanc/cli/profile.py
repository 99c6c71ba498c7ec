"""`qsanc profile`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from qsanc import registry
from qsanc.api.names import model_named
from qsanc.check.imports import load
from qsanc.cli import options
from qsanc.cli.report import print_json, warn_of_noise
from qsanc.fast import Mode
from qsanc.train import atomic
from qsanc.train.profile.circuits import WHOLE
from qsanc.train.profile.steps import Profile, profile
from qsanc.train.profile.summary import Row, groups
from qsanc.train.profile.svg import duration, svg
from qsanc.train.profile.watch import Timed
from qsanc.train.tables import read_table
from qsanc.train.task import Choices, Grad, Tables, assemble


@click.command()
@click.argument("file", metavar="FILE", type=options.file)
@click.argument("model", metavar="[NAME]", required=False)
@click.option("--data", type=options.file, help="A .tsv, .csv or .jsonl file, divided as in training.")
@click.option("--svg", "picture", type=options.file, metavar="FILE", help="Draw the profile into this file.")
@options.sizes
@click.option("--seed", type=options.SEED, help="Of split, initial values, the batch and samples.")
@click.option("--batch", type=click.IntRange(min=1), help="Records of the step.")
@click.option("--grad", type=click.Choice(["auto", "parameter_shift", "adjoint", "spsa"]), help="How to differentiate.")
@options.backend
@options.shots
@options.jit
@click.option("--independent-shots", is_flag=True, help="Sample equal tokens each by itself.")
@click.option(
    "--seconds", type=options.positive, default=3.0, show_default=True, metavar="NUMBER", help="How long to measure."
)
@options.columns
@options.truncate
@options.as_json
def command(
    file: Path,
    model: str | None,
    data: Path | None,
    picture: Path | None,
    sizes: dict[str, int | float],
    seed: int | None,
    batch: int | None,
    grad: Grad | None,
    backend: str,
    shots: int | None,
    jit: Mode,
    independent_shots: bool,
    seconds: float,
    columns: dict[str, str],
    truncate: bool,
    as_json: bool,
) -> int:
    """Tell where the time and the memory of a training step of NAME, a model of FILE, go.

    Steps are taken on one batch, as `qsanc train` does. Their parts are timed one by one and set beside what they count
    in operations and bytes, and beside the most that this machine can do. Parts below 1 % stand together.
    """
    if picture is not None and picture.suffix.lower() != ".svg":
        raise click.UsageError(f"--svg writes a file whose name ends in .svg, not {str(picture)!r}")
    if independent_shots and shots is None:
        raise click.UsageError("--independent-shots stands beside --shots")
    module = load(file)
    entry = model_named(module, model)
    chosen = registry.load(backend)
    warn_of_noise(module)
    task = assemble(
        module,
        entry,
        chosen,
        None if data is None else Tables(read_table(data), columns=columns, truncate=truncate),
        sizes=sizes,
        choices=Choices(batch=batch, seed=seed, grad=grad),
        shots=shots,
        independent=independent_shots,
        tier=options.tier(jit),
    )
    found = profile(task, shots=shots, independent=independent_shots, seconds=seconds)
    if found.native is None:
        click.echo("native code came into use while this was measured: run it again for numbers of one kind", err=True)
    if picture is not None:
        atomic.write(picture, svg(found).encode())
    if as_json:
        print_json(_json(found))
    else:
        _show(found)
    return 0


_WIDE = 150
"""Columns of a terminal from which there is room for all that is known of a part."""
COLUMNS = ("ms", "share", "Mflop", "MB", "GFlop/s", "GB/s", "of roof", "states")


def _show(found: Profile) -> None:
    tokens = "".join(f", {count} of {dim}" for dim, count in found.tokens)
    records = f"{found.records} record{'s' * (found.records != 1)}{tokens}"
    busy = "" if found.median < 1.2 * found.seconds else f" (median {duration(found.median)}: the machine is busy)"
    often = f"{found.repetitions} repetitions"
    click.echo(f"one step of {found.model}, {records}, {found.method}: {duration(found.seconds)}, {often}{busy}")
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("", no_wrap=True)
    shown.add_column("source", no_wrap=True)
    console = Console()
    console = console if console.is_terminal else Console(width=200)
    names = COLUMNS if console.width >= _WIDE else COLUMNS[:2]
    for name in names:
        shown.add_column(name, justify="right", no_wrap=True, min_width=len("100.0 %"))
    for group in groups(found):
        shown.add_row(group.title, "", *_times(found, group.seconds), style="bold")
        for row in group.rows:
            counts = _counts(row) if names == COLUMNS else ()
            shown.add_row(f"  {row.name}", row.lines, *_times(found, row.seconds), *counts)
    shown.add_row("calls and rest", "", *_times(found, found.rest), style="bold")
    shown.add_row("whole step", "", *_times(found, found.seconds), style="bold")
    console.print(shown)
    if found.excess:
        beyond = f"{duration(found.excess)} ({100 * found.share(found.excess):.1f} %)"
        click.echo(
            f"the parts come to {beyond} more than the step, so shares may be above 100 %: "
            "they are timed in other steps, and the watch costs time; --seconds gives it more steps"
        )
    if any(timed.part.name == WHOLE for timed in found.parts):
        click.echo(f"{WHOLE}: this backend has no profile of its own, so what is inside of it is not told apart")
    if names != COLUMNS:
        click.echo(f"counts and rates are shown from {_WIDE} columns on")
    _show_machine(found)


def _show_machine(found: Profile) -> None:
    machine = found.machine
    peaks = ", ".join(f"{machine.peak(threads) / 1e9:.3g} ({threads})" for threads, _ in machine.flops)
    moved = f"bytes at most {machine.in_cache / 1e9:.3g} GB/s in cache, {machine.in_memory / 1e9:.3g} in memory"
    click.echo(f"products at most {peaks} GFlop/s (threads); {moved}")
    if found.memory is not None:
        click.echo(f"most memory of the process: {found.memory / 1e6:.0f} MB")
    click.echo(f"native code: {', '.join(found.native) if found.native else 'none'}")


def _times(found: Profile, seconds: float) -> tuple[str, str]:
    return f"{1e3 * seconds:.3f}", f"{100 * found.share(seconds):.1f} %"


def _counts(row: Row) -> tuple[str, ...]:
    work, reached = row.work, row.reached
    if work is None or not row.seconds:
        return ("",) * 6
    rates = (f"{number / row.seconds / 1e9:.2f}" if number else "" for number in (work.flops, work.bytes))
    return (
        f"{work.flops / 1e6:.3f}" if work.flops else "",
        f"{work.bytes / 1e6:.3f}" if work.bytes else "",
        *rates,
        "" if reached is None else f"{100 * reached:.1f} %",
        _bytes(work.states),
    )


def _bytes(count: int) -> str:
    if not count:
        return ""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def _json(found: Profile) -> dict[str, object]:
    machine = found.machine
    return {
        "model": found.model,
        "method": found.method,
        "records": found.records,
        "tokens": dict(found.tokens),
        "repetitions": found.repetitions,
        "seconds": found.seconds,
        "median": found.median,
        "rest": found.rest,
        "excess": found.excess,
        "memory": found.memory,
        "native": None if found.native is None else list(found.native),
        "machine": {
            "flops": [{"threads": threads, "rate": peak} for threads, peak in machine.flops],
            "bytes": [
                {"threads": threads, "size": size, "rate": speed}
                for threads, speeds in machine.speeds
                for size, speed in speeds
            ],
        },
        "parts": [_part_json(found, timed) for timed in found.parts],
    }


def _part_json(found: Profile, timed: Timed) -> dict[str, object]:
    part, work = timed.part, timed.work
    return {
        "section": timed.section,
        "phase": part.phase,
        "part": part.name,
        "how": part.how,
        "source": sorted({str(span) for span in part.spans}),
        "threads": part.threads,
        "seconds": timed.seconds,
        "flops": None if work is None else work.flops,
        "bytes": None if work is None else work.bytes,
        "states": None if work is None else work.states,
        "reached": found.reached(timed),
    }
