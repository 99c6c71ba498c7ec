"""A backend that counts what would be run, and runs nothing.

Requests are expanded as they are for a device. Instead of samples, each circuit gets outcomes drawn at random from its
key: so equal circuits read alike and others differ, layers that follow ask for the circuits they would ask for, and no
cotangent is zero that would not be on a device. What is counted is exact wherever no two estimates happen to be equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from qsanc.diagnostics import CompilerBug, Diagnostic, QsanError, Severity
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule, Expectation, Gate, Probabilities, Probability
from qsanc.target import Backend, Capabilities, Context, Floats, Gradient, Handle, Pullback, Request, Results
from qsanc.target.draws import Draws
from qsanc.target.expand import Expansion, PlainCircuit, expand

_EXACT = 1 << 20
"""Draws that stand for probabilities."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: for so many entries (rows, pairs or shifts), each in every one of `settings`, so many different
    circuits are run.

    A setting is named by its module and what it reads; `samples` holds a circuit of each, `shots` are those of each
    circuit, None for exact values.
    """

    module: str
    purpose: str
    step: int
    entries: int
    settings: tuple[str, ...]
    circuits: int
    shots: int | None
    samples: tuple[PlainCircuit, ...] = field(repr=False)

    @property
    def readings(self) -> int:
        """The circuits before equal ones are taken together."""
        return self.entries * len(self.settings)


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

    def taken(self) -> tuple[Asked, ...]:
        """The requests since this was asked last."""
        with self._lock:
            asked, self.asked = self.asked, []
        return tuple(asked)


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
        expansion = expand(self._module, request, gates=self._counting.capabilities.gates)
        self._counting.note(_asked(self._module.name, expansion, context))
        return Counted(expansion, _outcomes(expansion, request.shots, context))

    def collect(self, handle: Handle) -> Results:
        if not isinstance(handle, Counted):
            raise CompilerBug("this handle belongs to another backend")
        return handle.expansion.combine(handle.outcomes, shots=handle.expansion.request.shots)

    def vjp(self, request: Request, context: Context) -> tuple[Results, Pullback]:
        """As a device that differentiates by itself is asked: exact values, then a task for each row and each segment
        that is read. Raises QsanError (QS801) for overlaps, of which such a device has no gradient."""
        if request.pairs is not None:
            title = f"the adjoint gradient is of expectations, and `{self._module.name}` has overlaps"
            raise QsanError([Diagnostic("QS801", Severity.ERROR, title, help="use `--grad parameter_shift`")])
        results = self.collect(self.submit(request, context))

        def pullback(cotangents: Mapping[int, Floats]) -> Gradient:
            places = _gradients(self._module, cotangents)
            circuits = sum(len(rows) for rows in places.values())
            names = tuple(f"{self._module.name} gradient {segment}" for segment in places)
            rows = max(map(len, places.values()), default=0)
            self._counting.note(
                Asked(self._module.name, context.purpose, context.step, rows, names, circuits, None, ())
            )
            bindings = request.bindings
            return Gradient(_numbers(bindings.shared.shape), _numbers(bindings.items.shape))

        return results, pullback


def _gradients(module: CircuitModule, cotangents: Mapping[int, Floats]) -> dict[int, list[int]]:
    """The rows for which the end of a segment is differentiated: an angle is bound, and something read matters."""
    bound = {
        segment
        for segment in range(len(module.segments))
        if any(angle.terms for at in module.path(segment) for step in module.segments[at].body
               if isinstance(step, Gate) for angle in step.angles)
    }  # fmt: skip
    rows: dict[int, set[int]] = {}
    for number, cotangent in cotangents.items():
        result = module.results[number]
        if isinstance(result, Expectation) and not any(word.factors for _, word in result.observable.terms):
            continue
        if isinstance(result, Expectation | Probabilities | Probability) and result.segment in bound:
            matters = np.asarray(cotangent).reshape(len(cotangent), -1).any(axis=1)
            rows.setdefault(result.segment, set()).update(np.flatnonzero(matters).tolist())
    return {segment: sorted(found) for segment, found in rows.items() if found}


def _numbers(shape: tuple[int, ...]) -> Floats:
    """Some that are all different, so that no cotangent behind them is zero."""
    return np.cos(1.0 + np.arange(int(np.prod(shape)), dtype=np.float64)).reshape(shape)


def _asked(module: str, expansion: Expansion, context: Context) -> Asked:
    request = expansion.request
    places = {f"{module} setting {number}": at for number, at in expansion.settings.items()}
    places |= {f"{module} overlap {number}": at for number, (_, at) in expansion.overlaps.items()}
    return Asked(
        module,
        context.purpose,
        context.step,
        max(map(len, places.values()), default=0),
        tuple(places),
        len(expansion),
        request.shots,
        tuple(expansion.circuit(int(at[0])) for at in places.values() if len(at)),
    )


def _outcomes(expansion: Expansion, shots: int | None, context: Context) -> list[Floats]:
    """Counts, or probabilities for `shots` None, of every circuit: float64[outcome] each."""
    draws, found = Draws(context), []
    for number, key in enumerate(expansion.keys):
        outcomes = expansion.outcomes(number)
        counts = draws.counts(key, np.full(outcomes, 1.0 / outcomes), shots or _EXACT).astype(np.float64)
        found.append(counts if shots is not None else counts / _EXACT)
    return found
