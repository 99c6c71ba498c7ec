"""How well a circuit will do on the qubits that it was given: an estimate from the sheet's numbers, before anything is
paid.

    F = product of f1(q) over gates on one qubit, f2(a, b) over gates on two, r(q) over the qubits that are read

with f1, f2 the average gate fidelities of benchmarking and r the readout fidelities of the day of the sheet. `rz` is a
change of frame on every device that has it and counts as perfect. F is about the chance that no operation failed: good
for comparing placements and devices, not for predicting an expectation. It knows nothing of idle qubits that decay, of
crosstalk beyond simultaneous benchmarking, of coherent errors, which add up faster or cancel, nor of failures that no
readout notices; gates whose errors were measured together with others count them twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from qsanc_braket.devices.model import Device
from qsanc_braket.native import NativeCircuit

FREE = frozenset({"rz"})
"""Gates, by Braket's names, that are done by the clock."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The estimate in its parts, each between 0 and 1, and how many operations each part counts.

    `missing` are operations without a number in the sheet (`cz 3-7`, `readout 4`), each once. They count as perfect, so
    that `value` is too high where there are any.
    """

    one_qubit: float
    two_qubit: float
    readout: float
    one_qubit_gates: int
    two_qubit_gates: int
    reads: int
    missing: tuple[str, ...]

    @property
    def value(self) -> float:
        return self.one_qubit * self.two_qubit * self.readout


def expected_fidelity(native: NativeCircuit, device: Device) -> Expected | None:
    """The estimate for one run of a native circuit; None for a device without fidelities, as in the table."""
    known = device.fidelity
    if known is None:
        return None
    missing: dict[str, None] = {}

    def of(number: float | None, what: str) -> float:
        if number is None:
            missing[what] = None
        return 1.0 if number is None else number

    one, two = [], []
    for gate in native.gates:
        if gate.name in FREE:
            continue
        if len(gate.qubits) == 1:
            one.append(of(known.one_qubit.get(gate.qubits[0]), f"{gate.name} {gate.qubits[0]}"))
        else:
            a, b = min(gate.qubits), max(gate.qubits)
            two.append(of(known.two_qubit.get((a, b)), f"{gate.name} {a}-{b}"))
    reads = sorted(set(native.reads))
    read = [of(known.readout.get(qubit), f"readout {qubit}") for qubit in reads]
    parts = math.prod(one), math.prod(two), math.prod(read)
    return Expected(*parts, len(one), len(two), len(reads), tuple(missing))
