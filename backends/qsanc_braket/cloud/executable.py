"""A module on a device behind the service: requests become circuits, circuits parts, parts tasks.

Equal circuits of a request run once. What is asked again with the same seed, step and purpose has the same token and is
read from the run folder; requests may therefore be repeated at will, and that is how a run is resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qsanc.diagnostics import CompilerBug, QsanError
from qsanc.ir.circuit import Channel, CircuitModule
from qsanc.target import Context, Floats, Handle, Request, Results
from qsanc.target.expand import Expansion, PlainCircuit, expand
from qsanc_braket import text
from qsanc_braket.batches import chunks
from qsanc_braket.check import accepts
from qsanc_braket.cloud import errors, exact
from qsanc_braket.cloud.counter import Counter
from qsanc_braket.cloud.desk import Desk, Part, Sent
from qsanc_braket.devices.model import Device
from qsanc_braket.native import lowered
from qsanc_braket.offered import PORTABLE


@dataclass(frozen=True, slots=True, eq=False)
class Submitted:
    """A request at the service: the parts it came to, at the desk of its run folder."""

    expansion: Expansion
    parts: tuple[Part, ...]
    desk: Desk
    masks: dict[int, exact.Masks]

    @property
    def done(self) -> bool:
        """Whether it is known to be finished; nothing is asked of the service."""
        return all(part.done for part in self.parts)


class CloudExecutable:
    def __init__(self, counter: Counter, module: CircuitModule) -> None:
        self._counter, self._module = counter, module

    @property
    def module(self) -> CircuitModule:
        return self._module

    def plan(self) -> str:
        target = self._counter
        form = "in the device's own gates, in a verbatim box" if target.native else "in portable gates"
        return f"{self._module.name}: one OpenQASM program a row and setting for {target.device.name}, {form}\n"

    def submit(self, request: Request, context: Context) -> Submitted:
        """Raises QsanError: QS801 for what the device would refuse, QS802 for what the limit does not allow."""
        desk, device = self._counter.desk(context)
        expansion = expand(self._module, request, gates=PORTABLE)
        circuits, shots = expansion.circuits, request.shots or 0
        if request.shots is None and not device.exact:
            raise errors.refused(f"{device.name} gives no exact values", "give a number of shots")
        found = accepts(device, circuits, shots, self._counter.native)
        if any(diagnostic.is_error for diagnostic in found):
            raise QsanError(found)
        masks = {} if shots else exact.wanted(expansion, device.name)
        sent = [self._sent(circuit, device, shots, masks.get(k, ())) for k, circuit in enumerate(circuits)]
        submitted = Submitted(expansion, parts(sent, shots, device, context), desk, masks)
        desk.submit(submitted.parts)
        return submitted

    def collect(self, handle: Handle) -> Results:
        """Raises BackendFailure for what was not delivered, with what to do about it, and QsanError."""
        if not isinstance(handle, Submitted):
            raise CompilerBug("this handle belongs to another backend")
        sent = [each for part in handle.parts for each in part.sent]
        read: list[Floats] = []
        for number, (outcome, one) in enumerate(zip(handle.desk.collect(handle.parts), sent, strict=True)):
            if outcome.counts is not None:
                read.append(text.counts_of(one.program, outcome.counts))
            else:
                assert outcome.values is not None
                count = handle.expansion.outcomes(number)
                read.append(exact.outcomes(handle.masks[number], outcome.values, count))
        request = handle.expansion.request
        results = handle.expansion.combine(read, shots=request.shots)
        return results if request.shots else exact.rounded(self._module, request.results, results)

    def _sent(self, circuit: PlainCircuit, device: Device, shots: int, masks: exact.Masks) -> Sent:
        seconds = simulated(circuit, device, shots, len(masks))
        if shots:
            native = text.verbatim(lowered(circuit, device)) if self._counter.native else text.program(circuit)
            return Sent(native, seconds=seconds)
        words = [exact.word(circuit.measured, mask) for mask in masks]
        return Sent(text.expectations(circuit, words), values=len(words), seconds=seconds)


def parts(sent: Sequence[Sent], shots: int, device: Device, context: Context) -> tuple[Part, ...]:
    """The tasks of these programs, in order; equal ones are numbered."""
    as_set = device.program_sets is not None and shots > 0
    copies: dict[tuple[str, ...], int] = {}
    found = []
    for number, chunk in enumerate(chunks(len(sent), shots, device)):
        mine = tuple(sent[k] for k in chunk)
        name = tuple(each.program.text for each in mine)
        copy = copies[name] = copies.get(name, -1) + 1
        found.append(Part(context, number, copy, mine, shots, as_set))
    return tuple(found)


_AMPLITUDE_S = 1e-8
"""Seconds for one gate on one number of the state: more than a managed simulator takes."""


def simulated(circuit: PlainCircuit, device: Device, shots: int, readings: int) -> float:
    """Seconds that a managed simulator is expected to take at most, 0 for a processor:

        1e-8 * (gates + wires + readings) * 2^wires + 1e-6 * shots * wires

    with 4^wires for density matrices. Readings are the expectations that are asked for with 0 shots.
    """
    if device.kind != "simulator":
        return 0.0
    wires = len(text.qubits(circuit))
    mixed = bool(device.noise) or any(isinstance(step, Channel) for step in circuit.body)
    numbers = 4.0**wires if mixed else 2.0**wires
    return _AMPLITUDE_S * (len(circuit.body) + readings + wires) * numbers + 1e-6 * shots * wires
