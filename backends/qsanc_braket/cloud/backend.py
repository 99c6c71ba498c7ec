"""Devices behind the service: SV1, DM1 and quantum processors."""

from __future__ import annotations

from qsanc.diagnostics import Diagnostic
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule
from qsanc.target import Capabilities, Executable
from qsanc_braket.names import Target


class CloudBackend:
    """The backend `braket:DEVICE`."""

    @classmethod
    def of(cls, target: Target) -> CloudBackend:
        raise NotImplementedError

    @property
    def capabilities(self) -> Capabilities:
        raise NotImplementedError

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        raise NotImplementedError

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> Executable:
        raise NotImplementedError
