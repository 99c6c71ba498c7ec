"""The expected fidelity of a compiled circuit: a product of numbers that can be multiplied by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsanc.ir.circuit import Gate, Pauli
from qsanc.target.expand import PlainCircuit
from qsanc_braket.devices.fidelity import Expected, expected_fidelity
from qsanc_braket.devices.model import Fidelity
from qsanc_braket.devices.sheet import read_sheet
from qsanc_braket.devices.table import find
from qsanc_braket.native import NativeCircuit, NativeGate, lowered

DEVICE = replace(
    find("Garnet"),
    fidelity=Fidelity({1: 0.5, 2: 0.25}, {(1, 2): 0.75}, {1: 0.9, 2: 0.8}),
)


def native(*gates: tuple[str, tuple[int, ...]], reads: tuple[int, ...]) -> NativeCircuit:
    steps = tuple(NativeGate(name, qubits, ()) for name, qubits in gates)
    return NativeCircuit(steps, reads, reads, ())


def test_fidelities_are_multiplied_by_kind() -> None:
    found = expected_fidelity(native(("prx", (1,)), ("prx", (2,)), ("cz", (2, 1)), ("prx", (1,)), reads=(2, 1)), DEVICE)
    assert found == Expected(0.5 * 0.25 * 0.5, 0.75, pytest.approx(0.72), 3, 1, 2, ())
    assert found.value == pytest.approx(0.0625 * 0.75 * 0.72)


def test_a_change_of_frame_is_free() -> None:
    found = expected_fidelity(native(("rz", (1,)), ("rz", (9,)), reads=(1,)), DEVICE)
    assert (found.value, found.one_qubit_gates, found.missing) == (0.9, 0, ())


def test_what_has_no_number_is_said_and_counts_as_perfect() -> None:
    found = expected_fidelity(native(("prx", (7,)), ("cz", (7, 2)), ("cz", (2, 7)), reads=(7, 2)), DEVICE)
    assert found.missing == ("prx 7", "cz 2-7", "readout 7")
    assert found.value == pytest.approx(0.8)


def test_without_a_sheet_there_is_no_estimate() -> None:
    assert expected_fidelity(native(reads=(1,)), find("Garnet")) is None


@given(st.permutations([("prx", (1,)), ("prx", (2,)), ("cz", (1, 2)), ("prx", (2,))]))
def test_the_order_of_gates_does_not_matter(gates: list) -> None:
    found, plain = (expected_fidelity(native(*some, reads=(1, 2)), DEVICE) for some in (gates, sorted(gates)))
    assert found.value == pytest.approx(plain.value)


def test_a_bell_pair_on_a_real_sheet_is_good_and_a_long_chain_is_worse(shared_data: Path) -> None:
    ours = find("Garnet")
    device = read_sheet(shared_data / "devices" / "garnet.json", arn=ours.arn, name=ours.name)

    def value(wires: int) -> float:
        chain = (Gate("h", (0,)), *(Gate("cx", (k, k + 1)) for k in range(wires - 1)))
        circuit = PlainCircuit(wires, chain, Pauli(tuple((wire, "Z") for wire in range(wires))))
        found = expected_fidelity(lowered(circuit, device), device)
        assert found is not None
        assert found.missing == ()
        return found.value

    assert 0.9 < value(2) < 1
    assert value(2) > value(4) > value(8) > value(16)
