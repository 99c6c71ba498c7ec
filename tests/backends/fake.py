"""A slow backend that samples, for tests: what a cloud device looks like through the protocol, built on the oracle.

It takes few gates and runs plain circuits in chunks. A submitted request is not done at once: each look at `done` runs
one chunk, and `collect` looks until all have run. It fails on command.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256

import numpy as np
from oracle import dense

from qsanc.diagnostics import CompilerBug, Diagnostic, Severity
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule, Gate, Overlap, State
from qsanc.target import BackendFailure, Capabilities, Context, Handle, Request, ResultKind, Results
from qsanc.target.draws import Draws
from qsanc.target.expand import Expansion, PlainCircuit, expand
from qsanc.target.sampling import basis_change

GATES = frozenset({"rx", "rz", "cz"})
CHUNK = 7


@cache
def distribution(circuit: PlainCircuit) -> np.ndarray:
    """The probabilities of the outcomes of a plain circuit, float64[outcome], from dense matrices."""
    slots = np.zeros(0)
    state = np.eye(1 << circuit.wires)[0].astype(complex)
    for step in (*circuit.body, *basis_change(circuit.measured)):
        assert isinstance(step, Gate)
        state = dense.embed(dense.GATES[step.name](*dense.angles(step, slots)), step.wires, circuit.wires) @ state
    return np.diag(dense.reduced(np.outer(state, state.conj()), circuit.measured.wires, circuit.wires)).real


@dataclass(eq=False)
class Queued:
    expansion: Expansion
    shots: int
    work: Iterator[None]
    counts: list[np.ndarray] = field(default_factory=list)
    failure: BackendFailure | None = None

    @property
    def done(self) -> bool:
        return next(self.work, "finished") == "finished"


class FakeExecutable:
    def __init__(self, backend: FakeBackend, module: CircuitModule) -> None:
        self._backend = backend
        self._module = module

    @property
    def module(self) -> CircuitModule:
        return self._module

    def plan(self) -> str:
        return f"{self._module.name}, one circuit after another\n"

    def submit(self, request: Request, context: Context) -> Queued:
        assert request.shots is not None, "it only samples"
        queued = Queued(expand(self._module, request, gates=GATES), request.shots, iter(()))
        queued.work = self._run(queued, context)
        queued.failure, self._backend.fail_next = self._backend.fail_next, None
        return queued

    def _run(self, queued: Queued, context: Context) -> Iterator[None]:
        draws = Draws(context)
        copies: dict[PlainCircuit, int] = {}
        for number, circuit in enumerate(queued.expansion.circuits):
            assert {step.name for step in circuit.body if isinstance(step, Gate)} <= GATES
            if number % CHUNK == 0:
                yield
            copies[circuit] = copies.get(circuit, -1) + 1
            key = sha256(repr((circuit, copies[circuit])).encode()).digest()
            queued.counts.append(draws.counts(key, distribution(circuit), queued.shots).astype(float))

    def collect(self, handle: Handle) -> Results:
        if not isinstance(handle, Queued):
            raise CompilerBug("this handle belongs to another backend")
        if handle.failure is not None:
            raise handle.failure
        while not handle.done:
            pass
        return handle.expansion.combine(handle.counts, shots=handle.shots)


class FakeBackend:
    """`fail_next` makes the next submitted request fail when it is collected."""

    def __init__(self, target: str | None = None) -> None:
        self.fail_next: BackendFailure | None = None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            name="fake",
            gates=GATES,
            max_wires=6,
            results=frozenset(ResultKind) - {ResultKind.STATE},
            exact=False,
            shots=(1, 100_000),
            chunk=CHUNK,
            overlaps=("compute_uncompute", "swap_test"),
            billed=True,
        )

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        needed = [
            2 * module.wires + 1 for r in module.results if isinstance(r, Overlap) and len(r.wires) < module.wires
        ]
        faults = [
            (shots is None, "the backend `fake` only samples"),
            (any(isinstance(result, State) for result in module.results), "the backend `fake` gives no states"),
            (max([module.wires, *needed]) > 6, "the backend `fake` has 6 qubits"),
        ]
        return tuple(Diagnostic("QS801", Severity.ERROR, text) for wrong, text in faults if wrong)

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> FakeExecutable:
        return FakeExecutable(self, module)
