"""The simulators that run in this process."""

from __future__ import annotations

from qsanc.diagnostics import Diagnostic
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule
from qsanc.target import Capabilities, Executable


class LocalBackend:
    """The backends `braket:sv` and `braket:dm`."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def capabilities(self) -> Capabilities:
        raise NotImplementedError

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        raise NotImplementedError

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> Executable:
        raise NotImplementedError
