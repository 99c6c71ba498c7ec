"""Gates that permute the basis states up to phases, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qsanc.ir.circuit import Gate
from qsanc.ir.gates import GATES
from qsanc_numpy.arrays import Complex, Ints, Numbers


class Gather:
    """A permutation of the basis states, with phases: new[i] = phases[i] * old[source[i]], and `inverse` undoes
    `source`. `phases` is None where all are 1. The tables are made when first asked for."""

    def __init__(self, wires: tuple[int, ...], gates: tuple[Gate, ...], register: int) -> None:
        self.wires, self.gates, self.register = wires, gates, register

    @cached_property
    def _tables(self) -> tuple[Ints, Ints, Numbers | None]:
        return tables(self.gates, self.register)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{gate.name} {', '.join(map(str, gate.wires))}" for gate in self.gates)

    @property
    def source(self) -> Ints:
        return self._tables[0]

    @property
    def inverse(self) -> Ints:
        return self._tables[1]

    @property
    def phases(self) -> Numbers | None:
        return self._tables[2]


def monomial(matrix: Complex) -> bool:
    """Whether each row has one entry: a permutation with phases."""
    return bool(np.all(np.count_nonzero(matrix, axis=1) == 1))


def tables(gates: Sequence[Gate], register: int) -> tuple[Ints, Ints, Numbers | None]:
    """`source`, `inverse` and `phases` of the gates one after the other: see `plan.Gather`."""
    places = np.arange(1 << register)
    source = places
    phases: NDArray[np.complex128] = np.ones(1 << register, np.complex128)
    for gate in gates:
        matrix = GATES[gate.name].fixed
        assert matrix is not None
        k = len(gate.wires)
        weights = [1 << (register - 1 - wire) for wire in gate.wires]
        read = sum(((places // weight) & 1) << (k - 1 - j) for j, weight in enumerate(weights))
        came_from = np.argmax(matrix != 0, axis=1)[read]
        rest = places - sum(((places // weight) & 1) * weight for weight in weights)
        old = rest + sum(((came_from >> (k - 1 - j)) & 1) * weight for j, weight in enumerate(weights))
        phases = matrix[read, came_from] * phases[old]
        source = source[old]
    inverse = np.empty_like(source)
    inverse[source] = places
    if np.all(phases == 1):
        return source, inverse, None
    return source, inverse, phases.real.copy() if np.all(phases.imag == 0) else phases
