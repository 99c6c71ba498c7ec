"""What the service says now of devices and tasks, and how it is asked to cancel them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

from qsanc.diagnostics import QsanError
from qsanc_braket.cloud.backend import CloudBackend
from qsanc_braket.cloud.journal import Journal, Task, finished
from qsanc_braket.cloud.session import BraketSession, Busy, Missing, Refused, Session
from qsanc_braket.cloud.states import State
from qsanc_braket.devices.model import Device
from qsanc_braket.devices.sheet import Status, device_of
from qsanc_braket.devices.table import find
from qsanc_braket.sdk import missing


def asked(devices: Iterable[Device]) -> tuple[tuple[Device, ...], tuple[str, ...]]:
    """The devices as the service describes them now, and why some of them are as the table has them.

    Raises QsanError where the SDK is missing (QS812) or nobody is allowed to ask (QS803).
    """
    _need_sdk()
    found, untold = [], []
    for device in devices:
        try:
            answer = BraketSession(device.arn).sheet(device.arn)
        except (Busy, Refused, Missing) as reason:
            untold.append(f"{device.name} is as in the table: {reason}")
            found.append(device)
            continue
        status: Status = next((known for known in get_args(Status) if known == answer["status"]), "offline")
        found.append(device_of(answer["capabilities"], device.arn, device.name, status))
    return tuple(found), tuple(untold)


def cancelled(run: Path, tasks: Iterable[Task]) -> Journal:
    """The journal of a run after those of its tasks were taken back that have not ended; what was never sent costs
    nothing.

    Raises QsanError as `asked` does, and QS939 where a client writes the journal, and BackendFailure where the service
    does not answer.
    """
    _need_sdk()
    open_now = [task for task in tasks if not finished(task)]
    for device in dict.fromkeys(task.device for task in open_now):
        desk = CloudBackend(find(device)).desk(run)
        desk.cancel([task.token for task in open_now if task.device == device])
    return Journal.read(run)


def looked_up(journal: Journal) -> tuple[Task, ...]:
    """The tasks of a journal as they stand now.

    A task whose ARN is not known is looked for by its token. The journal is not written: whoever resumes the run does
    that. Raises QsanError as `asked` does.
    """
    _need_sdk()
    tasks = journal.entries()
    sessions: dict[str, Session] = {}
    orphans: dict[str, Mapping[str, str]] = {}
    found = []
    for task in tasks:
        if finished(task):
            found.append(task)
            continue
        if task.device not in sessions:
            place = journal.place(task.device)
            sessions[task.device] = BraketSession(task.device, region=place.region if place is not None else "")
        session = sessions[task.device]
        try:
            if task.arn is None and task.device not in orphans:
                since = min(other.intended for other in tasks if other.device == task.device and other.arn is None)
                orphans[task.device] = dict(session.search(task.device, since))
            arn = task.arn or orphans[task.device].get(task.token)
            found.append(task if arn is None else _described(replace(task, arn=arn), session.task(arn)))
        except (Busy, Refused, Missing) as reason:
            found.append(replace(task, message=f"the service does not tell: {reason}"))
    return tuple(found)


def _described(task: Task, answer: Mapping[str, object]) -> Task:
    status, reason = str(answer.get("status", "")), str(answer.get("failureReason") or "")
    state: State = next((known for known in get_args(State) if known == status), task.state)
    good = answer.get("numSuccessfulShots")
    nothing = state == "CANCELLED" or (state == "FAILED" and (good is not None or task.executables == 1))
    cost = 0.0 if nothing and not good else task.cost_usd
    return replace(task, state=state, cost_usd=cost, message=reason or ("" if state == status else status.lower()))


def _need_sdk() -> None:
    if (diagnostic := missing("braket.aws")) is not None:
        raise QsanError([diagnostic])
