"""The part of the service that holds tasks: what it takes, when they are done, what they cost."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from standin import results, running
from standin.faults import Faults
from standin.refusals import Action, Refusal, action_of
from standin.sheets import PROGRAM_SET, Sheet
from standin.store import Store

ACCOUNT = "123456789012"
FINAL = ("COMPLETED", "FAILED", "CANCELLED")
SIMULATED_MS = 1500  # what the simulators say that an executable took

STATUS = {
    "ValidationException": 400,
    "ServiceQuotaExceededException": 402,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ConflictException": 409,
    "DeviceRetiredException": 410,
    "DeviceOfflineException": 424,
    "ThrottlingException": 429,
    "InternalServiceException": 500,
}


class Problem(Exception):
    """An answer that is an error."""

    def __init__(self, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code = code
        self.body = {"message": message, **more}


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@dataclass(frozen=True)
class Counted:
    """One line of the service's own bill. `price_usd` is owed if all goes well, `billed_usd` as things stand."""

    arn: str
    token: str
    device: str
    executables: int
    shots: int
    status: str
    price_usd: float
    billed_usd: float
    tags: dict[str, str]


def bound(text: str, least: int, most: int, what: str) -> str:
    if not isinstance(text, str) or not least <= len(text) <= most:
        raise Problem("ValidationException", f"{what} must be a string of {least} to {most} characters")
    return text


def scope(arn: str) -> str:
    """Where a task is: `REGION:ACCOUNT:`."""
    return "".join(f"{part}:" for part in arn.split(":")[3:5])


class Desk:
    """Tasks on devices. Each answer is what the operation of its name returns."""

    def __init__(self, sheets: tuple[Sheet, ...], faults: Faults, store: Store) -> None:
        self.sheets = {sheet.arn: sheet for sheet in sheets}
        self.faults = faults
        self.store = store
        self.calls: Counter[str] = Counter()
        self._creating = threading.Lock()
        self._finishing = threading.RLock()
        self._actions: dict[str, Action] = {}
        self.reset()

    def reset(self) -> None:
        """Knows what the store holds and nothing else."""
        self.calls.clear()
        self._actions.clear()
        self._by_token = {scope(t["arn"]) + t["token"]: name for name, t in self.store.records["task"].items()}

    # -- devices

    def sheet(self, arn: str, region: str) -> Sheet:
        sheet = self.sheets.get(arn)
        if sheet is None or (sheet.region and sheet.region != region):
            raise Problem("ResourceNotFoundException", f"Device {arn} not found in {region}")
        return sheet

    def _among(self, sheet: Sheet, devices: list[str]) -> bool:
        return sheet.name in devices or sheet.arn in devices

    def device_status(self, sheet: Sheet) -> str:
        if self._among(sheet, self.faults.retired):
            return "RETIRED"
        return "OFFLINE" if self._among(sheet, self.faults.offline) else "ONLINE"

    def summary(self, sheet: Sheet) -> dict[str, Any]:
        return {
            "deviceArn": sheet.arn,
            "deviceName": sheet.name,
            "providerName": sheet.provider,
            "deviceType": sheet.kind,
            "deviceStatus": self.device_status(sheet),
        }

    def get_device(self, arn: str, region: str) -> dict[str, Any]:
        sheet = self.sheet(arn, region)
        waiting = sum(self.look(t, run=False) in ("CREATED", "QUEUED") for t in self.on(sheet))
        queues = [
            {"queue": "QUANTUM_TASKS_QUEUE", "queueSize": str(waiting), "queuePriority": "Normal"},
            {"queue": "QUANTUM_TASKS_QUEUE", "queueSize": "0", "queuePriority": "Priority"},
            {"queue": "JOBS_QUEUE", "queueSize": "0"},
        ]
        capabilities = json.dumps(sheet.capabilities)
        return self.summary(sheet) | {"deviceCapabilities": capabilities, "deviceQueueInfo": queues}

    def search_devices(self, body: dict[str, Any], region: str) -> dict[str, Any]:
        found = [self.summary(s) for s in self.sheets.values() if s.region in ("", region)]
        for f in body.get("filters", []):
            found = [d for d in found if f["name"] not in d or d[f["name"]] in f["values"]]
        return {"devices": found}

    # -- tasks

    def on(self, sheet: Sheet) -> list[dict[str, Any]]:
        return [t for t in list(self.store.records["task"].values()) if t["device"] == sheet.arn]

    def create(self, body: dict[str, Any], region: str, account: str) -> dict[str, Any]:
        """CreateQuantumTask: the same token and body give the same task, the same token and another body an error.
        Tokens are those of one account in one region: elsewhere nobody knows them."""
        for name in ("clientToken", "deviceArn", "shots", "outputS3Bucket", "outputS3KeyPrefix", "action"):
            if name not in body:
                raise Problem("ValidationException", f"{name} is missing")
        token = bound(body["clientToken"], 1, 64, "clientToken")
        bound(body["outputS3Bucket"], 3, 63, "outputS3Bucket")
        bound(body["outputS3KeyPrefix"], 1, 1024, "outputS3KeyPrefix")
        if not isinstance(body["shots"], int) or body["shots"] < 0:
            raise Problem("ValidationException", "shots must be a natural number")
        digest = sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        with self._creating:
            if (known := f"{region}:{account}:{token}") in self._by_token:
                name = self._by_token[known]
                task = self.store.records["task"][name]
                if task["digest"] != digest:
                    raise Problem("ValidationException", "clientToken was used before with other parameters")
                return {"quantumTaskArn": task["arn"]}
            sheet = self.sheet(body["deviceArn"], region)
            status = self.device_status(sheet)
            if status == "RETIRED":
                raise Problem("DeviceRetiredException", f"Device {sheet.arn} is retired")
            if status == "OFFLINE":
                raise Problem("DeviceOfflineException", f"Device {sheet.arn} is offline")
            try:
                action = action_of(sheet, json.loads(body["action"]), body["shots"])
            except Refusal as refusal:
                more: dict[str, Any] = {}
                if refusal.failures:
                    more = {"reason": "ProgramSetValidationFailed", "programSetValidationFailures": refusal.failures}
                raise Problem("ValidationException", f"{refusal.message}", **more) from None
            except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as problem:
                raise Problem("ValidationException", f"the action is malformed: {problem}") from None
            flying = sum(self.look(t, run=False) not in FINAL for t in self.on(sheet)) if sheet.exact else 0
            if flying >= self.faults.quota:
                raise Problem("ServiceQuotaExceededException", f"{flying} tasks are in flight on {sheet.name}")
            return {"quantumTaskArn": self._created(sheet, action, body, token, digest, (region, account))}

    def _created(
        self, sheet: Sheet, action: Action, body: dict[str, Any], token: str, digest: str, place: tuple[str, str]
    ) -> str:
        where = ":".join(place)
        name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{where}:{token}"))
        ending = "COMPLETED"
        if self.faults.take("fail"):
            ending = "FAILED"
        elif self.faults.take("cancel"):
            ending = "CANCELLED"
        arn = f"arn:aws:braket:{where}:quantum-task/{name}"
        task = {
            "arn": arn,
            "name": name,
            "number": len(self.store.records["task"]),
            "token": token,
            "digest": digest,
            "device": sheet.arn,
            "device_parameters": body.get("deviceParameters", "{}"),
            "shots": body["shots"],
            "bucket": body["outputS3Bucket"],
            "folder": f"{body['outputS3KeyPrefix']}/{name}",
            "action": body["action"],
            "kind": action.kind,
            "programs": len(action.programs),
            "executables": len(action.executables),
            "tags": body.get("tags", {}),
            "job": body.get("jobToken"),
            "created": time.time(),
            "ending": ending,
            "failing": self.faults.take_partial() if action.many else [],
            "status": None,
            "ended": None,
            "reason": None,
            "good_shots": None,
        }
        self.store.save("task", name, task)
        self._by_token[f"{where}:{token}"] = name
        self._actions[name] = action
        return arn

    def task(self, arn: str) -> dict[str, Any]:
        task = self.store.records["task"].get(arn.rsplit("/", 1)[-1])
        if task is None or task["arn"] != arn:
            raise Problem("ResourceNotFoundException", f"Quantum task {arn} not found")
        return task

    def look(self, task: dict[str, Any], run: bool = True) -> str:
        """The status of a task now. A task whose time has come is run by whoever looks first, unless not `run`."""
        if task["status"] is not None:
            return task["status"]
        age, queued, running_s = time.time() - task["created"], self.faults.queued_s, self.faults.running_s
        sheet = self.sheets[task["device"]]
        if age < queued or self._among(sheet, self.faults.offline):
            return "CREATED" if age < queued / 10 else "QUEUED"
        if age < queued + running_s or not run:
            return "RUNNING"
        with self._finishing:
            if task["status"] is None:
                self._finish(task, sheet)
        return task["status"]

    def _end(self, task: dict[str, Any], status: str, good_shots: int, reason: str | None = None) -> None:
        changed = task | {"status": status, "ended": time.time(), "good_shots": good_shots, "reason": reason}
        self.store.save("task", task["name"], changed)
        task.update(changed)
        self.store.records["task"][task["name"]] = task

    def _finish(self, task: dict[str, Any], sheet: Sheet) -> None:
        if task["ending"] == "FAILED":
            return self._end(task, "FAILED", 0, "Failed on command")
        if task["ending"] == "CANCELLED":
            return self._end(task, "CANCELLED", 0)
        action = self._actions.pop(task["name"], None) or action_of(sheet, json.loads(task["action"]), task["shots"])
        about = {
            "id": task["arn"],
            "deviceId": sheet.arn,
            "createdAt": stamp(task["created"]),
            "endedAt": stamp(time.time()),
            "status": "COMPLETED",
            "executionDuration": SIMULATED_MS * task["executables"],
        }
        kind = "dm" if sheet.name == "DM1" else "sv"
        try:
            if action.many:
                split = (task["bucket"], task["folder"]) if self.faults.split else None
                made = results.of_program_set(
                    sheet, action, task["shots"], task["token"], kind, about, task["failing"], split
                )
            else:
                made = results.of_program(sheet, action, task["shots"], task["token"], kind, about)
        except running.CannotRun as problem:
            return self._end(task, "FAILED", 0, str(problem))
        except Exception as problem:  # a task that can never end would be polled forever
            return self._end(task, "FAILED", 0, f"stand-in: {type(problem).__name__}: {problem}")
        for path, text in made.files.items():
            data = text.encode()
            if path == "results.json":
                if self.faults.take("truncate"):
                    data = data[: len(data) // 2]
                elif self.faults.take("corrupt"):
                    data = b'{"braketSchemaHeader": {"name": "braket.task_result.nothing_known", "version": "9"}}'
            self.store.put(task["bucket"], f"{task['folder']}/{path}", data)
        if not made.failed:
            return self._end(task, "COMPLETED", made.shots)
        status = "FAILED" if made.failed == task["executables"] else self.faults.partial_status
        return self._end(task, status, made.shots, f"{made.failed} executables failed" if status == "FAILED" else None)

    def describe(self, task: dict[str, Any], status: str) -> dict[str, Any]:
        described = {
            "quantumTaskArn": task["arn"],
            "status": status,
            "deviceArn": task["device"],
            "shots": task["shots"],
            "outputS3Bucket": task["bucket"],
            "outputS3Directory": task["folder"],
            "createdAt": stamp(task["created"]),
            "tags": task["tags"],
        }
        if task["ended"] is not None:
            described["endedAt"] = stamp(task["ended"])
        return described

    def get(self, arn: str, attributes: list[str]) -> dict[str, Any]:
        task = self.task(arn)
        status = self.look(task)
        described = self.describe(task, status) | {"deviceParameters": task["device_parameters"]}
        described["actionMetadata"] = {"actionType": task["kind"]}
        if task["kind"] == PROGRAM_SET:
            described["actionMetadata"] |= {
                "programCount": task["programs"],
                "executableCount": task["executables"],
            }
        if status == "FAILED":
            described["failureReason"] = task["reason"]
        if task["good_shots"] is not None and status != "CANCELLED":
            described["numSuccessfulShots"] = task["good_shots"]
        if "QueueInfo" in attributes:
            waiting = status in ("CREATED", "QUEUED")
            ahead = [t for t in self.on(self.sheets[task["device"]]) if t["number"] <= task["number"]]
            queue = {"queue": "QUANTUM_TASKS_QUEUE", "queuePriority": "Normal", "position": "None"}
            if waiting:
                queue["position"] = str(sum(self.look(t, run=False) in ("CREATED", "QUEUED") for t in ahead))
            else:
                queue["message"] = (
                    f"Task is in {status} status. AmazonBraket does not show queue position for this status."
                )
            described["queueInfo"] = queue
        return described

    def cancel(self, arn: str) -> dict[str, Any]:
        task = self.task(arn)
        with self._finishing:
            if self.look(task, run=False) in FINAL or self.look(task) in FINAL:
                raise Problem("ConflictException", f"Quantum task {arn} is {task['status']}")
            self._end(task, "CANCELLED", 0)
        return {"quantumTaskArn": arn, "cancellationStatus": "CANCELLING"}

    def search(self, body: dict[str, Any], region: str, account: str) -> dict[str, Any]:
        """SearchQuantumTasks, the newest first, of one account in one region."""
        most = body.get("maxResults", 10)
        if not 1 <= most <= 100:
            raise Problem("ValidationException", "maxResults must be 1 to 100")
        before = int(body["nextToken"]) if body.get("nextToken") else None
        tasks = sorted(self.store.records["task"].values(), key=lambda t: -t["number"])
        found = []
        for task in tasks:
            if (before is not None and task["number"] >= before) or scope(task["arn"]) != f"{region}:{account}:":
                continue
            described = self.describe(task, self.look(task, run=False))
            if all(self._passes(described, f) for f in body["filters"]):
                if len(found) == most:
                    return {"quantumTasks": [d for _, d in found], "nextToken": str(found[-1][0])}
                found.append((task["number"], described))
        return {"quantumTasks": [d for _, d in found]}

    def _passes(self, described: dict[str, Any], f: dict[str, Any]) -> bool:
        name, values, operator = f["name"], f["values"], f["operator"]
        if name not in ("quantumTaskArn", "deviceArn", "status", "createdAt", "jobArn"):
            raise Problem("ValidationException", f"there is no filter {name}")
        value = described.get(name, "")
        if operator == "EQUAL":
            return value in values
        if operator == "BETWEEN":
            return values[0] <= value <= values[1]
        first = values[0]
        return {"LT": value < first, "LTE": value <= first, "GT": value > first, "GTE": value >= first}[operator]

    # -- the bill

    def counted(self) -> list[Counted]:
        """Every task created, in order, with what it costs by the stand-in's own formula: a fee for the task and so
        much a shot; a simulator by the second, three at least. Failed and cancelled tasks cost nothing, partly failed
        program sets their fee and the shots that succeeded."""
        lines = []
        for task in sorted(self.store.records["task"].values(), key=lambda t: t["number"]):
            sheet = self.sheets[task["device"]]
            status = self.look(task, run=False)
            seconds = SIMULATED_MS / 1000 * task["executables"]
            price = sheet.price(task["shots"], seconds)
            if status not in FINAL:
                billed = price
            else:
                good = task["good_shots"]
                exact = sheet.exact and task["shots"] == 0 and status == "COMPLETED"
                billed = sheet.price(good, seconds) if good or exact else 0.0
            lines.append(
                Counted(
                    task["arn"], task["token"], sheet.name, task["executables"], task["shots"], status, price, billed,
                    task["tags"],
                )
            )  # fmt: skip
        return lines
