"""Running a plan forward: the final state of each segment, prefixes once, shared stretches as one matrix if it pays."""

from __future__ import annotations

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc_numpy.kernels import apply, gather
from qsanc_numpy.matrices import Matrices
from qsanc_numpy.plan import Complex, Gather, Operation, Plan, Step

Ends = dict[int, Complex]
"""Final states by segment, complex128[2^wires, column]; the columns are the rows, or a single one for all rows."""


class Run:
    """A plan at one set of bindings."""

    def __init__(self, plan: Plan, matrices: Matrices) -> None:
        self.plan = plan
        self.matrices = matrices
        self._unitaries: dict[tuple[int, int], Complex] = {}

    def ends(self, wanted: frozenset[int]) -> Ends:
        """The final states of the wanted segments and of all those they start from."""
        ends: Ends = {}
        for number in closure(self.plan, wanted):
            state = self.start(number, ends)
            for at, step in enumerate(self.plan.segments[number].steps):
                state = self.forward(number, at, step, state)
            ends[number] = state
        return ends

    def start(self, segment: int, ends: Ends) -> Complex:
        parent = self.plan.segments[segment].parent
        if parent is not None:
            return ends[parent]
        state = np.zeros((1 << self.plan.wires, 1), np.complex128)
        state[0] = 1.0
        return state

    def forward(self, segment: int, at: int, step: Step, state: Complex) -> Complex:
        if self.as_matrix(step, state.shape[1]):
            product: Complex = self.unitary(segment, at, step) @ state
            return product
        for operation in step.operations:
            state = self.operate(operation, state)
        return state

    def operate(self, operation: Operation, state: Complex) -> Complex:
        if isinstance(operation, Gather):
            return gather(operation, state)
        return apply(operation, self.matrices.of(operation), state)

    def as_matrix(self, step: Step, columns: int) -> bool:
        return step.matrix_from is not None and columns >= step.matrix_from

    def unitary(self, segment: int, at: int, step: Step) -> Complex:
        """The matrix of a shared stretch: its columns are what becomes of the basis states."""
        if (segment, at) not in self._unitaries:
            columns = np.eye(1 << self.plan.wires, dtype=np.complex128)
            for operation in step.operations:
                columns = self.operate(operation, columns)
            self._unitaries[segment, at] = columns
        return self._unitaries[segment, at]


def closure(plan: Plan, wanted: frozenset[int]) -> tuple[int, ...]:
    """The wanted segments and their ancestors, parents first."""
    found: set[int] = set()
    for number in wanted:
        at: int | None = number
        while at is not None and at not in found:
            if not 0 <= at < len(plan.segments):
                raise CompilerBug(f"there is no segment {at}")
            found.add(at)
            at = plan.segments[at].parent
    return tuple(sorted(found))
