"""Circuits from elsewhere mean the same here: each framework's own matrix is the truth, in our order of qubits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from oracle import dense

import qsanc
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle, CircuitModule, Gate, Segment, State
from qsanc.ir.gates import GATES
from qsanc.testing.assertions import assert_distribution, assert_equivalent, assert_expectation, assert_state
from qsanc.testing.convert import Matrices, as_bound, as_operator, as_unitary, bound_at
from qsanc.testing.failed import CheckFailed
from qsanc.testing.foreign import Unitary

ROTATED = """qsan 1.0
ansatz rotated[n: nat](x: angle[n]) on q: qubit[n] { for i in 0..n { ry(2 * x[i] + 0.5) q[i]; } cx q[0], q[1]; }
ansatz plain on q: qubit[2] { h q; cz q[0], q[1]; }
ansatz curved(x: angle) on q: qubit { ry(sin(x)) q; }
circuit read(x: angle) on q: qubit -> real { ry(x) q; return expval(Z(q)); }
"""


def reversed_bits(matrix: np.ndarray) -> np.ndarray:
    """A matrix whose first qubit is the least significant, with it as the most significant."""
    wires = len(matrix).bit_length() - 1
    order = [int(f"{k:0{wires}b}"[::-1], 2) for k in range(len(matrix))]
    return matrix[np.ix_(order, order)]


def random_unitary(seed: int, size: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.linalg.qr(generator.normal(size=(size, size)) + 1j * generator.normal(size=(size, size)))[0]


def test_a_bound_is_itself() -> None:
    bound = Bound(2, (Gate("h", (0,)),))
    assert as_bound(bound) is bound


def test_an_object_that_can_be_bound() -> None:
    class Call:
        def bound(self) -> Bound:
            return Bound(1, (Gate("x", (0,)),))

    assert as_bound(Call()).body == (Gate("x", (0,)),)


def module(*slots: str) -> CircuitModule:
    segments = (
        Segment("start", None, (Gate("h", (0,)),)),
        Segment("left", 0, (Gate("x", (0,)),)),
        Segment("right", 0, (Gate("z", (0,)),)),
    )
    return CircuitModule("several", 1, slots, (), segments, (State(1), State(2)))


def test_a_module_is_the_path_to_a_segment() -> None:
    assert as_bound(module(), segment="right").body == (Gate("h", (0,)), Gate("z", (0,)))
    with pytest.raises(ValueError, match="several circuits; name one of its segments: start, left, right"):
        as_bound(module())
    with pytest.raises(ValueError, match="no single segment `up`"):
        as_bound(module(), segment="up")
    with pytest.raises(ValueError, match=r"has slots \(t, ...\)"):
        as_bound(module("t"), segment="left")


def test_an_ansatz_at_arguments_keeps_every_gate() -> None:
    rotated = qsanc.compile(ROTATED, "rotated")
    body = bound_at(rotated, [0.1, 0.2]).body
    assert [gate.name for gate in body] == ["ry", "ry", "cx"]
    assert [gate.angles[0].constant for gate in body[:2]] == pytest.approx([0.7, 0.9])
    np.testing.assert_allclose(bound_at(rotated, x=[0.1, 0.2]).unitary()[:, 0], rotated([0.1, 0.2]), atol=1e-12)
    assert len(as_bound(qsanc.compile(ROTATED, "plain")).body) == 3


def test_what_cannot_be_an_ansatz_at_arguments() -> None:
    with pytest.raises(ValueError, match=r"`curved` computes .* not affine"):
        bound_at(qsanc.compile(ROTATED, "curved"), 0.3)
    with pytest.raises(ValueError, match="`read` measures"):
        bound_at(qsanc.compile(ROTATED, "read"), 0.3)
    with pytest.raises(qsanc.QsanError, match="needs `x`"):
        as_bound(qsanc.compile(ROTATED, "rotated"))


def test_what_is_no_circuit() -> None:
    with pytest.raises(TypeError, match="a str is no circuit here"):
        as_operator("h 0")
    with pytest.raises(ValueError, match=r"a unitary is \[2\^n, 2\^n\], not \[3, 3\]"):
        as_unitary(np.eye(3))


@pytest.mark.parametrize("name", sorted(GATES))
def test_a_gate_is_recognised_by_its_matrix_even_with_a_phase(name: str) -> None:
    row = GATES[name]
    angles = tuple(0.3 + k for k in range(len(row.angles)))
    step = Gate(name, tuple(range(row.wires)), tuple(map(Angle, angles)))
    matrix = np.exp(0.7j) * dense.unitary((step,), row.wires, np.empty(0))
    found = as_operator(np.array(matrix))
    if not angles:
        assert isinstance(found, Bound)
    np.testing.assert_allclose(as_unitary(found), matrix, atol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_any_unitary_of_one_wire_is_gates(seed: int) -> None:
    matrix = random_unitary(seed, 2)
    np.testing.assert_allclose(as_bound(matrix).unitary(), matrix, atol=1e-9)
    diagonal = np.diag(np.exp(1j * np.arange(2) * (seed + 1)))
    np.testing.assert_allclose(as_bound(diagonal).unitary(), diagonal, atol=1e-9)
    np.testing.assert_allclose(as_bound(diagonal[::-1].copy()).unitary(), diagonal[::-1], atol=1e-9)


def test_other_matrices_are_applied_as_they_are() -> None:
    matrix = random_unitary(1, 4)
    assert isinstance(as_operator(matrix), Matrices)
    np.testing.assert_allclose(as_unitary(matrix), matrix, atol=1e-12)
    with pytest.raises(ValueError, match="the matrix on wires 0, 1 is no gate of qsanc"):
        as_bound(matrix)
    both = Matrices(2, (Unitary("a", GATES["x"].matrix(), (1,)), Unitary("b", matrix, (1, 0))))
    swap = GATES["swap"].matrix()
    np.testing.assert_allclose(as_unitary(both), swap @ matrix @ swap @ np.kron(np.eye(2), GATES["x"].matrix()))


def test_braket() -> None:
    braket = pytest.importorskip("braket.circuits")
    circuit = braket.Circuit().h(0).cnot(2, 0).rx(1, 0.3).zz(0, 2, 0.4).ccnot(2, 0, 1).gphase(0.7).u(1, 0.1, 0.2, 0.3)
    circuit.x(0, power=0.5).gpi(1, 0.4).phaseshift(2, 0.1).iswap(1, 2).ry(0, 0.2, control=2)
    found = as_bound(circuit)
    assert {"h", "cx", "rx", "rzz", "ccx", "u3", "iswap"} <= {gate.name for gate in found.body}
    np.testing.assert_allclose(found.unitary(), circuit.to_unitary(), atol=1e-9)
    strange = braket.Circuit().h(0).xy(0, 1, 0.2).cnot(1, 0).x(0, control=[1, 2], power=0.25)
    np.testing.assert_allclose(as_unitary(strange), strange.to_unitary(), atol=1e-9)
    with pytest.raises(ValueError, match="XY on wires 0, 1 is no gate of qsanc"):
        as_bound(strange)


def test_a_braket_control_state_is_in_the_order_of_the_controls() -> None:
    """As its simulator runs it; its `to_unitary` takes the states of several controls in another order."""
    braket = pytest.importorskip("braket.circuits")
    circuit = braket.Circuit().i([0, 1, 2]).x(0, control=[1, 2], control_state=[0, 1])
    moved = np.argmax(np.abs(as_unitary(circuit)), axis=0)
    assert moved.tolist() == [0, 0b101, 2, 3, 4, 0b001, 6, 7]


def test_braket_qubits_are_sorted_or_named() -> None:
    braket = pytest.importorskip("braket.circuits")
    circuit = braket.Circuit().x(5).cnot(5, 2)
    assert as_bound(circuit).body == (Gate("x", (1,)), Gate("cx", (1, 0)))
    assert as_bound(circuit, wires=[5, 3, 2]).body == (Gate("x", (0,)), Gate("cx", (0, 2)))
    with pytest.raises(ValueError, match="uses 5, which is not among the wires"):
        as_bound(circuit, wires=[0, 1, 2])


def test_braket_refusals() -> None:
    braket = pytest.importorskip("braket.circuits")
    with pytest.raises(ValueError, match="parameters without value: a"):
        as_bound(braket.Circuit().rx(0, braket.FreeParameter("a")))
    with pytest.raises(ValueError, match="BitFlip is not unitary"):
        as_bound(braket.Circuit().x(0).bit_flip(0, 0.1))
    with pytest.raises(ValueError, match="Measure is not unitary"):
        as_bound(braket.Circuit().x(0).measure(0))


def test_qiskit() -> None:
    qiskit = pytest.importorskip("qiskit")
    info = pytest.importorskip("qiskit.quantum_info")
    circuit = qiskit.QuantumCircuit(3, global_phase=0.4)
    circuit.h(0)
    circuit.cx(2, 0)
    circuit.rzz(0.3, 1, 2)
    circuit.barrier()
    circuit.ccx(2, 0, 1)
    circuit.u(0.1, 0.2, 0.3, 1)
    circuit.crz(0.7, 2, 1)
    circuit.p(0.2, 0)
    circuit.sxdg(2)
    found = as_bound(circuit)
    assert [gate.name for gate in found.body[:4]] == ["h", "cx", "rzz", "ccx"]
    np.testing.assert_allclose(found.unitary(), reversed_bits(info.Operator(circuit).data), atol=1e-9)
    inner = qiskit.QuantumCircuit(4)
    inner.append(circuit.to_instruction(), [3, 0, 2])
    inner.unitary(random_unitary(3, 4), [1, 3])
    inner.mcx([0, 1, 2], 3)
    inner.append(qiskit.circuit.library.RZXGate(0.3), [2, 1])
    np.testing.assert_allclose(as_bound(inner).unitary(), reversed_bits(info.Operator(inner).data), atol=1e-7)


def test_qiskit_refusals() -> None:
    qiskit = pytest.importorskip("qiskit")
    measured = qiskit.QuantumCircuit(1, 1)
    measured.measure(0, 0)
    with pytest.raises(ValueError, match="measure is not unitary"):
        as_bound(measured)
    free = qiskit.QuantumCircuit(1)
    free.rx(qiskit.circuit.Parameter("a"), 0)
    with pytest.raises(ValueError, match="parameters without value: a"):
        as_bound(free)


def test_pennylane() -> None:
    qml = pytest.importorskip("pennylane")
    steps = [
        qml.Hadamard(0),
        qml.CNOT([2, 0]),
        qml.RX(0.3, 1),
        qml.Rot(0.1, 0.2, 0.3, 2),
        qml.GlobalPhase(0.4),
        qml.GlobalPhase(0.2, wires=[0, 1]),
        qml.Barrier([0, 1]),
        qml.adjoint(qml.S(0)),
        qml.ctrl(qml.RX(0.2, 0), 1),
        qml.IsingXX(0.2, [0, 2]),
        qml.QubitUnitary(random_unitary(5, 4), [2, 1]),
        qml.PSWAP(0.1, [0, 1]),
        qml.Toffoli([2, 0, 1]),
        qml.QFT([0, 2, 1]),
    ]
    tape = qml.tape.QuantumScript(steps, [qml.expval(qml.Z(0))])
    truth = np.asarray(qml.matrix(tape, wire_order=[0, 1, 2]))
    np.testing.assert_allclose(as_bound(tape).unitary(), truth, atol=1e-7)
    np.testing.assert_allclose(as_bound(steps).unitary(), truth, atol=1e-7)
    assert [gate.name for gate in as_bound(steps[:3]).body] == ["h", "cx", "rx"]


def test_pennylane_wires_are_sorted_numbers_or_labels_as_they_appear() -> None:
    qml = pytest.importorskip("pennylane")
    assert as_bound([qml.CNOT([1, 0])]).body == (Gate("cx", (1, 0)),)
    assert as_bound([qml.CNOT(["b", "a"])]).body == (Gate("cx", (0, 1)),)
    assert as_bound([qml.CNOT(["b", "a"])], wires=["a", "b"]).body == (Gate("cx", (1, 0)),)


def test_pennylane_refusals() -> None:
    qml = pytest.importorskip("pennylane")
    with pytest.raises(ValueError, match="is not unitary"):
        as_bound([qml.BitFlip(0.1, wires=0)])
    with pytest.raises(TypeError, match="a DefaultQubit is no circuit: give a Circuit of Braket"):
        as_bound(qml.device("default.qubit", wires=1))


def test_a_rotation_keeps_its_name_where_several_are_equal() -> None:
    qiskit = pytest.importorskip("qiskit")
    circuit = qiskit.QuantumCircuit(1)
    circuit.ry(math.pi, 0)
    circuit.rz(0.1, 0)
    assert as_bound(circuit).body == (Gate("ry", (0,), (Angle(math.pi),)), Gate("rz", (0,), (Angle(0.1),)))


@pytest.mark.parametrize(
    ("wires", "body", "message"),
    [
        (1, (Gate("hadamard", (0,)),), "gate 0: hadamard: no such gate"),
        (2, (Gate("h", (0,)), Gate("h", (2,))), r"gate 1: h: wire 2 is not in 0\.\.2"),
        (2, (Gate("cx", (1, 1)),), "gate 0: cx: a wire occurs twice"),
        (2, (Gate("cx", (1,)),), "gate 0: cx acts on 2 wires, not on 1"),
        (1, (Gate("rx", (0,)),), "gate 0: rx takes 1 angles, not 0"),
        (1, (Gate("rx", (0,), (Angle(0.0, ((0, 1.0),)),)),), r"gate 0: rx: .* bind it with Bound\.of"),
        (1, (Gate("rx", (0,), (Angle(math.nan),)),), "gate 0: rx: the angle's constant is nan"),
        (1, (Gate("rx", (0,), (0.3,)),), r"angles are a tuple such as \(Angle\(0\.3\),\)"),
        (1, (Gate("h", [0]),), "wires are a tuple of integers"),
        (1, ("h",), "gate 0: 'h' is no Gate"),
        (1, [Gate("h", (0,))], "a tuple of gates"),
        (-1, (), "a number of wires"),
    ],
)
def test_a_bound_that_is_no_circuit_is_refused(wires: int, body: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_operator(Bound(wires, body))

    class Call:
        def bound(self) -> Bound:
            return Bound(wires, body)

    with pytest.raises(ValueError, match=message):
        as_bound(Call())


def differ(one: object, other: object, **options: Any) -> bool:
    """Whether they are told apart, in either order."""
    found = []
    for pair in ((one, other), (other, one)):
        try:
            assert_equivalent(*pair, keep=None, **options)
            found.append(False)
        except CheckFailed:
            found.append(True)
    assert found[0] == found[1]
    return found[0]


def test_qubits_of_braket_are_compared_by_their_numbers() -> None:
    braket = pytest.importorskip("braket.circuits")
    make = braket.Circuit
    assert differ(make().cnot(0, 1), make().cnot(1, 2))
    assert differ(make().x(2), make().x(0))
    assert differ(make().x(90), make().x(80))
    assert not differ(make().x(90).z(80), make().z(80).x(90))
    assert not differ(make().x(2).x(0), make().x(0).x(2).h(1).h(1))
    assert not differ(make().x(2), Bound(3, (Gate("x", (2,)),)))
    assert not differ(make().x(0), Bound(3, (Gate("x", (0,)),)))
    assert not differ(make(), Bound(2))
    assert differ(make().x(2), Bound(1, (Gate("x", (0,)),)))
    assert not differ(make().x(2), GATES["x"].matrix())
    assert differ(make().x(5).cnot(5, 3), make().x(5).cnot(5, 3), wires=[5, 3]) is False
    assert differ(make().x(5).cnot(5, 3), Bound(2, (Gate("x", (0,)), Gate("cx", (0, 1)))), wires=[5, 3]) is False
    with pytest.raises(ValueError, match="a label occurs twice"):
        assert_equivalent(make().x(0), make().x(0), wires=[0, 0])


def test_what_is_read_of_braket_is_named_by_its_numbers() -> None:
    braket = pytest.importorskip("braket.circuits")
    make = braket.Circuit
    with pytest.raises(CheckFailed, match="do not follow the law"):
        assert_distribution(make().x(2), make().x(0))
    assert_distribution(make().x(2), {"1": 1.0})
    assert_distribution(make().i(0).x(2), {"1": 1.0}, wires=[2])
    assert_distribution(make().x(7), make().x(7).x(3), wires=[7])
    assert_distribution([0, 100], make().x(2))
    with pytest.raises(ValueError, match=r"distinct ones of \[2\] and one at least, not \[0\]"):
        assert_distribution(make().x(2), {"1": 1.0}, wires=[0])
    assert_state(make().x(5).i(3), [0, 0, 1, 0], wires=[5, 3])
    assert_state(make().x(2), Bound(3, (Gate("x", (2,)),)))
    assert_expectation(make().x(5).i(3), "Z0", -1.0, wires=[5, 3])
    assert_expectation(make().x(5).i(3), "Z0", -1.0, wires=[5, 3], tol=1e-9)


def test_labels_of_pennylane_are_compared_by_name() -> None:
    qml = pytest.importorskip("pennylane")
    assert differ([qml.X(5)], [qml.X(0)])
    assert differ([qml.X("a")], [qml.X("b")])
    assert not differ([qml.X("a"), qml.Z("b")], [qml.Z("b"), qml.X("a")])
    assert not differ([qml.CNOT(["b", "a"])], Bound(2, (Gate("cx", (0, 1)),)))
    assert not differ([qml.X(-1), qml.Z(3)], [qml.Z(3), qml.X(-1)])
    assert as_bound([qml.CNOT([np.int64(3), np.int64(1)])]).body == (Gate("cx", (1, 0)),)
    assert as_bound([qml.CNOT([np.int64(1), 0.5])]).body == (Gate("cx", (1, 0)),)
    assert not differ([qml.CNOT([np.int64(2), np.int64(0)])], [qml.CNOT([2, 0])])


def test_circuits_of_several_frameworks_are_compared_by_number() -> None:
    qml, qiskit = pytest.importorskip("pennylane"), pytest.importorskip("qiskit")
    braket = pytest.importorskip("braket.circuits")
    circuit = qiskit.QuantumCircuit(3)
    circuit.cx(2, 0)
    assert not differ(circuit, [qml.CNOT([2, 0])])
    assert not differ(circuit, braket.Circuit().cnot(2, 0))
    assert differ(circuit, braket.Circuit().cnot(1, 0))


def test_objects_of_frameworks_that_are_no_circuits() -> None:
    qml, qiskit = pytest.importorskip("pennylane"), pytest.importorskip("qiskit")
    info = pytest.importorskip("qiskit.quantum_info")
    gate = qiskit.circuit.library.HGate()
    for strange in (gate, info.Operator(gate), info.Statevector([1, 0]), [qiskit.QuantumCircuit(1)], qml.X(0)):
        for wires in (None, [0]):
            with pytest.raises(TypeError, match="is no circuit: give a Circuit of Braket, a QuantumCircuit of Qiskit"):
                as_operator(strange, wires=wires)
    with pytest.raises(TypeError, match="RX has a batch of 2 parameters"):
        as_operator([qml.RX([0.1, 0.2], 0)])
    with pytest.raises(TypeError, match="a Gate is no operation of PennyLane"):
        as_operator([qml.X(0), Gate("h", (0,))])
