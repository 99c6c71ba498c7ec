"""`run.json`: what was trained, from what, how, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

from qsanc.fast import Mode
from qsanc.ir.program import Optimizer, Recipe, SizeOrigin, SizeValue
from qsanc.train.json_fields import Fields, Json, file_text
from qsanc.train.metrics import Metrics
from qsanc.train.progress import Report

KIND = "qsanc run"
VERSION = 1

Status: TypeAlias = Literal["running", "interrupted", "failed", "finished"]
Setting: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class DataSource:
    """A file that data came from (the part it served first, and how many records), with its SHA-256."""

    part: Literal["train", "valid", "test"]
    file: str
    digest: str | None
    records: int


@dataclass(frozen=True, slots=True)
class Results:
    """`baselines` are reports of the test part by name, `seconds` is wall time."""

    best_epoch: int
    epochs: int
    steps: int
    seconds: float
    stopped_early: bool
    valid: Report | None = None
    test: Report | None = None
    baselines: tuple[tuple[str, Report], ...] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """From this step on (counted over all epochs, from 0) these libraries ran as native code, with the keys of their
    builds; all else ran in NumPy: circuits too, where their library is not among them.
    """

    step: int
    builds: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Jit:
    """What was asked of native code, and what ran: an entry where a training began, went on, or changed."""

    mode: Mode = "off"
    ran: tuple[Ran, ...] = ()


@dataclass(frozen=True, slots=True)
class RunInfo:
    """`files` are the names of the source files under `source/` with their SHA-256; `entry` is the one with `model`.

    `gradient` is the method as chosen, `plan` says how the circuits are executed, `settings` are further settings of
    the caller, and `parts` the number of records of each part of the data. `written` are the SHA-256 of files beside
    `run.json` that do not change any more, by name: `weights.safetensors` is among them only while nothing trains.
    """

    model: str
    entry: str
    files: tuple[tuple[str, str], ...]
    recipe: Recipe
    sizes: tuple[SizeValue, ...] = ()
    backend: str = "numpy"
    shots: int | None = None
    gradient: str = "adjoint"
    plan: str = ""
    settings: tuple[tuple[str, Setting], ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    data: tuple[DataSource, ...] = ()
    parts: tuple[tuple[str, int], ...] = ()
    status: Status = "running"
    results: Results | None = None
    written: tuple[tuple[str, str], ...] = ()
    jit: Jit = Jit()


def to_json(info: RunInfo) -> bytes:
    recipe, results = info.recipe, info.results
    value: dict[str, Json] = {
        "format": KIND,
        "version": VERSION,
        "status": info.status,
        "model": info.model,
        "source": {"entry": info.entry, "sha256": dict(info.files)[info.entry], "files": dict(info.files)},
        "sizes": {size.name: {"value": size.value, "origin": size.origin} for size in info.sizes},
        "recipe": {
            "optimizer": {"name": recipe.optimizer.name, **dict(recipe.optimizer.options)},
            "epochs": recipe.epochs,
            "batch": recipe.batch,
            "seed": recipe.seed,
            "patience": recipe.patience,
            "grad": recipe.grad,
        },
        "backend": info.backend,
        "shots": info.shots,
        "gradient": info.gradient,
        "settings": dict(info.settings),
        "versions": dict(info.versions),
        "data": [
            {"part": data.part, "file": data.file, "sha256": data.digest, "records": data.records} for data in info.data
        ],
        "parts": dict(info.parts),
        "written": dict(info.written),
        "jit": {
            "mode": info.jit.mode,
            "ran": [{"step": ran.step, "builds": dict(ran.builds)} for ran in info.jit.ran],
        },
        "plan": info.plan,
    }
    if results is not None:
        value |= {
            "best_epoch": results.best_epoch,
            "epochs": results.epochs,
            "steps": results.steps,
            "wall_seconds": results.seconds,
            "stopped_early": results.stopped_early,
            "valid": None if results.valid is None else report_json(results.valid),
            "test": None if results.test is None else report_json(results.test),
            "baselines": {name: report_json(report) for name, report in results.baselines},
        }
    return file_text(value)


def from_json(path: Path) -> RunInfo:
    """Raises QsanError where the file is missing, damaged, or of a newer format."""
    fields = Fields.read(path, KIND, VERSION)
    source, sizes, versions = fields.inner("source"), fields.inner("sizes"), fields.inner("versions")
    files, settings, parts = source.inner("files"), fields.inner("settings"), fields.inner("parts")
    if source.text("entry") not in files.names():
        source.wrong("entry", "one of the files")
    for name in files.names():
        if name.startswith("/") or "\\" in name or "\0" in name or ".." in name.split("/"):
            files.wrong(name, "a name within the folder")
    return RunInfo(
        fields.text("model"),
        source.text("entry"),
        tuple((name, files.text(name)) for name in files.names()),
        _recipe(fields.inner("recipe")),
        tuple(_size(sizes.inner(name), name) for name in sizes.names()),
        fields.text("backend"),
        fields.integer("shots", 1) if fields.has("shots") else None,
        fields.text("gradient"),
        fields.text("plan"),
        tuple((name, _setting(settings, name)) for name in settings.names()),
        tuple((name, versions.text(name)) for name in versions.names()),
        tuple(_data(data) for data in fields.objects("data")),
        tuple((name, parts.integer(name, 0)) for name in parts.names()),
        cast(Status, fields.one_of("status", get_args(Status))),
        _results(fields) if fields.has("best_epoch") else None,
        tuple((name, fields.inner("written").text(name)) for name in fields.inner("written").names())
        if fields.has("written")
        else (),
        _jit(fields.inner("jit")) if fields.has("jit") else Jit(),
    )


def report_json(report: Report) -> Json:
    return {"records": report.records, "loss": report.loss, **metrics_json(report.metrics)}


def metrics_json(metrics: Metrics) -> dict[str, Json]:
    confusion: dict[str, Json] = {}
    if metrics.confusion is not None:
        confusion["confusion"] = [list(row) for row in metrics.confusion]
    return {**dict(metrics.values), **confusion}


def metrics_of(fields: Fields) -> Metrics:
    """The metrics in an object that may hold a loss and a number of records besides."""
    names = [name for name in fields.names() if name not in ("loss", "records", "confusion")]
    confusion = None
    if fields.has("confusion"):
        rows = [row for row in fields.items("confusion") if isinstance(row, list)]
        confusion = tuple(tuple(count for count in row if isinstance(count, int)) for row in rows)
    return Metrics(tuple((name, fields.number(name) if fields.has(name) else None) for name in names), confusion)


def _report(fields: Fields) -> Report:
    return Report(
        fields.number("loss") if fields.has("loss") else None, metrics_of(fields), fields.integer("records", 0)
    )


def _recipe(fields: Fields) -> Recipe:
    optimizer = fields.inner("optimizer")
    name = optimizer.one_of("name", ("adam", "sgd", "spsa"))
    options = tuple((option, optimizer.number(option)) for option in optimizer.names() if option != "name")
    grad = fields.one_of("grad", ("auto", "parameter_shift", "adjoint", "spsa"))
    return Recipe(
        Optimizer(cast(Literal["adam", "sgd", "spsa"], name), options),
        fields.integer("epochs", 0),
        fields.integer("batch", 1) if fields.has("batch") else None,
        fields.integer("seed"),
        fields.integer("patience", 1) if fields.has("patience") else None,
        cast(Literal["auto", "parameter_shift", "adjoint", "spsa"], grad),
    )


def _size(fields: Fields, name: str) -> SizeValue:
    return SizeValue(name, fields.number_of("value"), cast(SizeOrigin, fields.one_of("origin", get_args(SizeOrigin))))


def _setting(fields: Fields, name: str) -> Setting:
    value = fields.value(name)
    return value if isinstance(value, str | int | float | bool) else fields.wrong(name, "a text, number or truth value")


def _data(fields: Fields) -> DataSource:
    return DataSource(
        cast(Literal["train", "valid", "test"], fields.one_of("part", ("train", "valid", "test"))),
        fields.text("file"),
        fields.text("sha256") if fields.has("sha256") else None,
        fields.integer("records", 0),
    )


def _jit(fields: Fields) -> Jit:
    """A run from before there was native code has none."""
    ran = []
    for entry in fields.objects("ran"):
        builds = entry.inner("builds")
        ran.append(Ran(entry.integer("step", 0), tuple((name, builds.text(name)) for name in builds.names())))
    return Jit(cast(Mode, fields.one_of("mode", get_args(Mode))), tuple(ran))


def _results(fields: Fields) -> Results:
    baselines = fields.inner("baselines")
    return Results(
        fields.integer("best_epoch", 0),
        fields.integer("epochs", 0),
        fields.integer("steps", 0),
        fields.number("wall_seconds"),
        fields.flag("stopped_early"),
        _report(fields.inner("valid")) if fields.has("valid") else None,
        _report(fields.inner("test")) if fields.has("test") else None,
        tuple((name, _report(baselines.inner(name))) for name in baselines.names()),
    )
