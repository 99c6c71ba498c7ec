"""A training as a Hybrid Job of Amazon Braket: what is uploaded, run here or submitted.

    job.json               what CreateJob is told besides: name, device, entry point
    hyperparameters.json   the settings, as text
    input/model/, data/    the file with all that it imports; the data
    code/qsanc_job/        the entry point, `requirements.txt`, the hashes of the inputs, and qsanc itself under `lib/`

The job runs the qsanc that packaged it, whatever is published meanwhile, with the packages in the versions found here.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from qsanc.diagnostics import QsanError
from qsanc.train import atomic, errors
from qsanc.train.json_fields import Fields, Json, file_text
from qsanc_braket import job_entry
from qsanc_braket.cloud import errors as cloud_errors
from qsanc_braket.devices.table import find
from qsanc_braket.sdk import missing

MODULE = "qsanc_job"
ENTRY_POINT = f"{MODULE}:main"
PACKAGES = ("qsanc", "qsanc_numpy", "qsanc_braket")
EXTRAS = ("braket", "fast")
JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,49}", re.ASCII)
"""CreateJob: jobName, at most 50 characters."""
INSTANCE, HOURS = "ml.m5.large", 24.0
PACKAGE_KIND = "qsanc job package"
VERSION = 1

_ENTRY = '''"""The entry point of a training as a Hybrid Job; qsanc lies beside it under `lib/`."""


def main():
    import sys
    from pathlib import Path

    if sys.version_info < (3, 11):
        raise SystemExit("qsanc needs Python 3.11 or newer: give the job a container image that has it")
    folder = Path(__file__).resolve().parent
    sys.path.insert(0, str(folder / "lib"))
    from qsanc_braket.job_entry import main as run

    if code := run(folder / "inputs.json"):
        raise SystemExit(code)
'''


@dataclass(frozen=True, slots=True)
class Job:
    """`device` is an ARN or `local:PROVIDER/NAME`, `inputs` are contents by name, `model/...` and `data/...`."""

    name: str
    device: str
    hyperparameters: Mapping[str, str]
    inputs: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job runs: the kind of machine, how long at most, as whom, in which container (None: the SDK's default).

    `after` is the ARN of a job whose checkpoints are gone on from.
    """

    instance: str = INSTANCE
    hours: float = HOURS
    role: str | None = None
    image: str | None = None
    after: str | None = None


def device_of(text: str) -> str:
    """The device as the service is told: the ARN of `braket:NAME`, or `local:PROVIDER/NAME` as it is.

    Raises QsanError: QS810 and QS801 for devices as `find` does, QS922 for what is no device.
    """
    if text.startswith("local:"):
        return text
    name = text.removeprefix("braket:")
    if name in ("sv", "dm") and name != text:
        return f"local:braket/braket_{name}"
    return find(name).arn


def check(job: Job) -> None:
    """Raises QsanError (QS922) for a name or settings that the service or the job would not take."""
    if not JOB_NAME.fullmatch(job.name):
        expected = "1 to 50 letters, digits and single or inner hyphens"
        raise errors.fail(errors.bad_setting(f"{errors.shown(job.name)} cannot be the name of a job", expected))
    job_entry.check(job.hyperparameters)
    if "backend" not in job.hyperparameters:
        job_entry.backend_of(job.device)


def write(job: Job, folder: Path) -> None:
    """All that would be uploaded, in a new folder. Raises QsanError: QS922 as `check`, QS930, QS936 for the folder."""
    check(job)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise errors.fail(
            errors.error("QS930", f"{folder} is not an empty folder", help="give the package a new folder")
        )
    with atomic.new_folder(folder) as made:
        for name, content in job.inputs.items():
            _put(made / "input" / name, content)
        _put(made / "hyperparameters.json", file_text(dict(job.hyperparameters)))
        code = made / "code" / MODULE
        digests: Json = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(job.inputs.items())}
        _put(code / "__init__.py", _ENTRY.encode())
        _put(code / "requirements.txt", "".join(f"{line}\n" for line in requirements()).encode())
        _put(
            code / "inputs.json",
            file_text({"format": job_entry.MANIFEST_KIND, "version": job_entry.VERSION, "files": digests}),
        )
        _library(code / "lib")
        _put(made / "job.json", file_text(_described(job)))


def requirements() -> list[str]:
    """What qsanc needs with its extras `braket` and `fast`: the versions installed here, else its own bounds."""
    found = []
    for text in distribution("qsanc").requires or ():
        bound, _, condition = text.partition(";")
        extra = re.search(r"extra == ['\"](\w+)['\"]", condition)
        name = re.match(r"[\w.-]+", bound)
        if name is None or (extra is not None and extra[1] not in EXTRAS):
            continue
        try:
            found.append(f"{name[0]}=={version(name[0])}")
        except PackageNotFoundError:
            found.append(bound.strip())
    return sorted(set(found))


def run_here(job: Job, folder: Path, *, quiet: bool = False) -> int:
    """The job on this machine, by its own entry point in a process of its own; its exit code.

    A folder that holds the same job is gone on with, from its checkpoints. `quiet` leaves stdout alone: what the job
    prints there goes to stderr. Raises QsanError: as `write`, and QS935 where the folder holds another job.
    """
    folder = folder.absolute()
    if (folder / "job.json").exists():
        _same(job, folder)
    else:
        write(job, folder)
    command = "import sys; sys.path.insert(0, sys.argv[1]); import qsanc_job; qsanc_job.main()"
    done = subprocess.run(
        [sys.executable, "-c", command, str(folder / "code")],
        env={**os.environ, **environment(job, folder)},
        cwd=folder / "code",
        stdout=sys.stderr if quiet else None,
        check=False,
    )
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def environment(job: Job, folder: Path) -> dict[str, str]:
    """The variables of a job whose package lies in a folder, as the service sets them in its container."""
    return {
        "AMZN_BRAKET_JOB_NAME": job.name,
        "AMZN_BRAKET_SCRIPT_ENTRY_POINT": ENTRY_POINT,
        job_entry.DEVICE: job.device,
        job_entry.HP_FILE: str(folder / "hyperparameters.json"),
        job_entry.INPUTS: str(folder / "input"),
        job_entry.CHECKPOINTS: str(folder / "checkpoints"),
        job_entry.RESULTS: str(folder / "results"),
    }


def submit(job: Job, folder: Path, place: Place) -> str:
    """The ARN of the job, created from its package in `folder`. It is billed from here on.

    The call carries a token made of name and content: it is safe to repeat, and the same job under the same name is
    refused rather than run twice. Raises QsanError: QS803 where nobody is allowed to, QS801 where the service refuses,
    QS812 without the SDK.
    """
    if (absent := missing("braket.aws")) is not None:
        raise QsanError([absent])
    from braket.aws import AwsSession
    from braket.jobs.config import InstanceConfig, StoppingCondition
    from braket.jobs.quantum_job_creation import prepare_quantum_job

    def made() -> str:
        import boto3

        parts = job.device.split(":")
        region = parts[3] if job.device.startswith("arn:") else ""
        session = AwsSession(boto_session=boto3.Session(region_name=region) if region else None)
        importlib.invalidate_caches()
        # The SDK asks IAM for a role even where it is given one by the environment, so it is named here.
        role = place.role or os.environ.get("BRAKET_JOBS_ROLE_ARN") or session.get_default_jobs_role()
        fields = prepare_quantum_job(
            device=job.device,
            source_module=str(folder / "code" / MODULE),
            entry_point=ENTRY_POINT,
            image_uri=place.image,
            job_name=job.name,
            role_arn=role,
            hyperparameters=dict(job.hyperparameters),
            input_data={channel.name: str(channel) for channel in sorted((folder / "input").iterdir())},
            instance_config=InstanceConfig(instanceType=place.instance),
            stopping_condition=StoppingCondition(maxRuntimeInSeconds=math.ceil(3600 * place.hours)),
            copy_checkpoints_from_job=place.after,
            aws_session=session,
        )
        return str(session.create_job(**fields, clientToken=token(job, place)))

    return _told(made)


def token(job: Job, place: Place) -> str:
    """What the service knows a submission by: the same for the same job at the same place."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in job.inputs.items()}
    content = [job.name, job.device, dict(job.hyperparameters), digests, place.instance, place.hours, place.after]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _told(call: Callable[[], str]) -> str:
    from boto3.exceptions import Boto3Error
    from botocore import exceptions

    try:
        return call()
    except exceptions.ClientError as failure:
        code = str(failure.response.get("Error", {}).get("Code", ""))
        told = f"{code}: {failure.response.get('Error', {}).get('Message') or failure}"
        if "Denied" in code or "Token" in code or "Signature" in code or "AuthFailure" in code:
            raise cloud_errors.not_allowed("to create a job", told) from None
        if code == "ConflictException":
            help = "look for it in the console of Amazon Braket; another --name makes it another job"
            raise cloud_errors.refused("this job was submitted before under this name", help) from None
        raise cloud_errors.refused(f"Amazon Braket takes no such job: {told}") from None
    except (exceptions.NoCredentialsError, exceptions.NoRegionError, exceptions.ProfileNotFound) as failure:
        raise cloud_errors.no_credentials(str(failure)) from None
    except Boto3Error as failure:
        raise cloud_errors.refused(f"the package cannot be uploaded, and no job was created: {failure}") from None
    except exceptions.BotoCoreError as failure:
        help = "the same command under the same --name does not create the job twice"
        raise cloud_errors.refused(f"the service cannot be reached: {failure}", help) from None
    except (ValueError, RuntimeError) as failure:
        if isinstance(failure, QsanError):
            raise
        raise cloud_errors.refused(f"the SDK takes no such job: {failure}") from None


def _described(job: Job) -> dict[str, Json]:
    return {
        "format": PACKAGE_KIND,
        "version": VERSION,
        "name": job.name,
        "device": job.device,
        "entry_point": ENTRY_POINT,
        "qsanc": version("qsanc"),
    }


def _same(job: Job, folder: Path) -> None:
    """Raises QsanError (QS935) unless the package in a folder is that of the job, whatever its name.

    What may be another each time (`EACH_TIME`) is written anew.
    """
    if Fields.read(folder / "job.json", PACKAGE_KIND, VERSION).text("device") != job.device:
        raise errors.fail(errors.resume_mismatch(f"{folder} holds a job for another device", "give a new folder"))
    before = job_entry.settings_of(folder / "hyperparameters.json")
    if _lasting(before) != _lasting(job.hyperparameters):
        raise errors.fail(errors.resume_mismatch(f"{folder} holds a job with other settings", "give a new folder"))
    present = {
        path.relative_to(folder / "input").as_posix() for path in (folder / "input").rglob("*") if path.is_file()
    }
    if present != job.inputs.keys() or any(atomic.read(folder / "input" / n) != job.inputs[n] for n in present):
        help = "give a new folder, or the files as they were"
        raise errors.fail(errors.resume_mismatch(f"{folder} holds a job with other inputs", help))
    atomic.write(folder / "hyperparameters.json", file_text(dict(job.hyperparameters)))


def _lasting(settings: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if name not in job_entry.EACH_TIME}


def _library(folder: Path) -> None:
    """qsanc as it is here, with its entry points: packages, grammar and metadata."""
    for name in PACKAGES:
        package = Path(importlib.import_module(name).__file__ or "").parent
        shutil.copytree(package, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        if name == "qsanc" and not (package / "syntax" / "qsan.lark").exists():
            shutil.copy(package.parent / "grammar" / "qsan.lark", folder / "qsanc" / "syntax" / "qsan.lark")
    about = distribution("qsanc")
    for file in ("METADATA", "entry_points.txt"):
        _put(folder / f"qsanc-{about.version}.dist-info" / file, (about.read_text(file) or "").encode())


def _put(file: Path, content: bytes) -> None:
    atomic.make_folder(file.parent)
    atomic.write(file, content)
