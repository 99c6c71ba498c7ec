"""A device as a backend that only says what it offers: nothing is lowered for it, and the SDK is not needed."""

from __future__ import annotations

from dataclasses import dataclass

from qsanc.diagnostics import CompilerBug, Diagnostic, Severity
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule, State
from qsanc.target import Capabilities, Executable


@dataclass(frozen=True, slots=True)
class Planned:
    """What is compiled for it is counted, and checked circuit by circuit against each device after that."""

    capabilities: Capabilities

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        if any(isinstance(result, State) for result in module.results):
            return (Diagnostic("QS801", Severity.ERROR, f"shots cannot give the state of `{module.name}`"),)
        return ()

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> Executable:
        raise CompilerBug(f"{module.name} was to be run where it is only counted")
