"""Circuits as OpenQASM for Braket: what stands there, and that another project's reader runs it to the same end."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import dense

from qsanc.diagnostics import CompilerBug, QsanError
from qsanc.ir.circuit import Angle, Channel, CircuitModule, Gate, Pauli, Probabilities, Segment
from qsanc.ir.gates import GATES
from qsanc.target import BackendFailure
from qsanc.target.expand import PlainCircuit
from qsanc.target.sampling import basis_change
from qsanc.testing.strategies import circuits
from qsanc_braket.native import NativeCircuit, NativeGate
from qsanc_braket.text import (
    CHANNELS,
    Program,
    counts_of,
    distribution,
    exact,
    expectations,
    parities,
    program,
    verbatim,
)

BRAKET = tuple(name for name, gate in GATES.items() if gate.braket)
NOISE = ("bit_flip", "phase_flip", "depolarizing", "amplitude_damping", "phase_damping", "two_qubit_depolarizing")


def test_a_circuit_is_written_with_its_basis_changes_and_without_unused_wires() -> None:
    body = (Gate("h", (1,)), Gate("cx", (1, 4)), Gate("rz", (4,), (Angle(0.1),)))
    written = program(PlainCircuit(6, body, Pauli(((1, "Y"), (3, "X")))))
    assert written.text == (
        "OPENQASM 3.0;\n"
        "bit[3] b;\n"
        "qubit[3] q;\n"
        "h q[0];\n"
        "cnot q[0], q[2];\n"
        "rz(0.1) q[2];\n"
        "si q[0];\n"
        "h q[0];\n"
        "h q[1];\n"
        "b[0] = measure q[0];\n"
        "b[1] = measure q[1];\n"
        "b[2] = measure q[2];\n"
    )
    assert (written.qubits, written.reads) == ((0, 1, 2), (0, 1))


def test_native_gates_stand_in_a_box_on_physical_qubits() -> None:
    gates = (NativeGate("prx", (7,), (1.5, 0.0)), NativeGate("cz", (7, 3), ()))
    written = verbatim(NativeCircuit(gates, (7, 3), (3, 7), ()))
    assert written.text == (
        "OPENQASM 3.0;\n"
        "bit[2] b;\n"
        "#pragma braket verbatim\n"
        "box{\n"
        "prx(1.5, 0.0) $7;\n"
        "cz $7, $3;\n"
        "}\n"
        "b[0] = measure $3;\n"
        "b[1] = measure $7;\n"
    )
    assert (written.qubits, written.reads) == ((3, 7), (1, 0))


def test_nothing_in_a_box_is_no_program() -> None:
    with pytest.raises(ValueError, match="nothing is measured"):
        verbatim(NativeCircuit((), (), (), ()))


def test_text_does_not_depend_on_the_process() -> None:
    """Sets are ordered by the process's own hash seed: none may show in a text that names a task to be billed."""
    script = (
        "from qsanc.ir.circuit import *; from qsanc.target.expand import PlainCircuit;"
        "from qsanc_braket.text import *; from qsanc_braket.native import lowered;"
        "from qsanc_braket.devices.table import find;"
        "c = PlainCircuit(9, tuple(Gate('cx', (a, 8 - a)) for a in (0, 7, 3)), Pauli(((0, 'X'), (8, 'Y'), (5, 'Z'))));"
        "print(program(c).text, exact(c).text, expectations(c, parities(c)).text);"
        "print(*(verbatim(lowered(c, find(name))).text for name in ('Garnet', 'Forte-1', 'Cepheus-1-108Q')))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1


def test_a_circuit_without_anything_still_has_a_qubit() -> None:
    written = program(PlainCircuit(3, (), Pauli()))
    assert "qubit[1] q;" in written.text
    assert counts_of(written, {"0": 7}).tolist() == [7]


def test_exact_forms_have_results_and_no_register() -> None:
    circuit = PlainCircuit(3, (Gate("h", (2,)),), Pauli(((0, "Z"), (2, "X"))))
    assert exact(circuit).text.splitlines()[-3:] == [
        "h q[1];",
        "h q[1];",
        "#pragma braket result probability q[0], q[1]",
    ]
    words = (Pauli(((0, "X"), (2, "Y"))), Pauli(((1, "Z"),)))
    written = expectations(circuit, words).text.splitlines()
    assert written == [
        "OPENQASM 3.0;",
        "qubit[3] q;",
        "h q[2];",
        "i q[0];",
        "i q[1];",
        "#pragma braket result expectation x(q[0]) @ y(q[2])",
        "#pragma braket result expectation z(q[1])",
    ]
    with pytest.raises(ValueError, match="needs a wire"):
        expectations(circuit, (Pauli(),))
    with pytest.raises(ValueError, match="no wire is measured"):
        exact(PlainCircuit(1, (), Pauli()))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_before_it_is_sent(value: float) -> None:
    plain = PlainCircuit(1, (Gate("rx", (0,), (Angle(value),)),), Pauli(((0, "Z"),)))
    noisy = PlainCircuit(1, (Channel("bit_flip", (0,), (value,)),), Pauli(((0, "Z"),)))
    for write in (
        lambda: program(plain),
        lambda: program(noisy),
        lambda: verbatim(NativeCircuit((NativeGate("rx", (0,), (value,)),), (0,), (0,), ())),
    ):
        with pytest.raises(QsanError) as caught:
            write()
        assert [d.code for d in caught.value.diagnostics] == ["QS801"]
        assert "no finite number" in caught.value.diagnostics[0].title


def test_channels_that_braket_has_not_and_gates_without_a_name_are_refused() -> None:
    with pytest.raises(QsanError, match="thermal"):
        program(PlainCircuit(1, (Channel("thermal", (0,), (1.0, 1.0, 1.0)),), Pauli()))
    with pytest.raises(CompilerBug, match="ch has no name"):
        program(PlainCircuit(2, (Gate("ch", (0, 1)),), Pauli()))


def test_counts_are_summed_over_what_no_wire_reads() -> None:
    read = Program("", (0, 1, 2), (2, 0))
    assert counts_of(read, {"011": 5, "001": 2, "110": 1}).tolist() == [0, 1, 7, 0]
    assert counts_of(read, {}).tolist() == counts_of(read, {"111": 0}).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("seen", [{"01": 1}, {"0a1": 1}, {"011": -1}, {"011": 0.5}, {"": 1}])
def test_strings_that_are_none_of_the_program_are_no_counts(seen: dict[str, int]) -> None:
    with pytest.raises(BackendFailure):
        counts_of(Program("", (0, 1, 2), (0,)), seen)


@given(st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_parities_hold_the_distribution(wires: int, seed: int) -> None:
    """p -> E[(-1)^(bits of a subset)] -> p."""
    chances = np.random.default_rng(seed).dirichlet(np.ones(1 << wires))
    letters = Pauli(tuple((wire, "Z") for wire in range(wires)))
    values = []
    for word in parities(PlainCircuit(wires, (), letters)):
        signs = [(-1) ** sum(k >> (wires - 1 - wire) & 1 for wire in word.wires) for k in range(1 << wires)]
        values.append(float(np.dot(signs, chances)))
    np.testing.assert_allclose(distribution(values), chances, atol=1e-12)


@st.composite
def plain_circuits(draw: st.DrawFn, channels: tuple[str, ...] = ()) -> PlainCircuit:
    module = draw(
        circuits(
            max_wires=4,
            max_gates=8,
            max_segments=1,
            max_slots=0,
            gates=BRAKET,
            results=("probability",),
            channels=channels,
        )
    )
    letters = draw(st.lists(st.sampled_from(["", "X", "Y", "Z"]), min_size=module.wires, max_size=module.wires))
    measured = Pauli(tuple((wire, letter) for wire, letter in enumerate(letters) if letter))
    return PlainCircuit(module.wires, module.segments[0].body, measured)


def expected(circuit: PlainCircuit) -> np.ndarray:
    """The distribution over outcomes, by the oracle."""
    body = (*circuit.body, *basis_change(circuit.measured))
    results = (Probabilities(0, circuit.measured.wires),)
    module = CircuitModule("plain", circuit.wires, (), (), (Segment("all", None, body),), results)
    _, rho = dense.evolve(module, 0, np.zeros(0))
    return np.diag(dense.reduced(rho, circuit.measured.wires, circuit.wires)).real


def read_by_braket(written: str) -> np.ndarray:
    """The distribution over all bits of the register, by Braket's interpreter and its density-matrix simulation."""
    from braket.default_simulator.density_matrix_simulation import DensityMatrixSimulation
    from braket.default_simulator.openqasm.interpreter import Interpreter

    found = Interpreter().build_circuit(written)
    assert found.measured_qubits == list(range(len(found.measured_qubits)))
    simulation = DensityMatrixSimulation(len(found.measured_qubits), 0)
    simulation.evolve(found.instructions)
    return simulation.probabilities


@pytest.mark.parametrize("channels", [(), NOISE], ids=["pure", "noisy"])
def test_another_reader_finds_the_same_distribution(channels: tuple[str, ...]) -> None:
    pytest.importorskip("braket.default_simulator")

    @settings(max_examples=60)
    @given(plain_circuits(channels))
    def holds(circuit: PlainCircuit) -> None:
        written = program(circuit)
        assert written == program(circuit)
        chances = read_by_braket(written.text)
        sums = np.zeros(circuit.outcomes)
        for outcome, chance in enumerate(chances):
            bits = f"{outcome:0{written.bits}b}"
            sums += chance * counts_of(written, {bits: 1})
        np.testing.assert_allclose(sums, expected(circuit), atol=1e-9)

    holds()


def test_the_local_simulator_takes_the_exact_forms() -> None:
    pytest.importorskip("braket.default_simulator")
    from braket.default_simulator import StateVectorSimulator
    from braket.ir.openqasm import Program as Sent

    body = (Gate("ry", (0,), (Angle(0.7),)), Gate("cx", (0, 2)), Gate("rx", (2,), (Angle(1e-7),)), Gate("v", (3,)))
    circuit = PlainCircuit(4, body, Pauli(((0, "X"), (2, "Y"), (3, "Z"))))

    def results(text: str) -> list:
        return [r.value for r in StateVectorSimulator().run(Sent(source=text), shots=0).resultTypes]

    wanted = expected(circuit)
    np.testing.assert_allclose(results(exact(circuit).text)[0], wanted, atol=1e-9)
    np.testing.assert_allclose(distribution(results(expectations(circuit, parities(circuit)).text)), wanted, atol=1e-9)


def test_the_local_simulator_counts_what_is_measured() -> None:
    """A wire without gates is measured too, and every string has a bit for it."""
    pytest.importorskip("braket.default_simulator")
    from braket.default_simulator import StateVectorSimulator
    from braket.ir.openqasm import Program as Sent

    circuit = PlainCircuit(5, (Gate("x", (3,)),), Pauli(((1, "Z"), (3, "Z"))))
    written = program(circuit)
    run = StateVectorSimulator().run(Sent(source=written.text), shots=10)
    seen: dict[str, int] = {}
    for bits in run.measurements:
        seen["".join(map(str, bits))] = seen.get("".join(map(str, bits)), 0) + 1
    assert counts_of(written, seen).tolist() == [0, 10, 0, 0]


def test_every_channel_is_read_by_braket() -> None:
    """Each with as many qubits and numbers as Braket's own, also where a number is written with an exponent."""
    pytest.importorskip("braket.default_simulator")
    from braket.default_simulator.openqasm.interpreter import Interpreter

    assert {kind for kind, (wires, _) in CHANNELS.items() if wires == 2} == {
        "two_qubit_depolarizing",
        "two_qubit_dephasing",
    }
    for kind, (wires, numbers) in CHANNELS.items():
        strength = (1e-05, 0.25, 0.125)[:numbers]
        noisy = PlainCircuit(2, (Channel(kind, tuple(range(wires)), strength),), Pauli(((0, "Z"),)))
        [read] = Interpreter().build_circuit(program(noisy).text).instructions
        assert len(read.targets) == wires, kind
        assert {v for v in vars(read).values() if isinstance(v, float)} == set(strength), kind
