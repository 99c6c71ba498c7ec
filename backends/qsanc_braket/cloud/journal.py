"""The journal of a run folder's tasks: what was to be submitted, what the service made of it, what it cost.

`tasks.jsonl` is only ever appended to, one JSON object a line, each on the disk before anything follows from it:

    {"kind": "qsanc tasks", "version": 1, "run": ...}       once; `run` is random and part of every token
    {"event": "place", "device": ..., "region": ..., ...}   where its tasks are, before the first of them is intended
    {"event": "intent", "token": ..., ...}                  before the service is called
    {"event": "created", "token": ..., "arn": ...}          after it answered
    {"event": "state", "token": ..., "state": ..., ...}     with the actual cost and a message, where there are

A last line without its end was torn by a crash. Nothing followed from it, so it is cut off before the next is written.
What a task gave is kept in `tasks/TOKEN.json`. Neither is trusted when it is read back.

A journal that is lost is never begun anew: its tasks would all be paid again. `device.json` is written after the header
and names the run too; where it, or a result, is beside a journal that is missing, empty or another run's, nothing goes
on.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any, NoReturn, get_args

from qsanc.diagnostics import CompilerBug
from qsanc_braket.cloud import device_file, errors
from qsanc_braket.cloud.states import FINAL, State

if sys.platform != "win32":
    import fcntl

NAME = "tasks.jsonl"
RESULTS = "tasks"
KIND, RESULT_KIND, VERSION = "qsanc tasks", "qsanc task result", 1
_TOKEN = re.compile(r"[0-9a-f]{64}")
_RUN = re.compile(r"[0-9a-f]{32}")
_HEADER = json.dumps({"kind": KIND, "version": VERSION, "run": ""})[:-2].encode()
_TORN = re.compile(re.escape(_HEADER) + rb'[0-9a-f]{0,32}"?\}?')
_PURPOSES = ("forward", "gradient", "inference")


@dataclass(frozen=True, slots=True)
class Place:
    """An account in a region: tasks and their tokens are known nowhere else."""

    region: str
    account: str

    def __str__(self) -> str:
        return f"the account {self.account} in {self.region}"


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `shots` are those of all executables; costs are in US dollars, `cost_usd` the actual one once known.

    `action` is the SHA-256 of what is submitted, `bucket` where its results go, `intended` an ISO time. A task that the
    service refused to take is FAILED without an ARN.
    """

    token: str
    device: str
    step: int
    purpose: str
    part: int
    attempt: int
    executables: int
    shots: int
    reserved_usd: float
    intended: str
    action: str
    bucket: str
    arn: str | None = None
    state: State = "INTENDED"
    cost_usd: float | None = None
    message: str = ""

    @property
    def billed_usd(self) -> float:
        """What counts against a limit: the cost, or what is reserved while that is open."""
        return self.reserved_usd if self.cost_usd is None else self.cost_usd


class Journal:
    """The journal of one folder. One process writes it at a time; several threads may."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / NAME
        self._lock = RLock()
        self._file: int | None = None
        self._size = -1
        self._forget()

    @classmethod
    def open(cls, folder: Path) -> Journal:
        """To write; begun where there is none. Raises QsanError: QS939 where another process has it, QS933 where it is
        damaged, QS937 where a newer qsanc wrote it, QS936 where it cannot be written."""
        journal = cls(folder)
        journal.reopen()
        return journal

    @classmethod
    def begun(cls, folder: Path) -> str:
        """The run of this folder, whose journal is begun where there is none yet. Raises as `open` does."""
        if (folder / NAME).exists() and (run := cls.read(folder).run):
            return run
        with cls.open(folder) as journal:
            return journal.run

    def reopen(self, wait: Callable[[], bool] | None = None) -> bool:
        """Write again after `close`. Whether somebody wrote in between, so that it was read anew. While another process
        has it, `wait` waits a little, and says whether to try again. Raises as `open`."""
        with self._lock:
            if self._file is not None:
                return False
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
                try:
                    self._file = os.open(self.path, flags)
                except FileNotFoundError:
                    self._not_lost("it is missing")
                    self._file = os.open(self.path, flags | os.O_CREAT, 0o644)
            except OSError as failure:
                raise errors.unwritable(self.path, failure) from None
            try:
                self._take(wait)
                if os.fstat(self._file).st_size == self._size:
                    return False
                self._forget()
                self._load(repair=True)
            except BaseException:
                self.close()
                raise
            return True

    def _forget(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._arns: dict[str, str] = {}
        self._places: dict[str, Place] = {}
        self.run = ""

    @classmethod
    def read(cls, folder: Path) -> Journal:
        """To look at, while another process may write it. Raises QsanError as `open` does, and where there is none."""
        journal = cls(folder)
        journal._load(repair=False)
        return journal

    @property
    def tasks(self) -> Mapping[str, Task]:
        """By token, in the order of the intents."""
        with self._lock:
            return dict(self._tasks)

    def get(self, token: str) -> Task | None:
        with self._lock:
            return self._tasks.get(token)

    def entries(self) -> tuple[Task, ...]:
        return tuple(self.tasks.values())

    @property
    def spent(self) -> float:
        """Costs that are known, in US dollars."""
        return math.fsum(task.cost_usd for task in self.entries() if task.cost_usd is not None)

    @property
    def reserved(self) -> float:
        """What tasks whose cost is still open may come to, in US dollars."""
        return math.fsum(task.reserved_usd for task in self.entries() if task.cost_usd is None)

    def place(self, device: str) -> Place | None:
        """Where the tasks of this folder on a device are: what was noted, or else what the ARN of one says."""
        with self._lock:
            if device in self._places:
                return self._places[device]
            arns = (task.arn.split(":") for task in self._tasks.values() if task.device == device and task.arn)
            return next((Place(arn[3], arn[4]) for arn in arns if len(arn) > 5), None)

    def settle(self, device: str, place: Place) -> None:
        """Note where the tasks on a device are."""
        with self._lock:
            self._append([{"event": "place", "device": device, "region": place.region, "account": place.account}])
            self._places[device] = place

    def intend(self, tasks: Iterable[Task]) -> None:
        """Write down, and force to disk together, what is going to be submitted."""
        with self._lock:
            fresh = {task.token: task for task in tasks}
            for token in fresh.keys() & self._tasks.keys():
                raise CompilerBug(f"the token {token} was used before")
            fields = ({name: getattr(task, name) for name in _INTENT} for task in fresh.values())
            self._append([{"event": "intent", **field} for field in fields])
            self._tasks |= fresh

    def created(self, token: str, arn: str) -> None:
        with self._lock:
            task = self._tasks[token]
            if task.arn == arn:
                return
            if task.arn is not None or arn in self._arns:
                raise CompilerBug(f"the service gave {arn} for a task that has another ARN, or to two tasks")
            self._append([{"event": "created", "token": token, "arn": arn}])
            self._tasks[token] = replace(task, arn=arn, state="CREATED")
            self._arns[arn] = token

    def state(self, token: str, state: State, *, cost_usd: float | None = None, message: str = "") -> None:
        """Note where a task stands; nothing is written where it stands there already."""
        with self._lock:
            task = self._tasks[token]
            now = replace(
                task,
                state=state,
                cost_usd=task.cost_usd if cost_usd is None else cost_usd,
                message=message or task.message,
            )
            if now == task:
                return
            line: dict[str, Any] = {"event": "state", "token": token, "state": state}
            if cost_usd is not None:
                line["cost_usd"] = cost_usd
            if message:
                line["message"] = message
            self._append([line])
            self._tasks[token] = now

    def keep(self, token: str, result: Mapping[str, Any]) -> None:
        """Keep what a task gave: the file is whole or not there."""
        path = self._result(token)
        temporary = path.with_name(f".{path.name}.tmp")
        content = json.dumps({"kind": RESULT_KIND, "version": VERSION, "token": token, **result}, allow_nan=False)
        try:
            if not path.parent.exists():
                path.parent.mkdir()
                _sync(self.folder)
            with temporary.open("wb") as file:
                file.write(content.encode())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync(path.parent)
        except OSError as failure:
            raise errors.unwritable(path, failure) from None

    def kept(self, token: str) -> dict[str, Any] | None:
        """What a task gave, if it was kept. Its content is for the reader to judge. Raises QsanError (QS933, QS937)."""
        path = self._result(token)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as failure:
            raise errors.unreadable(path, failure) from None
        try:
            value = json.loads(content, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise errors.damaged(path, None, "it is not JSON") from None
        if not isinstance(value, dict) or value.get("kind") != RESULT_KIND or value.get("token") != token:
            raise errors.damaged(path, None, "it is not the result of this task")
        if value.get("version") != VERSION:
            raise errors.newer(path, value.get("version"), VERSION)
        return value

    def result_path(self, token: str) -> Path:
        return self._result(token)

    def close(self) -> None:
        """Let others write. The journal can be read on, and `reopen`ed."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _result(self, token: str) -> Path:
        return self.folder / RESULTS / f"{token}.json"

    def _take(self, wait: Callable[[], bool] | None) -> None:
        if sys.platform == "win32":
            return
        assert self._file is not None
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if wait is None or not wait():
                    raise errors.in_use(self.path) from None
            except OSError as failure:
                raise errors.unwritable(self.path, failure) from None

    def _load(self, *, repair: bool) -> None:
        try:
            content = self.path.read_bytes()
        except OSError as failure:
            raise errors.unreadable(self.path, failure) from None
        whole = content[: content.rfind(b"\n") + 1]
        lines = whole.split(b"\n")[:-1]
        if not lines:
            self._not_lost("it is empty" if not content else "its first line is torn")
            if not _HEADER.startswith(content) and not _TORN.fullmatch(content):
                raise errors.lost(self.path, "it does not begin as a journal does")
        for number, line in enumerate(lines, 1):
            self._line(number, line)
        known = device_file.run_of(self.folder)
        if lines and known not in (None, self.run):
            raise errors.lost(self.path, f"it is of the run {self.run}, and {device_file.NAME} of {known}")
        if not repair:
            return
        assert self._file is not None
        try:
            if len(whole) != len(content):
                os.ftruncate(self._file, len(whole))
                os.fsync(self._file)
        except OSError as failure:
            raise errors.unwritable(self.path, failure) from None
        self._size = len(whole)
        if not lines:
            self.run = secrets.token_hex(16)
            self._append([{"kind": KIND, "version": VERSION, "run": self.run}])
            try:
                _sync(self.folder)
            except OSError as failure:
                raise errors.unwritable(self.path, failure) from None

    def _not_lost(self, reason: str) -> None:
        """Raises QsanError (QS933) where this folder has had a journal."""
        results = self.folder / RESULTS
        if (self.folder / device_file.NAME).exists() or (results.is_dir() and any(results.iterdir())):
            raise errors.lost(self.path, reason)

    def _append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """On the disk when this returns. Where that failed nothing more is written before all is read anew."""
        content = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines).encode()
        if self._file is None:
            raise CompilerBug(f"{self.path} is not open")
        known, self._size = self._size, -1
        try:
            left = content
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError as failure:
            self.close()
            raise errors.unwritable(self.path, failure) from None
        self._size = known + len(content)

    def _line(self, number: int, line: bytes) -> None:
        entry = _Entry(self.path, number, line)
        if number == 1:
            if entry.value.get("kind") != KIND:
                entry.wrong(f"it does not begin with the kind {KIND!r}")
            if entry.value.get("version") != VERSION:
                raise errors.newer(self.path, entry.value.get("version"), VERSION)
            self.run = entry.text("run")
            if not _RUN.fullmatch(self.run):
                entry.wrong("`run` is not 32 hexadecimal digits")
            return
        if entry.value.get("event") == "place":
            device = entry.text("device")
            place = Place(entry.text("region"), entry.text("account"))
            if self._places.setdefault(device, place) != place:
                entry.wrong("it gives the tasks of a device a second place")
            return
        token = entry.text("token")
        match entry.value.get("event"):
            case "intent":
                if token in self._tasks:
                    entry.wrong("its token was intended before")
                self._tasks[token] = _intent(entry)
            case "created":
                task, arn = self._known(entry, token), entry.text("arn")
                if task.arn not in (None, arn) or self._arns.get(arn, token) != token:
                    entry.wrong("it gives a task a second ARN, or an ARN a second task")
                self._arns[arn] = token
                self._tasks[token] = replace(task, arn=arn, state="CREATED")
            case "state":
                task, state = self._known(entry, token), entry.state("state")
                if task.arn is None and state not in ("INTENDED", "FAILED", "CANCELLED"):
                    entry.wrong(f"it calls a task {state} that has no ARN")
                self._tasks[token] = replace(
                    task,
                    state=state,
                    cost_usd=entry.amount("cost_usd") if "cost_usd" in entry.value else task.cost_usd,
                    message=entry.text("message") if "message" in entry.value else task.message,
                )
            case _:
                entry.wrong("its event is none of place, intent, created and state")

    def _known(self, entry: _Entry, token: str) -> Task:
        if token not in self._tasks:
            entry.wrong("its token was never intended")
        return self._tasks[token]


_INTENT = (
    "token",
    "device",
    "step",
    "purpose",
    "part",
    "attempt",
    "executables",
    "shots",
    "reserved_usd",
    "intended",
    "action",
    "bucket",
)


@dataclass(frozen=True, slots=True, init=False)
class _Entry:
    """A line that is a JSON object, and its fields as what they have to be. Raises QsanError (QS933) with the line."""

    file: Path
    number: int
    value: dict[str, Any]

    def __init__(self, file: Path, number: int, line: bytes) -> None:
        object.__setattr__(self, "file", file)
        object.__setattr__(self, "number", number)
        try:
            value = json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError):
            self.wrong("it is not JSON")
        if not isinstance(value, dict):
            self.wrong("it is not a JSON object")
        object.__setattr__(self, "value", value)

    def wrong(self, reason: str) -> NoReturn:
        raise errors.damaged(self.file, self.number, reason)

    def text(self, name: str) -> str:
        value = self.value.get(name)
        if not isinstance(value, str):
            self.wrong(f"`{name}` is not a text")
        return value

    def digest(self, name: str) -> str:
        value = self.text(name)
        if not _TOKEN.fullmatch(value):
            self.wrong(f"`{name}` is not 64 hexadecimal digits")
        return value

    def whole(self, name: str) -> int:
        value = self.value.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.wrong(f"`{name}` is not a count")
        return value

    def amount(self, name: str) -> float:
        value = self.value.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e12:
            self.wrong(f"`{name}` is not an amount of US dollars")
        return float(value)

    def state(self, name: str) -> State:
        value = self.text(name)
        if value not in get_args(State):
            self.wrong(f"`{name}` is none of {', '.join(get_args(State))}")
        return value  # type: ignore[return-value]

    def time(self, name: str) -> str:
        value = self.text(name)
        try:
            aware = datetime.fromisoformat(value).tzinfo is not None
        except ValueError:
            aware = False
        if not aware:
            self.wrong(f"`{name}` is not a time with its zone")
        return value


def _intent(entry: _Entry) -> Task:
    purpose = entry.text("purpose")
    if purpose not in _PURPOSES:
        entry.wrong(f"`purpose` is none of {', '.join(_PURPOSES)}")
    return Task(
        token=entry.digest("token"),
        device=entry.text("device"),
        step=entry.whole("step"),
        purpose=purpose,
        part=entry.whole("part"),
        attempt=entry.whole("attempt"),
        executables=entry.whole("executables"),
        shots=entry.whole("shots"),
        reserved_usd=entry.amount("reserved_usd"),
        intended=entry.time("intended"),
        action=entry.digest("action"),
        bucket=entry.text("bucket"),
    )


def now() -> str:
    """The time as it stands in a journal."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def finished(task: Task) -> bool:
    return task.state in FINAL


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _sync(folder: Path) -> None:
    """Force the names in a folder to disk, where the system lets a folder be opened."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
