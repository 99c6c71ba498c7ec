"""`qsanc train`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import click

from qsanc import registry
from qsanc.api.names import model_named
from qsanc.check.imports import load
from qsanc.cli import options, spending
from qsanc.cli.progress import watch
from qsanc.cli.report import print_json, warn_of_noise
from qsanc.cli.results import confusion, table
from qsanc.fast import Mode
from qsanc.train.progress import Interrupted
from qsanc.train.run_folder import RunFolder
from qsanc.train.run_info import DataSource, report_json
from qsanc.train.saving import describe, versions
from qsanc.train.session import Outcome, carry_out
from qsanc.train.tables import read_table
from qsanc.train.task import Choices, Grad, PartName, Tables, Task, assemble


@click.command()
@click.argument("file", metavar="[FILE]", required=False, type=options.file)
@click.option(
    "--data", type=options.file, help="A .tsv, .csv or .jsonl file; split 64/16/20 by seed, stratified by label."
)
@click.option("--valid", type=options.file, help="Validation data of their own.")
@click.option("--test", type=options.file, help="Test data of their own.")
@click.option("--out", type=options.file, metavar="RUN", help="Keep the run in this new folder.")
@click.option("--resume", type=options.file, metavar="RUN", help="Go on with a run that was stopped.")
@options.model_name
@options.sizes
@click.option("--seed", type=options.SEED, help="Of split, initial values, batches and samples.")
@click.option("--epochs", type=click.IntRange(min=0))
@click.option("--batch", type=click.IntRange(min=1), help="Records of one step.")
@click.option("--lr", type=options.positive, metavar="NUMBER", help="Learning rate.")
@click.option(
    "--patience", type=click.IntRange(min=1), help="Stop after so many epochs without a lower validation loss."
)
@click.option("--grad", type=click.Choice(["auto", "parameter_shift", "adjoint", "spsa"]), help="How to differentiate.")
@options.backend
@options.shots
@options.billing
@click.option(
    "--jit",
    type=click.Choice(["off", "on", "auto"]),
    help="Run kernels as native code: never, always, or as soon as it is compiled (the default).",
)
@click.option("--independent-shots", is_flag=True, help="Sample equal tokens each by itself.")
@options.columns
@options.truncate
@click.option("--no-controls", is_flag=True, help="Do not train the control models beside it.")
@options.as_json
def command(
    file: Path | None,
    data: Path | None,
    valid: Path | None,
    test: Path | None,
    out: Path | None,
    resume: Path | None,
    model: str | None,
    sizes: dict[str, int | float],
    seed: int | None,
    epochs: int | None,
    batch: int | None,
    lr: float | None,
    patience: int | None,
    grad: Grad | None,
    backend: str,
    shots: int | None,
    native: bool,
    max_cost: float | None,
    again: bool,
    jit: Mode | None,
    independent_shots: bool,
    columns: dict[str, str],
    truncate: bool,
    no_controls: bool,
    as_json: bool,
) -> int:
    """Train a model on a data file, test it once, and print simple controls beside the result.

    Settings left out are those of the file's train block. The epoch with the lowest validation loss is kept.
    """
    if resume is not None:
        settings = (
            file,
            out,
            model,
            sizes,
            seed,
            epochs,
            batch,
            lr,
            patience,
            grad,
            shots,
            native,
            jit,
            columns,
            truncate,
            independent_shots,
        )
        if any(value not in (None, {}, False) for value in settings):
            raise click.UsageError("--resume goes on with the settings of the run; give nothing else but data files")
        parts: dict[PartName, Path | None] = {"train": data, "valid": valid, "test": test}
        return resumed(resume, parts, not no_controls, max_cost, again, as_json)
    if file is None:
        raise click.UsageError("give a FILE to train, or --resume RUN")
    if independent_shots and shots is None:
        raise click.UsageError("--independent-shots stands beside --shots")
    files = _files({"train": data, "valid": valid, "test": test})
    module = load(file)
    entry = model_named(module, model, "--model")
    backend = spending.named(backend, native=native)
    chosen = registry.load(backend)
    max_cost = spending.allowed(chosen, max_cost, out, shots, give="--out RUN")
    warn_of_noise(module)
    tables, sources = _read(files, columns, truncate)
    task = assemble(
        module,
        entry,
        chosen,
        tables,
        sizes=sizes,
        choices=Choices(epochs, batch, lr, seed, patience, grad),
        shots=shots,
        independent=independent_shots,
        tier=options.tier(jit or "auto"),
    )
    run = None
    if out is not None:
        info, texts = describe(
            module,
            task.compiled,
            backend=backend,
            recipe=task.recipe,
            method=task.method,
            shots=shots,
            settings=(
                ("independent_shots", independent_shots),
                ("controls", not no_controls),
                *((("max_cost", max_cost),) if max_cost is not None and max_cost < math.inf else ()),
            ),
            data=sources,
            parts=tuple((name, records.count) for name, records in task.parts.items()),
        )
        run = RunFolder.create(out, info, texts, task.coding)
    return _carry_out(task, backend, run, not no_controls, max_cost, again, as_json)


def resumed(
    folder: Path,
    given: dict[PartName, Path | None],
    controls: bool,
    max_cost: float | None,
    again: bool,
    as_json: bool,
) -> int:
    """Go on with a run that was stopped, on the data it was begun with, or files that hold the same; the exit code."""
    run = RunFolder.open(folder)
    info, coding = run.info, run.coding()
    run.sources()
    settings = dict(info.settings)
    chosen = registry.load(info.backend)
    before = settings.get("max_cost")
    if max_cost is None and isinstance(before, float | int) and 0 < before < math.inf:
        max_cost = float(before)
    max_cost = spending.allowed(chosen, max_cost, folder, info.shots, give="RUN")
    if chosen.capabilities.billed:
        _tell_of_versions(info.versions)
    if max_cost != before and max_cost is not None and max_cost < math.inf:
        with run.held():
            run.note(replace(run.info, settings=tuple({**dict(run.info.settings), "max_cost": max_cost}.items())))
    known = {source.part: Path(source.file) for source in info.data}
    tables, sources = _read(
        _files({**known, **{name: path for name, path in given.items() if path is not None}}),
        dict(coding.columns),
        coding.truncate,
    )
    run.check_data(sources)
    module = load(run.entry)
    warn_of_noise(module)
    task = assemble(
        module,
        info.model,
        chosen,
        tables,
        sizes={size.name: size.value for size in info.sizes if size.origin == "set"},
        recipe=info.recipe,
        shots=info.shots,
        independent=settings.get("independent_shots") is True,
        tier=options.tier(info.jit.mode),
    )
    controls = controls and settings.get("controls") is not False
    return _carry_out(task, info.backend, run, controls, max_cost, again, as_json)


def _carry_out(
    task: Task,
    backend: str,
    run: RunFolder | None,
    controls: bool,
    max_cost: float | None,
    again: bool,
    as_json: bool,
) -> int:
    try:
        with nullcontext() if as_json else watch(task.recipe.epochs) as observer:
            outcome = carry_out(
                task,
                registry.load(backend),
                run=run,
                observer=observer,
                controls=controls,
                budget_usd=max_cost,
                again=again,
            )
    except Interrupted as interruption:
        where = f"; go on with: qsanc train --resume {run.path}" if run is not None else ""
        click.echo(f"{interruption}{where}", err=True)
        for note in getattr(interruption, "__notes__", ()):
            click.echo(note, err=True)
        return 130
    _show(task, outcome, run, as_json)
    _tell_of_change(task)
    return 0


def _tell_of_versions(before: Iterable[tuple[str, str]]) -> None:
    """On stderr, where a run that is billed goes on with other versions: their last digits may differ."""
    now = dict(versions())
    changed = [f"{name} {old}, now {now[name]}" for name, old in before if name in now and now[name] != old]
    if changed:
        click.echo(
            f"the run was begun with {', '.join(changed)}: where numbers differ in their last digits, the tasks of the "
            "step that was under way are other tasks, and paid",
            err=True,
        )


def _tell_of_change(task: Task) -> None:
    """On stderr, where native code was there only after the first step: the last digits depend on when."""
    later = task.objective.ran[1:]
    if later:
        click.echo(
            f"native code from step {later[0].step + 1} on: its numbers agree to 1e-9 with those of --jit off and on",
            err=True,
        )


def _show(task: Task, outcome: Outcome, run: RunFolder | None, as_json: bool) -> None:
    history = outcome.history
    own = "valid" if task.model.fields else "result"
    reports = [(name, report) for name, report in ((own, history.valid), ("test", history.test)) if report]
    if as_json:
        print_json(
            {
                "model": task.model.name,
                "run": None if run is None else str(run.path),
                "best_epoch": history.best_epoch,
                "epochs": len(history.epochs),
                "seconds": history.seconds,
                **{name: report_json(report) for name, report in reports},
                "baselines": {name: report_json(report) for name, report in outcome.baselines},
            }
        )
        return
    early = ", stopped early" if history.stopped_early else ""
    click.echo(f"best epoch {history.best_epoch} of {len(history.epochs)}{early}, {history.seconds:.1f} s")
    if reports:
        # A control has a loss of its own, which says nothing beside the model's.
        controls = [(f"{name} (control)", replace(report, loss=None)) for name, report in outcome.baselines]
        table([*reports, *controls])
    if history.test is not None:
        labels = task.coding.labels
        classes = labels.names if labels is not None else range(len(history.test.metrics.confusion or ()))
        confusion(list(classes), history.test)
    if run is not None:
        click.echo(f"run kept in {run.path}")


def _files(given: dict[PartName, Path | None]) -> dict[PartName, Path]:
    files = {name: path for name, path in given.items() if path is not None}
    if files and "train" not in files:
        raise click.UsageError("--valid and --test stand beside --data")
    return files


def _read(
    files: dict[PartName, Path], columns: dict[str, str], truncate: bool
) -> tuple[Tables | None, tuple[DataSource, ...]]:
    if not files:
        return None, ()
    read = {name: read_table(path) for name, path in files.items()}
    sources = tuple(DataSource(name, str(files[name]), table.digest, table.rows) for name, table in read.items())
    tables = Tables(read["train"], read.get("valid"), read.get("test"), columns=columns, truncate=truncate)
    return tables, sources
