"""The stand-in service, met by the real SDK: what it takes, runs, refuses, breaks and bills."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from standin import Service
from standin.sheets import DM1, SV1, TEST_QPU

braket = pytest.importorskip("braket.aws", reason="needs the extra `braket`")
from botocore.exceptions import ClientError, ConnectionClosedError  # noqa: E402
from braket.aws import AwsDevice, AwsQuantumTask, AwsSession  # noqa: E402
from braket.circuits import Circuit, FreeParameter  # noqa: E402
from braket.circuits.observables import X, Y, Z  # noqa: E402
from braket.ir.openqasm import Program, ProgramSet  # noqa: E402
from braket.tracking import Tracker  # noqa: E402

BELL = "OPENQASM 3.0;\nbit[2] b;\nqubit[2] q;\nh q[0];\ncnot q[0], q[1];\nb[0] = measure q[0];\nb[1] = measure q[1];\n"
FLIP = "OPENQASM 3.0;\nbit[1] b;\nqubit[1] q;\nx q[0];\nb[0] = measure q[0];\n"
TURN = "OPENQASM 3.0;\ninput float t;\nbit[1] b;\nqubit[1] q;\nrx(t) q[0];\nb[0] = measure q[0];\n"
NATIVE = """OPENQASM 3.0;
bit[2] b;
#pragma braket verbatim
box{
rx(1.5) $3;
cz $3, $4;
}
b[0] = measure $3;
b[1] = measure $4;
"""
SET = ProgramSet(
    programs=[
        Program(source=TURN, inputs={"t": [0.0, math.pi]}),
        Program(source=FLIP),
    ]
)


def one(source: str, **inputs: float) -> str:
    return Program(source=source, inputs=inputs or None).json()


@pytest.fixture(scope="module")
def shared_service() -> Iterator[Service]:
    """The stand-in, under whose environment this process is; calls are tried once unless a test says otherwise."""
    with Service() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in (running.environment() | {"AWS_MAX_ATTEMPTS": "1"}).items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        yield running


@pytest.fixture(scope="module")
def session(shared_service: Service) -> AwsSession:
    return AwsSession(default_bucket="bucket")


@pytest.fixture
def service(shared_service: Service) -> Service:
    """The stand-in, as if just started."""
    shared_service.reset()
    return shared_service


@pytest.fixture
def create(service: Service, session: AwsSession) -> Callable[..., str]:
    """`create(action)`: CreateQuantumTask with a token of one's own, which AwsDevice.run does not take; its ARN."""

    def call(action: str, shots: int = 100, token: str = "token", device: str = TEST_QPU.arn, **more: Any) -> str:
        return session.create_quantum_task(
            clientToken=token,
            deviceArn=device,
            shots=shots,
            outputS3Bucket="bucket",
            outputS3KeyPrefix="tasks",
            action=action,
            **more,
        )

    return call


def code_of(problem: pytest.ExceptionInfo[ClientError]) -> str:
    return problem.value.response["Error"]["Code"]


# -- devices


def test_devices_parse_as_the_sdk_knows_them(service: Service, session: AwsSession) -> None:
    found = {device.name: device for device in AwsDevice.get_devices(aws_session=session)}
    assert set(found) == {"SV1", "DM1", "Test-QPU"}
    qpu = found["Test-QPU"]
    assert qpu.properties.paradigm.nativeGateSet == ["rx", "rz", "cz"]
    assert qpu.topology_graph.number_of_edges() == 24
    assert qpu.is_available
    assert found["SV1"].properties.service.shotsRange == (0, 100000)
    assert qpu.queue_depth().jobs == "0"


def test_devices_are_found_by_name_and_only_where_they_are(service: Service, session: AwsSession) -> None:
    assert [d.arn for d in AwsDevice.get_devices(names=["SV1"], aws_session=session)] == [SV1.arn]
    elsewhere = session.copy_session(region="eu-north-1")
    with pytest.raises(ClientError) as problem:
        elsewhere.get_device(TEST_QPU.arn)
    assert code_of(problem) == "ResourceNotFoundException"
    assert elsewhere.get_device(SV1.arn)["deviceStatus"] == "ONLINE"


def test_vendors_sheets_parse(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Service(devices=sorted((shared_data / "devices").glob("*.json"))) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        assert AwsDevice("arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet").properties.paradigm.qubitCount == 20
        for region, count in (("us-west-1", 1), ("eu-north-1", 2), ("us-east-1", 2)):
            found = AwsSession().copy_session(region=region).search_devices(types=["QPU"])
            assert len(found) == count


# -- tasks


def test_a_circuit_runs(service: Service, session: AwsSession) -> None:
    task = AwsDevice(TEST_QPU.arn, session).run(Circuit().h(0).cnot(0, 1).measure([0, 1]), shots=1000)
    counts = task.result().measurement_counts
    assert set(counts) == {"00", "11"}
    assert abs(counts["00"] - 500) < 100  # 6 standard deviations


def test_bits_come_in_the_order_of_the_bit_array(create: Callable[..., str], session: AwsSession) -> None:
    swapped = FLIP.replace("bit[1]", "bit[2]").replace("qubit[1]", "qubit[2]").replace("x q[0];", "x q[0];\nz q[1];")
    swapped = swapped.replace("b[0] = measure q[0];", "b[1] = measure q[0];\nb[0] = measure q[1];")
    result = AwsQuantumTask(create(one(swapped)), session).result()
    assert result.measurement_counts == {"01": 100}
    assert result.measured_qubits == [1, 0]


def test_verbatim_runs_on_physical_qubits(create: Callable[..., str], session: AwsSession) -> None:
    result = AwsQuantumTask(create(one(NATIVE)), session).result()
    assert result.measured_qubits == [3, 4]
    assert set(result.measurement_counts) == {"00", "10"}


def test_exact_values_on_simulators(service: Service, session: AwsSession) -> None:
    circuit = Circuit().ry(0, 0.4).cnot(0, 1).state_vector().expectation(Z(0) @ Z(1)).probability([1])
    circuit.amplitude(["11"])
    state, parity, chance, amplitude = AwsDevice(SV1.arn, session).run(circuit, shots=0).result().values
    assert state == pytest.approx([math.cos(0.2), 0, 0, math.sin(0.2)])
    assert parity == pytest.approx(1)
    assert chance == pytest.approx([math.cos(0.2) ** 2, math.sin(0.2) ** 2])
    assert amplitude == {"11": pytest.approx(math.sin(0.2))}


def test_noise_on_the_density_matrix_simulator(service: Service, session: AwsSession) -> None:
    circuit = Circuit().x(0).bit_flip(0, 0.25).expectation(Z(0))
    assert AwsDevice(DM1.arn, session).run(circuit, shots=0).result().values == [pytest.approx(-0.5)]


def test_programs_that_differ_in_numbers_alone_are_told_apart(create: Any, session: AwsSession) -> None:
    """They are parsed once, so each must still be run with its own numbers."""
    turned = "OPENQASM 3.0;\nbit[2] b;\nqubit[2] q;\nrx({}) q[0];\nrx(-{}) q[1];\n"
    read = "b[0] = measure q[0];\nb[1] = measure q[1];\n"
    noise = "#pragma braket noise bit_flip({}) q[0]\n"
    for n, (angles, bits) in enumerate([((0.0, math.pi), "01"), ((math.pi, 0.0), "10"), ((0.0, 2e-16), "00")]):
        result = AwsQuantumTask(create(one(turned.format(*angles) + read), token=f"{n}"), session).result()
        assert result.measurement_counts == {bits: 100}
    for n, (chance, bits) in enumerate([(0.0, "01"), (1.0, "11"), (0.0, "01")]):
        source = turned.format(0.0, math.pi) + noise.format(chance) + read
        result = AwsQuantumTask(create(one(source), token=f"noise {n}", device=DM1.arn), session).result()
        assert result.measurement_counts == {bits: 100}


def test_result_types_with_shots_are_computed_from_the_shots(service: Service, session: AwsSession) -> None:
    result = AwsDevice(TEST_QPU.arn, session).run(Circuit().h(0).expectation(X(0)), shots=50).result()
    assert result.values == [1.0]


def test_adjoint_gradient_is_the_slope_of_the_expectation(service: Service, session: AwsSession) -> None:
    u, v = FreeParameter("u"), FreeParameter("v")

    def circuit() -> Circuit:
        return Circuit().h(0).rz(0, u).yy(0, 1, 2 * v).ry(1, u + v).cnot(1, 2).phaseshift(2, v).h(2)

    observable = 0.5 * Z(0) @ Y(1) - 2 * X(0) + 3 * X(2)
    device = AwsDevice(SV1.arn, session)
    task = circuit().adjoint_gradient(observable=observable, parameters=["u", "v"])
    found = device.run(task, shots=0, inputs={"u": 0.3, "v": 0.7}).result().values[0]

    def expectation(at: dict[str, float]) -> float:
        asked = circuit().expectation(Z(0) @ Y(1)).expectation(X(2))
        first, last = device.run(asked, shots=0, inputs=at).result().values
        return (
            0.5 * first - 2 * device.run(circuit().expectation(X(0)), shots=0, inputs=at).result().values[0] + 3 * last
        )

    assert found["expectation"] == pytest.approx(expectation({"u": 0.3, "v": 0.7}), abs=1e-9)
    for name in ("u", "v"):
        up, down = {"u": 0.3, "v": 0.7}, {"u": 0.3, "v": 0.7}
        up[name] += 1e-4
        down[name] -= 1e-4
        slope = (expectation(up) - expectation(down)) / 2e-4
        assert abs(slope) > 0.1
        assert found["gradient"][name] == pytest.approx(slope, abs=1e-6)


def test_a_program_set_runs(service: Service, session: AwsSession) -> None:
    result = AwsDevice(TEST_QPU.arn, session).run(SET, shots=30).result()
    assert [[e.counts for e in program.entries] for program in result.entries] == [[{"0": 10}, {"1": 10}], [{"1": 10}]]
    assert result.task_metadata.successfulShots == 30


def test_a_program_set_says_how_much_it_holds(create: Callable[..., str], session: AwsSession) -> None:
    about = session.get_quantum_task(create(SET.json(), shots=30))
    assert about["actionMetadata"] == {
        "actionType": "braket.ir.openqasm.program_set",
        "programCount": 2,
        "executableCount": 3,
    }
    assert about["numSuccessfulShots"] == 30


def test_split_results_come_in_parts(service: Service, session: AwsSession) -> None:
    service.faults.split = True
    task = AwsDevice(TEST_QPU.arn, session).run(SET, shots=30)
    result = task.result()
    assert [[e.counts for e in program.entries] for program in result.entries] == [[{"0": 10}, {"1": 10}], [{"1": 10}]]
    folder = task.metadata()["outputS3Directory"]
    assert len(session.list_keys("bucket", folder)) == 2 + 2 * 2 + 3  # whole, metadata; program, results; executables


# -- billing identity


def test_a_token_names_one_task(service: Service, create: Callable[..., str]) -> None:
    first = create(one(BELL), token="a")
    assert create(one(BELL), token="a") == first
    assert create(one(BELL), token="b") != first
    with pytest.raises(ClientError, match="clientToken") as problem:
        create(one(BELL), token="a", shots=101)
    assert code_of(problem) == "ValidationException"
    assert [task.token for task in service.tasks] == ["a", "b"]


@pytest.mark.parametrize(("variable", "value"), [("AWS_REGION", "us-west-2"), ("AWS_ACCESS_KEY_ID", "AKIDOTHER")])
def test_tasks_are_known_to_one_account_in_one_region(
    service: Service, create: Callable[..., str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """Elsewhere the same token makes another task, and nobody finds, sees or cancels the first."""
    device = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
    first = create(one(BELL), device=device)
    monkeypatch.setenv(variable, value)
    if variable == "AWS_REGION":
        monkeypatch.setenv("AWS_DEFAULT_REGION", value)
    elsewhere = AwsSession(default_bucket="bucket")
    client = elsewhere.braket_client
    filters = [{"name": "deviceArn", "operator": "EQUAL", "values": [device]}]
    assert client.search_quantum_tasks(filters=filters)["quantumTasks"] == []
    for call in (client.get_quantum_task, elsewhere.braket_client.cancel_quantum_task):
        with pytest.raises(ClientError) as problem:
            call(quantumTaskArn=first, **({} if call == client.get_quantum_task else {"clientToken": "c"}))
        assert code_of(problem) == "ResourceNotFoundException"
    about = {"deviceArn": device, "shots": 100, "outputS3Bucket": "bucket", "outputS3KeyPrefix": "tasks"}
    second = elsewhere.create_quantum_task(clientToken="token", action=one(BELL), **about)
    assert second != first
    assert (second.split(":")[3] != first.split(":")[3]) == (variable == "AWS_REGION")
    assert (second.split(":")[4] != first.split(":")[4]) == (variable == "AWS_ACCESS_KEY_ID")


def test_a_token_names_one_task_among_calls_at_once(service: Service, create: Callable[..., str]) -> None:
    with ThreadPoolExecutor(16) as threads:
        arns = set(threads.map(lambda n: create(one(BELL), token=f"{n % 4}"), range(32)))
    assert len(arns) == len(service.tasks) == 4


def test_the_token_seeds_the_shots(create: Callable[..., str], session: AwsSession) -> None:
    def counts(token: str, **more: Any) -> Any:
        return AwsQuantumTask(create(one(BELL), 10000, token, **more), session).result().measurement_counts

    assert counts("a") != counts("b")
    # Known for good: the counts may depend on nothing else, not on the process either.
    assert counts("a") == {"00": 4984, "11": 5016}


def test_executables_of_a_set_have_shots_of_their_own(create: Callable[..., str], session: AwsSession) -> None:
    twice = ProgramSet(programs=[Program(source=BELL), Program(source=BELL)])
    first, second = AwsQuantumTask(create(twice.json(), 20000), session).result().entries
    assert first.entries[0].counts != second.entries[0].counts


def test_the_bill(service: Service, create: Callable[..., str]) -> None:
    create(one(BELL), token="task", tags={"run": "7"})
    create(SET.json(), token="set", shots=30)
    create(one(BELL), token="simulator", device=SV1.arn)
    fee, shot, minute = 0.30, 0.001, 0.075
    task, program_set, simulator = service.tasks
    assert task.price_usd == task.billed_usd == pytest.approx(fee + 100 * shot)
    assert task.tags == {"run": "7"}
    assert (program_set.executables, program_set.shots) == (3, 30)
    assert program_set.price_usd == pytest.approx(fee + 30 * shot)
    assert simulator.price_usd == pytest.approx(3 * minute / 60)
    ledger = json.load(urllib.request.urlopen(f"{service.url}/__ledger__"))
    assert [t["token"] for t in ledger["tasks"]] == ["task", "set", "simulator"]
    assert ledger["total_usd"] == pytest.approx(service.total_usd)
    assert ledger["calls"]["CreateQuantumTask"] == 3


def test_the_sdks_tracker_finds_the_same_price(service: Service, session: AwsSession) -> None:
    with Tracker() as tracker:
        AwsDevice(TEST_QPU.arn, session).run(Circuit().h(0).measure(0), shots=100).result()
        AwsDevice(SV1.arn, session).run(Circuit().h(0).expectation(Z(0)), shots=0).result()
        assert float(tracker.qpu_tasks_cost()) == pytest.approx(service.tasks[0].billed_usd)
        assert float(tracker.simulator_tasks_cost()) == pytest.approx(service.tasks[1].billed_usd)


def test_search_pages_through_tasks_from_the_newest(service: Service, create: Callable[..., str], session: Any) -> None:
    arns = [create(one(FLIP), token=f"{n}", tags={"n": f"{n}"}) for n in range(7)]
    create(one(FLIP), token="elsewhere", device=SV1.arn)
    search = session.braket_client.search_quantum_tasks
    filters = [{"name": "deviceArn", "operator": "EQUAL", "values": [TEST_QPU.arn]}]
    page = search(filters=filters, maxResults=4)
    assert [t["quantumTaskArn"] for t in page["quantumTasks"]] == arns[:2:-1]
    assert page["quantumTasks"][0]["tags"] == {"n": "6"}
    rest = search(filters=filters, maxResults=4, nextToken=page["nextToken"])
    assert [t["quantumTaskArn"] for t in rest["quantumTasks"]] == arns[2::-1]
    assert "nextToken" not in rest
    AwsQuantumTask(arns[0], session).result()
    done = [{"name": "status", "operator": "EQUAL", "values": ["COMPLETED"]}]
    assert [t["quantumTaskArn"] for t in search(filters=done)["quantumTasks"]] == [arns[0]]


# -- faults


def test_throttling_passes(service: Service, create: Callable[..., str]) -> None:
    service.faults.throttle = {"CreateQuantumTask": 2}
    for _ in range(2):
        with pytest.raises(ClientError) as problem:
            create(one(BELL))
        assert code_of(problem) == "ThrottlingException"
    create(one(BELL))
    assert len(service.tasks) == 1
    assert service.calls["CreateQuantumTask"] == 3


def test_the_sdks_retries_keep_the_token(service: Service, create: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "4")
    service.faults.drop_after = {"CreateQuantumTask": 1}
    AwsDevice(TEST_QPU.arn, AwsSession(default_bucket="bucket")).run(Circuit().h(0).measure(0), shots=1)
    assert service.calls["CreateQuantumTask"] == 2
    assert len(service.tasks) == 1


@pytest.mark.parametrize(("switch", "created"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection(service: Service, create: Callable[..., str], switch: str, created: int) -> None:
    setattr(service.faults, switch, {"CreateQuantumTask": 1})
    with pytest.raises(ConnectionClosedError):
        create(one(BELL))
    assert len(service.tasks) == created
    create(one(BELL))
    assert len(service.tasks) == 1


def test_an_internal_failure(service: Service, create: Callable[..., str]) -> None:
    service.faults.internal = {"*": 1}
    with pytest.raises(ClientError) as problem:
        create(one(BELL))
    assert code_of(problem) == "InternalServiceException"
    assert not service.tasks


@pytest.mark.parametrize("code", ["AccessDeniedException", "ServiceQuotaExceededException", "DeviceRetiredException"])
def test_errors_on_command(service: Service, create: Callable[..., str], code: str) -> None:
    service.faults.refuse = {"CreateQuantumTask": code}
    with pytest.raises(ClientError) as problem:
        create(one(BELL))
    assert code_of(problem) == code


def test_an_offline_device_takes_nothing_and_runs_nothing(service: Service, create: Any, session: AwsSession) -> None:
    waiting = AwsQuantumTask(create(one(BELL), token="before"), session)
    service.faults.offline = ["Test-QPU"]
    with pytest.raises(ClientError) as problem:
        create(one(BELL), token="after")
    assert code_of(problem) == "DeviceOfflineException"
    assert create(one(BELL), token="before") == waiting.id
    assert waiting.state() == "QUEUED"
    assert session.get_device(TEST_QPU.arn)["deviceStatus"] == "OFFLINE"
    service.faults.offline = []
    assert waiting.state() == "COMPLETED"


def test_a_slow_queue_moves_on(service: Service, create: Callable[..., str], session: AwsSession) -> None:
    service.faults.queued_s = 3600
    first, second = (AwsQuantumTask(create(one(BELL), token=token), session) for token in "ab")
    assert first.state() == "CREATED"
    service.faults.queued_s = 0.001
    service.faults.running_s = 3600
    time.sleep(0.002)
    assert first.state() == "RUNNING"
    service.faults.offline = ["Test-QPU"]
    assert second.state() == "QUEUED"
    assert second.queue_position().queue_position == "2"
    service.faults.clear()
    assert second.state() == "COMPLETED"


def test_a_failing_task_says_why_and_is_not_billed(service: Service, create: Any, session: AwsSession) -> None:
    service.faults.fail = 1
    task = AwsQuantumTask(create(one(BELL)), session)
    assert task.result() is None
    assert task.metadata()["failureReason"] == "Failed on command"
    assert task.metadata()["actionMetadata"] == {"actionType": "braket.ir.openqasm.program"}
    assert service.total_usd == 0


def test_cancelling(service: Service, create: Callable[..., str], session: AwsSession) -> None:
    service.faults.queued_s = 3600
    task = AwsQuantumTask(create(one(BELL), token="queued"), session)
    task.cancel()
    assert task.state() == "CANCELLED"
    service.faults.clear()
    service.faults.cancel = 1
    assert AwsQuantumTask(create(one(BELL), token="by the service"), session).result() is None
    done = AwsQuantumTask(create(one(BELL), token="done"), session)
    done.result()
    with pytest.raises(ClientError) as problem:
        done.cancel()
    assert code_of(problem) == "ConflictException"
    assert [task.billed_usd > 0 for task in service.tasks] == [False, False, True]


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("status", ["FAILED", "COMPLETED"])
def test_a_partly_failed_program_set(service: Service, create: Any, session: Any, split: bool, status: str) -> None:
    service.faults.update({"partial": [[1]], "partial_status": status, "split": split})
    task = AwsQuantumTask(create(SET.json(), shots=30), session)
    assert task.state() == status
    (first, failed), (last,) = (program.entries for program in task.result().entries)
    assert (first.counts, last.counts) == ({"0": 10}, {"1": 10})
    assert failed.failureMetadata.retryable
    assert task.metadata()["numSuccessfulShots"] == 20
    assert service.tasks[0].billed_usd == pytest.approx(0.30 + 20 * 0.001)


@pytest.mark.parametrize("switch", ["truncate", "corrupt"])
def test_a_damaged_result(service: Service, create: Callable[..., str], session: AwsSession, switch: str) -> None:
    setattr(service.faults, switch, 1)
    damaged, sound = (AwsQuantumTask(create(one(BELL), token=token), session) for token in "ab")
    with pytest.raises(Exception, match=r"[Ee]xpecting|Unterminated|No module named|nothing_known"):
        damaged.result()
    assert sound.result() is not None


def test_too_many_tasks_in_flight_on_a_simulator(service: Service, create: Callable[..., str]) -> None:
    service.faults.update({"queued_s": 3600, "quota": 2})
    create(one(BELL), token="a", device=SV1.arn)
    create(one(BELL), token="b", device=SV1.arn)
    with pytest.raises(ClientError) as problem:
        create(one(BELL), token="c", device=SV1.arn)
    assert code_of(problem) == "ServiceQuotaExceededException"


def test_faults_are_set_from_outside(service: Service, create: Callable[..., str]) -> None:
    url = f"{service.url}/__faults__"
    urllib.request.urlopen(url, json.dumps({"throttle": {"CreateQuantumTask": 1}}).encode()).read()
    with pytest.raises(ClientError):
        create(one(BELL))
    assert json.load(urllib.request.urlopen(url))["throttle"] == {"CreateQuantumTask": 0}
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(url, b'{"trottle": 1}')


def test_unsigned_calls_are_refused(service: Service) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{service.url}/device/{TEST_QPU.arn.replace('/', '%2F')}")


# -- refusals


def gates(text: str, qubits: int = 2, bits: int | None = None) -> str:
    """A program of gates on an array that is measured whole."""
    read = "\n".join(f"b[{n}] = measure q[{n}];" for n in range(qubits))
    return f"OPENQASM 3.0;\nbit[{bits or qubits}] b;\nqubit[{qubits}] q;\n{text}\n{read}\n"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("this is no program", "not OpenQASM"),
        (gates("yy(0.1) q[0], q[1];"), "gate yy is not supported"),
        (gates("cx q[0], q[1];"), "gate cx is not supported"),
        (gates("U(1, 2, 3) q[0]; x q[1];"), "gate U is not supported"),
        (gates("gphase(1); x q[0]; x q[1];"), "gate gphase is not supported"),
        (gates("ctrl @ x q[0], q[1];"), "gate modifier ctrl is not supported"),
        (gates("inv @ s q[0]; x q[1];"), "gate modifier inv is not supported"),
        (gates("x q[0]; reset q[1];"), "QuantumReset is not supported"),
        (gates("for int i in [0:1] { x q[0]; }"), "ForInLoop is not supported"),
        (gates('include "stdgates.inc"; x q[0]; x q[1];'), "include is not supported"),
        (gates("x q[0:1];"), "array operation range is not supported"),
        (gates("x q[-1]; x q[0];"), "array operation negativeIndex is not supported"),
        (gates("x q[2];"), "does not exist"),
        (gates("x q[0]; x q[1]; output float t;"), "output"),
        (gates("x q[0];", qubits=13), "13 qubits, of which the device has 12"),
        (gates("x q[0]; x q[1]; qubit[1] r;"), "2 qubit arrays"),
        (gates("x q[0]; x q[1]; bit[1] c;"), "2 classical arrays"),
        (BELL.replace("b[1] = measure q[1];", ""), "all qubits must be measured"),
        (BELL.replace("b[0] = measure q[0];", "measure q[0];"), "must be assigned to a bit"),
        (BELL.replace("b[1] = measure q[1];", "b[0] = measure q[1];"), "written twice"),
        (BELL + "x q[0];", "acts on a qubit that has been measured"),
        (TURN, "no value for input t"),
        (gates("#pragma braket unitary([[0, 1], [1, 0]]) q[0]\nx q[1];"), "braket_unitary_matrix is not supported"),
        (gates("#pragma braket noise bit_flip(0.1) q[0]\nx q[1];"), "braket_noise_bit_flip is not supported"),
        ("OPENQASM 3.0;\nqubit[1] q;\nx q[0];\n#pragma braket result state_vector", "state_vector is not supported"),
        (BELL + "#pragma braket result probability all", "result types and measurements do not mix"),
        (NATIVE.replace("rx", "ry"), "gate ry is not a native gate"),
        (NATIVE.replace("$4", "$7"), "qubits 3 and 7 are not connected"),
        (NATIVE.replace("$4", "$12"), "the device has no qubit 12"),
        (NATIVE.replace("box{", "box{\ninv @ rz(1) $3;"), "gate modifier inv is not supported"),
        (NATIVE.replace("#pragma", "rx(1) $3;\n#pragma"), "gates outside the verbatim box are not supported"),
        (NATIVE.replace("box{", "x $3;\nbox{"), "must be followed by a box"),
        (NATIVE.replace("#pragma braket verbatim\n", ""), "must follow a verbatim pragma"),
        (NATIVE.replace("bit[2] b;", "bit[2] b;\nqubit[1] q;"), "do not mix"),
    ],
)
def test_a_qpu_refuses(service: Service, create: Callable[..., str], source: str, why: str) -> None:
    with pytest.raises(ClientError) as problem:
        create(one(source))
    assert code_of(problem) == "ValidationException"
    assert why in str(problem.value)
    assert not service.tasks


@pytest.mark.parametrize(
    ("source", "shots", "device", "why"),
    [
        (BELL, 0, TEST_QPU.arn, "0 shots"),
        (BELL, 10001, TEST_QPU.arn, "outside of the range 1 to 10000"),
        (BELL, 0, SV1.arn, "0 shots demand a result type"),
        (BELL, 100001, SV1.arn, "outside of the range"),
        (NATIVE, 100, SV1.arn, "verbatim"),
        (gates("#pragma braket noise bit_flip(0.1) q[0]\nx q[1];"), 10, SV1.arn, "braket_noise_bit_flip"),
        (gates("x q[0];", qubits=18), 10, DM1.arn, "18 qubits, of which the device has 17"),
        (gates("x q[0]; x q[2];", qubits=3).replace("b[1] = measure q[1];\n", ""), 10, SV1.arn, "contiguous"),
        ("OPENQASM 3.0;\nqubit[1] q;\nx q[0];\n#pragma braket result sample z(q[0])", 0, SV1.arn, "sample"),
        (
            "OPENQASM 3.0;\nqubit[1] q;\nx q[0];\n#pragma braket result expectation hermitian([[1, 0], [0, 1]]) q[0]",
            10,
            TEST_QPU.arn,
            "observable hermitian is not supported",
        ),
        (
            "OPENQASM 3.0;\ninput float t;\nqubit[1] q;\nrx(t) q[0];\n"
            "#pragma braket result adjoint_gradient expectation(z(q[0])) t",
            10,
            SV1.arn,
            "adjoint_gradient is not supported with 10 shots",
        ),
        (
            "OPENQASM 3.0;\ninput float t;\nqubit[1] q;\nrx(t) q[0];\n"
            "#pragma braket result adjoint_gradient expectation(z(q[0])) t",
            0,
            DM1.arn,
            "adjoint_gradient is not supported",
        ),
        (
            "OPENQASM 3.0;\nqubit[16] q;\n" + "".join(f"h q[{n}];\n" for n in range(16))
            + "#pragma braket result probability all",
            10,
            SV1.arn,
            "more than 15 qubits",
        ),
    ],
)  # fmt: skip
def test_shots_and_result_types(create: Callable[..., str], source: str, shots: int, device: str, why: str) -> None:
    with pytest.raises(ClientError) as problem:
        create(one(source, **({"t": 0.5} if "input" in source else {})), shots=shots, device=device)
    assert code_of(problem) == "ValidationException"
    assert why in str(problem.value)


def test_inputs_are_numbers(create: Callable[..., str]) -> None:
    with pytest.raises(ClientError, match="finite"):
        create(one(TURN, t=0.5).replace("0.5", "NaN"))


def set_of(*sources: str, **inputs: list[float]) -> str:
    return ProgramSet(programs=[Program(source=source, inputs=inputs or None) for source in sources]).json()


@pytest.mark.parametrize(
    ("action", "shots", "device", "why"),
    [
        (set_of(*[FLIP] * 101), 1010, TEST_QPU.arn, "101 executables"),
        (set_of(TURN, t=[0.1] * 101), 1010, TEST_QPU.arn, "101 executables"),
        (set_of(*[FLIP] * 50), 100050, TEST_QPU.arn, "100050 shots"),
        (set_of(FLIP, FLIP), 101, TEST_QPU.arn, "shared evenly"),
        (set_of(FLIP, FLIP), 20002, TEST_QPU.arn, "10001 shots are outside of the range"),
        (set_of(FLIP), 0, TEST_QPU.arn, "0 shots"),
        (set_of(FLIP), 10, SV1.arn, "does not support the action"),
    ],
)
def test_limits_of_program_sets(create: Callable[..., str], action: str, shots: int, device: str, why: str) -> None:
    with pytest.raises(ClientError) as problem:
        create(action, shots=shots, device=device)
    assert code_of(problem) == "ValidationException"
    assert why in str(problem.value)


def test_a_refused_program_set_names_its_programs(create: Callable[..., str]) -> None:
    with pytest.raises(ClientError) as problem:
        create(set_of(FLIP, gates("cx q[0], q[1];"), FLIP), shots=30)
    (failure,) = problem.value.response["programSetValidationFailures"]
    assert failure == {"programIndex": 1, "errors": ["gate cx is not supported"]}


def test_too_large_for_the_stand_in_fails_as_a_task(create: Callable[..., str], session: AwsSession) -> None:
    wide = gates("\n".join(f"h q[{n}];" for n in range(25)), qubits=25)
    task = AwsQuantumTask(create(one(wide), device=SV1.arn), session)
    assert task.state() == "FAILED"
    assert "no more than 20 qubits" in task.metadata()["failureReason"]


# -- what else the SDK asks for


def test_objects_in_buckets(service: Service, session: AwsSession, tmp_path: Path) -> None:
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(os.urandom(100_000))
    session.upload_to_s3(str(sent), "s3://bucket/folder/ä file.bin")
    session.download_from_s3("s3://bucket/folder/ä file.bin", str(got))
    assert got.read_bytes() == sent.read_bytes()
    assert session.list_keys("bucket", "folder/") == ["folder/ä file.bin"]
    with pytest.raises(ClientError) as problem:
        session.retrieve_s3_object_body("bucket", "absent")
    assert code_of(problem) == "NoSuchKey"


def test_the_default_bucket(service: Service) -> None:
    assert AwsSession().default_bucket() == "amazon-braket-us-east-1-123456789012"
    assert service.calls["CreateBucket"] == 1


def test_jobs_are_kept(service: Service, session: AwsSession) -> None:
    job = {
        "clientToken": "token",
        "jobName": "a-job",
        "algorithmSpecification": {"scriptModeConfig": {"entryPoint": "entry", "s3Uri": "s3://bucket/code.tar.gz"}},
        "outputDataConfig": {"s3Path": "s3://bucket/out"},
        "roleArn": session.get_default_jobs_role(),
        "instanceConfig": {"instanceType": "ml.m5.large", "volumeSizeInGb": 30},
        "deviceConfig": {"device": SV1.arn},
        "hyperParameters": {"epochs": "3"},
    }
    arn = session.create_job(**job)
    assert session.create_job(**job) == arn
    found = session.get_job(arn)
    assert (found["status"], found["hyperParameters"]) == ("QUEUED", {"epochs": "3"})
    session.cancel_job(arn)
    assert session.get_job(arn)["status"] == "CANCELLED"


# -- as a process


@pytest.fixture
def spawn(root: Path, tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], str]]]:
    """`spawn(state)`: the stand-in as a process, and its address."""
    running: list[subprocess.Popen[bytes]] = []

    def start(state: Path, *more: str) -> tuple[subprocess.Popen[bytes], str]:
        said = tmp_path / f"port{len(running)}"
        command = [sys.executable, "-m", "standin", "--port-file", str(said), "--state", str(state), *more]
        running.append(subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(root / "tests")}))
        for _ in range(600):
            if said.exists():
                return running[-1], f"http://127.0.0.1:{said.read_text()}"
            time.sleep(0.05)
        raise AssertionError("the stand-in did not start")

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_tasks_survive_the_service(
    spawn: Any, tmp_path: Path, service: Service, create: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task created on one process is run by the next, with the counts that this process finds too."""
    process, url = spawn(tmp_path / "state", "--faults", '{"queued_s": 3600}')
    expected = AwsQuantumTask(create(one(BELL), token="a"), AwsSession()).result().measurements.tolist()
    for name in ("BRAKET_ENDPOINT", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, url)
    about = {"deviceArn": TEST_QPU.arn, "outputS3Bucket": "bucket", "outputS3KeyPrefix": "tasks", "shots": 100}
    arn = AwsSession().create_quantum_task(clientToken="a", action=one(BELL), **about)
    assert AwsQuantumTask(arn).state() == "CREATED"
    process.send_signal(signal.SIGKILL)
    process.wait()

    _, again = spawn(tmp_path / "state", "--port", url.rsplit(":", 1)[1])
    assert again == url
    assert AwsSession().create_quantum_task(clientToken="a", action=one(BELL), **about) == arn
    assert AwsQuantumTask(arn).result().measurements.tolist() == expected
    ledger = json.load(urllib.request.urlopen(f"{url}/__ledger__"))
    assert [(t["token"], t["status"]) for t in ledger["tasks"]] == [("a", "COMPLETED")]
