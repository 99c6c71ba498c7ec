"""The cost model: which strategy a shared stretch is executed by, from counted operations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from qsanc_numpy.arrays import Complex
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import Block, Lockstep, Node, Operation, Plan


@dataclass(frozen=True, slots=True)
class CostModel:
    """Microseconds for what an execution consists of.

    The constants were measured once, on one machine (`benchmarks/costs.py` measures them again). They are fixed, so
    that a plan, and with it the last bits of every result, does not depend on where or when a program runs.
    """

    call: float = 2.0
    """A call on arrays, before it does anything."""
    entry: float = 0.0012
    """A multiplication and addition of strided complex numbers."""
    product: float = 0.0003
    """The same within a matrix product."""
    feature: float = 0.001
    """A product of two real amplitudes of one column."""
    matrix_wires: int = 10
    """Registers up to this size may turn a shared stretch into one matrix."""

    def gates(self, operations: Iterable[Operation], register: int, columns: int) -> float:
        """Operations one by one on so many columns."""
        total = 0.0
        for operation in operations:
            terms = 1 if isinstance(operation, Gather) else len(operation.flips) if isinstance(operation, Block) else 2
            total += self.call * (2 * terms - 1) + self.entry * terms * (columns << register)
        return total

    def matrix(self, plan: Plan, node: Node, columns: int) -> float:
        """A shared node as one matrix."""
        built = self.gates(node.operations, plan.wires, 1 << plan.wires)
        return built + self.call + self.product * (columns << 2 * plan.wires)

    def observables(self, plan: Plan, group: Lockstep, columns: int) -> float:
        """Tails by their observables, on real states."""
        d = 1 << plan.wires
        results = len(group.results)
        once = self.gates(group.operations, plan.wires, d * len(group.tails)) + 2 * self.product * results * d**3
        return once + 4 * self.call + (self.feature + self.product * results / 2) * (d * (d + 1) // 2) * columns

    def readings(self, plan: Plan, group: Lockstep, columns: int) -> float:
        """Tails by gates or matrices, and a reading of the states behind them."""
        total = 0.0
        for tail in group.tails:
            node = plan.nodes[tail.node]
            flips = len({_flipped(observable) for observable in tail.observables})
            total += min(self.gates(node.operations, plan.wires, columns), self.matrix(plan, node, columns))
            total += flips * (8 * self.call + 2 * self.entry * (columns << plan.wires))
        return total

    def as_matrix(self, plan: Plan, node: Node, columns: int) -> bool:
        """Whether a shared node pays as one matrix on so many columns."""
        if plan.wires > self.matrix_wires:
            return False
        return self.matrix(plan, node, columns) < self.gates(node.operations, plan.wires, columns)

    def by_observables(self, plan: Plan, group: Lockstep, columns: int) -> bool:
        """Whether tails pay by their observables."""
        return self.observables(plan, group, columns) < self.readings(plan, group, columns)


def _flipped(observable: Complex) -> int:
    """The bits that the first term of an observable flips."""
    return int(np.argmax(observable[0] != 0))
