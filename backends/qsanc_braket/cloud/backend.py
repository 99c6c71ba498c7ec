"""Devices behind the service: SV1, DM1 and quantum processors. Nothing of the SDK is imported before it is called."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import Channel, CircuitModule, Overlap, State
from qsanc.target import Bindings, Capabilities, Context, Executable, Request
from qsanc.target.expand import Expansion, expand
from qsanc.target.sampling import overlap_method
from qsanc_braket.check import accepts
from qsanc_braket.cloud import exact
from qsanc_braket.cloud.counter import Connect, Counter
from qsanc_braket.cloud.desk import Desk, Manner
from qsanc_braket.cloud.session import BraketSession
from qsanc_braket.devices.model import Device
from qsanc_braket.devices.table import find
from qsanc_braket.names import Target
from qsanc_braket.offered import PORTABLE, capabilities
from qsanc_braket.sdk import missing

SDK = "braket.aws"


class CloudBackend:
    """The backend `braket:DEVICE`: circuits as tasks that are billed, and kept in the run folder of their context.

    `bucket` is where the service puts results, None for the SDK's default; `connect` makes the session. Neither is used
    before something is submitted.
    """

    def __init__(
        self,
        device: Device,
        *,
        native: bool = False,
        bucket: str | None = None,
        connect: Connect | None = None,
        manner: Manner | None = None,
    ) -> None:
        self._device, self._native = device, native
        self._needs_sdk = connect is None
        self._counter = Counter(
            device,
            connect or (lambda: BraketSession(device.arn, bucket)),
            native=native,
            manner=manner or Manner(),
        )

    @classmethod
    def of(cls, target: Target) -> CloudBackend:
        """Raises QsanError: QS810 for a device that nobody knows, QS801 for one that is gone."""
        return cls(find(target.name), native=target.native)

    @property
    def device(self) -> Device:
        return self._device

    @property
    def capabilities(self) -> Capabilities:
        return capabilities(self._device)

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        """What is refused of the module's circuits, each bound to zeros, by what the table knows of the device."""
        if self._needs_sdk and (absent := missing(SDK)) is not None:
            return (absent,)
        found = [*self._states(module), *self._exact(shots), *self._noise(module)]
        if found or (large := self._size(module)):
            return tuple(found or large)
        expansions = _samples(module, shots)
        if shots is None:
            try:
                for expansion in expansions:
                    exact.wanted(expansion, self._device.name)
            except QsanError as refused:
                return refused.diagnostics
        circuits = tuple(circuit for expansion in expansions for circuit in expansion.circuits)
        return accepts(self._device, circuits, shots or 0, self._native)

    def desk(self, folder: Path) -> Desk:
        """Where the tasks of a run folder are looked at and cancelled. Raises QsanError."""
        return self._counter.desk(Context(run_folder=folder))[0]

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> Executable:
        from qsanc_braket.cloud.adjoint import AdjointExecutable
        from qsanc_braket.cloud.executable import CloudExecutable

        if "adjoint" in self.capabilities.gradients:
            return AdjointExecutable(self._counter, module)
        return CloudExecutable(self._counter, module)

    def _states(self, module: CircuitModule) -> list[Diagnostic]:
        if not any(isinstance(result, State) for result in module.results):
            return []
        return [_error(f"{self._device.name} gives no states, as `{module.name}` asks for", "use `braket:sv`")]

    def _exact(self, shots: int | None) -> list[Diagnostic]:
        if shots is not None or self._device.exact:
            return []
        return [_error(f"{self._device.name} gives no exact values", "give a number of shots")]

    def _noise(self, module: CircuitModule) -> list[Diagnostic]:
        return [
            Diagnostic(
                "QS505",
                Severity.ERROR,
                f"{self._device.name} cannot honour the noise channel `{step.kind}`",
                step.span,
            )
            for segment in module.segments
            for step in segment.body
            if isinstance(step, Channel) and step.kind not in self._device.noise
        ]

    def _size(self, module: CircuitModule) -> list[Diagnostic]:
        tested = any(isinstance(r, Overlap) and overlap_method(module, r) == "swap_test" for r in module.results)
        wires = 2 * module.wires + 1 if tested else module.wires
        if wires <= self._device.qubits:
            return []
        return [_error(f"`{module.name}` takes {wires} qubits, and {self._device.name} has {self._device.qubits}")]


def _samples(module: CircuitModule, shots: int | None) -> tuple[Expansion, ...]:
    bindings = Bindings(np.zeros(len(module.shared)), np.zeros((1, len(module.items))))
    overlaps = tuple(k for k, result in enumerate(module.results) if isinstance(result, Overlap))
    others = tuple(k for k in range(len(module.results)) if k not in overlaps)
    pairs = np.zeros((1, 2), np.int64)
    asked = [Request(bindings, others, shots=shots)] if others else []
    asked += [Request(bindings, overlaps, pairs=pairs, shots=shots)] if overlaps else []
    return tuple(expand(module, request, gates=PORTABLE) for request in asked)


def _error(title: str, help: str = "") -> Diagnostic:
    return Diagnostic("QS801", Severity.ERROR, title, help=help)
