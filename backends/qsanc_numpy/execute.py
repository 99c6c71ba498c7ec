"""Running a plan forward: the state of each node that is asked for, once for all that start from it.

What all rows share is found once for a set of bindings (`Shared`): block matrices, stretches as one matrix, observables
of tails. Rows are taken in chunks; each is a `Run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qsanc_numpy.arrays import Complex, Floats, Ints, Numbers
from qsanc_numpy.costs import Strategy
from qsanc_numpy.kernels import apply, apply_group, gather, matmul, product_state
from qsanc_numpy.matrices import Matrices, SharedMatrices
from qsanc_numpy.measure import Readout
from qsanc_numpy.observables import features, weights
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import ROOT, Group, Lockstep, Operation, Plan, Product

States = dict[int, Numbers]
"""States by node, [2^wires, column]; the columns are the rows, or a single one for all rows."""


@dataclass(frozen=True, eq=False)
class Observed:
    """The tails of a group in the Heisenberg picture: `unitaries` [2^wires, member, 2^wires], and for every result in
    the order of `Lockstep.results` P U, [result, 2^wires, 2^wires]."""

    group: Lockstep
    unitaries: Numbers
    applied: Complex

    @property
    def members(self) -> Numbers:
        """The unitaries, [member, 2^wires, 2^wires]."""
        return self.unitaries.swapaxes(0, 1)

    @cached_property
    def starts(self) -> Ints:
        """The first result of each member."""
        return np.cumsum([0, *(len(tail.results) for tail in self.group.tails[:-1])])

    @cached_property
    def observables(self) -> Complex:
        """U^T conjugate P U for each result: [result, 2^wires, 2^wires]."""
        turned = self.members.conj().swapaxes(1, 2)
        parts = np.split(self.applied, self.starts[1:])
        return np.concatenate([one @ part for one, part in zip(turned, parts, strict=True)])

    @cached_property
    def on_real(self) -> Floats:
        return weights(self.observables, real=True)

    @cached_property
    def on_complex(self) -> Floats:
        return weights(self.observables, real=False)


class Shared:
    """A plan at values float64[shared slot], before any row is known, executed by a strategy."""

    def __init__(self, plan: Plan, shared: Floats, strategy: Strategy) -> None:
        self.plan, self.strategy = plan, strategy
        self.matrices = SharedMatrices(plan, shared)
        self._unitaries: dict[int, Numbers] = {}
        self._observed: dict[int, Observed] = {}

    def as_matrix(self, node: int) -> bool:
        """Whether this node is applied as one matrix."""
        return node in self.strategy.as_matrix

    def by_observables(self, group: int) -> bool:
        return group in self.strategy.by_observables

    def unitary(self, node: int) -> Numbers:
        """The matrix of a shared node: its columns are what becomes of the basis states."""
        if node not in self._unitaries:
            state: Numbers = np.eye(1 << self.plan.wires)
            for step in self.plan.nodes[node].steps:
                state = operate(step.does, self.matrices, state)
            self._unitaries[node] = state
        return self._unitaries[node]

    def observed(self, number: int) -> Observed:
        if number not in self._observed:
            group = self.plan.groups[number]
            d = 1 << self.plan.wires
            state: Numbers = np.eye(d)
            for step in group.steps:
                state = operate(step.does, self.matrices, state)
            state = np.broadcast_to(state, (len(group.tails), d, d))
            applied = [tail.observables @ one for tail, one in zip(group.tails, state, strict=True)]
            self._observed[number] = Observed(group, state.swapaxes(0, 1), np.concatenate(applied))
        return self._observed[number]


def operate(does: Operation | Group, matrices: SharedMatrices | Matrices, state: Numbers) -> Numbers:
    """An operation, or a group of them, on a state."""
    if isinstance(does, Group):
        return apply_group(does, matrices.group(does)[1], state)
    if isinstance(does, Gather):
        return gather(does, state)
    if isinstance(does, Product):
        return product_state(factors(does, matrices))
    return apply(does, matrices.forward(does), state)


def factors(operation: Product, matrices: SharedMatrices | Matrices) -> list[Numbers]:
    """The one-qubit states of a product, [2, column] each."""
    return [one_qubit(None if block is None else matrices.forward(block)) for block in operation.blocks]


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

    def visit(self, wanted: frozenset[int], read: Callable[[int, Numbers], None]) -> None:
        """See `engine.Rows`."""
        states = self.states(wanted)
        for number in sorted(wanted):
            read(number, states[number])

    def observe(self, group: int, state: Numbers) -> Floats:
        """The results of tails read by observables, float64[result, column], on the state before them."""
        observed = self.shared.observed(group)
        return (observed.on_complex if state.dtype.kind == "c" else observed.on_real) @ features(state)

    def read(self, readout: Readout, state: Numbers, wanted: frozenset[int]) -> dict[int, Numbers]:
        """The wanted results of a segment at its end, [column, ...] each."""
        return readout.values(state, wanted)

    def read_back(self, readout: Readout, state: Numbers, cotangents: Mapping[int, Floats]) -> Numbers | None:
        """d/d conj(state) of the sum over results of <cotangent, value>."""
        return readout.adjoint(state, cotangents)

    def numbers(self, state: Numbers) -> Numbers:
        return state

    def forgotten(self, states: Mapping[int, Numbers]) -> Mapping[int, Numbers]:
        return states

    def forward(self, node: int, state: Numbers) -> Numbers:
        if self.shared.as_matrix(node):
            return matmul(self.shared.unitary(node), state)
        for step in self.plan.nodes[node].steps:
            state = operate(step.does, self.matrices, state)
        return state


def one_qubit(matrix: Numbers | None) -> Numbers:
    """The state [2, column] that a matrix X[x, a, ...] makes of |0>."""
    if matrix is None:
        return np.array([[1.0], [0.0]])
    state = np.empty((2, matrix.shape[2]), matrix.dtype)
    state[0], state[1] = matrix[0, 0], matrix[1, 1]
    return state


def depth_first(parents: Sequence[int | None], wanted: Iterable[int]) -> tuple[int, ...]:
    """The wanted nodes of a tree and their ancestors: each branch to its end before the next, small ones first, so that
    few states have to be kept."""
    found = closed(parents, wanted)
    size = dict.fromkeys(found, 1)
    below: dict[int | None, list[int]] = {}
    for number in reversed(found):
        parent = parents[number]
        below.setdefault(parent, []).append(number)
        if parent is not None:
            size[parent] += size[number]
    order: list[int] = []
    waiting: list[int] = []
    ready = below.get(None, [])
    while ready or waiting:
        waiting += sorted(ready, key=lambda number: (-size[number], -number))
        order.append(waiting.pop())
        ready = below.get(order[-1], [])
    return tuple(order)


def closure(plan: Plan, wanted: Iterable[int]) -> tuple[int, ...]:
    """The wanted nodes and their ancestors, parents first."""
    return closed([node.parent for node in plan.nodes], wanted)


def closed(parents: Sequence[int | None], wanted: Iterable[int]) -> tuple[int, ...]:
    """The wanted nodes of a tree and their ancestors, parents first."""
    found: set[int] = set()
    for number in wanted:
        at: int | None = number
        while at is not None and at not in found:
            found.add(at)
            at = parents[at]
    return tuple(sorted(found))
