"""Whether two modules do the same, tried on random bindings: the check behind `--verify-passes`.

Each path from the root is applied to a random state vector; if that comes out the same up to a phase, then so do all
others, but for a chance of measure zero. Where no more than results are kept, these are computed, from |0...0>.

No pass looks into a channel, so a channel is stood for by a random unitary of its own, the same in both modules: what
holds with any unitary in that place holds with the channel.
"""

from __future__ import annotations

import zlib
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qsanc.ir.circuit import (
    Channel,
    CircuitModule,
    Expectation,
    Instruction,
    Overlap,
    Pauli,
    Probabilities,
    Probability,
    Result,
    State,
)
from qsanc.ir.gates import GATES, Matrix
from qsanc.ir.unitary import apply_matrix, evolve

Floats = NDArray[np.float64]

_TOLERANCE = 1e-9


def difference(
    before: CircuitModule, after: CircuitModule, *, keeps: Literal["unitaries", "results"], seed: int = 0
) -> str | None:
    """What the two modules do differently on bindings drawn from `seed`, in words; None where nothing was found."""
    if (before.wires, before.slots, before.results) != (after.wires, after.slots, after.results):
        return "wires, slots or results differ"
    if [(s.name, s.parent) for s in before.segments] != [(s.name, s.parent) for s in after.segments]:
        return "segments differ"
    generator = np.random.default_rng(seed)
    rows = generator.uniform(-np.pi, np.pi, (2, len(before.slots)))
    rows[1, : len(before.shared)] = rows[0, : len(before.shared)]
    start = np.zeros((1 << before.wires, 1), np.complex128)
    if keeps == "unitaries":
        start[:, 0] = generator.normal(size=(1 << before.wires, 2)) @ [1, 1j]
        start /= np.linalg.norm(start)
        pairs = zip(_states(before, rows[0], start), _states(after, rows[0], start), strict=True)
        for segment, (one, other) in zip(before.segments, pairs, strict=True):
            if not _same_ray(one, other):
                return f"the unitary of segment {segment.name} differs"
        return None
    start[0] = 1
    ours = [_states(before, row, start) for row in rows]
    theirs = [_states(after, row, start) for row in rows]
    for r, result in enumerate(before.results):
        got, wanted = _value(result, theirs), _value(result, ours)
        if not (_same_ray(got, wanted) if isinstance(result, State) else np.allclose(got, wanted, 0, _TOLERANCE)):
            return f"result {r} differs"
    return None


def _states(module: CircuitModule, row: Floats, start: Matrix) -> list[Matrix]:
    """The state complex128[2^n, 1] at the end of each segment, where roots begin with `start`."""
    states: list[Matrix] = []
    for segment in module.segments:
        state = start if segment.parent is None else states[segment.parent]
        for step in segment.body:
            state = _step(step, row, state)
        states.append(state)
    return states


def _step(step: Instruction, row: Floats, state: Matrix) -> Matrix:
    if not isinstance(step, Channel):
        return evolve((step,), row, state)
    size = 1 << len(step.wires)
    generator = np.random.default_rng(zlib.crc32(repr((step.kind, step.strength, size)).encode()))
    unitary, _ = np.linalg.qr(generator.normal(size=(size, size, 2)) @ np.array([1, 1j]))
    return apply_matrix(unitary, step.wires, state)


def _value(result: Result, rows: list[list[Matrix]]) -> Matrix:
    """The result from the segments' states in two rows; the second row is an overlap's right side."""
    match result:
        case Expectation(segment, observable):
            state = rows[0][segment]
            terms = [c * np.vdot(state, _paulis(pauli, state)) for c, pauli in observable.terms]
            return np.array([sum(terms)], np.complex128)
        case Probabilities(segment, wires):
            return _distribution(rows[0][segment], wires)
        case Probability(segment, wires, index):
            return _distribution(rows[0][segment], wires)[index : index + 1]
        case Overlap(left, right, wires):
            cross = _front(rows[0][left], wires).conj().T @ _front(rows[1][right], wires)
            return np.array([np.vdot(cross, cross)], np.complex128)
        case State(segment):
            return rows[0][segment]


def _paulis(pauli: Pauli, state: Matrix) -> Matrix:
    for wire, letter in pauli.factors:
        state = apply_matrix(GATES[letter.lower()].matrix(), (wire,), state)
    return state


def _front(state: Matrix, wires: tuple[int, ...]) -> Matrix:
    """The state as complex128[2^k, rest] with `wires` as the first axis: rho on them is this times its adjoint."""
    split = state.reshape((2,) * (len(state).bit_length() - 1))
    return np.moveaxis(split, wires, range(len(wires))).reshape(1 << len(wires), -1)


def _distribution(state: Matrix, wires: tuple[int, ...]) -> Matrix:
    front = _front(state, wires)
    probabilities: Matrix = (front * front.conj()).sum(axis=1)
    return probabilities


def _same_ray(one: Matrix, other: Matrix) -> bool:
    """Whether `other` is `one` up to a phase."""
    overlap = complex(np.vdot(one, other))
    phase = overlap / abs(overlap) if overlap else 1.0
    return bool(np.allclose(one * phase, other, 0, _TOLERANCE))
