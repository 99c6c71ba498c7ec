"""Unitaries of a block: whether two are one, and whether what a backend makes of one is unitary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsanc.driver import compile_program
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle, CircuitModule, Gate, Segment, State
from qsanc.ir.gates import Matrix
from qsanc.ir.program import Program
from qsanc.target import Bindings, Request, ResultKind
from qsanc.testing.blocks.engine import Engine

MOST_EXACT = 10
_COLUMNS = 6
"""Qubits up to which a backend is asked for every column of a unitary."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How two unitaries were compared, and the largest difference of an amplitude."""

    method: str
    distance: float


def compare(a: Bound, b: Bound, *, strict: bool, seed: int) -> Compared:
    """The distance of two circuits, up to a global phase unless `strict`.

    All columns up to ten qubits, eight random states beyond.
    """
    size = 1 << max(a.wires, b.wires)
    if size <= 1 << MOST_EXACT:
        start: Matrix = np.eye(size, dtype=np.complex128)
        method = "all columns"
    else:
        normal = np.random.default_rng(seed).normal(size=(size, 8, 2))
        start = normal @ np.array([1, 1j])
        start /= np.linalg.norm(start, axis=0)
        method = "eight random states"
    left, right = a.applied(start), b.applied(start)
    if not strict:
        inner = complex(np.vdot(left, right))
        left = left * (inner / abs(inner) if inner else 1.0)
    return Compared(method, float(np.abs(left - right).max(initial=0.0)))


def from_unitary(engine: Engine, circuit: Bound, *, seed: int) -> tuple[float, str]:
    """How far U^dagger U is from the identity, and how that was found.

    The columns of U come from the backend where it gives states of up to six qubits, else from the gate table; beyond
    ten qubits the norms of random states stand for them.
    """
    capabilities = engine.backend.capabilities
    if circuit.wires <= _COLUMNS and capabilities.exact and ResultKind.STATE in capabilities.results:
        columns, how = _columns(engine, circuit), f"columns from {capabilities.name}"
    elif circuit.wires <= MOST_EXACT:
        columns, how = circuit.unitary(), "columns from the gate table"
    else:
        normal = np.random.default_rng(seed).normal(size=(1 << circuit.wires, 4, 2))
        start, _ = np.linalg.qr(normal @ np.array([1, 1j]))
        columns, how = circuit.applied(start), "four random states"
    apart = columns.conj().T @ columns - np.eye(columns.shape[1])
    return float(np.abs(apart).max(initial=0.0)), how


def _columns(engine: Engine, circuit: Bound) -> Matrix:
    """The states that the backend makes of all basis states, each prepared by turns of pi."""
    wires = range(circuit.wires)
    turns = tuple(Gate("ry", (wire,), (Angle.slot(wire),)) for wire in wires)
    names = tuple(f"start[{wire}]" for wire in wires)
    segment = Segment("unitary", None, (*turns, *circuit.body))
    module = CircuitModule("unitary", circuit.wires, (), names, (segment,), (State(0),))
    compiled = compile_program(Program((module,), ()), engine.backend)
    executable = compiled.executables["unitary"]
    basis = np.arange(1 << circuit.wires)
    bits = (basis[:, np.newaxis] >> np.arange(circuit.wires)[::-1]) & 1
    request = Request(Bindings(np.empty(0), np.pi * bits.astype(np.float64)), (0,))
    found = executable.collect(executable.submit(request, engine.context(0)))
    return np.asarray(found.estimates[0].value, np.complex128).T
