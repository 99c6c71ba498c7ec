"""What Braket's SDK and simulators do that nobody expects, and that none of it reaches a user of qsanc.

Each test shows the trap itself first, so that it fails on the day when the SDK mends it. Where another file holds the
test already, `ELSEWHERE` says which.
"""

from __future__ import annotations

import ast
import inspect
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("braket.default_simulator", reason="needs the extra `braket`")

from qsanc import registry
from qsanc.ir.circuit import Angle, CircuitModule, Expectation, Gate, Observable, Pauli, Segment
from qsanc.openqasm.writer import write
from qsanc.target import Bindings, Context, Differentiable, Request
from qsanc.target.expand import PlainCircuit
from qsanc_braket import text
from qsanc_braket.batches import chunks
from qsanc_braket.devices.table import find
from qsanc_braket.local_simulator import LOCK

ELSEWHERE = {
    "text that the SDK makes differs from process to process, by the order of a set: ours does not": (
        "braket/test_text.py::test_text_does_not_depend_on_the_process"
    ),
    "NaN fails late, or gives NaN": "braket/test_text.py::test_what_is_no_number_is_refused_before_it_is_sent",
    "the first bit of a bit string is qubit 0": (
        "braket/test_text.py::test_another_reader_finds_the_same_distribution"
    ),
    "the service takes no probabilities of more than 15 qubits": (
        "braket/test_check.py::test_results_are_those_of_the_device"
    ),
    "`result()` is None where a task failed or was cancelled": (
        "braket/test_cloud.py::test_a_failed_task_is_told_and_not_submitted_again"
    ),
    "`results()` of a batch submits anew what failed": "braket/test_cloud.py::test_again_means_once",
    "an ARN is lost where the connection breaks": (
        "braket/test_cloud.py::test_a_connection_that_breaks_after_creation"
    ),
    "split results are fetched by a client of the SDK's own": (
        "braket/test_cloud.py::test_results_in_parts_are_read_like_whole_ones"
    ),
    "a device that is offline refuses with 424": "braket/test_cloud.py::test_a_device_that_is_offline_for_a_while",
    "no more than 35 tasks at once on a simulator": (
        "braket/test_cloud.py::test_no_more_tasks_in_flight_than_the_quota"
    ),
    "density matrices have 13 qubits at most": (
        "braket/test_local_check.py::test_the_limits_are_those_of_the_simulators"
    ),
    "two threads in the simulator end the process": "braket/test_local_threads.py::test_many_threads_ask_at_once",
    "noise runs on density matrices alone": "braket/test_local_check.py::test_noise_is_for_density_matrices",
    "importing the SDK takes seconds": "repo/test_startup.py::test_running_on_numpy_and_listing_backends_import_no_sdk",
    "checkpoints of jobs may not be pickled": "braket/test_jobs.py::test_checkpoints_and_results_are_plain",
    "an emulator refuses circuits without a box, and does not look at shots": (
        "braket/test_emulator.py::test_known_exception_the_emulator_does_not_look_at_shots"
    ),
}


@pytest.mark.parametrize("trap", ELSEWHERE)
def test_what_is_tested_elsewhere(trap: str, root: Path) -> None:
    file, name = ELSEWHERE[trap].split("::")
    assert f"def {name}(" in (root / "tests" / file).read_text(encoding="utf-8")


def run(lines: str, inputs: dict[str, float] | None = None, shots: int = 0) -> Any:
    """As the SDK runs a program on its local simulator."""
    from braket.devices import LocalSimulator
    from braket.ir.openqasm import Program

    with LOCK:
        program = Program(source=f"OPENQASM 3.0;\n{lines}", inputs=inputs or {})
        return LocalSimulator("braket_sv").run(program, shots=shots).result()


def value(terms: tuple[tuple[float, Pauli], ...], body: tuple[Gate, ...], slots: tuple[str, ...] = ()) -> float:
    module = CircuitModule("trap", 2, slots, (), (Segment("all", None, body),), (Expectation(0, Observable(terms)),))
    executable = registry.load("braket:sv").lower(module)
    request = Request(Bindings(np.full(len(slots), 0.3), np.zeros((1, 0))), (0,))
    return float(executable.collect(executable.submit(request, Context())).estimates[0].value[0])


Z0, X1 = Pauli(((0, "Z"),)), Pauli(((1, "X"),))
TURN = Gate("ry", (0,), (Angle(0.3),))


@pytest.mark.parametrize("name", ["pi", "tau", "euler"])
def test_a_parameter_with_the_name_of_a_constant_is_the_constant(name: str) -> None:
    """Silently. Ours have other names wherever they are written, and in circuits that run none at all."""
    turned = run(
        f"input float {name}; qubit[1] q; ry({name}) q[0];\n#pragma braket result expectation z(q[0])", {name: 0.3}
    )
    assert abs(turned.values[0] - math.cos(0.3)) > 0.01
    assert value(((1.0, Z0),), (Gate("ry", (0,), (Angle.slot(0),)),), (name,)) == pytest.approx(
        math.cos(0.3), abs=1e-12
    )
    body = (Gate("ry", (0,), (Angle.slot(0),)),)
    module = CircuitModule("m", 1, (name,), (), (Segment("all", None, body),), (Expectation(0, Observable(())),))
    for written in (*write(module, "standard"), *write(module, "braket")):
        assert "input float" in written.text
        assert f"input float {name};" not in written.text


def test_a_scaled_observable_fails_and_a_sum_is_its_first_term() -> None:
    """Silently, the latter. We ask for Pauli words and add up ourselves."""
    program = "qubit[2] q; ry(0.3) q[0]; h q[1];\n#pragma braket result expectation "
    with pytest.raises(TypeError):
        run(program + "2.0 * z(q[0])")
    assert run(program + "z(q[0]) + x(q[1])").values[0] == pytest.approx(math.cos(0.3))
    body = (TURN, Gate("h", (1,)))
    assert value(((2.0, Z0), (-0.5, X1)), body) == pytest.approx(2 * math.cos(0.3) - 0.5, abs=1e-12)


def test_qubits_without_a_gate_are_not_in_the_counts() -> None:
    """We write compact qubits, measure all of them, and give a gate to those that an expectation reads."""
    assert set(run("qubit[3] q; x q[2];", shots=5).measurement_counts) == {"1"}
    circuit = PlainCircuit(3, (Gate("x", (2,)),), Pauli(((0, "Z"), (2, "Z"))))
    written = text.program(circuit)
    assert written.text.count("measure") == 2
    sent = written.text.partition("\n")[2]
    assert text.counts_of(written, dict(run(sent, shots=5).measurement_counts)).tolist() == [0, 5, 0, 0]
    asked = text.expectations(circuit, (Z0,)).text
    assert all(f"{gate} q[{k}];" in asked for k, gate in enumerate("ix"))


def test_inputs_that_a_program_does_not_have_are_ignored() -> None:
    """Only the adjoint gradient has inputs, and `test_the_adjoint_gradient_is_that_by_shifts` would see one too many.
    All other circuits have their numbers written out."""
    program = "qubit[1] q; ry(0.3) q[0];\n#pragma braket result expectation z(q[0])"
    assert run(program, {"misspelt": 9.0}).values[0] == pytest.approx(math.cos(0.3))
    assert "input" not in text.program(PlainCircuit(1, (TURN,), Z0)).text


def test_local_simulators_take_the_adjoint_gradient_for_an_expectation() -> None:
    """Silently wrong: they give the value. Here only SV1 offers it; the local backends are not differentiable."""
    program = "input float a; qubit[1] q; ry(a) q[0];\n#pragma braket result adjoint_gradient expectation(z(q[0])) a"
    assert run(program, {"a": 0.3}).values[0] == pytest.approx(math.cos(0.3))
    module = CircuitModule(
        "m", 1, (), (), (Segment("all", None, (TURN,)),), (Expectation(0, Observable(((1.0, Z0),))),)
    )
    for name in ("braket:sv", "braket:dm", "braket:DM1", "braket:Garnet"):
        backend = registry.load(name)
        assert backend.capabilities.gradients == frozenset()
        assert not isinstance(backend.lower(module), Differentiable)
    assert registry.load("braket:SV1").capabilities.gradients == {"adjoint"}


def test_counts_stand_in_for_probabilities() -> None:
    """The service caps these at 15 qubits; a program with shots asks for no result at all, however wide it is."""
    wide = PlainCircuit(16, (), Pauli(tuple((wire, "Z") for wire in range(16))))
    assert "pragma" not in text.program(wide).text


def test_not_every_processor_takes_program_sets() -> None:
    """Forte does not: each circuit is a task, and a task fee, of its own."""
    assert find("Forte-1").program_sets is None
    assert [len(chunk) for chunk in chunks(3, 100, find("Forte-1"))] == [1, 1, 1]
    assert [len(chunk) for chunk in chunks(3, 100, find("Garnet"))] == [3]


def test_shots_cannot_be_seeded() -> None:
    """So `braket:sv` and `braket:dm` draw from exact probabilities: `test_all_simulators_draw_the_same_samples`."""
    from braket.devices import LocalSimulator
    from braket.ir.openqasm import Program

    with pytest.raises(TypeError, match="seed"):
        LocalSimulator("braket_sv").run(Program(source="OPENQASM 3.0; qubit[1] q; h q[0];"), shots=10, seed=3)


NEVER = {
    "AwsDevice": "its `run` draws a new token each time, and swallows one that it is given",
    "run_batch": "it loses the ARNs of tasks that were created before one that fails, and submits failures anew",
    "AwsQuantumTask": "its `result` gives None where a task failed, and fetches split results by a client of its own",
    "AwsQuantumTaskBatch": "as `run_batch`",
    "ProgramSetQuantumTaskResult": "it fetches split results by the default client, whatever the session",
    "LocalSimulator": "it parses each circuit anew, and cannot be seeded",
    "run_openqasm": "as `LocalSimulator`",
}


@pytest.mark.parametrize("name", NEVER)
def test_what_is_never_called(name: str, root: Path) -> None:
    used = []
    for path in (root / "backends" / "qsanc_braket").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = {getattr(node, field, None) for field in ("id", "attr", "name")}
            used += [path] if name in named else []
    assert used == [], NEVER[name]


def test_the_sdk_draws_a_token_of_its_own() -> None:
    """`AwsQuantumTask.create`, which `AwsDevice.run` calls, has no place for a token; the session's call takes ours,
    and `test_a_task_of_a_dead_process_is_found_by_its_tag` and the bills in test_cloud.py show that it is sent."""
    pytest.importorskip("braket.aws")
    from braket.aws import AwsQuantumTask, AwsSession

    assert "clientToken" not in inspect.signature(AwsQuantumTask.create).parameters
    assert "boto3_kwargs" in inspect.signature(AwsSession.create_quantum_task).parameters
