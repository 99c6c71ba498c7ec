"""Running a plan forward: the state of each node that is asked for, once for all that start from it.

What all rows share is found once for a set of bindings (`Shared`): block matrices, stretches as one matrix, observables
of tails. Rows are taken in chunks; each is a `Run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qsanc_numpy.arrays import Complex, Floats, Numbers
from qsanc_numpy.costs import CostModel
from qsanc_numpy.kernels import apply, gather, product_state
from qsanc_numpy.matrices import Matrices, SharedMatrices
from qsanc_numpy.measure import Readout
from qsanc_numpy.observables import features, weights
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import ROOT, Block, Lockstep, Operation, Plan, Product, Stage

States = dict[int, Numbers]
"""States by node, [2^wires, column]; the columns are the rows, or a single one for all rows."""


@dataclass(frozen=True, eq=False)
class Observed:
    """The tails of a group in the Heisenberg picture: `unitaries` [2^wires, member, 2^wires], and for every result in
    the order of `Lockstep.results` P U, [result, 2^wires, 2^wires]."""

    group: Lockstep
    unitaries: Numbers
    applied: Complex

    @cached_property
    def observables(self) -> Complex:
        """U^T conjugate P U for each result: [result, 2^wires, 2^wires]."""
        parts = []
        start = 0
        for member, tail in enumerate(self.group.tails):
            stop = start + len(tail.results)
            parts.append(self.unitaries[:, member].conj().T @ self.applied[start:stop])
            start = stop
        return np.concatenate(parts)

    @cached_property
    def on_real(self) -> Floats:
        return weights(self.observables, real=True)

    @cached_property
    def on_complex(self) -> Floats:
        return weights(self.observables, real=False)


class Shared:
    """A plan at values float64[shared slot], before any row is known. `columns` is how many there will be in all: the
    strategies of shared stretches depend on it."""

    def __init__(self, plan: Plan, shared: Floats, columns: int, costs: CostModel) -> None:
        self.plan = plan
        self.matrices = SharedMatrices(plan, shared)
        self._columns, self._costs = columns, costs
        self._as_matrix: dict[int, bool] = {}
        self._unitaries: dict[int, Numbers] = {}
        self._observed: dict[int, Observed] = {}

    def as_matrix(self, node: int) -> bool:
        """Whether this node, a shared one, is applied as one matrix."""
        if node not in self._as_matrix:
            one = self.plan.nodes[node]
            shared = one.stage is Stage.SHARED
            self._as_matrix[node] = shared and self._costs.as_matrix(self.plan, one, self._columns)
        return self._as_matrix[node]

    def by_observables(self, group: int) -> bool:
        return self._costs.by_observables(self.plan, self.plan.groups[group], self._columns)

    def unitary(self, node: int) -> Numbers:
        """The matrix of a shared node: its columns are what becomes of the basis states."""
        if node not in self._unitaries:
            state: Numbers = np.eye(1 << self.plan.wires)
            for operation in self.plan.nodes[node].operations:
                state = self._operate(operation, state)
            self._unitaries[node] = state
        return self._unitaries[node]

    def observed(self, number: int) -> Observed:
        if number not in self._observed:
            group = self.plan.groups[number]
            d = 1 << self.plan.wires
            state: Numbers = np.zeros((d, len(group.tails), d))
            state[np.arange(d), :, np.arange(d)] = 1.0
            for operation in group.operations:
                state = self._operate(operation, state)
            applied = [tail.observables @ state[:, member] for member, tail in enumerate(group.tails)]
            self._observed[number] = Observed(group, state, np.concatenate(applied))
        return self._observed[number]

    def _operate(self, operation: Operation, state: Numbers) -> Numbers:
        if isinstance(operation, Gather):
            return gather(operation, state)
        assert isinstance(operation, Block)
        return apply(operation, self.matrices.forward(operation), state)


class Run:
    """A plan at one set of bindings: `items` is float64[row, item slot]."""

    def __init__(self, shared: Shared, items: Floats) -> None:
        self.plan = shared.plan
        self.shared = shared
        self.matrices = Matrices(shared.matrices, items)

    def states(self, wanted: Iterable[int]) -> States:
        """The states of the wanted nodes and of all those they start from."""
        start = np.zeros((1 << self.plan.wires, 1))
        start[0] = 1.0
        states: States = {ROOT: start}
        for number in closure(self.plan, wanted):
            parent = self.plan.nodes[number].parent
            if parent is not None:
                states[number] = self.forward(number, states[parent])
        return states

    def observe(self, group: int, state: Numbers) -> Floats:
        """The results of tails read by observables, float64[result, column], on the state before them."""
        observed = self.shared.observed(group)
        return (observed.on_complex if np.iscomplexobj(state) else observed.on_real) @ features(state)

    def read(self, readout: Readout, state: Numbers, wanted: frozenset[int]) -> dict[int, Numbers]:
        """The wanted results of a segment at its end, [column, ...] each."""
        return readout.values(state, wanted)

    def read_back(self, readout: Readout, state: Numbers, cotangents: Mapping[int, Floats]) -> Numbers | None:
        """d/d conj(state) of the sum over results of <cotangent, value>."""
        return readout.adjoint(state, cotangents)

    def numbers(self, state: Numbers) -> Numbers:
        return state

    def forward(self, node: int, state: Numbers) -> Numbers:
        if self.shared.as_matrix(node):
            return matmul(self.shared.unitary(node), state)
        for operation in self.plan.nodes[node].operations:
            state = self.operate(operation, state)
        return state

    def operate(self, operation: Operation, state: Numbers) -> Numbers:
        if isinstance(operation, Gather):
            return gather(operation, state)
        if isinstance(operation, Product):
            return product_state(self.factors(operation))
        return apply(operation, self.matrices.forward(operation), state)

    def factors(self, operation: Product) -> list[Numbers]:
        """The one-qubit states of a product, [2, column] each."""
        return [one_qubit(None if block is None else self.matrices.forward(block)) for block in operation.blocks]


def one_qubit(matrix: Numbers | None) -> Numbers:
    """The state [2, column] that a matrix X[x, a, ...] makes of |0>."""
    if matrix is None:
        return np.array([[1.0], [0.0]])
    return np.stack([matrix[0, 0], matrix[1, 1]]).reshape(2, -1)


def matmul(matrix: Numbers, state: Numbers) -> Numbers:
    """`matrix @ state` without making a real one of them complex."""
    if np.iscomplexobj(matrix) and not np.iscomplexobj(state):
        parts = np.concatenate([matrix.real, matrix.imag]) @ state
        d = len(matrix)
        out = np.empty((d, state.shape[1]), np.complex128)
        out.real, out.imag = parts[:d], parts[d:]
        return out
    if np.iscomplexobj(state) and not np.iscomplexobj(matrix):
        product: Floats = matrix @ np.ascontiguousarray(state).view(np.float64)
        return product.view(np.complex128)
    return matrix @ state


def closure(plan: Plan, wanted: Iterable[int]) -> tuple[int, ...]:
    """The wanted nodes and their ancestors, parents first."""
    found: set[int] = set()
    for number in wanted:
        at: int | None = number
        while at is not None and at not in found:
            found.add(at)
            at = plan.nodes[at].parent
    return tuple(sorted(found))
