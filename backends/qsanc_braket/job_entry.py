"""What runs inside a Hybrid Job of Amazon Braket, or on any machine under the same variables.

AMZN_BRAKET_HP_FILE          the settings: names of options of `qsanc train`, and their values as text
AMZN_BRAKET_INPUT_DIR        `model/` with the file and all that it imports, `data/` with the data
AMZN_BRAKET_CHECKPOINT_DIR   the run folder, from which a job that is started again goes on
AMZN_BRAKET_JOB_RESULTS_DIR  the finished run folder, and `results.json` with its metrics
AMZN_BRAKET_DEVICE_ARN       the device, where the settings name no backend

The training is that of `qsanc train`, and so are its numbers. Nothing is taken on trust: inputs are those whose hashes
the package holds, and settings are those that `qsanc train` knows.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from qsanc.cli import main as qsanc
from qsanc.cli.report import show
from qsanc.cli.train import command as train
from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.train import atomic, errors
from qsanc.train.json_fields import Fields, Json, file_text
from qsanc.train.run_folder import RunFolder
from qsanc.train.run_info import report_json
from qsanc.train.tables import LARGEST

HP_FILE, DEVICE = "AMZN_BRAKET_HP_FILE", "AMZN_BRAKET_DEVICE_ARN"
INPUTS, CHECKPOINTS, RESULTS = "AMZN_BRAKET_INPUT_DIR", "AMZN_BRAKET_CHECKPOINT_DIR", "AMZN_BRAKET_JOB_RESULTS_DIR"

SETTINGS = (
    "model", "set", "seed", "epochs", "batch", "lr", "patience", "grad", "shots", "native", "max-cost", "again", "jit",
    "independent-shots", "column", "truncate", "no-controls",
)  # fmt: skip
"""The options of `qsanc train` that a job may be given."""
EACH_TIME = ("max-cost", "again")
"""Those that may be others when a job is started again."""
FILES = {"file": "model", "data": "data", "valid": "data", "test": "data"}
"""The settings that name a file of the inputs, and its channel."""
LOCAL = {"braket_sv": "braket:sv", "default": "braket:sv", "braket_dm": "braket:dm", "numpy": "numpy"}
"""The backend that a device `local:PROVIDER/NAME` stands for, by NAME."""
RUN = "run"
MANIFEST_KIND = "qsanc job inputs"
JOB_KIND = "qsanc job"
VERSION = 1
LONGEST = 2500
"""Characters of a setting (CreateJob: HyperParametersValueString)."""


@dataclass(frozen=True, slots=True)
class Work:
    """A job as it was found: paths of its files by setting, its other settings, and where it writes."""

    files: Mapping[str, Path]
    settings: Mapping[str, str]
    digests: Mapping[str, str]
    backend: str
    checkpoints: Path
    results: Path

    @property
    def run(self) -> Path:
        return self.checkpoints / RUN


def main(manifest: Path) -> int:
    """Train as the environment says, and leave the results where it says; the exit code."""
    try:
        work = found(os.environ, manifest)
        _same_as_before(work)
        if not _finished(work.run) and (code := qsanc(arguments(work))):
            return code
        deliver(work)
    except QsanError as error:
        show(error.diagnostics)
        return 1
    return 0


def found(environment: Mapping[str, str], manifest: Path) -> Work:
    """The job of an environment and of the hashes in `manifest`.

    Raises QsanError: QS922 for settings, QS932 and QS933 for a manifest or inputs that are not those of the package.
    """
    settings = settings_of(_place(environment, HP_FILE))
    digests = _manifest(manifest)
    inputs = _folder(environment, INPUTS)
    places = {name: _checked(inputs, name, digest) for name, digest in digests.items()}
    files = {}
    for setting, channel in FILES.items():
        if setting not in settings:
            continue
        name = f"{channel}/{settings[setting]}"
        if name not in places:
            raise errors.fail(_bad(setting, settings[setting], f"one of {errors.listed(sorted(places))}"))
        files[setting] = places[name]
    if "file" not in files:
        raise errors.fail(errors.bad_setting("the job has no setting `file`", expected="the name of a .qsan file"))
    backend = settings.get("backend") or backend_of(environment.get(DEVICE, ""))
    others = {name: value for name, value in settings.items() if name not in FILES and name != "backend"}
    checkpoints, results = _folder(environment, CHECKPOINTS), _folder(environment, RESULTS)
    return Work(files, others, digests, backend, checkpoints, results)


def settings_of(file: Path) -> dict[str, str]:
    """The settings in a file, each of which `qsanc train` would take.

    Raises QsanError (QS922) with a diagnostic for each that is unknown or that it would not take.
    """
    try:
        content = file.read_bytes()
        value = json.loads(content.decode("utf-8"))
    except OSError as failure:
        raise errors.fail(errors.damaged(str(file), failure.strerror or type(failure).__name__)) from None
    except (ValueError, RecursionError):
        raise errors.fail(errors.damaged(str(file), "it is not JSON in UTF-8")) from None
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise errors.fail(errors.damaged(str(file), "it is not an object of texts"))
    check(value)
    return value


def check(settings: Mapping[str, str]) -> None:
    """Raises QsanError with a QS922 for each setting that `qsanc train` does not know or would not take."""
    wrong: list[Diagnostic] = []
    known = (*FILES, "backend", *SETTINGS)
    for name, value in settings.items():
        if name not in known:
            title = f"a job has no setting {errors.shown(name)}"
            wrong.append(errors.bad_setting(title, errors.listed(known, len(known)), errors.near(name, known)))
        elif not value or len(value) > LONGEST:
            wrong.append(_bad(name, value, f"1 to {LONGEST} characters"))
        elif name in FILES and not _is_inner(value):
            wrong.append(_bad(name, value, "the name of a file within the inputs"))
        elif name in SETTINGS:
            try:
                _options(name, value)
            except (click.BadParameter, ValueError, RecursionError) as reason:
                told = reason.message if isinstance(reason, click.BadParameter) else str(reason)
                wrong.append(_bad(name, value, f"what --{name} of `qsanc train` takes: {told}"))
    if wrong:
        raise QsanError(wrong)


def backend_of(device: str) -> str:
    """The backend that stands for the device of a job: its ARN, or `local:PROVIDER/NAME`. Raises QsanError (QS922)."""
    if device.startswith("arn:"):
        return f"braket:{device}"
    provider, _, name = device.removeprefix("local:").partition("/")
    if device.startswith("local:") and provider and name in LOCAL:
        return LOCAL[name]
    raise errors.fail(
        errors.bad_setting(
            f"no backend stands for the device {errors.shown(device)} of the job",
            expected=f"an ARN, or local:PROVIDER/NAME with a name of {', '.join(LOCAL)}",
            help="give the job a setting `backend`",
        )
    )


def arguments(work: Work) -> list[str]:
    """The command line of the training: a new one, or one that goes on where the checkpoints have a run."""
    data = [f"--{name}={path}" for name, path in work.files.items() if name != "file"]
    again = (work.run / "run.json").exists()
    kept = (*EACH_TIME, "no-controls") if again else SETTINGS
    given = [option for name, value in work.settings.items() if name in kept for option in _options(name, value)]
    if again:
        return ["train", f"--resume={work.run}", *data, *given]
    return ["train", str(work.files["file"]), f"--out={work.run}", f"--backend={work.backend}", *data, *given]


def deliver(work: Work) -> None:
    """Copy the run to the results, with `results.json` as the SDK reads it, in plain JSON."""
    info = RunFolder.open(work.run).info
    copy = work.results / RUN
    shutil.rmtree(copy, ignore_errors=True)
    try:
        shutil.copytree(work.run, copy, ignore=shutil.ignore_patterns("lock", ".*.tmp"))
    except (OSError, shutil.Error) as failure:
        raise errors.fail(errors.unwritable(str(copy), str(failure))) from None
    told: dict[str, Json] = {"model": info.model, "backend": info.backend, "run": RUN}
    if (results := info.results) is not None:
        told |= {
            "best_epoch": results.best_epoch,
            "epochs": results.epochs,
            "steps": results.steps,
            "valid": None if results.valid is None else report_json(results.valid),
            "test": None if results.test is None else report_json(results.test),
            "baselines": {name: report_json(report) for name, report in results.baselines},
        }
    header: Json = {"name": "braket.jobs_data.persisted_job_data", "version": "1"}
    content = file_text({"braketSchemaHeader": header, "dataDictionary": told, "dataFormat": "plaintext"})
    atomic.write(work.results / "results.json", content)


def _options(name: str, value: str) -> list[str]:
    """The arguments for a setting. Raises click.BadParameter and ValueError where `qsanc train` would not take it."""
    option: Any = next(each for each in train.params if f"--{name}" in each.opts)
    if option.is_flag:
        if value != "true":
            raise ValueError("true, or no such setting")
        return [f"--{name}"]
    texts = [value]
    if option.multiple:
        texts = json.loads(value)
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError("a JSON list of texts")
    for text in texts:
        option.type.convert(text, option, None)
    return [f"--{name}={text}" for text in texts]


def _same_as_before(work: Work) -> None:
    """Raises QsanError (QS935) where the checkpoints are of another job; notes whose they are where there are none."""
    file = work.checkpoints / "job.json"
    settings: Json = {name: value for name, value in work.settings.items() if name not in EACH_TIME}
    names: Json = {name: path.name for name, path in work.files.items()}
    this: dict[str, Json] = {
        "format": JOB_KIND,
        "version": VERSION,
        "backend": work.backend,
        "files": names,
        "settings": settings,
        "inputs": dict(work.digests),
    }
    if not file.exists():
        if (work.run / "run.json").exists():
            raise errors.fail(errors.damaged(str(work.checkpoints), "there is a run, and no job.json"))
        atomic.write(file, file_text(this))
        return
    before = Fields.read(file, JOB_KIND, VERSION)
    for name in ("backend", "files", "settings", "inputs"):
        if before.value(name) != this[name]:
            title = f"the checkpoints in {work.checkpoints} are of a job with other {name}"
            raise errors.fail(errors.resume_mismatch(title, "start the job as it was, or with no checkpoints"))


def _finished(run: Path) -> bool:
    return (run / "run.json").exists() and RunFolder.open(run).info.status == "finished"


def _manifest(file: Path) -> dict[str, str]:
    fields = Fields.read(file, MANIFEST_KIND, VERSION).inner("files")
    for name in fields.names():
        if not _is_inner(name) or name.split("/")[0] not in FILES.values():
            fields.wrong(name, "a name within the channels model and data")
    return {name: fields.text(name) for name in fields.names()}


def _is_inner(name: str) -> bool:
    """Whether a name leads to no place above or beside its folder."""
    parts = name.split("/")
    return not {"", ".", ".."} & set(parts) and not {"\\", "\0"} & set(name)


def _checked(inputs: Path, name: str, digest: str) -> Path:
    """The input of that name, which has that SHA-256. A channel may hold its files in a folder of its own name."""
    channel = name.split("/")[0]
    file = next((path for path in (inputs / name, inputs / channel / name) if path.is_file()), None)
    if file is None:
        raise errors.fail(errors.damaged(str(inputs), f"there is no input {name}"))
    if not file.resolve().is_relative_to((inputs / channel).resolve()):
        raise errors.fail(errors.damaged(str(file), "it leads out of the inputs"))
    try:
        if (size := file.stat().st_size) > LARGEST:
            raise errors.fail(errors.too_large(str(file), size, LARGEST))
        with file.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as failure:
        raise errors.fail(errors.damaged(str(file), failure.strerror or type(failure).__name__)) from None
    if sha256 != digest:
        raise errors.fail(
            errors.error("QS933", f"{file} is not the file that was packaged", help="start the job anew from its files")
        )
    return file


def _place(environment: Mapping[str, str], variable: str) -> Path:
    if not environment.get(variable):
        raise errors.fail(
            errors.bad_setting(
                f"{variable} is not set", help="this runs in a Hybrid Job, or by `qsanc job --local DIR`"
            )
        )
    return Path(environment[variable]).absolute()


def _folder(environment: Mapping[str, str], variable: str) -> Path:
    path = _place(environment, variable)
    if variable != INPUTS:
        atomic.make_folder(path)
    return path


def _bad(name: str, value: str, expected: str) -> Diagnostic:
    return errors.bad_setting(f"the job's setting `{name}` is {errors.shown(value)}", expected=expected)
