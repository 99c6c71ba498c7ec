"""A backend that counts what would be run, and runs nothing.

Requests are expanded as they are for a device. Instead of samples, each circuit gets outcomes drawn at random from its
key: so equal circuits read alike and others differ, layers that follow ask for the circuits they would ask for, and no
cotangent is zero that would not be on a device. What is counted is exact wherever no two estimates happen to be equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from qsanc.diagnostics import CompilerBug, Diagnostic
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule
from qsanc.target import Backend, Capabilities, Context, Floats, Handle, Request, Results
from qsanc.target.draws import Draws
from qsanc.target.expand import Expansion, expand

_EXACT = 1 << 20
"""Draws that stand for probabilities."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: so many entries (rows, pairs or shifts), for which so many different circuits are run."""

    module: str
    purpose: str
    step: int
    entries: int
    circuits: int
    shots: int | None


@dataclass(eq=False)
class Counting:
    """Stands before `backend`, whose gates and checks it has. `asked` are the requests so far, in order."""

    backend: Backend
    asked: list[Asked] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @property
    def capabilities(self) -> Capabilities:
        return self.backend.capabilities

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        return self.backend.check(module, shots=shots)

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> CountingExecutable:
        return CountingExecutable(self, module)

    def note(self, asked: Asked) -> None:
        with self._lock:
            self.asked.append(asked)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    expansion: Expansion
    outcomes: list[Floats]

    @property
    def done(self) -> bool:
        return True


class CountingExecutable:
    def __init__(self, counting: Counting, module: CircuitModule) -> None:
        self._counting, self._module = counting, module

    @property
    def module(self) -> CircuitModule:
        return self._module

    def plan(self) -> str:
        return f"{self._module.name}: circuits are counted, none is run\n"

    def submit(self, request: Request, context: Context) -> Counted:
        expansion = expand(self._module, request)
        entries = request.bindings.rows if request.pairs is None else len(request.pairs)
        if request.shifts is not None:
            entries = len(request.shifts)
        circuits = len(expansion)
        self._counting.note(Asked(self._module.name, context.purpose, context.step, entries, circuits, request.shots))
        return Counted(expansion, _outcomes(expansion, request.shots, context))

    def collect(self, handle: Handle) -> Results:
        if not isinstance(handle, Counted):
            raise CompilerBug("this handle belongs to another backend")
        return handle.expansion.combine(handle.outcomes, shots=handle.expansion.request.shots)


def _outcomes(expansion: Expansion, shots: int | None, context: Context) -> list[Floats]:
    """Counts, or probabilities for `shots` None, of every circuit: float64[outcome] each."""
    draws, found = Draws(context), []
    for number, key in enumerate(expansion.keys):
        outcomes = expansion.outcomes(number)
        counts = draws.counts(key, np.full(outcomes, 1.0 / outcomes), shots or _EXACT).astype(np.float64)
        found.append(counts if shots is not None else counts / _EXACT)
    return found
