"""What is read from the final states of one segment, all of it together, and the adjoint of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qsanc.ir.circuit import Expectation, Probabilities, Probability, State
from qsanc_numpy.arrays import Floats, Numbers
from qsanc_numpy.folds import Fold
from qsanc_numpy.paulis import Paulis

Reading = Expectation | Probabilities | Probability | State


def _norms(state: Numbers) -> Floats:
    norms: Floats = state.real**2 + state.imag**2 if np.iscomplexobj(state) else state**2
    return norms


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

    def values(self, state: Numbers, wanted: frozenset[int]) -> dict[int, Floats | Numbers]:
        """Values of the wanted results, [column, ...], in the final state [2^wires, column]."""
        values: dict[int, Floats | Numbers] = {}
        if not wanted.isdisjoint(self.expectations):
            measured = self.paulis.values(state)
            values |= {k: measured[at] for at, k in enumerate(self.expectations) if k in wanted}
        distributions = [entry for entry in self.distributions if entry[0] in wanted]
        if distributions:
            norms = _norms(state)
            for k, fold, index in distributions:
                folded = fold.sum(norms)
                values[k] = np.ascontiguousarray(folded.T) if index is None else folded[index]
        values |= {k: np.ascontiguousarray(state.T, np.complex128) for k in self.states if k in wanted}
        return values

    def adjoint(self, state: Numbers, cotangents: Mapping[int, Floats]) -> Numbers | None:
        """d/d conj(state) of the sum over results of <cotangent, value>, cotangents [column, ...]; None for none."""
        total: Numbers | None = None
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
