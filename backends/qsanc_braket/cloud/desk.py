"""Where tasks are submitted and waited for, such that each is paid for once, whatever happens to this process.

    1. The token of a task is a hash of what is asked: run, seed, step, purpose, copy, attempt, device, shots, program.
    2. Its intent, with what it may cost, is on the disk before the service is called with this token.
    3. The ARN is on the disk before anything else happens; from then on the task is looked at, never created.
    4. What it gave is on the disk before it is called finished.

A process that dies leaves at most intents without an ARN. Those are looked for at the service by their tag; what is not
found is submitted with the same token, for which the service never makes a second task. A task counts as refused, and
costs nothing, only where no call under its token was left without a clear answer, or a later search did not find it.
What failed is submitted anew only where that was asked for, under the next attempt, and of a set only the executables
that failed.
"""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from qsanc.diagnostics import QsanError
from qsanc.target import BackendFailure, Context
from qsanc_braket.cloud import errors, results
from qsanc_braket.cloud.journal import Journal, Place, Task, finished, now
from qsanc_braket.cloud.results import Given, Outcome, Unreadable
from qsanc_braket.cloud.session import TAG, Busy, Missing, Refused, Session, Unclear
from qsanc_braket.cloud.states import FAILED
from qsanc_braket.devices.model import Device
from qsanc_braket.text import Program

T = TypeVar("T")

_READINGS = 5
"""How often a result that cannot be read is fetched, at growing intervals."""

PROGRAM, PROGRAM_SET = "braket.ir.openqasm.program", "braket.ir.openqasm.program_set"


_tell = logging.getLogger("qsanc_braket").warning
"""Nobody who has not asked for a log loses it: Python shows warnings on stderr where nothing is configured."""

_SILENT_S = 10.0
"""After so many seconds without an answer it is said that there is none."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the service is asked: `patience_s` until it is given up, waits from `first_s` to `longest_s` that double, so
    many tasks created and looked at in a second (its quotas are 20 and 100). A task that was created `settled_s` ago
    is in the list of tasks."""

    patience_s: float = 900.0
    first_s: float = 0.25
    longest_s: float = 15.0
    created_a_second: float = 20.0
    polled_a_second: float = 50.0
    settled_s: float = 3.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    tell: Callable[[str], None] = _tell


@dataclass(frozen=True, slots=True)
class Sent:
    """A program that is run: how many exact values it gives, seconds a simulator may take for it, and its inputs."""

    program: Program
    values: int = 0
    seconds: float = 0.0
    inputs: tuple[tuple[str, float], ...] = ()


@dataclass(slots=True, eq=False)
class Part:
    """Programs that share a task, if they can: `shots` each (0: exact values). `copy` numbers equal ones.

    `found` are the outcomes so far; `attempt` counts how often what is missing was submitted before.
    """

    context: Context
    number: int
    copy: int
    sent: tuple[Sent, ...]
    shots: int
    as_set: bool
    found: list[Outcome | None] = field(default_factory=list)
    attempt: int = 0
    failed: Task | None = None

    def __post_init__(self) -> None:
        self.found = [None] * len(self.sent)

    @property
    def missing(self) -> list[int]:
        return [k for k, outcome in enumerate(self.found) if outcome is None]

    @property
    def done(self) -> bool:
        return self.failed is not None or not self.missing

    def wanted(self) -> tuple[Sent, ...]:
        return tuple(self.sent[k] for k in self.missing)


@dataclass(frozen=True, slots=True)
class _Order:
    """What is, or would be, submitted under one token."""

    token: str
    action: str
    sent: tuple[Sent, ...]
    shots: int
    as_set: bool

    @property
    def programs(self) -> tuple[Program, ...]:
        return tuple(sent.program for sent in self.sent)

    @property
    def total(self) -> int:
        return self.shots * len(self.sent)


class Desk:
    """The tasks of one run folder on one device. Several threads may have work in flight at once.

    The journal is held while there is any, and let go when all is finished or something failed.
    """

    def __init__(self, folder: Path, device: Device, session: Callable[[], Session], manner: Manner) -> None:
        self._folder, self._device, self._manner = folder, device, manner
        self._connect = session
        self._there: Session | None = None
        self._lock = RLock()
        self._journal = Journal(folder)
        self._before: frozenset[str] | None = None
        self._unsure: set[str] = set()
        self._unclear: dict[str, float] = {}
        self._unread: set[str] = set()
        self._queue: dict[str, _Order] = {}
        self._flying: dict[str, _Order] = {}
        self._next_create = self._next_poll = 0.0

    def submit(self, parts: Sequence[Part]) -> None:
        """Reserve what the parts cost, write them down, and submit as many as fit. Raises QsanError (QS802 where the
        limit does not allow all of them, and then none is submitted)."""
        with self._lock:
            self._unread.clear()
            try:
                self._attach(parts)
                self._create(patient=False)
                self._rest()
            except KeyboardInterrupt as interruption:
                self._interrupted(interruption)
                raise
            except BaseException:
                self._close()
                raise

    def collect(self, parts: Sequence[Part]) -> list[Outcome]:
        """The outcomes of all executables, in order, waiting for them. Raises BackendFailure and QsanError."""
        try:
            return self._collected(parts)
        except KeyboardInterrupt as interruption:
            self._interrupted(interruption)
            raise

    def _interrupted(self, interruption: KeyboardInterrupt) -> None:
        """Let go, and tell the user what is left open."""
        with self._lock:
            waiting = len(self._queue) + len(self._flying)
            self._close()
        if waiting:
            interruption.add_note(
                f"{waiting} task{'s' * (waiting != 1)} in flight: {errors.onward(self._folder)}, and "
                f"`qsanc tasks {self._folder} --cancel` takes back what was submitted"
            )

    def _collected(self, parts: Sequence[Part]) -> list[Outcome]:
        wait = self._manner.first_s
        while True:
            with self._lock:
                try:
                    self._attach(parts)
                    moved = self._create(patient=True)
                    moved = self._poll() or moved
                    self._attach(parts)
                    if all(part.done for part in parts):
                        found = self._outcomes(parts)
                        self._rest()
                        return found
                except KeyboardInterrupt:
                    raise
                except BaseException:
                    self._close()
                    raise
            wait = self._manner.first_s if moved else min(wait * 1.5, self._manner.longest_s)
            self._manner.sleep(wait * (0.75 + 0.25 * self._manner.jitter()))

    def cancel(self, tokens: Sequence[str]) -> tuple[Task, ...]:
        """Take back these tasks, as far as they are not finished; one that was never submitted costs nothing."""
        with self._lock:
            try:
                self._open(patient=False)
                self._search_settled()
                untold = None
                open_now = [t for token in tokens if (t := self._journal.get(token)) is not None and not finished(t)]
                for task in open_now:
                    if task.arn is None:
                        message = "taken back before it was sent"
                        self._journal.state(task.token, "CANCELLED", cost_usd=0.0, message=message)
                for task in open_now:
                    if task.arn is not None:
                        self._take_back(task.arn)
                        try:
                            self._look(task, None)
                        except BackendFailure as reason:
                            untold = untold or reason
                if untold is not None:
                    raise untold
                return tuple(t for token in tokens if (t := self._journal.get(token)) is not None)
            finally:
                self._close()

    @property
    def _session(self) -> Session:
        """The service where this folder's tasks on the device are. The first time, the journal notes where that is.
        Raises QsanError (QS803) where the credentials do not lead there, `Busy` and `Refused`."""
        if self._there is None:
            session = self._connect()
            place = self._journal.place(self._device.arn)
            if place is None:
                place = Place(session.region, session.account)
                self._journal.settle(self._device.arn, place)
            if session.region != place.region:
                session = session.at(place.region)
            here = Place(session.region, session.account)
            if here != place:
                raise errors.elsewhere(self._folder, self._device.name, str(place), str(here))
            self._there = session
        return self._there

    def _turn(self) -> Callable[[], bool]:
        """Waits for another process, a prediction beside a training say, to let go of the journal, and says so once."""
        began, told = self._manner.clock(), False

        def wait() -> bool:
            nonlocal told
            if self._manner.clock() - began > self._manner.patience_s:
                return False
            if not told:
                self._manner.tell(f"another process has work in {self._folder}: waiting until it lets go")
                told = True
            self._manner.sleep(self._manner.first_s)
            return True

        return wait

    def _open(self, *, patient: bool = True) -> None:
        if self._journal.reopen(self._turn() if patient else None) or self._before is None:
            entries = self._journal.entries()
            self._there = None
            self._queue.clear()
            self._flying.clear()
            self._unsure = {t.token for t in entries if t.arn is None and t.state == "INTENDED" and self._ours(t)}
            self._unclear |= dict.fromkeys(self._unsure, self._manner.clock())
            if self._before is None:
                self._before = frozenset(task.token for task in entries if task.state in FAILED)

    def _ours(self, task: Task) -> bool:
        return task.device == self._device.arn

    def _close(self) -> None:
        self._unsure |= self._queue.keys()
        self._queue.clear()
        self._flying.clear()
        self._journal.close()

    def _rest(self) -> None:
        """Let go of the journal where nothing is under way."""
        if not self._queue and not self._flying:
            self._journal.close()

    def _attach(self, parts: Sequence[Part]) -> None:
        """Bring every part to where the journal says it is, and write down what is new."""
        self._open()
        fresh: list[tuple[Part, _Order]] = []
        for part in parts:
            order = self._advanced(part)
            if order is None:
                continue
            task = self._journal.get(order.token)
            if task is None:
                fresh.append((part, order))
            elif task.arn is None:
                self._queue[order.token] = order
            else:
                self._flying[order.token] = order
        if fresh:
            self._intend(fresh)

    def _advanced(self, part: Part) -> _Order | None:
        """What is still to be done for a part; None where it is done."""
        while not part.done:
            order = self._order(part)
            task = self._journal.get(order.token)
            if task is None or not finished(task):
                return order
            if task.state in ("COMPLETED", "PARTIAL"):
                given = self._kept(order)
                if given is None:
                    return order
                for place, outcome in zip(part.missing, given.outcomes, strict=True):
                    if outcome.good:
                        part.found[place] = outcome
            if part.missing:
                part.attempt += 1
                assert self._before is not None
                again = part.context.again and order.token in self._before
                if not again and self._journal.get(self._order(part).token) is None:
                    if task.state == "UNREADABLE" and task.token not in self._unread:
                        part.attempt -= 1
                        return order
                    part.failed = task
        return None

    def _order(self, part: Part) -> _Order:
        wanted = part.wanted()
        action = _action(wanted, as_set=part.as_set)
        context = part.context
        named = [
            self._journal.run,
            context.seed,
            context.step,
            context.purpose,
            part.copy,
            part.attempt,
            self._device.arn,
            part.shots,
            action,
        ]
        token = sha256(json.dumps(named).encode()).hexdigest()
        return _Order(token, action, wanted, part.shots, part.as_set)

    def _kept(self, order: _Order) -> Given | None:
        found = self._journal.kept(order.token)
        if found is None:
            return None
        values = {sent.values for sent in order.sent}
        try:
            return results.from_json(found, order.programs, order.shots, max(values))
        except Unreadable as reason:
            raise errors.damaged(self._journal.result_path(order.token), None, str(reason)) from None

    def _intend(self, fresh: Sequence[tuple[Part, _Order]]) -> None:
        when, tasks = now(), {}
        for part, order in fresh:
            tasks[order.token] = Task(
                token=order.token,
                device=self._device.arn,
                step=part.context.step,
                purpose=part.context.purpose,
                part=part.number,
                attempt=part.attempt,
                executables=len(order.sent),
                shots=order.total,
                reserved_usd=self._reserved(order),
                intended=when,
                action=sha256(order.action.encode()).hexdigest(),
                bucket="",
            )
        limit = _limit(fresh[0][0].context)
        needed = math.fsum(task.reserved_usd for task in tasks.values())
        if not math.isfinite(needed):
            raise errors.refused(f"nobody knows what a task on {self._device.name} costs: nothing was submitted")
        spent, reserved = self._journal.spent, self._journal.reserved
        if not spent + reserved + needed <= limit + 1e-9:
            raise errors.over_budget(self._folder, spent, reserved, needed, limit)
        try:
            bucket = self._patiently("say where results go", lambda: self._session.bucket)
        except (Refused, Missing) as reason:
            raise errors.no_bucket(str(reason)) from None
        self._journal.intend([replace(task, bucket=bucket) for task in tasks.values()])
        self._queue |= {order.token: order for _, order in fresh}

    def _reserved(self, order: _Order) -> float:
        price = self._device.price
        seconds = max(price.minimum_s, sum(sent.seconds for sent in order.sent))
        return price.task_usd + price.minute_usd * seconds / 60 + price.shot_usd * order.total

    def _create(self, *, patient: bool) -> bool:
        """Create the tasks that fit into the quota, in order. Whether any was."""
        most, moved = self._device.concurrent, False
        if self._queue and self._unsure:
            try:
                self._find(patient=patient)
            except Busy:
                return False
        for token, order in list(self._queue.items()):
            task = self._journal.get(token)
            assert task is not None
            if task.arn is not None or finished(task):
                del self._queue[token]
                if task.arn is not None:
                    self._flying[token] = order
                continue
            if most is not None and len(self._flying) >= most:
                break
            self._next_create = self._paced(self._next_create, self._manner.created_a_second)
            try:
                arn = self._taken(task, order, patient=patient)
            except Busy:
                return moved
            except (Refused, Missing) as reason:
                self._journal.state(token, "FAILED", cost_usd=0.0, message=f"it was not taken: {reason}")
                del self._queue[token]
                continue
            self._journal.created(token, arn)
            self._flying[token] = self._queue.pop(token)
            moved = True
        return moved

    def _taken(self, task: Task, order: _Order, *, patient: bool) -> str:
        """The ARN of a task, which is created. Raises `Refused` and `Missing` only where there is none, now or later;
        `Busy` where not patient; BackendFailure where nobody can tell."""
        create, token = self._creation(task, order), task.token

        def tried() -> str:
            try:
                return create()
            except BaseException as trouble:
                if isinstance(trouble, Unclear) or not isinstance(trouble, Refused | Missing | QsanError):
                    self._unclear[token] = self._manner.clock()
                raise

        try:
            return self._patiently("create a task", tried) if patient else tried()
        except (Refused, Missing) as reason:
            if token not in self._unclear:
                raise
            if not patient:
                raise Busy(str(reason)) from None
            self._unsure.add(token)
            self._search_settled()
            known = self._journal.get(token)
            if known is not None and known.arn is not None:
                return known.arn
            if isinstance(reason, Unclear):
                self._unclear[token] = self._manner.clock()
                raise errors.unclear(self._folder, str(reason)) from None
            raise

    def _search_settled(self) -> None:
        """Look for tasks that are perhaps there, as late as they would be found; what is not found is not there."""
        last = max((self._unclear[token] for token in self._unsure if token in self._unclear), default=None)
        if last is not None and (due := last + self._manner.settled_s) > (at := self._manner.clock()):
            self._manner.sleep(due - at)
        sought = set(self._unsure)
        self._find()
        for token in sought:
            self._unclear.pop(token, None)

    def _creation(self, task: Task, order: _Order) -> Callable[[], str]:
        fields = {
            "clientToken": task.token,
            "deviceArn": task.device,
            "shots": order.total,
            "outputS3Bucket": task.bucket,
            "outputS3KeyPrefix": f"qsanc/{self._journal.run}",
            "action": order.action,
            "tags": {TAG: task.token, "qsanc-run": self._journal.run, "qsanc-step": str(task.step)},
        }
        return lambda: self._session.create(fields)

    def _find(self, *, patient: bool = True) -> None:
        """Look at the service for the tasks that were intended and perhaps created."""
        first = min((t.intended for t in self._journal.entries() if t.token in self._unsure), default=None)
        if first is not None:
            since = first

            def search() -> list[tuple[str, str]]:
                return list(self._session.search(self._device.arn, since))

            try:
                found = self._patiently("list its tasks", search) if patient else search()
            except (Refused, Missing) as reason:
                raise errors.not_listed(self._folder, str(reason)) from None
            for token, arn in found:
                task = self._journal.get(token)
                if token in self._unsure and task is not None and task.arn is None:
                    self._journal.created(token, arn)
        self._unsure.clear()

    def _poll(self) -> bool:
        """Look at everything in flight once. Whether anything was finished."""
        moved = False
        for token, order in list(self._flying.items()):
            task = self._journal.get(token)
            assert task is not None
            self._next_poll = self._paced(self._next_poll, self._manner.polled_a_second)
            self._look(task, order)
            now_at = self._journal.get(token)
            assert now_at is not None
            if finished(now_at):
                del self._flying[token]
                moved = True
        return moved

    def _look(self, task: Task, order: _Order | None) -> None:
        """Note where a task stands; if it is finished, keep what it gave. Without its order only a task that gave
        nothing can be called finished."""
        assert task.arn is not None
        arn = task.arn
        try:
            about = self._patiently("say where a task stands", lambda: self._session.task(arn))
        except (Refused, Missing) as reason:
            raise BackendFailure(f"the service does not know the task {arn}: {reason}", retryable=False) from None
        self._same(task, about)
        status = str(about.get("status"))
        if status in ("CREATED", "QUEUED", "RUNNING"):
            self._journal.state(task.token, status)  # type: ignore[arg-type]
            return
        if status == "CANCELLING":
            self._journal.state(task.token, "RUNNING")
            return
        if status not in ("COMPLETED", "FAILED", "CANCELLED"):
            raise BackendFailure(f"the task {arn} is {status!r}, which is unknown here", retryable=False)
        given, good_shots = None, about.get("numSuccessfulShots")
        some = isinstance(good_shots, int) and good_shots > 0
        if status == "COMPLETED" or (task.executables > 1 and (some or (status == "FAILED" and good_shots is None))):
            if order is None:
                self._journal.state(task.token, "RUNNING")
                return
            try:
                given = self._given(task, order, about, needed=status == "COMPLETED")
            except Unreadable as reason:
                shots = good_shots if isinstance(good_shots, int) else task.shots
                paid = task.reserved_usd if self._device.kind == "simulator" else self._cost(task, shots, None)
                self._journal.state(task.token, "UNREADABLE", cost_usd=paid, message=str(reason))
                self._unread.add(task.token)
                return
        if given is not None and not given.good:
            given = None
        why = str(about.get("failureReason") or "no reason given")
        if given is None:
            usd = self._cost(task, 0 if not isinstance(good_shots, int) else good_shots, None)
            state = "CANCELLED" if status == "CANCELLED" else "FAILED"
            self._journal.state(task.token, state, cost_usd=usd, message=why)  # type: ignore[arg-type]
            return
        shots = good_shots if isinstance(good_shots, int) else given.good * (task.shots // task.executables)
        usd = self._cost(task, shots, given)
        self._journal.keep(task.token, given.to_json())
        if given.good == len(given.outcomes):
            late = "its result could not be read at first" if task.state == "UNREADABLE" else ""
            self._journal.state(task.token, "COMPLETED", cost_usd=usd, message=late)
            return
        failures = sorted({outcome.failure for outcome in given.outcomes if not outcome.good})
        told = (
            f"{len(given.outcomes) - given.good} of {len(given.outcomes)} executables failed: {'; '.join(failures[:3])}"
        )
        self._journal.state(task.token, "PARTIAL", cost_usd=usd, message=told)

    def _same(self, task: Task, about: Mapping[str, Any]) -> None:
        """Raises QsanError (QS933) where the ARN that the journal has for a task is another task's."""
        named = {
            "tag": ((about.get("tags") or {}).get(TAG), task.token),
            "device": (about.get("deviceArn"), task.device),
            "number of shots": (about.get("shots"), task.shots),
        }
        for what, (there, here) in named.items():
            if there != here:
                told = f"the service says that {task.arn} has the {what} {there}, and the task has {here}"
                raise errors.damaged(self._journal.path, None, told)

    def _given(self, task: Task, order: _Order, about: Mapping[str, Any], *, needed: bool) -> Given | None:
        """What a task gave; None where there is nothing and nothing is `needed`. Raises `Unreadable` with the place
        where it stays damaged, or away, however often it is read."""
        bucket, folder = str(about.get("outputS3Bucket")), str(about.get("outputS3Directory"))

        def fetched() -> Given:
            return results.parse(self._session.file, bucket, folder, order.programs, order.shots, as_set=order.as_set)

        away: list[str] = []

        def awaited() -> Given:
            away.clear()
            try:
                return fetched()
            except Missing as reason:
                away.append(str(reason))
                raise Busy(f"the results of {task.arn} are not there yet ({reason})") from None

        trouble, wait = "", self._manner.first_s
        for again in range(_READINGS):
            if again:
                self._manner.sleep(wait)
                wait = min(2 * wait, self._manner.longest_s)
            try:
                return self._patiently("give results", awaited if needed else fetched)
            except Missing:
                return None
            except (Unreadable, Refused) as reason:
                trouble = str(reason)
            except BackendFailure:
                if not away:
                    raise
                trouble = away[0]
                break
        raise Unreadable(f"its result in s3://{bucket}/{folder}/ cannot be read: {trouble}")

    def _cost(self, task: Task, good: int, given: Given | None) -> float:
        """What a finished task cost: on processors by the shots that succeeded, on simulators by the time they took."""
        price = self._device.price
        if self._device.kind == "simulator":
            if given is None:
                return 0.0
            if given.seconds is None:
                return task.reserved_usd
            return price.task_usd + price.minute_usd * max(price.minimum_s, given.seconds) / 60
        return price.task_usd + price.shot_usd * good if good else 0.0

    def _outcomes(self, parts: Sequence[Part]) -> list[Outcome]:
        for part in parts:
            if (task := part.failed) is not None:
                if task.state == "UNREADABLE":
                    raise errors.unreadable_result(self._folder, task.arn or task.token[:16], task.message)
                raise errors.undelivered(self._folder, task.arn or task.token[:16], task.state, task.message)
        return [outcome for part in parts for outcome in part.found if outcome is not None]

    def _take_back(self, arn: str) -> None:
        try:
            self._patiently("cancel a task", lambda: self._session.cancel(arn))
        except (Refused, Missing):
            return  # it was finished in the meantime, as the next look will show

    def _paced(self, due: float, rate: float) -> float:
        """Wait until `due`; when the next is due after that."""
        at = self._manner.clock()
        if due > at:
            self._manner.sleep(due - at)
            at = due
        return at + 1 / rate

    def _patiently(self, what: str, call: Callable[[], T]) -> T:
        """What `call` gives, tried again while the service is busy, at growing intervals, as long as patience lasts."""
        began, wait, told = self._manner.clock(), self._manner.first_s, False
        while True:
            try:
                return call()
            except Busy as reason:
                pause = wait * (0.5 + 0.5 * self._manner.jitter())
                passed = self._manner.clock() - began
                if passed + pause > self._manner.patience_s:
                    raise errors.patience_ended(self._folder, what, str(reason), passed) from None
                if passed > _SILENT_S and not told:
                    minutes = self._manner.patience_s / 60
                    self._manner.tell(f"the service does not {what}: {reason}; trying for {minutes:.0f} minutes")
                    told = True
            self._manner.sleep(pause)
            wait = min(2 * wait, self._manner.longest_s)


def _limit(context: Context) -> float:
    """What the run folder may cost in US dollars. Raises QsanError (QS802) where nobody has said so."""
    limit = context.budget_usd
    if limit is None or not limit >= 0:
        raise errors.no_limit(limit)
    return limit


def _action(sent: Sequence[Sent], *, as_set: bool) -> str:
    """The JSON that is submitted, the same in every process: one program, or a set of them."""

    def program(one: Sent) -> dict[str, Any]:
        header = {"name": PROGRAM, "version": "1"}
        return {"braketSchemaHeader": header, "inputs": dict(one.inputs) or None, "source": one.program.text}

    if not as_set:
        return _json(program(sent[0]))
    return _json({"braketSchemaHeader": {"name": PROGRAM_SET, "version": "1"}, "programs": list(map(program, sent))})


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
