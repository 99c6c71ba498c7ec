"""What is read from the final state of a segment: expectations, distributions, the state; and overlaps of two states.

A Pauli product moves basis state i to i ^ x, so <P> is the sum over i of P[i, i ^ x] rho[i ^ x, i], and rho of a pure
state is the product of two amplitudes. On small registers all products of a segment are one vector times one matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsanc.ir.circuit import CircuitModule, Expectation, Observable, Overlap, Pauli, Probabilities, Probability, State
from qsanc.target.protocol import Floats, Ints
from qsanc_braket.local_simulator import State as Numbers

_TABLE = 1 << 18
"""Entries of the matrix of all products of a segment, from which on products are read one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """`value = weights @ entries`, where `entries` are rho[column, row] of complex128[flip * state]."""

    numbers: tuple[int, ...]
    rows: Ints
    columns: Ints
    weights: Numbers

    def values(self, state: Numbers) -> Floats:
        """float64[result]."""
        mixed = state.ndim == 2
        entries = state[self.columns, self.rows] if mixed else state[self.columns] * state[self.rows].conj()
        found: Floats = (self.weights @ entries).real
        return found


class Readout:
    """The results of one segment that are no overlaps, by number."""

    def __init__(self, module: CircuitModule, segment: int, numbers: Sequence[int]) -> None:
        self._wires = module.wires
        mine = {k: module.results[k] for k in numbers}
        self._sums = {k: r.observable for k, r in mine.items() if isinstance(r, Expectation) and r.segment == segment}
        self._table = _table(self._sums, module.wires)
        self._others = {
            k: r for k, r in mine.items() if isinstance(r, Probabilities | Probability | State) and r.segment == segment
        }

    def write(self, state: Numbers, places: Sequence[int], values: dict[int, np.ndarray]) -> None:
        """Put the results of `state` into values[result][place] for all `places`."""
        if self._table is not None:
            for k, value in zip(self._table.numbers, self._table.values(state).tolist(), strict=True):
                values[k][places] = value
        else:
            for k, observable in self._sums.items():
                values[k][places] = _expectation(observable, state, self._wires)
        if not self._others:
            return
        chances = diagonal(state)
        for k, result in self._others.items():
            if isinstance(result, State):
                values[k][places] = state
                continue
            on = marginal(chances, result.wires, self._wires)
            values[k][places] = on if isinstance(result, Probabilities) else on[result.index]


def empty(module: CircuitModule, number: int, entries: int) -> np.ndarray:
    """Room for the values of a result, [entry, ...]."""
    result = module.results[number]
    if isinstance(result, State):
        return np.zeros((entries, 1 << module.wires), np.complex128)
    return np.zeros((entries, 1 << len(result.wires)) if isinstance(result, Probabilities) else entries)


def diagonal(state: Numbers) -> Floats:
    """The probability of each basis state."""
    chances: Floats = state.diagonal().real.copy() if state.ndim == 2 else state.real**2 + state.imag**2
    return chances


def marginal(chances: Floats, wires: Sequence[int], register: int) -> Floats:
    """The distribution over `wires`, the first most significant."""
    axes = chances.reshape((2,) * register)
    others = tuple(wire for wire in range(register) if wire not in wires)
    kept = sorted(wires)
    found: Floats = axes.sum(axis=others).transpose([kept.index(wire) for wire in wires]).reshape(-1)
    return found


def reduced(state: Numbers, wires: Sequence[int], register: int) -> Numbers:
    """The numbers whose inner product with those of another state is the overlap on `wires`: the state vector where
    those are all, else the density matrix that is left on them."""
    if len(wires) == register:
        return state
    others = [wire for wire in range(register) if wire not in wires]
    order, kept = [*wires, *others], 1 << len(wires)
    if state.ndim == 1:
        matrix = state.reshape((2,) * register).transpose(order).reshape(kept, -1)
        found: Numbers = matrix @ matrix.conj().T
        return found
    both = [*order, *(register + wire for wire in order)]
    blocks = state.reshape((2,) * (2 * register)).transpose(both).reshape(kept, 1 << len(others), kept, -1)
    left: Numbers = np.einsum("arbr->ab", blocks)
    return left


def overlap(left: Numbers, right: Numbers) -> float:
    """Tr(rho_left rho_right) of what `reduced` gave."""
    inner = complex(np.vdot(left, right))
    return abs(inner) ** 2 if left.ndim == 1 else inner.real


def segments_of(module: CircuitModule, numbers: Sequence[int], side: int = 0) -> dict[int, list[int]]:
    """The results by the segment at whose end they are read, overlaps by that of one side."""
    found: dict[int, list[int]] = {}
    for k in numbers:
        result = module.results[k]
        segment = (result.left, result.right)[side] if isinstance(result, Overlap) else result.segment
        found.setdefault(segment, []).append(k)
    return found


def _table(sums: dict[int, Observable], wires: int) -> Table | None:
    flips = sorted({_flip(pauli, wires) for observable in sums.values() for _, pauli in observable.terms})
    if not sums or len(sums) * len(flips) << wires > _TABLE:
        return None
    states = np.arange(1 << wires)
    weights = np.zeros((len(sums), len(flips), 1 << wires), np.complex128)
    for row, observable in enumerate(sums.values()):
        for coefficient, pauli in observable.terms:
            weights[row, flips.index(_flip(pauli, wires))] += coefficient * _phases(pauli, states, wires)
    columns = np.concatenate([states ^ flip for flip in flips]) if flips else states[:0]
    return Table(tuple(sums), np.tile(states, len(flips)), columns, weights.reshape(len(sums), -1))


def _expectation(observable: Observable, state: Numbers, wires: int) -> float:
    """One product after the other, with no more than one array as large as the state."""
    total = 0.0
    for coefficient, pauli in observable.terms:
        if state.ndim == 2:
            rows = np.arange(1 << wires)
            entries = state[rows ^ _flip(pauli, wires), rows]
        else:
            turned = tuple(
                slice(None, None, -1) if dict(pauli.factors).get(wire, "Z") in "XY" else slice(None)
                for wire in range(wires)
            )
            entries = (state.reshape((2,) * wires)[turned] * state.conj().reshape((2,) * wires)).reshape(-1)
        if pauli.factors:
            others = tuple(wire for wire in range(wires) if wire not in pauli.wires)
            entries = entries.reshape((2,) * wires).sum(axis=others).reshape(-1)
        on = Pauli(tuple((place, letter) for place, (_, letter) in enumerate(pauli.factors)))
        phases = _phases(on, np.arange(len(entries)), len(on.factors)) if pauli.factors else np.ones(1)
        total += coefficient * float((phases * entries).sum().real)
    return total


def _flip(pauli: Pauli, wires: int) -> int:
    return sum(1 << (wires - 1 - wire) for wire, letter in pauli.factors if letter in "XY")


def _phases(pauli: Pauli, states: Ints, wires: int) -> Numbers:
    """P[i, i ^ x] for basis states i."""
    phases = np.ones(len(states), np.complex128)
    for wire, letter in pauli.factors:
        sign = 1 - 2 * ((states >> (wires - 1 - wire)) & 1)
        if letter != "X":
            phases *= sign if letter == "Z" else -1j * sign
    return phases
