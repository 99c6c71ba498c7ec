"""What is read from final states: Pauli sums and probabilities, all those of one segment together, and their adjoints.

A product of Paulis maps basis state i to phase(i) times state i ^ x, where x marks the wires with X or Y. With
w_x[i] = conj(psi[i ^ x]) psi[i] its expectation is a signed sum of Re w_x (an even number of Y) or Im w_x (odd): all
observables of a segment are one product of a matrix of signs with w_x, for each x that occurs. Only wires that some
product touches by Z or Y matter for the sign; over the others w_x is summed first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from qsanc.ir.circuit import Expectation, Observable, Probabilities, Probability, State
from qsanc_numpy.plan import Complex, Floats, Index

Number = TypeVar("Number", np.float64, np.complex128)

Reading = Expectation | Probabilities | Probability | State


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Sums over all wires but `wires`: an array [2^register, column] becomes [2^len(wires), column], and back."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    order: tuple[int, ...]

    @staticmethod
    def onto(wires: Sequence[int], register: int) -> Fold:
        kept = sorted(wires)
        runs: list[tuple[bool, int]] = []
        for wire in range(register):
            if wire in kept:
                runs.append((True, 1))
            elif runs and not runs[-1][0]:
                runs[-1] = (False, runs[-1][1] + 1)
            else:
                runs.append((False, 1))
        return Fold(
            tuple(1 << length for _, length in runs),
            tuple(axis for axis, (keep, _) in enumerate(runs) if not keep),
            tuple(kept.index(wire) for wire in wires),
        )

    def sum(self, values: Floats) -> Floats:
        columns = values.shape[1]
        kept: Floats = values.reshape(*self.shape, columns)
        if self.axes:
            kept = np.add.reduce(kept, axis=self.axes)
        if self.order != tuple(range(len(self.order))):
            kept = kept.transpose(*self.order, len(self.order))
        return kept.reshape(1 << len(self.order), columns)

    def spread(self, values: NDArray[Number]) -> NDArray[Number]:
        """The transpose of `sum`, as an array that broadcasts against one reshaped to `shape + (column,)`."""
        kept = values.reshape((2,) * len(self.order) + (values.shape[1],))
        inverse = tuple(int(axis) for axis in np.argsort(self.order)) if self.order else ()
        return np.expand_dims(kept.transpose(*inverse, len(self.order)), self.axes)


@dataclass(frozen=True, slots=True, eq=False)
class _Flip:
    """The products with one x. `real` and `imaginary` are float64[observable, folded state], None where all zero."""

    index: Index | None
    shape: tuple[int, ...]
    real: Floats | None
    imaginary: Floats | None
    fold: Fold


@dataclass(frozen=True, slots=True, eq=False)
class Paulis:
    """Several observables of one register, to be measured together."""

    count: int
    constants: Floats
    flips: tuple[_Flip, ...]

    @staticmethod
    def of(observables: Sequence[Observable], register: int) -> Paulis:
        constants = np.zeros(len(observables))
        grouped: dict[frozenset[int], list[tuple[int, float, frozenset[int]]]] = {}
        for k, observable in enumerate(observables):
            for coefficient, pauli in observable.terms:
                flipped = frozenset(wire for wire, letter in pauli.factors if letter in "XY")
                signed = frozenset(wire for wire, letter in pauli.factors if letter in "ZY")
                if pauli.factors:
                    grouped.setdefault(flipped, []).append((k, coefficient, signed))
                else:
                    constants[k] += coefficient
        flips = tuple(_flip(flipped, terms, len(observables), register) for flipped, terms in grouped.items())
        return Paulis(len(observables), constants, flips)

    def values(self, state: Complex) -> Floats:
        """float64[observable, column]."""
        total = np.repeat(self.constants[:, None], state.shape[1], axis=1)
        for flip in self.flips:
            view = state.reshape(*flip.shape, state.shape[1])
            if flip.index is None:
                weight = (view.real**2 + view.imag**2).reshape(state.shape)
                assert flip.real is not None
                total += flip.real @ flip.fold.sum(weight)
                continue
            product = (view[flip.index].conj() * view).reshape(state.shape)
            if flip.real is not None:
                total += flip.real @ flip.fold.sum(product.real)
            if flip.imaginary is not None:
                total += flip.imaginary @ flip.fold.sum(product.imag)
        return total

    def adjoint(self, state: Complex, cotangents: Floats) -> Complex:
        """sum over observables of cotangents[observable, column] times the observable applied to the state."""
        total = np.zeros_like(state)
        total += (cotangents * self.constants[:, None]).sum(axis=0) * state
        for flip in self.flips:
            view = state.reshape(*flip.shape, state.shape[1])
            flipped = view if flip.index is None else view[flip.index]
            flipped = flipped.reshape(*flip.fold.shape, state.shape[1])
            target = total.reshape(flipped.shape)
            if flip.imaginary is None:
                assert flip.real is not None
                target += flip.fold.spread(flip.real.T @ cotangents) * flipped
            else:
                weight = np.empty((flip.imaginary.shape[1], cotangents.shape[1]), np.complex128)
                weight.imag = flip.imaginary.T @ cotangents
                weight.real = 0.0 if flip.real is None else flip.real.T @ cotangents
                target += flip.fold.spread(weight) * flipped
        return total


def _flip(
    flipped: frozenset[int], terms: list[tuple[int, float, frozenset[int]]], observables: int, register: int
) -> _Flip:
    support = sorted(frozenset().union(*(signed for _, _, signed in terms)))
    states = np.arange(1 << len(support))
    tables = {False: np.zeros((observables, len(states))), True: np.zeros((observables, len(states)))}
    for k, coefficient, signed in terms:
        ys = len(flipped & signed)
        parity = np.zeros(len(states), np.int64)
        for wire in signed:
            parity ^= (states >> (len(support) - 1 - support.index(wire))) & 1
        scale = {0: 1.0, 1: -1.0, 2: -1.0, 3: 1.0}[ys % 4]
        tables[ys % 2 == 1][k] += coefficient * scale * (1 - 2 * parity)
    real, imaginary = (table if table.any() else None for table in (tables[False], tables[True]))
    shape, index = _mirror(sorted(flipped), register)
    if real is None and imaginary is None:
        real = tables[False]
    return _Flip(index, shape, real, imaginary, Fold.onto(support, register))


def _mirror(wires: list[int], register: int) -> tuple[tuple[int, ...], Index | None]:
    """A view of a state reshaped to the first result, indexed by the second, has `wires` flipped."""
    if not wires:
        return (1 << register,), None
    edges = [-1, *wires, register]
    shape: list[int] = []
    index: list[slice | int] = []
    for left, right in pairwise(edges):
        shape += [1 << (right - left - 1), 2]
        index += [slice(None), slice(None, None, -1)]
    return tuple(shape[:-1]), tuple(index[:-1])


def _norms(state: Complex) -> Floats:
    return state.real**2 + state.imag**2


@dataclass(frozen=True, slots=True, eq=False)
class Readout:
    """All results but overlaps of one segment, by result number."""

    numbers: tuple[int, ...]
    expectations: tuple[int, ...]
    paulis: Paulis
    distributions: tuple[tuple[int, Fold, int | None], ...]
    """(result, onto its wires, the one basis state asked for)."""
    states: tuple[int, ...]

    @staticmethod
    def of(results: Mapping[int, Reading], register: int) -> Readout:
        expectations = {k: result for k, result in results.items() if isinstance(result, Expectation)}
        return Readout(
            tuple(results),
            tuple(expectations),
            Paulis.of([result.observable for result in expectations.values()], register),
            tuple(
                (k, Fold.onto(result.wires, register), result.index if isinstance(result, Probability) else None)
                for k, result in results.items()
                if isinstance(result, Probabilities | Probability)
            ),
            tuple(k for k, result in results.items() if isinstance(result, State)),
        )

    def values(self, state: Complex, wanted: frozenset[int]) -> dict[int, Floats | Complex]:
        """Values of the wanted results, [column, ...], in the final state complex128[2^wires, column]."""
        values: dict[int, Floats | Complex] = {}
        if not wanted.isdisjoint(self.expectations):
            measured = self.paulis.values(state)
            values |= {k: measured[at] for at, k in enumerate(self.expectations) if k in wanted}
        distributions = [entry for entry in self.distributions if entry[0] in wanted]
        if distributions:
            norms = _norms(state)
            for k, fold, index in distributions:
                folded = fold.sum(norms)
                values[k] = np.ascontiguousarray(folded.T) if index is None else folded[index]
        values |= {k: np.ascontiguousarray(state.T) for k in self.states if k in wanted}
        return values

    def adjoint(self, state: Complex, cotangents: Mapping[int, Floats]) -> Complex | None:
        """d/d conj(state) of the sum over results of <cotangent, value>, cotangents [column, ...]; None for none."""
        total: Complex | None = None
        if any(k in cotangents for k in self.expectations):
            stacked = np.zeros((len(self.expectations), state.shape[1]))
            for at, k in enumerate(self.expectations):
                if k in cotangents:
                    stacked[at] = cotangents[k]
            total = self.paulis.adjoint(state, stacked)
        for k, fold, index in self.distributions:
            if k not in cotangents:
                continue
            if index is None:
                weight = np.ascontiguousarray(cotangents[k].T)
            else:
                weight = np.zeros((1 << len(fold.order), state.shape[1]))
                weight[index] = cotangents[k]
            total = np.zeros_like(state) if total is None else total
            shape = (*fold.shape, state.shape[1])
            total.reshape(shape)[...] += fold.spread(weight) * state.reshape(shape)
        return total
