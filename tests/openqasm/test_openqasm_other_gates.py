"""Gates that have no row of the gate table: equal to their matrices with their phase, which controls make visible.

Braket's are compared with the matrices of its simulator, those that Qiskit writes with matrices that stand here, wire 0
being the most significant bit.
"""

from __future__ import annotations

import importlib
import importlib.util
import math

import numpy as np
import pytest
from other_readers import as_qsan, by_qsanc, unitary

from qsanc.diagnostics import QsanError
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle
from qsanc.openqasm import gatenames
from qsanc.openqasm.gatenames import OTHERS
from qsanc.openqasm.modifiers import controlled

Matrix = np.ndarray
BRAKET = {
    "cv": "CV", "ecr": "ECR", "xy": "XY", "pswap": "PSwap", "cphaseshift00": "CPhaseShift00",
    "cphaseshift01": "CPhaseShift01", "cphaseshift10": "CPhaseShift10", "gpi": "GPi", "gpi2": "GPi2", "prx": "PRx",
    "ms": "MS",
}  # fmt: skip
ANGLES = (0.7, -1.9, 2.3)


def rotation(pauli: Matrix, angle: float) -> Matrix:
    return np.cos(angle / 2) * np.eye(len(pauli)) - 1j * np.sin(angle / 2) * pauli


def under(matrix: Matrix, controls: int) -> Matrix:
    """The matrix where so many wires in front read 1."""
    whole = np.eye(len(matrix) << controls, dtype=complex)
    whole[-len(matrix) :, -len(matrix) :] = matrix
    return whole


X, Y, Z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])
SX = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2
A, B, C = ANGLES
U = np.array(
    [
        [math.cos(A / 2), -np.exp(1j * C) * math.sin(A / 2)],
        [np.exp(1j * B) * math.sin(A / 2), np.exp(1j * (B + C)) * math.cos(A / 2)],
    ]
)
RCCX = np.eye(8, dtype=complex)
RCCX[5, 5] = -1
RCCX[6:, 6:] = [[0, -1j], [1j, 0]]
QISKIT = {
    "sxdg": SX.conj().T,
    "r": rotation(math.cos(B) * X + math.sin(B) * Y, A),
    "rzx": rotation(np.kron(Z, X), A),
    "rxx": rotation(np.kron(X, X), A),
    "ryy": rotation(np.kron(Y, Y), A),
    "rzz": rotation(np.kron(Z, Z), A),
    "dcx": np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]]),
    "csx": under(SX, 1),
    "cs": np.diag([1, 1, 1, 1j]),
    "csdg": np.diag([1, 1, 1, -1j]),
    "cu1": np.diag([1, 1, 1, np.exp(1j * A)]),
    "cu3": under(U, 1),
    "rccx": RCCX,
    "c3x": under(X, 3),
    "c4x": under(X, 4),
    "c3sx": under(SX, 3),
    "c3sqrtx": under(SX, 3),
}


def found(name: str, controls: int) -> Matrix:
    """The gate by our definition under controls. The phase that is left is global without them, and is put back."""
    meaning = OTHERS[name]
    wires = tuple(range(controls, controls + meaning.wires))
    stretch = meaning.stretch(tuple(map(Angle, ANGLES[: meaning.angles])), wires)
    body = tuple(controlled(stretch, tuple(range(controls)))) if controls else stretch.body
    phase = 0.0 if controls else stretch.phase.constant
    return np.exp(1j * phase) * Bound(controls + meaning.wires, body).unitary()


def test_every_name_is_compared() -> None:
    assert set(OTHERS) == BRAKET.keys() | QISKIT.keys()


needs_braket = pytest.mark.skipif(
    importlib.util.find_spec("braket") is None, reason="the extra braket is not installed"
)


@needs_braket
def test_every_gate_of_braket_is_known() -> None:
    names = importlib.import_module("braket.default_simulator.gate_operations").BRAKET_GATES
    unknown = set(names) - gatenames.BRAKET.keys() - OTHERS.keys() - gatenames.BUILT_IN.keys()
    assert unknown <= {"unitary"}


@needs_braket
@pytest.mark.parametrize("controls", [0, 1, 2])
@pytest.mark.parametrize("name", BRAKET)
def test_gates_of_braket(name: str, controls: int) -> None:
    operations = importlib.import_module("braket.default_simulator.gate_operations")
    meaning = OTHERS[name]
    matrix = getattr(operations, BRAKET[name])(tuple(range(meaning.wires)), *ANGLES[: meaning.angles]).matrix
    assert np.abs(found(name, controls) - under(matrix, controls)).max() < 1e-12


@pytest.mark.parametrize("controls", [0, 1, 2])
@pytest.mark.parametrize("name", QISKIT)
def test_gates_of_qiskit(name: str, controls: int) -> None:
    assert np.abs(found(name, controls) - under(QISKIT[name], controls)).max() < 1e-12


@pytest.mark.parametrize("name", OTHERS)
def test_a_program_calls_them_without_an_include(name: str) -> None:
    meaning = OTHERS[name]
    angles = f"({', '.join(map(repr, ANGLES[: meaning.angles]))})" if meaning.angles else ""
    wires = 1 + meaning.wires
    text = f"qubit[{wires}] q; inv @ ctrl @ {name}{angles} {', '.join(f'q[{k}]' for k in range(wires))};"
    assert np.abs(unitary(by_qsanc(text), {}) - found(name, 1).conj().T).max() < 1e-12


def test_ms_may_leave_its_last_angle_out() -> None:
    """It is pi/2 then: as entangled as it gets."""
    short, full = (as_qsan(f"qubit[2] q; ms(0.1, 0.2{rest}) q[0], q[1];") for rest in ("", ", pi / 2"))
    assert short == full
    assert "rxx(pi / 2) q[0], q[1];" in short


def test_angles_of_inputs_go_through() -> None:
    assert "rx(2 * t) q;\n  rz(s) q;" in as_qsan("input float t; input float s; qubit q; prx(2 * t, s) q;")


def test_a_definition_of_the_program_goes_before() -> None:
    assert "  swap q[0], q[1];\n" in as_qsan("gate rzx(a) p, r { swap p, r; } qubit[2] q; rzx(1) q[0], q[1];")


@pytest.mark.parametrize("name", ["crzz", "xx2", "sxd", "hh", "cxx", "rccz", "u4", "cphaseshift11"])
def test_no_other_gate_is_offered_for_an_unknown_one(name: str) -> None:
    """A name that is a letter off another gate's is most often a gate of its own: it is to be defined."""
    with pytest.raises(QsanError) as caught:
        as_qsan(f"qubit[3] q; {name}(0.5) q[0], q[1];")
    (told,) = caught.value.diagnostics
    assert told.code == "QS822"
    assert told.help == f"define it: `gate {name}(a0) q0, q1 {{ ... }}`"
