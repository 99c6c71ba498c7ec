"""Would this device accept it? Each answer with the number that the device allows and one fix, and no network."""

from __future__ import annotations

import math
import socket
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsanc.diagnostics import Diagnostic
from qsanc.ir.circuit import Angle, Channel, Gate, Pauli
from qsanc.target.expand import PlainCircuit
from qsanc.testing.strategies import circuits
from qsanc_braket.check import accepts, accepts_native, accepts_text
from qsanc_braket.devices.table import find, known
from qsanc_braket.native import NativeCircuit, NativeGate, lowered
from qsanc_braket.text import program

GARNET, SV1, DM1, FORTE, CEPHEUS = map(find, ("Garnet", "SV1", "DM1", "Forte-1", "Cepheus-1-108Q"))
BELL = PlainCircuit(2, (Gate("h", (0,)), Gate("cx", (0, 1))), Pauli(((0, "Z"), (1, "X"))))
PORTABLE = ("x", "y", "z", "h", "s", "si", "t", "ti", "rx", "ry", "rz", "cx", "swap")


def said(found: tuple[Diagnostic, ...]) -> tuple[str, str]:
    """Title and fix of the only finding, which is an error."""
    [only] = found
    assert (only.code, only.is_error) == ("QS801", True)
    return only.title, only.help


def native(*gates: tuple, reads: tuple[int, ...] = ()) -> NativeCircuit:
    steps = tuple(NativeGate(name, qubits, angles) for name, qubits, *rest in gates for angles in [tuple(rest)])
    return NativeCircuit(steps, reads, (), ())


@pytest.mark.parametrize("device", known(), ids=lambda device: device.name)
def test_a_bell_pair_is_accepted_everywhere(device) -> None:
    assert accepts(device, BELL, 100) == ()


@pytest.mark.parametrize("device", [d for d in known() if d.native], ids=lambda device: device.name)
def test_a_bell_pair_is_accepted_in_native_gates(device) -> None:
    assert accepts(device, BELL, 100, True) == ()
    assert accepts_native(device, lowered(BELL, device), 100) == ()


@given(st.data(), st.sampled_from(known()))
def test_circuits_in_portable_gates_are_accepted_everywhere(data: st.DataObject, device) -> None:
    module = data.draw(circuits(max_slots=0, max_segments=1, gates=PORTABLE, results=("probability",)))
    circuit = PlainCircuit(module.wires, module.segments[0].body, Pauli(tuple((k, "Y") for k in range(module.wires))))
    assert accepts(device, circuit, device.shots[0], bool(device.native)) == ()


def test_nothing_is_asked_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", never)
    assert accepts(GARNET, BELL, 100, program_set=True) == ()


def test_a_gate_that_is_not_there_comes_with_a_way_to_write_it() -> None:
    circuit = PlainCircuit(2, (Gate("iswap", (0, 1)), Gate("ch", (0, 1))), Pauli())
    first, second = accepts(FORTE, circuit, 100)
    assert (first.title, first.help) == ("Forte-1 has no gate `iswap`", "write it with `cx`, `h`, `s`")
    assert second.title == "Forte-1 has no gate `ch`"
    assert said(accepts(GARNET, circuit, 100)) == ("Garnet has no gate `ch`", "write it with `cz`, `ry`")


def test_a_circuit_has_to_fit() -> None:
    wide = PlainCircuit(40, tuple(Gate("h", (wire,)) for wire in range(5, 30)), Pauli())
    title, fix = said(accepts(GARNET, wide, 100))
    assert title == "the circuit needs 25 qubits, and Garnet has 20"
    assert fix == "use `braket:Forte-1`, which has 36"
    full = PlainCircuit(36, tuple(Gate("h", (wire,)) for wire in range(36)), Pauli())
    assert said(accepts(GARNET, full, 100))[1] == "use `braket:Forte-1`, which has 36"
    assert accepts(FORTE, full, 100) == ()
    sparse = PlainCircuit(1000, (Gate("h", (999,)),), Pauli())
    assert accepts(GARNET, sparse, 100) == (), "wires without gates need no qubits"
    huge = PlainCircuit(200, tuple(Gate("h", (wire,)) for wire in range(200)), Pauli())
    assert "none has so many" in said(accepts(GARNET, huge, 100))[1]


@pytest.mark.parametrize(
    ("device", "shots", "allowed", "fix"),
    [(FORTE, 99, "100 to 5 000", 100), (FORTE, 5001, "100 to 5 000", 5000), (CEPHEUS, 9, "10 to 50 000", 10)],
)
def test_shots_have_a_range(device, shots: int, allowed: str, fix: int) -> None:
    title, help = said(accepts(device, BELL, shots))
    asked = f"{shots:,}".replace(",", " ")
    assert title == f"{device.name} takes {allowed} shots a circuit, and {asked} are asked for"
    assert help == f"`--shots {fix}`"
    assert accepts(device, BELL, fix) == ()


def test_exact_values_are_for_simulators() -> None:
    for shots in (None, 0):
        title, help = said(accepts(GARNET, BELL, shots))
        assert title == "Garnet gives no exact values: it takes 1 to 20 000 shots a circuit"
        assert help == "`--shots 1000`"
        assert accepts(SV1, BELL, shots) == ()


def test_results_are_those_of_the_device() -> None:
    assert accepts(SV1, BELL, None, results=("Expectation", "AdjointGradient")) == ()
    assert said(accepts(SV1, BELL, None, results=("StateVector",))) == (
        "SV1 gives no StateVector",
        "use `braket:sv`, which runs here",
    )
    assert said(accepts(SV1, BELL, None, results=("Probability",)))[0] == "SV1 gives Probability with shots alone"
    assert said(accepts(SV1, BELL, 10, results=("AdjointGradient",)))[0].startswith("SV1 gives AdjointGradient")
    assert said(accepts(DM1, BELL, None, results=("AdjointGradient",)))[0] == "DM1 gives no AdjointGradient"
    assert said(accepts(GARNET, BELL, 10, results=("StateVector",)))[0] == "Garnet gives no StateVector"


def test_noise_runs_on_dm1_alone() -> None:
    noisy = PlainCircuit(1, (Channel("bit_flip", (0,), (0.1,)),), Pauli(((0, "Z"),)))
    assert accepts(DM1, noisy, 100) == ()
    assert "`braket:DM1`" in said(accepts(SV1, noisy, 100))[1]
    for form in (False, True):
        title, help = said(accepts(GARNET, noisy, 100, form))
        assert title == "Garnet runs no noise channels such as `bit_flip`"
        assert "leave the noise out" in help
    odd = PlainCircuit(1, (Channel("thermal", (0,), (1.0, 1.0, 1.0)),), Pauli())
    assert said(accepts(DM1, odd, 100))[0] == "DM1 has no noise channel `thermal`"


def test_angles_are_numbers() -> None:
    for form in (False, True):
        broken = PlainCircuit(1, (Gate("rx", (0,), (Angle(math.nan),)),), Pauli(((0, "Z"),)))
        assert "finite number" in said(accepts(GARNET, broken, 100, form))[0]


def test_program_sets_have_limits() -> None:
    assert accepts(GARNET, [BELL] * 100, 2000, program_set=True) == ()
    title, help = said(accepts(GARNET, [BELL] * 101, 10, program_set=True))
    assert (title, help) == (
        "a program set for Garnet holds 100 executables at most, and this one 101",
        "split it into 2 tasks",
    )
    title, help = said(accepts(GARNET, [BELL] * 100, 2001, program_set=True))
    assert title == "a program set for Garnet holds 200 000 shots at most, and this one 200 100"
    assert "`--shots 2000`" in help
    assert said(accepts(FORTE, BELL, 100, program_set=True))[0] == "Forte-1 takes no program sets"
    assert accepts(FORTE, [BELL] * 200, 100) == (), "tasks of their own have no such limit"


def test_what_is_offline_is_a_warning_and_what_is_retired_an_error() -> None:
    [warning] = accepts(replace(GARNET, status="offline"), BELL, 100)
    assert (warning.code, warning.is_error) == ("QS801", False)
    title, help = said(accepts(replace(FORTE, name="Aria-1", status="retired"), BELL, 100))
    assert (title, help) == ("Aria-1 is retired and takes no tasks", "use `braket:Forte-1`")
    old = replace(GARNET, name="Aspen-M-3", status="retired")
    assert said(accepts(old, BELL, 100))[1] == "use `braket:Cepheus-1-108Q`"


def test_what_is_wrong_in_many_circuits_is_said_once() -> None:
    wrong = PlainCircuit(2, (Gate("ch", (0, 1)), Gate("ch", (1, 0))), Pauli())
    assert len(accepts(GARNET, [wrong] * 50, 100)) == 1


def test_native_gates_are_those_of_the_device() -> None:
    assert said(accepts_native(GARNET, native(("h", (1,))), 100)) == (
        "`h` is no native gate of Garnet",
        "its native gates are `cz`, `prx`",
    )
    assert said(accepts_native(SV1, native(("h", (1,))), 100))[0] == "SV1 has no native gates"
    assert "3 qubits" in said(accepts_native(GARNET, native(("cz", (1, 2, 4))), 100))[0]
    assert "1 angles" in said(accepts_native(GARNET, native(("prx", (1,), 0.5)), 100))[0]
    assert accepts_native(FORTE, native(("GPI", (0,), 0.5), ("ZZ", (0, 35), 0.3)), 100) == ()


def test_physical_qubits_exist_and_are_connected() -> None:
    title, help = said(accepts_native(GARNET, native(("prx", (0,), 0.5, 0.5)), 100))
    assert (title, help) == ("Garnet has no qubit 0", "its qubits are 1 to 20")
    assert said(accepts_native(CEPHEUS, native(reads=(8,)), 100))[0] == "Cepheus-1-108Q has no qubit 8"
    assert said(accepts_native(CEPHEUS, native(reads=(108,)), 100))[1] == "its qubits are 0 to 107 without 8"
    assert accepts_native(GARNET, native(("cz", (2, 1)), reads=(1, 2)), 100) == (), "either way round"
    title, help = said(accepts_native(GARNET, native(("cz", (1, 3))), 100))
    assert title == "qubits 1 and 3 of Garnet are not connected, and `cz` acts on both"
    assert help == "qubit 1 is connected to 2, 4"
    assert said(accepts_native(GARNET, native(("cz", (20, 10))), 100))[1] == "qubit 10 is connected to 5, 9, 11, 15"
    assert "twice" in said(accepts_native(GARNET, native(("cz", (1, 1))), 100))[0]


def test_rigetti_turns_by_quarters() -> None:
    for turn in (math.pi / 2, -math.pi / 2, math.pi, -math.pi):
        assert accepts_native(CEPHEUS, native(("rx", (0,), turn), ("rz", (0,), 0.3)), 100) == ()
    title, help = said(accepts_native(CEPHEUS, native(("rx", (0,), 0.3)), 100))
    assert title == "a native `rx` of Cepheus-1-108Q turns by pi/2 or pi, and is given 0.3"
    assert "`rz` between" in help
    assert "no finite number" in said(accepts_native(CEPHEUS, native(("rx", (0,), math.inf)), 100))[0]


def test_a_processor_takes_one_array_of_each_kind() -> None:
    assert accepts_text(GARNET, program(BELL).text) == ()
    text = "OPENQASM 3.0;\nqubit[2] a;\nqubit b;\nbit[2] c;\nh a[0];\n"
    title, help = said(accepts_text(GARNET, text))
    assert title == "Garnet takes one array of qubits, and the program declares 2"
    assert help == "declare one array for all qubits"
    assert accepts_text(SV1, text) == ()
