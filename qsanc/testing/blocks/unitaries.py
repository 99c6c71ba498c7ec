"""Whether what a backend makes of a circuit is unitary."""

from __future__ import annotations

import numpy as np

from qsanc.driver import compile_program
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle, CircuitModule, Gate, Segment, State
from qsanc.ir.gates import Matrix
from qsanc.ir.program import Program
from qsanc.target import Bindings, Request, ResultKind
from qsanc.testing.assertions.compare import inputs
from qsanc.testing.blocks.engine import Engine

_COLUMNS = 6
"""Qubits up to which a backend is asked for every column of a unitary."""


def from_unitary(engine: Engine, circuit: Bound, *, seed: int) -> tuple[float, str]:
    """How far U^dagger U is from the identity, and how that was found.

    The columns of U come from the backend where it gives states, for up to six qubits, else from the gate table; beyond
    ten qubits random states stand for the columns.
    """
    capabilities = engine.backend.capabilities
    if circuit.wires <= _COLUMNS and capabilities.exact and ResultKind.STATE in capabilities.results:
        columns, how = _columns(engine, circuit), f"columns from {capabilities.name}"
    else:
        start, _ = np.linalg.qr(inputs(circuit.wires, seed))
        columns, how = circuit.applied(start), f"{start.shape[1]} states through the gate table"
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
