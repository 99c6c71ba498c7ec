"""`qsanc job`: a training as a Hybrid Job of Amazon Braket."""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from qsanc import registry
from qsanc.api.names import model_named
from qsanc.check.imports import load
from qsanc.check.module import Module
from qsanc.cli import options, spending
from qsanc.cli.report import print_json
from qsanc.cli.train import command as train
from qsanc.train import atomic
from qsanc.train.saving import sources_of
from qsanc.train.tables import read_table
from qsanc.train.task import Choices, Tables, assemble
from qsanc_braket import job_entry
from qsanc_braket.cli.unrun import unrun
from qsanc_braket.job import HOURS, INSTANCE, Job, Place, check, device_of, run_here, submit, write

OWN = ("numpy", "braket")
"""The backends that a package carries."""


@click.command()
@click.argument("file", metavar="FILE", type=options.file)
@click.option("--device", required=True, help="braket:NAME or an ARN, or local:PROVIDER/NAME for a job without one.")
@click.option("--backend", help="Where circuits run; by default on the device.")
@click.option("--data", type=options.file, help="A .tsv, .csv or .jsonl file, divided as in training.")
@click.option("--valid", type=options.file, help="Validation data of their own.")
@click.option("--test", type=options.file, help="Test data of their own.")
@click.option("--package", type=options.file, metavar="DIR", help="Only write here what would be uploaded.")
@click.option("--local", type=options.file, metavar="DIR", help="Run the job on this machine, in this folder.")
@click.option("--name", help="Of the job; the same job under the same name is never run twice.")
@click.option("--instance", default=INSTANCE, show_default=True, help="The machine that it runs on.")
@click.option(
    "--max-hours",
    type=options.positive,
    metavar="HOURS",
    help=f"Stop the machine after so long; {HOURS:g} if not given, and agreed to.",
)
@click.option("--role", metavar="ARN", help="The role it runs as; by default the account's own for jobs.")
@click.option("--image", metavar="URI", help="The container, with Python 3.11 or newer; by default Amazon Braket's.")
@click.option("--after", metavar="ARN", help="Go on from the checkpoints of this job, which was the same.")
@options.as_json
def command(
    file: Path,
    device: str,
    backend: str | None,
    data: Path | None,
    valid: Path | None,
    test: Path | None,
    package: Path | None,
    local: Path | None,
    name: str | None,
    instance: str,
    max_hours: float | None,
    role: str | None,
    image: str | None,
    after: str | None,
    as_json: bool,
    **settings: Any,
) -> int:
    """Train a model in a Hybrid Job: its steps are taken beside the device, while this machine may be switched off.

    All else is as in `qsanc train`. Nothing is uploaded before the model, its data and its settings are found right
    here. --max-cost limits what the tasks of the job cost, --max-hours how long its machine is paid for.
    """
    if package is not None and local is not None:
        raise click.UsageError("--package only writes the job that --local runs; give one of them")
    given = {"data": data, "valid": valid, "test": test}
    if data is None and (valid or test):
        raise click.UsageError("--valid and --test stand beside --data")
    target = device_of(device)
    chosen = backend or job_entry.backend_of(target)
    if chosen.partition(":")[0] not in OWN:
        raise click.UsageError(f"--backend {chosen}: a job carries the backends {' and '.join(OWN)} alone")
    module = load(file)
    files = {part: path for part, path in given.items() if path is not None}
    _check(module, chosen, settings, files, runs=package is None)
    job = _job(name, target, backend, module, settings, given)
    check(job)
    if package is not None:
        write(job, package)
        _tell(as_json, f"the job {job.name} is packaged in {package}", name=job.name, package=str(package))
        return 0
    if local is not None:
        if code := run_here(job, local, quiet=as_json):
            return code
        told = f"the job {job.name} is done: its results are in {local / 'results'}"
        _tell(as_json, told, name=job.name, results=str(local / "results"))
        return 0
    place = Place(instance, max_hours or HOURS, role, image, after)
    _leave(place, limited=max_hours is not None)
    with tempfile.TemporaryDirectory() as made:
        write(job, Path(made) / "job")
        arn = submit(job, Path(made) / "job", place)
    _tell(as_json, f"the job {job.name} is submitted: {arn}", name=job.name, arn=arn)
    return 0


_TRAINING = {name: next(each for each in train.params if f"--{name}" in each.opts) for name in job_entry.SETTINGS}
command.params[-1:-1] = list(_TRAINING.values())


def _check(module: Module, backend: str, settings: dict[str, Any], files: dict[str, Path], *, runs: bool) -> None:
    """Compile all of it, as the job will; where nothing `runs` from here, the SDK is not needed for that.

    Raises QsanError, and click.UsageError for tasks that nothing limits.
    """
    native = bool(settings["native"])
    shots, max_cost, independent = settings["shots"], settings["max_cost"], bool(settings["independent_shots"])
    if independent and shots is None:
        raise click.UsageError("--independent-shots stands beside --shots")
    named = spending.named(backend, native=native)
    chosen = registry.load(named) if runs else unrun(named)
    if chosen.capabilities.billed and max_cost is None:
        raise click.UsageError(f"{chosen.capabilities.name} is billed, and a job can ask nobody: give --max-cost USD")
    if not chosen.capabilities.billed and max_cost is not None:
        raise click.UsageError(f"--max-cost: {chosen.capabilities.name} costs nothing; --max-hours limits the machine")
    tables = None
    if files:
        read = {part: read_table(path) for part, path in files.items()}
        parts = read["data"], read.get("valid"), read.get("test")
        tables = Tables(*parts, columns=settings["columns"], truncate=bool(settings["truncate"]))
    assemble(
        module,
        model_named(module, settings["model"], "--model"),
        chosen,
        tables,
        sizes=settings["sizes"],
        choices=Choices(*(settings[name] for name in ("epochs", "batch", "lr", "seed", "patience", "grad"))),
        shots=shots,
        independent=independent,
    )


def _job(
    name: str | None,
    device: str,
    backend: str | None,
    module: Module,
    settings: dict[str, Any],
    files: dict[str, Path | None],
) -> Job:
    entry, texts = sources_of(module)
    inputs = {f"model/{file}": text.encode("utf-8") for file, text in texts.items()}
    hyperparameters = {"file": entry}
    if backend is not None:
        hyperparameters["backend"] = backend
    for part, path in files.items():
        if path is not None:
            file = f"{part}{path.suffix}"
            inputs[f"data/{file}"] = atomic.read(path)
            hyperparameters[part] = file
    for option, parameter in _TRAINING.items():
        value = settings[parameter.name or ""]
        if isinstance(value, dict) and value:
            hyperparameters[option] = json.dumps([f"{key}={each}" for key, each in value.items()], ensure_ascii=False)
        elif value is True:
            hyperparameters[option] = "true"
        elif value is not None and value is not False and value != {}:
            hyperparameters[option] = str(value)
    stem = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in Path(entry).stem).strip("-")
    now = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    return Job(name or f"qsanc-{stem[:28].strip('-') or 'model'}-{now}", device, hyperparameters, inputs)


def _leave(place: Place, *, limited: bool) -> None:
    """Raises click.UsageError or click.Abort where nobody has said that the machine may cost something."""
    if limited:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"a job pays for its machine ({place.instance}): give --max-hours HOURS")
    click.confirm(
        f"the job pays for its machine, an {place.instance}, for {place.hours:g} hours at most (--max-hours would "
        "say how many). Go on?",
        abort=True,
        err=True,
    )


def _tell(as_json: bool, text: str, **fields: str) -> None:
    if as_json:
        print_json(fields)
    else:
        click.echo(text)
