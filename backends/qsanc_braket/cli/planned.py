"""A device as a backend that only says what it offers: nothing is lowered for it, and the SDK is not needed."""

from __future__ import annotations

from dataclasses import dataclass

from qsanc.diagnostics import CompilerBug, Diagnostic, Severity
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule, Expectation, Observable, Overlap, Probabilities, Probability, State
from qsanc.passes.grouping import groups
from qsanc.target import Capabilities, Executable

MOST_READ = 22
"""Wires that are read together: the counts of all their outcomes are added up here, as after a run."""

MOST_SHOTS = 1 << 30
"""More than any device takes; so many can be counted."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What is compiled for it is counted, and checked circuit by circuit against each device after that."""

    capabilities: Capabilities

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        if shots is not None and shots > MOST_SHOTS:
            return (Diagnostic("QS801", Severity.ERROR, f"no device takes {shots} shots a circuit"),)
        if any(isinstance(result, State) for result in module.results):
            return (Diagnostic("QS801", Severity.ERROR, f"shots cannot give the state of `{module.name}`"),)
        if (wires := _read_together(module)) > MOST_READ:
            title = f"`{module.name}` reads {wires} qubits at once, which have too many outcomes to add up"
            return (Diagnostic("QS801", Severity.ERROR, title, expected=f"at most {MOST_READ}"),)
        return ()

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> Executable:
        raise CompilerBug(f"{module.name} was to be run where it is only counted")


def _read_together(module: CircuitModule) -> int:
    observables: dict[int, list[Observable]] = {}
    found = [0]
    for result in module.results:
        if isinstance(result, Expectation):
            observables.setdefault(result.segment, []).append(result.observable)
        elif isinstance(result, Probabilities | Probability):
            found.append(len(result.wires))
        elif isinstance(result, Overlap) and len(result.wires) == module.wires:
            found.append(module.wires)
    found += [len(group.basis.factors) for each in observables.values() for group in groups(each)]
    return max(found)
