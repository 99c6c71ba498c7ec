"""Models on devices behind the service: through the real SDK, against the stand-in, with everything that can go wrong.

What is asserted most often is that the service's own count and our ledger agree: no task twice, no cent unaccounted.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from standin import Service

pytest.importorskip("braket.aws", reason="needs the extra `braket`")


from qsanc.diagnostics import QsanError
from qsanc.grad.shift import gradient
from qsanc.ir.circuit import (
    Angle,
    CircuitModule,
    Expectation,
    Gate,
    Observable,
    Overlap,
    Pauli,
    Probabilities,
    Probability,
    Segment,
    State,
)
from qsanc.target import BackendFailure, Bindings, Context, Differentiable, Request, Results
from qsanc_braket.cloud.backend import CloudBackend
from qsanc_braket.cloud.desk import Manner
from qsanc_braket.cloud.journal import Journal
from qsanc_braket.cloud.session import BraketSession
from qsanc_braket.devices.model import Device
from qsanc_braket.devices.sheet import device_of
from qsanc_braket.devices.table import find
from qsanc_numpy.backend import NumpyBackend

QUICK = Manner(
    patience_s=10.0, first_s=0.005, longest_s=0.05, created_a_second=1e4, polled_a_second=1e4, settled_s=0.01
)
IMPATIENT = replace(QUICK, patience_s=0.3)
Z0, ZZ, X1 = Pauli(((0, "Z"),)), Pauli(((0, "Z"), (1, "Z"))), Pauli(((1, "X"),))
MODULE = CircuitModule(
    "pair",
    2,
    ("t",),
    ("x",),
    (
        Segment(
            "all",
            None,
            (
                Gate("ry", (0,), (Angle.slot(0),)),
                Gate("rx", (1,), (Angle.slot(1),)),
                Gate("cx", (0, 1)),
                Gate("rz", (1,), (Angle.slot(0, 0.5),)),
            ),
        ),
    ),
    (Expectation(0, Observable(((1.0, Z0), (0.5, ZZ), (2.0, X1), (0.25, Pauli())))), Probabilities(0, (1, 0))),
)
SHOTS = 200


def bindings(rows: int = 3, start: float = 0.3) -> Bindings:
    return Bindings(np.array([0.7]), start + np.arange(rows, dtype=float)[:, None] / 3)


def request(rows: int = 3, shots: int | None = SHOTS, **other: Any) -> Request:
    return Request(bindings(rows), (0, 1), shots=shots, **other)


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with Service() as service, pytest.MonkeyPatch.context() as patch:
        for name, value in service.environment().items():
            patch.setenv(name, value)
        patch.setenv("AMZN_BRAKET_OUT_S3_BUCKET", "amazon-braket-tests")
        session.cache_clear()
        yield service


@pytest.fixture
def service(running: Service) -> Iterator[Service]:
    """The stand-in, without what earlier tests left there."""
    running.store.records["task"].clear()
    running.desk._by_token.clear()
    running.desk.calls.clear()
    yield running
    running.faults.clear()


def qpu() -> Device:
    from standin.sheets import TEST_QPU

    return device_of(TEST_QPU.capabilities, TEST_QPU.arn, TEST_QPU.name, "online")


@cache
def session(arn: str) -> BraketSession:
    """The SDK's session, made once: that takes half a second."""
    return BraketSession(arn)


def backend(device: Device | None = None, **other: Any) -> CloudBackend:
    device = device or qpu()
    return CloudBackend(device, **{"connect": lambda: session(device.arn), "manner": QUICK} | other)


def run(
    folder: Path, asked: Request | None = None, device: Device | None = None, manner: Manner = QUICK, **context: Any
) -> Results:
    executable = backend(device, manner=manner).lower(MODULE)
    wanted: dict[str, Any] = {"run_folder": folder, "budget_usd": inf} | context
    return executable.collect(executable.submit(asked or request(), Context(**wanted)))


def values(results: Results) -> list[list[float]]:
    return [np.asarray(estimate.value).ravel().tolist() for estimate in results.estimates]


def exact(module: CircuitModule, asked: Request) -> Results:
    local = NumpyBackend().lower(module)
    return local.collect(local.submit(asked, Context()))


def agree(folder: Path, service: Service) -> None:
    """Ledger and bill are the same, task by task."""
    ours = {task.arn: task for task in Journal.read(folder).entries() if task.arn is not None}
    bill = {task.arn: task for task in service.tasks}
    assert ours.keys() == bill.keys()
    for arn, task in ours.items():
        assert task.token == bill[arn].token
        assert (task.executables, task.shots) == (bill[arn].executables, bill[arn].shots)
        assert task.billed_usd == pytest.approx(bill[arn].billed_usd, abs=1e-12)


# what comes back


def test_samples_of_a_processor(service: Service, tmp_path: Path) -> None:
    """Within six standard errors of the exact values; a set of programs is one task."""
    results = run(tmp_path, request(rows=3, shots=2000))
    again = run(tmp_path, request(rows=3, shots=2000))
    assert values(results) == values(again)
    (task,) = service.tasks
    assert (task.executables, task.shots) == (6, 12_000)
    agree(tmp_path, service)
    for sampled, true in zip(results.estimates, exact(MODULE, request(rows=3, shots=None)).estimates, strict=True):
        assert sampled.variance is not None
        error = np.abs(np.asarray(sampled.value) - np.asarray(true.value))
        assert (error <= 6 * np.sqrt(np.asarray(sampled.variance)) + 1e-3).all()


@pytest.mark.parametrize("name", ["SV1", "DM1"])
def test_exact_values_of_simulators(service: Service, tmp_path: Path, name: str) -> None:
    """0 shots give what NumPy gives; one task a circuit, billed by time."""
    asked = request(rows=2, shots=None)
    found = run(tmp_path, asked, find(name))
    for ours, theirs in zip(found.estimates, exact(MODULE, asked).estimates, strict=True):
        np.testing.assert_allclose(np.asarray(ours.value), np.asarray(theirs.value), atol=1e-9)
        assert ours.variance is None
    assert len(service.tasks) == 4
    agree(tmp_path, service)


def test_exact_values_of_many_wires_ask_for_what_is_read(service: Service, tmp_path: Path) -> None:
    """Twelve wires have 4095 parities; twelve words are asked for alone, and a distribution is refused."""
    body = (*(Gate("ry", (k,), (Angle.slot(0, 1.0 + k),)) for k in range(12)), Gate("cx", (0, 11)))
    terms = tuple((0.5 + k, Pauli(((k, "Z"),))) for k in range(12))
    observed = CircuitModule(
        "many", 12, ("t",), (), (Segment("all", None, body),), (Expectation(0, Observable(terms)),)
    )
    asked = Request(Bindings(np.array([0.3]), np.zeros((1, 0))), (0,))
    chosen = backend(find("SV1"))
    cloud = chosen.lower(observed)
    ours = cloud.collect(cloud.submit(asked, Context(run_folder=tmp_path, budget_usd=inf)))
    value, true = ours.estimates[0].value, exact(observed, asked).estimates[0].value
    np.testing.assert_allclose(np.asarray(value), np.asarray(true), atol=1e-9)
    (kept,) = (tmp_path / "tasks").iterdir()
    assert len(json.loads(kept.read_text())["executables"][0]["values"]) == 12
    whole = replace(observed, results=(Probabilities(0, tuple(range(12))),))
    assert [d.code for d in chosen.check(whole, shots=None)] == ["QS801"]
    with pytest.raises(QsanError, match="4095"):
        chosen.lower(whole).submit(asked, Context(run_folder=tmp_path, budget_usd=inf))


def test_overlaps(service: Service, tmp_path: Path) -> None:
    module = replace(MODULE, results=(Overlap(0, 0, (0, 1)), Overlap(0, 0, (0,))))
    pairs = np.array([[0, 1], [1, 2], [2, 2]])
    asked = Request(bindings(3), (0, 1), pairs=pairs)
    cloud = backend(find("SV1")).lower(module)
    true = exact(module, asked)
    ours = cloud.collect(cloud.submit(asked, Context(run_folder=tmp_path, budget_usd=inf)))
    for a, b in zip(ours.estimates, true.estimates, strict=True):
        np.testing.assert_allclose(np.asarray(a.value), np.asarray(b.value), atol=1e-9)


def test_native_circuits_read_alike(service: Service, tmp_path: Path) -> None:
    """In a verbatim box, on the device's own qubits: other circuits, the same distribution."""
    executable = backend(native=True).lower(MODULE)
    native = executable.collect(
        executable.submit(request(shots=4000), Context(run_folder=tmp_path / "native", budget_usd=inf))
    )
    plain = run(tmp_path / "plain", request(shots=4000))
    for a, b in zip(native.estimates, plain.estimates, strict=True):
        assert a.variance is not None
        assert b.variance is not None
        spread = np.sqrt(np.asarray(a.variance) + np.asarray(b.variance))
        assert (np.abs(np.asarray(a.value) - np.asarray(b.value)) <= 6 * spread + 1e-3).all()
    assert len(service.tasks) == 2


def test_results_in_parts_are_read_like_whole_ones(service: Service, tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    journal = (tmp_path / "whole" / "tasks.jsonl").read_text().splitlines()[0]
    service.faults.split = True
    (tmp_path / "split").mkdir()
    (tmp_path / "split" / "tasks.jsonl").write_text(journal + "\n")
    service.store.records["task"].clear()
    service.desk._by_token.clear()
    assert values(run(tmp_path / "split")) == values(whole), "the same run, so the same tokens, so the same samples"


def test_a_set_is_cut_by_executables_and_shots(service: Service, tmp_path: Path) -> None:
    """100 executables and 100 000 shots at most: 120 circuits with 1000 shots are two tasks."""
    run(tmp_path, request(rows=60, shots=1000))
    assert [(task.executables, task.shots) for task in service.tasks] == [(100, 100_000), (20, 20_000)]
    agree(tmp_path, service)


def test_equal_rows_run_once_and_independent_ones_apart(service: Service, tmp_path: Path) -> None:
    equal = Request(Bindings(np.array([0.7]), np.zeros((4, 1))), (0,), shots=100)
    run(tmp_path, equal)
    assert [task.executables for task in service.tasks] == [2]
    run(tmp_path, replace(equal, independent=True))
    assert [task.executables for task in service.tasks] == [2, 8]
    found = run(tmp_path / "alone", replace(equal, independent=True), find("SV1"))
    assert len(service.tasks) == 2 + 8, "equal programs of a simulator are tasks of their own"
    assert len(set(values(found)[0])) > 1


# nothing twice


def test_what_was_asked_before_is_read_from_the_folder(service: Service, tmp_path: Path) -> None:
    first = run(tmp_path)
    calls = dict(service.calls)
    assert values(run(tmp_path)) == values(first)
    assert service.calls == calls, "and the service is not even asked"
    run(tmp_path, step=1)
    run(tmp_path, seed=1)
    run(tmp_path, purpose="gradient")
    assert len(service.tasks) == 4, "another step, seed or purpose is another question"
    agree(tmp_path, service)


@pytest.mark.parametrize("kept", range(1, 12))
def test_a_crash_after_any_record(service: Service, tmp_path: Path, kept: int) -> None:
    """The journal ends after `kept` lines, as a crash may leave it: resumed, every task was created once."""
    device = replace(qpu(), program_sets=None)
    straight = run(tmp_path, request(rows=1), device)
    lines = (tmp_path / "tasks.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "tasks.jsonl").write_bytes(b"".join(lines[:kept]) + (lines[kept][:-5] if kept < len(lines) else b""))
    before = len(service.tasks)
    assert values(run(tmp_path, request(rows=1), device)) == values(straight)
    if kept >= 3:
        assert len(service.tasks) == before
        agree(tmp_path, service)


@pytest.mark.parametrize("loss", ["removed", "emptied", "zeroed", "of another run"])
def test_a_lost_journal_pays_for_nothing_again(service: Service, tmp_path: Path, loss: str) -> None:
    """Nothing is submitted, whether there are results or the first task is in flight; put back, the run goes on."""
    service.faults.drop_after = {"CreateQuantumTask": 10_000}
    with pytest.raises(BackendFailure):
        run(tmp_path, manner=IMPATIENT)
    service.faults.clear()
    path = tmp_path / "tasks.jsonl"
    for finished in (False, True):
        if finished:
            run(tmp_path)
        whole = path.read_bytes()
        match loss:
            case "removed":
                path.unlink()
            case "emptied":
                path.write_bytes(b"")
            case "zeroed":
                path.write_bytes(b"\0" * len(whole))
            case _:
                header, *_ = whole.splitlines()
                path.write_text(json.dumps(json.loads(header) | {"run": "0" * 32}) + "\n")
        with pytest.raises(QsanError) as caught:
            run(tmp_path)
        (found,) = caught.value.diagnostics
        assert found.code == "QS933"
        assert "tasks.jsonl" in found.title
        assert "backup" in found.help
        path.write_bytes(whole)
    run(tmp_path)
    assert len(service.tasks) == 1
    agree(tmp_path, service)


def test_a_run_goes_on_in_the_region_where_it_began(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task of a dead process is found there, whatever the environment says now."""
    sv1 = find("SV1")
    service.faults.drop_after = {"CreateQuantumTask": 10_000}
    with pytest.raises(BackendFailure):
        run(tmp_path, request(rows=1), sv1, manner=IMPATIENT)
    service.faults.clear()
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    moved = BraketSession(sv1.arn)
    assert moved.region == "us-west-2"
    executable = backend(sv1, connect=lambda: moved).lower(MODULE)
    first = executable.collect(executable.submit(request(rows=1), Context(run_folder=tmp_path, budget_usd=inf)))
    assert {task.arn.split(":")[3] for task in service.tasks} == {"us-east-1"}
    assert len(service.tasks) == 2
    agree(tmp_path, service)
    assert values(run(tmp_path, request(rows=1), sv1)) == values(first)
    executable.collect(executable.submit(request(rows=1), Context(run_folder=tmp_path / "new", budget_usd=inf)))
    assert {task.arn.split(":")[3] for task in service.tasks[2:]} == {"us-west-2"}


def test_a_run_does_not_go_on_in_another_account(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is known there, so that all would be paid again; what is kept in the folder is still read."""
    for device in (find("SV1"), qpu()):
        folder = tmp_path / device.name
        service.faults.drop_after = {"CreateQuantumTask": 10_000}
        with pytest.raises(BackendFailure):
            run(folder, device=device, manner=IMPATIENT)
        service.faults.clear()
        created = len(service.tasks)
        with monkeypatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER")
            other = BraketSession(device.arn)
            executable = backend(device, connect=lambda other=other: other).lower(MODULE)
            with pytest.raises(QsanError) as caught:
                executable.collect(executable.submit(request(), Context(run_folder=folder, budget_usd=inf)))
            (found,) = caught.value.diagnostics
            assert found.code == "QS803"
            assert "123456789012 in us-east-1" in found.title
            assert "210987654321 in us-east-1" in found.title
            assert len(service.tasks) == created
            run(folder, device=device)
            executable.collect(executable.submit(request(), Context(run_folder=folder, budget_usd=inf)))


def test_a_connection_that_breaks_after_creation(service: Service, tmp_path: Path) -> None:
    service.faults.drop_after = {"CreateQuantumTask": 3}
    run(tmp_path)
    assert len(service.tasks) == 1
    assert service.calls["CreateQuantumTask"] == 4
    agree(tmp_path, service)


def test_a_clock_that_was_set_back_hides_no_task(service: Service, tmp_path: Path) -> None:
    """The intent is of a year to come, by the clock of now; its task is found all the same."""
    first = run(tmp_path)
    header, place, intent, *_ = (tmp_path / "tasks.jsonl").read_text().splitlines()
    ahead = json.dumps(json.loads(intent) | {"intended": "2099-01-01T00:00:00+00:00"})
    (tmp_path / "tasks.jsonl").write_text(f"{header}\n{place}\n{ahead}\n")
    service.faults.refuse = {"CreateQuantumTask": "ValidationException"}
    assert values(run(tmp_path)) == values(first)
    agree(tmp_path, service)


def test_a_task_of_a_dead_process_is_found_by_its_tag(service: Service, tmp_path: Path) -> None:
    """Patience ends, the task was created all the same: the next process finds it and creates nothing."""
    service.faults.drop_after = {"CreateQuantumTask": 10_000}
    with pytest.raises(BackendFailure) as caught:
        run(tmp_path, manner=IMPATIENT)
    assert caught.value.retryable
    assert "give the same command again" in str(caught.value)
    assert len(service.tasks) == 1
    service.faults.clear()
    created = service.calls["CreateQuantumTask"]
    run(tmp_path)
    assert service.calls["CreateQuantumTask"] == created
    assert service.calls["SearchQuantumTasks"] == 1
    agree(tmp_path, service)


@pytest.mark.parametrize("operation", ["CreateQuantumTask", "GetQuantumTask", "GetObject", "GetDevice"])
@pytest.mark.parametrize("fault", ["throttle", "internal", "drop_before", "drop_after"])
def test_troubles_that_pass(service: Service, tmp_path: Path, operation: str, fault: str) -> None:
    setattr(service.faults, fault, {operation: 3})
    run(tmp_path)
    assert len(service.tasks) == 1
    agree(tmp_path, service)


def test_a_device_that_is_offline_for_a_while(service: Service, tmp_path: Path) -> None:
    service.faults.offline = ["Test-QPU"]
    threading.Timer(0.3, service.faults.offline.clear).start()
    run(tmp_path)
    service.faults.offline = ["Test-QPU"]
    with pytest.raises(BackendFailure, match="the same command again") as caught:
        run(tmp_path, step=1, manner=IMPATIENT)
    assert caught.value.retryable
    service.faults.offline = []
    run(tmp_path, step=1)
    assert len(service.tasks) == 2
    agree(tmp_path, service)


def test_no_more_tasks_in_flight_than_the_quota(service: Service, tmp_path: Path) -> None:
    """35 of SV1's tasks wait at once, all others at home: the service never has to refuse one."""
    service.faults.queued_s = 60.0
    executable = backend(find("SV1")).lower(MODULE)
    handle = executable.submit(request(rows=30, shots=10), Context(run_folder=tmp_path, budget_usd=inf))
    assert len(service.tasks) == 35
    assert not handle.done
    service.faults.queued_s = 0.0
    executable.collect(handle)
    assert len(service.tasks) == 60
    assert service.calls["CreateQuantumTask"] == 60
    agree(tmp_path, service)


def test_several_handles_and_threads(service: Service, tmp_path: Path) -> None:
    """Parameter-shift submits all groups before it collects; two threads may do so at once, on one backend."""
    executable = backend().lower(MODULE)
    context = Context(run_folder=tmp_path, purpose="gradient", budget_usd=inf)
    found: dict[int, Any] = {}

    def differentiate(k: int) -> None:
        cotangents = {0: np.ones(3), 1: np.ones((3, 4))}
        asked = Request(bindings(3, start=float(k)), (0, 1), shots=50)
        found[k] = gradient(executable, asked, cotangents, context)

    threads = [threading.Thread(target=differentiate, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1, 2]
    agree(tmp_path, service)


def test_another_process_between_two_steps_is_waited_for(service: Service, tmp_path: Path) -> None:
    """A training lets go of the journal after each step; a prediction that takes it does not stop the training."""
    told: list[str] = []
    run(tmp_path)
    other = Journal.open(tmp_path)
    threading.Timer(0.3, other.close).start()
    run(tmp_path, step=1, manner=replace(QUICK, tell=told.append))
    assert told == [f"another process has work in {tmp_path}: waiting until it lets go"]
    with Journal.open(tmp_path), pytest.raises(QsanError) as caught:
        run(tmp_path, step=2, manner=replace(IMPATIENT, tell=told.append))
    assert caught.value.diagnostics[0].code == "QS939"
    with Journal.open(tmp_path), pytest.raises(QsanError) as caught:
        backend(manner=replace(QUICK, tell=pytest.fail)).desk(tmp_path).cancel([])
    assert caught.value.diagnostics[0].code == "QS939", "who cancels does not wait"
    agree(tmp_path, service)


# what is not delivered


def test_a_failed_task_is_told_and_not_submitted_again(service: Service, tmp_path: Path) -> None:
    service.faults.fail = 1
    for _ in range(2):
        with pytest.raises(BackendFailure) as caught:
            run(tmp_path)
        (task,) = service.tasks
        assert task.arn in str(caught.value)
        assert "FAILED" in str(caught.value)
        assert "give the same command again, with `--again`" in str(caught.value)
        assert not caught.value.retryable
    run(tmp_path, again=True)
    assert len(service.tasks) == 2
    run(tmp_path)
    assert len(service.tasks) == 2, "what was submitted again is known from then on"
    agree(tmp_path, service)


def test_again_means_once(service: Service, tmp_path: Path) -> None:
    """What fails in this very process is not submitted a third time."""
    service.faults.fail = 2
    with pytest.raises(BackendFailure):
        run(tmp_path)
    executable = backend().lower(MODULE)
    for _ in range(3):
        with pytest.raises(BackendFailure):
            executable.collect(executable.submit(request(), Context(run_folder=tmp_path, again=True, budget_usd=inf)))
    assert len(service.tasks) == 2
    agree(tmp_path, service)


def test_of_a_partial_failure_the_rest_is_kept(service: Service, tmp_path: Path) -> None:
    """Two of six executables fail: what the others gave is paid for and kept, and only the two run again."""
    service.faults.partial = [[1, 4]]
    with pytest.raises(BackendFailure, match="2 of 6 executables failed"):
        run(tmp_path)
    agree(tmp_path, service)
    run(tmp_path, again=True)
    assert [task.executables for task in service.tasks] == [6, 2]
    agree(tmp_path, service)
    calls = dict(service.calls)
    run(tmp_path)
    assert service.calls == calls


@pytest.mark.parametrize("name", ["Test-QPU", "SV1"])
@pytest.mark.parametrize("fault", ["truncate", "corrupt", "gone"])
def test_a_result_that_cannot_be_read(service: Service, tmp_path: Path, fault: str, name: str) -> None:
    """It is fetched some times; then told with its place and cost. It is read again when it is back, and with --again
    that task alone is paid anew, and the first stays in the ledger."""
    device = qpu() if name == "Test-QPU" else find(name)

    def asked(**context: Any) -> list[list[float]]:
        return values(run(tmp_path, device=device, manner=IMPATIENT, **context))

    if fault != "gone":
        setattr(service.faults, fault, 1)
    service.faults.queued_s = 60.0
    executable = backend(device, manner=IMPATIENT).lower(MODULE)
    handle = executable.submit(request(), Context(run_folder=tmp_path, budget_usd=inf))
    service.faults.queued_s = 0.0
    arn = service.tasks[0].arn
    service.desk.look(service.desk.task(arn))
    if fault == "gone":
        objects = service.store.objects["amazon-braket-tests"]
        for key in [key for key in objects if arn.rpartition("/")[2] in key]:
            del objects[key]
    with pytest.raises(BackendFailure) as caught:
        executable.collect(handle)
    for told in (arn, "s3://amazon-braket-tests/qsanc/", "cannot be read", "reads it once more", "--again"):
        assert told in str(caught.value)
    assert not caught.value.retryable
    reads = service.calls["GetObject"]
    with pytest.raises(BackendFailure, match="cannot be read"):
        asked()
    assert service.calls["GetObject"] >= reads + 5, "it is read again, each time it is asked for"
    (bad,) = [task for task in Journal.read(tmp_path).entries() if task.state == "UNREADABLE"]
    assert bad.arn == arn
    (billed,) = [task.billed_usd for task in service.tasks if task.arn == arn]
    assert bad.cost_usd == pytest.approx(billed, abs=1e-12)
    assert billed > 0
    others = len(service.tasks)
    asked(again=True)
    assert len(service.tasks) == others + 1, "that task alone"
    assert bad in Journal.read(tmp_path).entries()
    asked()
    assert len(service.tasks) == others + 1
    agree(tmp_path, service)


def test_a_result_that_is_back_is_read(service: Service, tmp_path: Path) -> None:
    """Somebody restored it: nothing is paid, and the ledger has the cost of the one task."""
    service.faults.truncate = 1
    with pytest.raises(BackendFailure, match="cannot be read"):
        run(tmp_path)
    (record,) = service.store.records["task"].values()
    service.store.records["task"][record["name"]] = again = record | {"status": None, "ended": None}
    service.desk.look(again)
    run(tmp_path)
    (task,) = Journal.read(tmp_path).entries()
    assert (task.state, task.message) == ("COMPLETED", "its result could not be read at first")
    assert len(service.tasks) == 1
    agree(tmp_path, service)


def test_a_cancelled_task_stays_cancelled(service: Service, tmp_path: Path) -> None:
    service.faults.queued_s = 60.0
    chosen = backend()
    executable = chosen.lower(MODULE)
    handle = executable.submit(request(), Context(run_folder=tmp_path, budget_usd=inf))
    token = Journal.read(tmp_path).entries()[0].token
    (task,) = chosen.desk(tmp_path).cancel([token])
    assert (task.state, task.cost_usd) == ("CANCELLED", 0.0)
    agree(tmp_path, service)
    with pytest.raises(BackendFailure, match="CANCELLED"):
        executable.collect(handle)
    service.faults.queued_s = 0.0
    run(tmp_path, again=True)
    agree(tmp_path, service)


def test_what_the_service_refuses_costs_nothing(service: Service, tmp_path: Path) -> None:
    service.faults.refuse = {"CreateQuantumTask": "ValidationException"}
    with pytest.raises(BackendFailure, match="not taken"):
        run(tmp_path)
    assert (Journal.read(tmp_path).spent, Journal.read(tmp_path).reserved) == (0.0, 0.0)
    assert service.tasks == []
    assert "SearchQuantumTasks" not in service.calls, "the first call was answered, and clearly"


def refused_after(call: int, code: str, service: Service, device: Device | None = None) -> CloudBackend:
    """A backend whose service refuses all creations after that many."""
    device = device or qpu()

    class Turning:
        calls = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(session(device.arn), name)

        def create(self, fields: Any) -> str:
            self.calls += 1
            if self.calls > call:
                service.faults.refuse = {"CreateQuantumTask": code}
            return session(device.arn).create(fields)

    turning = Turning()
    return backend(device, connect=lambda: turning)


@pytest.mark.parametrize("calls", [1, 3])
@pytest.mark.parametrize("code", ["ValidationException", "DeviceRetiredException", "ConflictException", "Novel"])
def test_a_refusal_after_a_call_without_an_answer_does_not_mean_that_there_is_no_task(
    service: Service, tmp_path: Path, code: str, calls: int
) -> None:
    """The first call created it; a later one is refused. It is searched for, found, and paid for once."""
    service.faults.drop_after = {"CreateQuantumTask": calls}
    executable = refused_after(calls, code, service).lower(MODULE)
    executable.collect(executable.submit(request(), Context(run_folder=tmp_path, budget_usd=2.0)))
    assert len(service.tasks) == 1
    agree(tmp_path, service)
    service.faults.clear()
    run(tmp_path, again=True, budget_usd=2.0)
    assert len(service.tasks) == 1


def test_a_refusal_is_one_where_the_search_finds_nothing(service: Service, tmp_path: Path) -> None:
    service.faults.drop_before = {"CreateQuantumTask": 1}
    executable = refused_after(1, "ValidationException", service).lower(MODULE)
    with pytest.raises(BackendFailure, match="not taken"):
        executable.collect(executable.submit(request(), Context(run_folder=tmp_path, budget_usd=2.0)))
    assert service.calls["SearchQuantumTasks"] == 1
    assert (Journal.read(tmp_path).spent, Journal.read(tmp_path).reserved) == (0.0, 0.0)


@pytest.mark.parametrize("code", ["ConflictException", "Novel"])
def test_a_refusal_of_unknown_kind_keeps_the_reservation(service: Service, tmp_path: Path, code: str) -> None:
    service.faults.refuse = {"CreateQuantumTask": code}
    with pytest.raises(BackendFailure, match=code) as caught:
        run(tmp_path)
    assert caught.value.retryable
    assert "--cancel" in str(caught.value)
    (task,) = Journal.read(tmp_path).entries()
    assert (task.state, task.billed_usd) == ("INTENDED", pytest.approx(1.5))
    with pytest.raises(QsanError, match="QS802"):
        run(tmp_path, step=1, budget_usd=2.5)
    service.faults.clear()
    run(tmp_path)
    assert len(service.tasks) == 1
    agree(tmp_path, service)


def test_an_interruption_leaves_the_tasks_and_says_so(service: Service, tmp_path: Path) -> None:
    service.faults.queued_s = 60.0

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    executable = backend(manner=replace(QUICK, sleep=interrupted)).lower(MODULE)
    handle = executable.submit(request(), Context(run_folder=tmp_path, budget_usd=inf))
    with pytest.raises(KeyboardInterrupt) as caught:
        executable.collect(handle)
    assert caught.value.__notes__[0].startswith("1 task in flight: give the same command again")
    service.faults.queued_s = 0.0
    run(tmp_path)
    assert len(service.tasks) == 1
    agree(tmp_path, service)


def test_an_interruption_among_submissions_says_so_too(service: Service, tmp_path: Path) -> None:
    """The second of two tasks waits for its turn."""
    service.faults.queued_s = 60.0

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    slow = replace(QUICK, created_a_second=0.1, sleep=interrupted)
    executable = backend(find("SV1"), manner=slow).lower(MODULE)
    with pytest.raises(KeyboardInterrupt) as caught:
        executable.submit(request(rows=1), Context(run_folder=tmp_path, budget_usd=inf))
    assert caught.value.__notes__[0].startswith("2 tasks in flight: give the same command again")
    assert len(service.tasks) == 1
    service.faults.queued_s = 0.0
    run(tmp_path, request(rows=1), find("SV1"))
    assert len(service.tasks) == 2
    agree(tmp_path, service)


# before anything is submitted


def test_the_limit_holds_for_the_whole_request_and_the_whole_folder(service: Service, tmp_path: Path) -> None:
    """A task with 6 x 200 shots costs 0.30 + 1.20: three fit into 5 USD, the fourth is refused with the figures."""
    for step in range(3):
        run(tmp_path, step=step, budget_usd=5.0)
    with pytest.raises(QsanError) as caught:
        run(tmp_path, step=3, budget_usd=5.0)
    (found,) = caught.value.diagnostics
    assert found.code == "QS802"
    assert "1.5000 USD" in found.title
    assert "0.5000 USD of 5.0000" in found.title
    assert "4.5000 USD spent" in found.notes[0].text
    assert len(service.tasks) == 3
    run(tmp_path, step=1, budget_usd=0.0)
    with pytest.raises(QsanError):
        run(tmp_path / "other", request(rows=60, shots=1000), budget_usd=100.0)
    assert len(service.tasks) == 3, "none of the two tasks, though the first would have fitted"


def test_what_is_in_flight_counts_against_the_limit(service: Service, tmp_path: Path) -> None:
    """Its cost is not known yet, and reserved: two tasks of 1.50 USD do not fit into 2.50."""
    service.faults.queued_s = 60.0
    executable = backend().lower(MODULE)
    executable.submit(request(), Context(run_folder=tmp_path, budget_usd=2.5))
    with pytest.raises(QsanError) as caught:
        executable.submit(request(), Context(run_folder=tmp_path, step=1, budget_usd=2.5))
    assert "0.0000 USD spent, 1.5000 USD reserved" in caught.value.diagnostics[0].notes[0].text
    assert len(service.tasks) == 1


@pytest.mark.parametrize("limit", [None, nan, -1.0])
def test_somebody_has_to_say_what_it_may_cost(service: Service, tmp_path: Path, limit: float | None) -> None:
    """From Python nobody is asked, so that nothing is submitted without a limit; that there is none can be said."""
    with pytest.raises(QsanError) as caught:
        run(tmp_path, budget_usd=limit)
    (found,) = caught.value.diagnostics
    assert found.code == "QS802"
    assert "max_cost=..., or math.inf" in found.help
    assert service.tasks == []
    run(tmp_path, budget_usd=inf)
    run(tmp_path, budget_usd=limit)
    assert len(service.tasks) == 1, "what was paid for is read without a limit"


def test_what_to_do_depends_on_what_was_asked(service: Service, tmp_path: Path) -> None:
    """A training is resumed; for all else the same command goes on with the same folder."""
    service.faults.fail = 1
    with pytest.raises(BackendFailure) as caught:
        run(tmp_path)
    assert "give the same command again, with `--again`" in str(caught.value)
    assert "qsanc resume" not in str(caught.value)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(BackendFailure, match=f"`qsanc resume {tmp_path} --again` goes on"):
        run(tmp_path)


def test_a_folder_is_needed(service: Service) -> None:
    executable = backend().lower(MODULE)
    with pytest.raises(QsanError) as caught:
        executable.submit(request(), Context())
    assert caught.value.diagnostics[0].code == "QS802"


def test_the_sheet_is_asked_for_once(service: Service, tmp_path: Path) -> None:
    for step in range(3):
        run(tmp_path, step=step)
    assert service.calls["GetDevice"] == 1
    kept = json.loads((tmp_path / "device.json").read_text())
    assert list(kept["devices"]) == [qpu().arn]
    (tmp_path / "device.json").write_text("{}")
    with pytest.raises(QsanError) as caught:
        run(tmp_path)
    assert caught.value.diagnostics[0].code == "QS933"


def test_what_the_device_would_refuse_is_not_sent(service: Service, tmp_path: Path) -> None:
    with pytest.raises(QsanError) as caught:
        run(tmp_path, request(shots=1_000_000))
    assert caught.value.diagnostics[0].code == "QS801"
    assert service.tasks == []
    chosen = backend()
    assert chosen.capabilities.billed
    assert [d.code for d in chosen.check(MODULE, shots=None)] == ["QS801"]
    assert [d.code for d in chosen.check(replace(MODULE, results=(State(0),)), shots=5)] == ["QS801"]
    assert chosen.check(MODULE, shots=100) == ()


def test_arns_that_are_another_task_s_are_refused(service: Service, tmp_path: Path) -> None:
    """Two tasks whose ARNs were exchanged in the journal: nobody reads the results of another circuit as one's own."""
    device = find("SV1")
    straight = run(tmp_path, request(rows=1), device)
    path = tmp_path / "tasks.jsonl"
    lines = [line for line in map(json.loads, path.read_text().splitlines()) if line.get("event") != "state"]
    arns = [line["arn"] for line in lines if line.get("event") == "created"]
    turned = iter([*arns[1:], arns[0]])
    other = [line | {"arn": next(turned)} if line.get("event") == "created" else line for line in lines]
    for kept in (tmp_path / "tasks").iterdir():
        kept.unlink()
    path.write_text("".join(json.dumps(line) + "\n" for line in other))
    with pytest.raises(QsanError) as caught:
        run(tmp_path, request(rows=1), device)
    (found,) = caught.value.diagnostics
    assert found.code == "QS933"
    assert arns[1] in found.title
    assert list((tmp_path / "tasks").iterdir()) == []
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert values(run(tmp_path, request(rows=1), device)) == values(straight)
    agree(tmp_path, service)


@pytest.mark.parametrize(("factor", "taken"), [(0.0, 1.0), (0.5, 1.0), (2.0, 2.0)])
def test_a_price_below_the_table_s_is_not_believed(
    service: Service, tmp_path: Path, factor: float, taken: float
) -> None:
    """Whoever writes a price of 0 into the folder does not get past the limit; a price that rose counts."""
    sv1 = find("SV1")
    run(tmp_path, request(rows=1), sv1)
    path = tmp_path / "device.json"
    content = json.loads(path.read_text())
    content["devices"][sv1.arn]["capabilities"]["service"]["deviceCost"]["price"] *= factor
    path.write_text(json.dumps(content))
    with pytest.raises(QsanError) as caught:
        run(tmp_path, request(rows=1), sv1, step=1, budget_usd=0.001)
    (found,) = caught.value.diagnostics
    assert found.code == "QS802"
    assert f"would cost {taken * 2 * 3 / 60 * 0.075:.4f} USD" in found.title
    _, priced = backend(sv1)._counter.desk(Context(run_folder=tmp_path))
    assert ("says less" in priced.price.source) == (factor < 1)
    assert len(service.tasks) == 2


def test_without_credentials_there_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    for device in (find("SV1"), find("Garnet")):
        executable = CloudBackend(device).lower(MODULE)
        with pytest.raises(QsanError) as caught:
            executable.submit(request(), Context(run_folder=tmp_path, budget_usd=inf))
        assert caught.value.diagnostics[0].code == "QS803"
        assert "aws configure" in caught.value.diagnostics[0].help


def test_a_region_without_amazon_braket_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers there, which would look like a service that is busy."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "BRAKET_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDNOBODY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with pytest.raises(QsanError) as caught:
        CloudBackend(find("SV1")).lower(MODULE).submit(request(), Context(run_folder=tmp_path, budget_usd=inf))
    assert caught.value.diagnostics[0].code == "QS803"
    assert "it is not in the region eu-central-1, but in eu-north-1" in caught.value.diagnostics[0].title


def test_credentials_that_are_not_allowed_something(service: Service, tmp_path: Path) -> None:
    service.faults.refuse = {"CreateQuantumTask": "AccessDeniedException"}
    with pytest.raises(QsanError) as caught:
        run(tmp_path)
    assert caught.value.diagnostics[0].code == "QS803"
    assert "CreateQuantumTask" in caught.value.diagnostics[0].title
    service.faults.clear()
    run(tmp_path)
    assert len(service.tasks) == 1
    agree(tmp_path, service)


# the device's own gradient


def test_the_adjoint_gradient_is_that_by_shifts(service: Service, tmp_path: Path) -> None:
    """A task for each row, and the same numbers as NumPy's: through products, distributions and shared slots."""
    module = replace(
        MODULE,
        segments=(*MODULE.segments, Segment("more", 0, (Gate("ry", (0,), (Angle(0.4, ((0, 2.0), (1, -1.0))),)),))),
        results=(*MODULE.results, Probability(1, (0, 1), 2), Expectation(1, Observable(((-0.5, X1),)))),
    )
    cloud, local = backend(find("SV1")).lower(module), NumpyBackend().lower(module)
    asked = Request(bindings(2), (0, 1, 2, 3))
    rng = np.random.default_rng(5)
    cotangents = {0: rng.normal(size=2), 1: rng.normal(size=(2, 4)), 2: rng.normal(size=2), 3: rng.normal(size=2)}
    assert isinstance(cloud, Differentiable)
    results, pullback = cloud.vjp(asked, Context(run_folder=tmp_path, budget_usd=inf))
    expected, back = local.vjp(asked, Context())
    for ours, theirs in zip(results.estimates, expected.estimates, strict=True):
        np.testing.assert_allclose(np.asarray(ours.value), np.asarray(theirs.value), atol=1e-9)
    before = len(service.tasks)
    found, true = pullback(cotangents), back(cotangents)
    assert len(service.tasks) == before + 4, "two rows, two segments"
    np.testing.assert_allclose(found.shared, true.shared, atol=1e-8)
    np.testing.assert_allclose(found.items, true.items, atol=1e-8)
    np.testing.assert_array_equal(pullback(cotangents).shared, found.shared)
    assert len(service.tasks) == before + 4
    agree(tmp_path, service)


def test_no_other_device_differentiates(service: Service, tmp_path: Path) -> None:
    for device in (find("DM1"), qpu()):
        chosen = backend(device)
        assert chosen.capabilities.gradients == frozenset()
        assert not isinstance(chosen.lower(MODULE), Differentiable)
    assert backend(find("SV1")).capabilities.gradients == {"adjoint"}
    overlap = backend(find("SV1")).lower(replace(MODULE, results=(Overlap(0, 0, (0, 1)),)))
    assert isinstance(overlap, Differentiable)
    with pytest.raises(QsanError, match="has overlaps"):
        overlap.vjp(Request(bindings(2), (0,), pairs=np.array([[0, 1]])), Context(run_folder=tmp_path, budget_usd=inf))
    assert service.tasks == []
