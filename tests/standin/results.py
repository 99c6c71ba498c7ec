"""The files that a finished task leaves in its bucket."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from standin import running
from standin.refusals import Action
from standin.sheets import Sheet


def header(name: str) -> dict[str, str]:
    return {"name": f"braket.task_result.{name}", "version": "1"}


@dataclass(frozen=True)
class Made:
    """`files` by their path in the task's folder; shots of the executables that did not fail."""

    files: dict[str, str]
    shots: int
    failed: int


def measurements_of(sheet: Sheet, found: running.Distribution, outcomes: Any) -> dict[str, Any]:
    """Measurements, or on IonQ's devices how often each outcome came, as these return it."""
    width = len(found.measured)
    measured = {"measuredQubits": list(found.measured)}
    if sheet.provider == "IonQ":
        names, counts = np.unique(outcomes, return_counts=True)
        often = {
            format(n, f"0{width}b"): c / len(outcomes) for n, c in zip(names.tolist(), counts.tolist(), strict=True)
        }
        return {"measurements": None, "measurementProbabilities": often, **measured}
    bits = running.bits_of(outcomes, width).tolist()
    return {"measurements": bits, "measurementProbabilities": None, **measured}


def of_program(sheet: Sheet, action: Action, shots: int, token: str, kind: str, task: dict[str, Any]) -> Made:
    """The one file of a task with one program."""
    _, _, source, inputs = action.executables[0]
    result: dict[str, Any] = {
        "braketSchemaHeader": header("gate_model_task_result"),
        "measurements": None,
        "measurementProbabilities": None,
        "measuredQubits": None,
        "resultTypes": None,
    }
    if shots == 0:
        result["resultTypes"] = running.exact(kind, source, inputs)
    else:
        found = running.distribution(kind, source, inputs)
        outcomes = running.sampled(found, token, 0, shots)
        result |= measurements_of(sheet, found, outcomes)
        result["resultTypes"] = running.observed(found, running.bits_of(outcomes, len(found.measured)))
    result["taskMetadata"] = {"braketSchemaHeader": header("task_metadata"), "shots": shots, **task}
    more: dict[str, Any] = {"action": action.programs[0]}
    if sheet.kind == "SIMULATOR":
        more["simulatorMetadata"] = {
            "braketSchemaHeader": header("simulator_metadata"),
            "executionDuration": task["executionDuration"],
        }
    result["taskMetadata"].pop("executionDuration")
    result["additionalMetadata"] = more
    return Made({"results.json": json.dumps(result)}, shots, 0)


def of_program_set(
    sheet: Sheet,
    action: Action,
    shots: int,
    token: str,
    kind: str,
    task: dict[str, Any],
    failing: list[int],
    split: tuple[str, str] | None,
) -> Made:
    """The file of a program set, or where `split` (bucket, folder), the files of its parts."""
    each = shots // len(action.executables)
    made: list[list[dict[str, Any]]] = [[] for _ in action.programs]
    about: list[list[dict[str, Any]]] = [[] for _ in action.programs]
    for index, (p, i, source, inputs) in enumerate(action.executables):
        if index in failing:
            failure = {"failureReason": "Failed on command", "retryable": True, "category": "DEVICE"}
            name = "program_set_executable_failure"
            made[p].append({"braketSchemaHeader": header(name), "inputsIndex": i, "failureMetadata": failure})
            about[p].append(failure)
            continue
        found = running.distribution(kind, source, inputs)
        outcomes = running.sampled(found, token, index, each)
        made[p].append(
            {"braketSchemaHeader": header("program_set_executable_result"), "inputsIndex": i}
            | measurements_of(sheet, found, outcomes)
        )
        about[p].append({})
    failed = len(set(failing) & set(range(len(action.executables))))
    metadata = {
        "braketSchemaHeader": header("program_set_task_metadata"),
        "requestedShots": shots,
        "successfulShots": shots - failed * each,
        "programMetadata": [{"executables": executables} for executables in about],
        "totalFailedExecutables": failed,
        **{name: value for name, value in task.items() if name != "executionDuration"},
    }
    files: dict[str, str] = {}
    programs: list[Any] = []
    for p, program in enumerate(action.programs):
        result = {"braketSchemaHeader": header("program_result"), "additionalMetadata": {}}
        if split is None:
            programs.append(result | {"executableResults": made[p], "source": program})
            continue
        folder = f"programs/{p}"
        names = []
        for e, executable in enumerate(made[p]):
            names.append(f"executables/{e}.json")
            files[f"{folder}/{names[-1]}"] = json.dumps(executable)
        files[f"{folder}/program.json"] = json.dumps(program)
        files[f"{folder}/results.json"] = json.dumps(result | {"executableResults": names, "source": "program.json"})
        programs.append(f"{folder}/results.json")
    whole: dict[str, Any] = {
        "braketSchemaHeader": header("program_set_task_result"),
        "programResults": programs,
        "taskMetadata": metadata,
        "s3Location": None,
    }
    if split is not None:
        files["metadata.json"] = json.dumps(metadata)
        whole |= {"taskMetadata": "metadata.json", "s3Location": list(split)}
    files["results.json"] = json.dumps(whole)
    return Made(files, shots - failed * each, failed)
