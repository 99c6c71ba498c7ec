"""The cost model: which strategy a shared stretch is executed by, from counted operations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from qsanc_numpy.arrays import Complex
from qsanc_numpy.plan import Block, Group, Lockstep, Node, Plan, Stage, Step


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a plan is executed: the shared nodes that are applied as one matrix, and the groups of tails that are read by
    their observables."""

    as_matrix: frozenset[int]
    by_observables: frozenset[int]


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

    def strategy(self, plan: Plan, columns: int) -> Strategy:
        """What pays for so many columns."""
        shared = (k for k, node in enumerate(plan.nodes) if node.stage is Stage.SHARED)
        return Strategy(
            frozenset(k for k in shared if self.as_matrix(plan, plan.nodes[k], columns)),
            frozenset(k for k, group in enumerate(plan.groups) if self.by_observables(plan, group, columns)),
        )

    def gates(self, steps: Iterable[Step], register: int, columns: int) -> float:
        """Steps one by one on so many columns."""
        return sum(self._step(step, columns << register) for step in steps)

    def _step(self, step: Step, amplitudes: int) -> float:
        if isinstance(step.does, Group):
            return 2 * self.call + self.product * step.does.dimension * amplitudes
        terms = len(step.does.flips) if isinstance(step.does, Block) else 1
        return self.call * (2 * terms - 1) + self.entry * terms * amplitudes

    def matrix(self, plan: Plan, node: Node, columns: int) -> float:
        """A shared node as one matrix."""
        built = self.gates(node.steps, plan.wires, 1 << plan.wires)
        return built + self.call + self.product * (columns << 2 * plan.wires)

    def observables(self, plan: Plan, group: Lockstep, columns: int) -> float:
        """Tails by their observables, on real states."""
        d = 1 << plan.wires
        results = len(group.results)
        once = self.gates(group.steps, plan.wires, d * len(group.tails)) + 2 * self.product * results * d**3
        return once + 4 * self.call + (self.feature + self.product * results / 2) * (d * (d + 1) // 2) * columns

    def readings(self, plan: Plan, group: Lockstep, columns: int) -> float:
        """Tails by gates or matrices, and a reading of the states behind them."""
        total = 0.0
        for tail in group.tails:
            node = plan.nodes[tail.node]
            flips = len({_flipped(observable) for observable in tail.observables})
            total += min(self.gates(node.steps, plan.wires, columns), self.matrix(plan, node, columns))
            total += flips * (8 * self.call + 2 * self.entry * (columns << plan.wires))
        return total

    def as_matrix(self, plan: Plan, node: Node, columns: int) -> bool:
        """Whether a shared node pays as one matrix on so many columns."""
        if plan.wires > self.matrix_wires:
            return False
        return self.matrix(plan, node, columns) < self.gates(node.steps, plan.wires, columns)

    def by_observables(self, plan: Plan, group: Lockstep, columns: int) -> bool:
        """Whether tails pay by their observables."""
        return self.observables(plan, group, columns) < self.readings(plan, group, columns)


def _flipped(observable: Complex) -> int:
    """The bits that the first term of an observable flips."""
    return int(np.argmax(observable[0] != 0))
