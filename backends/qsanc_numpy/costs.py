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
    """Microseconds for what an execution forward and its reverse sweep consist of together.

    The constants were measured once, on one machine (`benchmarks/costs.py` measures them again). They are fixed, so
    that a plan, and with it the last bits of every result, does not depend on where or when a program runs.
    """

    call: float = 2.0
    """A call on arrays, before it does anything."""
    entry: float = 0.0012
    """A multiplication and addition of strided complex numbers; half of it for real ones."""
    product: float = 0.00025
    """The same within a matrix product; a quarter of it for real ones."""
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

    def gates(self, steps: Iterable[Step], register: int, columns: int, *, real: bool) -> float:
        """Steps one by one on so many columns: each once forward, once back on two states, and once for its slopes."""
        return sum(self._step(step, columns << register, real) for step in steps)

    def _step(self, step: Step, amplitudes: int, real: bool) -> float:
        if isinstance(step.does, Group):
            product = self.product / 4 if real else self.product
            return 12 * self.call + 4 * product * step.does.dimension * amplitudes
        entry = self.entry / 2 if real else self.entry
        if isinstance(step.does, Block):
            terms = len(step.does.flips)
            return self.call * (6 + 6 * terms) + 4 * entry * terms * amplitudes
        return 3 * self.call + entry * amplitudes

    def matrix(self, plan: Plan, node: Node, columns: int) -> float:
        """A shared node as one matrix."""
        built = self.gates(node.steps, plan.wires, 1 << plan.wires, real=node.real)
        product = self.product / 4 if node.real else self.product
        return built + 6 * self.call + 3 * product * (columns << 2 * plan.wires)

    def observables(self, plan: Plan, group: Lockstep, columns: int) -> float:
        """Tails by their observables."""
        d = 1 << plan.wires
        results = len(group.results)
        count = d * (d + 1) // 2 if plan.nodes[group.parent].real else d * (d + 1)
        built = self.gates(group.steps, plan.wires, d * len(group.tails), real=False)
        built += 30 * self.call + 3 * self.product * results * d**3
        return built + (4 * self.feature + self.product * results) * count * columns

    def readings(self, plan: Plan, group: Lockstep, columns: int) -> float:
        """Tails by gates or matrices, and a reading of the states behind them."""
        total = 0.0
        for tail in group.tails:
            node = plan.nodes[tail.node]
            flips = len({_flipped(observable) for observable in tail.observables})
            steps = self.gates(node.steps, plan.wires, columns, real=node.real)
            total += min(steps, self.matrix(plan, node, columns))
            total += flips * (15 * self.call + 4 * self.entry * (columns << plan.wires))
        return total

    def as_matrix(self, plan: Plan, node: Node, columns: int) -> bool:
        """Whether a shared node pays as one matrix on so many columns."""
        if plan.wires > self.matrix_wires:
            return False
        return self.matrix(plan, node, columns) < self.gates(node.steps, plan.wires, columns, real=node.real)

    def by_observables(self, plan: Plan, group: Lockstep, columns: int) -> bool:
        """Whether tails pay by their observables."""
        return self.observables(plan, group, columns) < self.readings(plan, group, columns)


@dataclass(frozen=True, slots=True)
class KernelCosts(CostModel):
    """The same for compiled kernels: operations cost no calls, and groups are executed block by block."""

    product: float = 0.00008
    """A multiplication and addition of real numbers within a matrix product."""
    reading: float = 0.003
    """An amplitude of one column for each observable that is read."""
    feature: float = 0.0006

    def _step(self, step: Step, amplitudes: int, real: bool) -> float:
        blocks = len(step.does.blocks) if isinstance(step.does, Group) else 1
        terms = len(step.does.flips) if isinstance(step.does, Block) else 2 if isinstance(step.does, Group) else 1
        return 4 * (self.entry / 3 if real else self.entry) * terms * blocks * amplitudes

    def matrix(self, plan: Plan, node: Node, columns: int) -> float:
        built = self.gates(node.steps, plan.wires, 1 << plan.wires, real=node.real)
        parts = 2 if node.parent is not None and plan.nodes[node.parent].real else 4
        return built + 10 * self.call + 3 * parts * self.product * (columns << 2 * plan.wires)

    def observables(self, plan: Plan, group: Lockstep, columns: int) -> float:
        d = 1 << plan.wires
        results = len(group.results)
        built = self.gates(group.steps, plan.wires, d * len(group.tails), real=False) + 0.001 * results * d**3
        return built + 20 * self.call + (self.feature + 3 * self.product * results) * (d * (d + 1) // 2) * columns

    def readings(self, plan: Plan, group: Lockstep, columns: int) -> float:
        total = 0.0
        for tail in group.tails:
            node = plan.nodes[tail.node]
            steps = self.gates(node.steps, plan.wires, columns, real=node.real)
            total += min(steps, self.matrix(plan, node, columns)) + 4 * self.call
            total += self.reading * len(tail.results) * (columns << plan.wires)
        return total


def _flipped(observable: Complex) -> int:
    """The bits that the first term of an observable flips."""
    return int(np.argmax(observable[0] != 0))
