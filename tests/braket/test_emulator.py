"""Our check and the SDK's own validators say the same of random circuits on every processor whose sheet we have.

`LocalEmulator.validate` runs no circuit: it asks its validators, which are given what the reader of Braket makes of our
text. Circuits are legal as they are written; each is then broken in one way.

Where both cannot agree, because the emulator does not look:

    portable circuits   it takes verbatim boxes alone, so it refuses every other circuit. The validators that it is made
                        of do look at them, given the sheet's list of operations, and are asked in its place.
    shots               it never looks at them; a sheet's range is ours to keep.
    angles of rx        Rigetti's rx turns by pi/2 and pi only. Neither sheet nor emulator says so; ours does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qsanc.ir.circuit import Angle, Gate, Pauli
from qsanc.ir.gates import GATES
from qsanc.target.expand import PlainCircuit
from qsanc_braket.check import accepts, accepts_native
from qsanc_braket.devices.model import Device
from qsanc_braket.devices.sheet import device_of
from qsanc_braket.devices.table import find
from qsanc_braket.native import NativeCircuit, NativeGate, lowered
from qsanc_braket.text import program, verbatim

SHEETS = {
    "garnet": "Garnet",
    "emerald": "Emerald",
    "cepheus": "Cepheus-1-108Q",
    "forte_enterprise": "Forte-Enterprise-1",
}
CIRCUITS = 100


def sheet(folder: Path, name: str) -> tuple[Device, str]:
    text = (folder / "devices" / f"{name}.json").read_text()
    known = find(SHEETS[name])
    return device_of(json.loads(text), known.arn, known.name, "online"), text


@pytest.fixture(params=SHEETS)
def processor(request: pytest.FixtureRequest, shared_data: Path) -> Processor:
    pytest.importorskip("braket.emulation", reason="the Braket SDK is not installed")
    return Processor(*sheet(shared_data, request.param))


class Processor:
    """A device as we know it from its sheet, and the SDK's validators for the same sheet."""

    def __init__(self, device: Device, text: str) -> None:
        from braket.circuits.translations import BRAKET_GATES
        from braket.emulation.local_emulator import LocalEmulator
        from braket.emulation.pass_manager import EmulatorValidationError, PassManager
        from braket.emulation.passes.circuit_passes import GateValidator, QubitCountValidator

        self.device, self.emulator, self._refusal = device, LocalEmulator.from_json(text), EmulatorValidationError
        operations = json.loads(text)["action"]["braket.ir.openqasm.program"]["supportedOperations"]
        listed = [name for name in operations if name in BRAKET_GATES]
        self.portable = PassManager([QubitCountValidator(device.qubits), GateValidator(supported_gates=listed)])
        self.shots = device.shots[0]

    def theirs(self, validators: Any, text: str) -> bool:
        from braket.circuits import Circuit

        try:
            validators.validate(Circuit.from_ir(text))
        except self._refusal:
            return False
        return True

    def native(self, circuit: NativeCircuit) -> tuple[bool, bool]:
        """Whether we take a native circuit, and whether the emulator does."""
        ours = not accepts_native(self.device, circuit, self.shots)
        return ours, self.theirs(self.emulator, verbatim(circuit).text)

    def plain(self, circuit: PlainCircuit) -> tuple[bool, bool]:
        """Whether we take a portable circuit, and whether the validators of the emulator do."""
        ours = not accepts(self.device, circuit, self.shots)
        return ours, self.theirs(self.portable, program(circuit).text)


NAMED = tuple(sorted(name for name, gate in GATES.items() if gate.braket is not None and name != "u3"))
"""Gates that stand in a sheet under some name. U stands in none."""


def random_circuit(rng: np.random.Generator, wires: int, names: tuple[str, ...]) -> PlainCircuit:
    """Of up to 12 gates, with some wires read in some letter."""
    fitting = [name for name in names if GATES[name].wires <= wires]
    body = []
    for name in rng.choice(fitting, rng.integers(1, 13)):
        gate = GATES[name]
        on = rng.permutation(wires)[: gate.wires]
        angles = tuple(Angle(float(angle)) for angle in rng.uniform(-4, 4, len(gate.angles)))
        body.append(Gate(str(name), tuple(map(int, on)), angles))
    read = sorted(int(wire) for wire in rng.permutation(wires)[: rng.integers(1, wires + 1)])
    return PlainCircuit(wires, tuple(body), Pauli(tuple((wire, str(rng.choice(list("XYZ")))) for wire in read)))


def circuits(names: tuple[str, ...], wires: tuple[int, ...] = (1, 2, 3, 4, 5, 8)) -> Iterator[PlainCircuit]:
    for seed in range(CIRCUITS):
        rng = np.random.default_rng([seed, len(names)])
        yield random_circuit(rng, int(rng.choice(wires)), names)


def broken(rng: np.random.Generator, circuit: NativeCircuit, on: Device) -> Iterator[tuple[str, NativeCircuit]]:
    """The circuit with one thing wrong, and what that is."""

    def with_gate(gate: NativeGate) -> NativeCircuit:
        at = int(rng.integers(len(circuit.gates) + 1))
        gates = (*circuit.gates[:at], gate, *circuit.gates[at:])
        return replace(circuit, gates=gates, qubits=tuple(sorted({*circuit.qubits, *gate.qubits})))

    here = circuit.reads[0]
    one = next(name for name in ("prx", "gpi", "rz") if name in on.native)
    two = next(name for name in ("cz", "zz") if name in on.native)
    numbers = (0.5,) * (2 if one == "prx" else 1), (0.5,) * (two == "zz")
    foreign = str(rng.choice([name for name in ("h", "x", "ry", "t", "v") if name not in on.native]))
    yield "a gate that is not native", with_gate(NativeGate(foreign, (here,), (0.5,) * (foreign == "ry")))
    beyond = max(on.qubit_names) + 1 + int(rng.integers(5))
    yield "a qubit that is not there", with_gate(NativeGate(one, (beyond,), numbers[0]))
    if on.connectivity is None:
        coupled = on.qubit_names
    else:
        coupled = tuple({q for edge in on.connectivity if here in edge for q in edge})
    pairs = [q for q in on.qubit_names if q != here and q in coupled]
    yield "a coupling gate of another maker", with_gate(NativeGate("iswap", (here, pairs[0]), ()))
    if apart := [q for q in on.qubit_names if q not in coupled]:
        yield "no coupler", with_gate(NativeGate(two, (here, int(rng.choice(apart))), numbers[1]))
    crowd = tuple(NativeGate(one, (qubit,), numbers[0]) for qubit in range(max(on.qubit_names) + 2))
    yield "too many qubits", replace(circuit, gates=crowd, qubits=tuple(range(len(crowd))))


def test_native_circuits_are_taken_by_both_and_broken_ones_by_neither(processor: Processor) -> None:
    seen = set()
    for seed, circuit in enumerate(circuits(tuple(sorted(GATES)))):
        rng = np.random.default_rng([seed, 7])
        native = lowered(circuit, processor.device)
        assert processor.native(native) == (True, True)
        wrong = list(broken(rng, native, processor.device))
        what, other = wrong[seed % len(wrong)]
        assert (what, processor.native(other)) == (what, (False, False))
        seen.add(what)
    assert seen == {what for what, _ in wrong}


def test_couplers_work_both_ways(processor: Processor) -> None:
    bell = PlainCircuit(2, (Gate("h", (0,)), Gate("cx", (0, 1))), Pauli(((0, "Z"), (1, "Z"))))
    native = lowered(bell, processor.device)
    turned = tuple(replace(gate, qubits=gate.qubits[::-1]) for gate in native.gates)
    assert processor.native(replace(native, gates=turned)) == (True, True)


def test_portable_circuits_are_judged_alike(processor: Processor) -> None:
    """Of gates that the device lists, of any gates of Braket's, and on more qubits than it has."""
    listed = tuple(sorted(processor.device.gates))
    for circuit in circuits(listed):
        assert processor.plain(circuit) == (True, True)
    found = [processor.plain(circuit) for circuit in circuits(NAMED)]
    assert all(ours == theirs for ours, theirs in found)
    assert {theirs for _, theirs in found} == {True, False} or set(NAMED) <= set(listed)
    crowd = processor.device.qubits + 1
    every = PlainCircuit(crowd, tuple(Gate("h", (wire,)) for wire in range(crowd)), Pauli(((0, "Z"),)))
    assert processor.plain(every) == (False, False)
    assert processor.plain(replace(every, wires=crowd - 1, body=every.body[:-1])) == (True, True)


def test_known_exception_the_emulator_refuses_every_circuit_without_a_box(processor: Processor) -> None:
    circuit = PlainCircuit(1, (Gate("h", (0,)),), Pauli(((0, "Z"),)))
    assert processor.plain(circuit) == (True, True)
    assert not processor.theirs(processor.emulator, program(circuit).text)


def test_known_exception_the_emulator_does_not_look_at_shots(processor: Processor) -> None:
    """There is nothing to compare: `validate` is not told of them. Ours keeps the range of the sheet."""
    native = lowered(PlainCircuit(1, (Gate("h", (0,)),), Pauli(((0, "Z"),))), processor.device)
    least, most = processor.device.shots
    for shots, taken in ((least, True), (most, True), (least - 1, False), (most + 1, False), (0, False)):
        assert (not accepts_native(processor.device, native, shots)) == taken


def test_known_exception_the_emulator_lets_rx_turn_by_any_angle(shared_data: Path) -> None:
    processor = Processor(*sheet(shared_data, "cepheus"))
    turned = NativeCircuit((NativeGate("rx", (0,), (0.3,)),), (0,), (0,), ((0, 0),))
    assert processor.native(turned) == (False, True)
    for circuit in circuits(tuple(sorted(GATES))):
        for gate in lowered(circuit, processor.device).gates:
            assert gate.name != "rx" or abs(gate.angles[0]) in (math.pi / 2, math.pi)
