"""Programs on hardware qubits, such as we write for processors: they read back as a circuit with the same outcomes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from other_readers import as_qsan, by_qsanc, unitary

from qsanc.diagnostics import QsanError
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Gate, Pauli
from qsanc.target.expand import PlainCircuit
from qsanc.target.sampling import basis_change
from qsanc.testing.strategies import bound_circuits
from qsanc_braket.devices.table import find
from qsanc_braket.native import lowered
from qsanc_braket.text import verbatim


def outcomes(state: np.ndarray, reads: tuple[int, ...]) -> np.ndarray:
    """The probabilities of the outcomes of the wires `reads`, the first the most significant."""
    wires = state.size.bit_length() - 1
    chances = (np.abs(state) ** 2).reshape((2,) * wires)
    others = tuple(wire for wire in range(wires) if wire not in reads)
    return np.moveaxis(chances, reads, range(len(reads))).reshape(1 << len(reads), 1 << len(others)).sum(1)


@pytest.mark.parametrize("name", ["Garnet", "Cepheus-1-108Q", "Forte-1"])
@settings(max_examples=10, deadline=None)
@given(st.data())
def test_a_verbatim_box_reads_back(name: str, data: st.DataObject) -> None:
    """prx and cz; rx, rz and cz; gpi, gpi2 and zz: every processor's own text."""
    circuit = data.draw(bound_circuits(max_wires=3, max_gates=6))
    letters = data.draw(st.lists(st.sampled_from("XYZ"), min_size=circuit.wires, max_size=circuit.wires))
    body = tuple(step for step in circuit.body if isinstance(step, Gate))
    plain = PlainCircuit(circuit.wires, body, Pauli(tuple(enumerate(letters))))
    program = verbatim(lowered(plain, find(name)))
    before = Bound(circuit.wires, (*body, *basis_change(plain.measured))).unitary()[:, 0]
    module = by_qsanc(program.text)
    after = unitary(module, {})[:, 0]
    assert module.wires == len(program.qubits)
    assert np.abs(outcomes(before, plain.measured.wires) - outcomes(after, program.reads)).max() < 1e-9


def test_hardware_qubits_become_a_register_in_rising_order() -> None:
    text = "bit[2] b;\n#pragma braket verbatim\nbox{\ncz $12, $3;\n}\nb[0] = measure $3; b[1] = measure $12;"
    printed = as_qsan(text, "p")
    assert "/// q[0] is $3, q[1] is $12.\n" in printed
    assert "circuit p on q: qubit[2] -> prob[4] {\n  cz q[1], q[0];\n  return probs(q);\n" in printed


def test_qubits_in_the_order_of_the_bits_are_mapped_by_number() -> None:
    printed = as_qsan("bit[2] b; cz $12, $3; b[1] = measure $3; b[0] = measure $12; h $5;", "p")
    assert "/// measured[0] is $12, measured[1] is $3, rest[0] is $5.\n" in printed


def test_all_hardware_qubits_are_mapped() -> None:
    printed = as_qsan("".join(f"h ${k};" for k in range(100, 120)))
    assert "q[7] is $107,\n/// q[8] is $108" in printed
    assert "q[19] is $119.\n" in printed


def test_results_are_asked_for_by_number() -> None:
    printed = as_qsan("h $4; h $7;\n#pragma braket result expectation x($7) @ z($4)\n")
    assert "return expval(Z(q[0]) @ X(q[1]));" in printed
    assert "return probs(q[1]);" in as_qsan("h $4; h $7;\n#pragma braket result probability $7\n")


def test_a_box_is_its_gates() -> None:
    assert as_qsan("qubit q; box { h q; box { x q; } }") == as_qsan("qubit q; h q; x q;")


def test_a_large_number_is_refused() -> None:
    with pytest.raises(QsanError) as caught:
        as_qsan(f"h ${'9' * 5000};")
    assert [told.code for told in caught.value.diagnostics] == ["QS825"]
