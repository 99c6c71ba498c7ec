"""A limit that holds whatever happens, and a ledger that is the service's own count: a state machine over both.

Requests are submitted and collected, tasks fail, are cancelled and fail in part, calls are answered or not, after they
took effect or before, and the process dies: between any two records and calls, and in the middle of a record. The
service of this test is unkind: it forgets tokens when a process dies, so that only the search for orphans, and no
idempotency of the service, stands between a user and a second bill.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from qsanc.diagnostics import QsanError
from qsanc.target import BackendFailure, Context
from qsanc_braket.cloud.desk import Desk, Manner, Part, Sent
from qsanc_braket.cloud.executable import parts
from qsanc_braket.cloud.journal import Journal
from qsanc_braket.cloud.session import TAG, Busy, Missing, Refused, Session
from qsanc_braket.devices.model import Device, Price, ProgramSets
from qsanc_braket.devices.table import find
from qsanc_braket.text import Program

SHOTS = 10
LIMIT = 3.0
FEE, SHOT = 0.30, 0.01


class Died(BaseException):
    """The process, at this very moment."""


@dataclass
class Fault:
    """The process dies at the `dies`-th moment from now; the next `busy` calls are unanswered, `late`: though done; the
    next `refused` calls that create a task are refused, and do nothing."""

    dies: int | None = None
    busy: int = 0
    late: bool = False
    refused: int = 0

    def moment(self) -> None:
        if self.dies is not None:
            self.dies -= 1
            if self.dies <= 0:
                self.dies = None
                raise Died


@dataclass
class There:
    """A task at the service."""

    arn: str
    token: str
    device: str
    executables: int
    shots: int
    status: str = "QUEUED"
    good: list[bool] = field(default_factory=list)

    @property
    def bill(self) -> float:
        """What is owed, or would be if all goes well."""
        good = sum(self.good) * (self.shots // self.executables)
        return 0.0 if self.status not in ("QUEUED", "RUNNING") and not good else FEE + SHOT * good


@dataclass
class Unkind:
    """The service. `fates` are how the next tasks end: in which executables they fail, if not as a whole."""

    fault: Fault
    tasks: list[There] = field(default_factory=list)
    tokens: dict[str, There] = field(default_factory=dict)
    fates: list[tuple[str, int]] = field(default_factory=list)
    bodies: dict[str, str] = field(default_factory=dict)

    bucket, region, account = "amazon-braket-b", "x", "1"

    def at(self, region: str) -> Session:
        raise AssertionError("a run whose region never changes connects to no other")

    def _call(self, do: Callable[[], Any], *, create: bool = False) -> Any:
        self.fault.moment()
        if self.fault.busy:
            self.fault.busy -= 1
            if self.fault.late:
                do()
            raise Busy("not now")
        if create and self.fault.refused:
            self.fault.refused -= 1
            raise Refused("never")
        done = do()
        self.fault.moment()
        return done

    def create(self, fields: Mapping[str, Any]) -> str:
        def do() -> str:
            token, body = fields["clientToken"], json.dumps(fields, sort_keys=True)
            assert self.bodies.setdefault(token, body) == body, "a token means the same task always"
            assert fields["tags"][TAG] == token
            if token not in self.tokens:
                programs = json.loads(fields["action"])["programs"]
                arn = f"arn:aws:braket:x:1:quantum-task/{len(self.tasks)}"
                made = There(
                    arn, token, fields["deviceArn"], len(programs), fields["shots"], good=[True] * len(programs)
                )
                self.tasks.append(made)
                self.tokens[token] = made
            return self.tokens[token].arn

        found: str = self._call(do, create=True)
        return found

    def _of(self, arn: str) -> There:
        return next(task for task in self.tasks if task.arn == arn)

    def task(self, arn: str) -> Mapping[str, Any]:
        def do() -> Mapping[str, Any]:
            task = self._of(arn)
            if task.status == "QUEUED":
                task.status = "RUNNING"
            elif task.status == "RUNNING":
                status, bad = self.fates.pop(0) if self.fates else ("COMPLETED", 0)
                task.status = status
                whole = status != "COMPLETED" and bad == 0
                task.good = [not whole and k >= bad for k in range(task.executables)]
                if not any(task.good):
                    task.status = "CANCELLED" if status == "CANCELLED" else "FAILED"
            about: dict[str, Any] = {"status": task.status, "outputS3Bucket": "b", "outputS3Directory": task.arn}
            about |= {"deviceArn": task.device, "shots": task.shots, "tags": {TAG: task.token}}
            if task.status in ("COMPLETED", "FAILED", "CANCELLED"):
                about["numSuccessfulShots"] = sum(task.good) * (task.shots // task.executables)
            return about

        found: Mapping[str, Any] = self._call(do)
        return found

    def cancel(self, arn: str) -> None:
        def do() -> None:
            task = self._of(arn)
            if task.status in ("QUEUED", "RUNNING"):
                task.status, task.good = "CANCELLED", [False] * task.executables

        self._call(do)

    def search(self, device: str, since: str) -> Iterator[tuple[str, str]]:
        return iter(self._call(lambda: [(t.token, t.arn) for t in self.tasks if t.device == device]))

    def sheet(self, device: str) -> Mapping[str, Any]:
        raise Missing(device)

    def file(self, bucket: str, key: str) -> bytes:
        def header(name: str) -> dict[str, Any]:
            return {"braketSchemaHeader": {"name": f"braket.task_result.{name}", "version": "1"}}

        task = self._of(key.removesuffix("/results.json"))
        each = []
        for good in task.good:
            if good:
                ran = header("program_set_executable_result") | {"measurements": [[0]] * SHOTS, "measuredQubits": [0]}
            else:
                ran = header("program_set_executable_failure") | {"failureMetadata": {"failureReason": "a cosmic ray"}}
            each.append(header("program_result") | {"executableResults": [ran]})
        content = json.dumps(header("program_set_task_result") | {"programResults": each}).encode()
        found: bytes = self._call(lambda: content)
        return found


def device() -> Device:
    price = Price(FEE, SHOT, 0.0, 0.0, "2026-05-06", "this test")
    return replace(find("Garnet"), price=price, program_sets=ProgramSets(3, 1000), concurrent=2)


class Spending(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="qsanc-budget-"))
        self.fault = Fault()
        self.service = Unkind(self.fault)
        self.asked: set[tuple[int, int]] = set()
        self.handles: list[tuple[Part, ...]] = []
        self.start()

    def start(self) -> None:
        """A process."""
        self.time = 0.0

        def sleep(seconds: float) -> None:
            self.time += seconds

        manner = Manner(patience_s=20.0, clock=lambda: self.time, sleep=sleep, jitter=lambda: 1.0)
        self.desk = Desk(self.folder, device(), lambda: self.service, manner)
        self.handles.clear()

    def die(self) -> None:
        self.fault.dies, self.fault.busy, self.fault.refused = None, 0, 0
        self.service.tokens.clear()
        self.start()

    def parts(self, step: int, circuits: int, *, again: bool, limit: float) -> tuple[Part, ...]:
        sent = [Sent(Program(f"circuit {step} {k}", (0,), (0,))) for k in range(circuits)]
        return parts(sent, SHOTS, device(), Context(step=step, run_folder=self.folder, budget_usd=limit, again=again))

    def dying(self, do: Callable[[], None]) -> None:
        """`do` in a process that may die: a record is then written in part."""
        write = os.write

        def torn(file: int, content: bytes) -> int:
            try:
                self.fault.moment()
            except Died:
                write(file, content[: len(content) // 2])
                raise
            done = write(file, content)
            self.fault.moment()
            return done

        try:
            with patch.object(os, "write", torn):
                do()
        except Died:
            self.die()
        except BackendFailure:
            pass
        except QsanError as refused:
            if [found.code for found in refused.diagnostics] != ["QS802"]:
                raise

    @rule(step=st.integers(0, 5), circuits=st.integers(1, 8), again=st.booleans())
    def submit(self, step: int, circuits: int, again: bool) -> None:
        def do() -> None:
            self.asked.add((step, circuits))
            mine = self.parts(step, circuits, again=again, limit=LIMIT)
            self.desk.submit(mine)
            self.handles.append(mine)

        self.dying(do)

    @precondition(lambda self: self.handles)
    @rule(data=st.data())
    def collect(self, data: st.DataObject) -> None:
        mine = self.handles.pop(data.draw(st.integers(0, len(self.handles) - 1)))

        def do() -> None:
            found = self.desk.collect(mine)
            assert len(found) == sum(len(part.sent) for part in mine)
            assert all(outcome.counts == {"0": SHOTS} for outcome in found)

        self.dying(do)

    @rule(moment=st.integers(1, 30))
    def dies_soon(self, moment: int) -> None:
        self.fault.dies = moment

    @rule(calls=st.integers(1, 12), late=st.booleans())
    def is_busy(self, calls: int, late: bool) -> None:
        self.fault.busy, self.fault.late = calls, late

    @rule(calls=st.integers(1, 3))
    def is_refused(self, calls: int) -> None:
        self.fault.refused = calls

    @rule(fate=st.tuples(st.sampled_from(["COMPLETED", "FAILED", "CANCELLED"]), st.integers(0, 3)))
    def fails(self, fate: tuple[str, int]) -> None:
        self.service.fates.append(fate)

    @rule()
    def dies_now(self) -> None:
        self.desk._journal.close()
        self.die()

    @rule()
    def takes_back(self) -> None:
        def do() -> None:
            self.desk.cancel([task.token for task in Journal.read(self.folder).entries()])

        if (self.folder / "tasks.jsonl").exists() and not self.handles:
            self.dying(do)

    @invariant()
    def nothing_is_owed_twice_or_beyond_the_limit(self) -> None:
        if not hasattr(self, "service"):
            return
        tokens = [task.token for task in self.service.tasks]
        assert len(set(tokens)) == len(tokens), "a task was created twice"
        assert sum(task.bill for task in self.service.tasks) <= LIMIT + 1e-9

    def teardown(self) -> None:
        """Everything is asked once more, in peace and without a limit: then the ledger is the bill."""
        if not hasattr(self, "service"):
            return
        self.desk._journal.close()
        self.die()
        self.service.fates.clear()
        before = len(self.service.tasks)
        for step, circuits in sorted(self.asked):
            mine = self.parts(step, circuits, again=False, limit=inf)
            try:
                self.desk.submit(mine)
                self.desk.collect(mine)
            except BackendFailure:
                pass
        assert len(self.service.tasks) >= before
        tokens = [task.token for task in self.service.tasks]
        assert len(set(tokens)) == len(tokens)
        with Journal.open(self.folder) as journal:
            ledger = dict(journal.tasks)
        for there in self.service.tasks:
            ours = ledger.pop(there.token)
            assert ours.arn == there.arn
            assert (ours.executables, ours.shots) == (there.executables, there.shots)
            assert ours.billed_usd == pytest.approx(there.bill, abs=1e-9)
        assert all(task.billed_usd == 0.0 for task in ledger.values()), "what was taken back before it was sent"
        shutil.rmtree(self.folder)


TestSpending = Spending.TestCase
TestSpending.settings = settings(
    max_examples=150, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def test_the_search_for_orphans_is_what_saves_us(tmp_path: Path) -> None:
    """Without it, this service would bill twice: so the test above is one."""
    machine = Spending()
    machine.begin()
    machine.fault.busy, machine.fault.late = 100, True
    with patch.object(Desk, "_find", lambda self, *, patient=True: None):
        machine.submit(step=0, circuits=1, again=False)
        machine.dies_now()
        machine.fault.busy = 0
        machine.submit(step=0, circuits=1, again=False)
    with pytest.raises(AssertionError, match="twice"):
        machine.nothing_is_owed_twice_or_beyond_the_limit()
    shutil.rmtree(machine.folder)
