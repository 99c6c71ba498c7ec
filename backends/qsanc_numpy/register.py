"""Plans on large registers: each node as a `LargePlan`, each row for itself, states as lists of columns.

Of the way there only the states that something is read from, or that several nodes start from, are kept; the others
are found again on the way back, where operations are undone. A gradient through one node takes four states.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qsanc.ir.circuit import Gate
from qsanc.ir.gates import GATES
from qsanc_numpy.arrays import Floats, Numbers
from qsanc_numpy.engine import Engine
from qsanc_numpy.execute import closure, depth_first
from qsanc_numpy.large import Diagonal, Kernels, LargePlan, Linear, Matrix, Operation, prepare
from qsanc_numpy.large_layout import LinearGate
from qsanc_numpy.matrices import by_flips, square_order
from qsanc_numpy.measure import Readout
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import ROOT, Block, Kind, Plan, Product

WIRES = 11
"""Registers from this size on are executed here."""
MOST_THREADS = 8
_PERMUTES = frozenset({"x", "cx", "swap"})

Column = NDArray[Any]
Columns = list[Column]


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """A node's operations for a large register. Matrix k is that of `blocks[k]`, or of `fixed[k - len(blocks)]`."""

    plan: LargePlan
    blocks: tuple[Block, ...]
    fixed: tuple[Numbers, ...]
    trained: frozenset[int]


def threads() -> int:
    """How many threads share the blocks of a state."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(affinity, MOST_THREADS)


def holds(plan: Plan) -> bool:
    """Whether a plan is one of a large register."""
    return plan.wires >= WIRES


class RegisterPlan:
    """A plan on a large register. Immutable: safe to use from several threads."""

    def __init__(self, plan: Plan, *, single: bool = False) -> None:
        self.plan = plan
        self._types = (np.float32, np.complex64) if single else (np.float64, np.complex128)
        self.stretches = tuple(_stretch(plan, node.operations) for node in plan.nodes)

    def type_of(self, node: int) -> type[np.inexact[Any]]:
        """The numbers of a node's states."""
        return self._types[0 if self.plan.nodes[node].real else 1]

    @property
    def native(self) -> bool:
        """Whether native kernels would run any of it: they serve complex128."""
        return any(
            stretch.plan.operations and stretch.plan.native is not None and self.type_of(node) is np.complex128
            for node, stretch in enumerate(self.stretches)
        )

    def engine(self, kernels: Kernels | None) -> Engine:
        return Engine(lambda values, _: RegisterShared(self, kernels, values), RegisterRun, RegisterSweep)

    def __str__(self) -> str:
        parts = []
        for number, (node, stretch) in enumerate(zip(self.plan.nodes, self.stretches, strict=True)):
            if number != ROOT:
                parts.append(f"node {number} ({node.name}): {stretch.plan}")
        return "".join(parts)


def _stretch(plan: Plan, operations: Sequence[object]) -> Stretch:
    blocks: list[Block] = []
    fixed: list[Numbers] = []
    drafts: list[Operation | tuple[tuple[int, ...], int]] = []
    for operation in operations:
        if isinstance(operation, Gather):
            drafts += _permutation(operation.gates, fixed)
            continue
        found = operation.blocks if isinstance(operation, Product) else (operation,)
        for block in found:
            if block is None:
                continue
            assert isinstance(block, Block)
            gates = [Gate(name, block.wiring.wires) for name in plan.kinds[block.kind].names]
            if all(_is_fixed_permutation(gate) for gate in gates):
                drafts += _permutation(gates, fixed)
            else:
                drafts.append(Matrix(block.wiring.wires, len(blocks)))
                blocks.append(block)
    listed = [Matrix(d[0], len(blocks) + d[1]) if isinstance(d, tuple) else d for d in drafts]
    trained = frozenset(k for k, block in enumerate(blocks) if plan.kinds[block.kind].trained)
    return Stretch(prepare(plan.wires, listed), tuple(blocks), tuple(fixed), trained)


def _is_fixed_permutation(gate: Gate) -> bool:
    return gate.name in _PERMUTES or (GATES[gate.name].fixed is not None and GATES[gate.name].diagonal)


def _permutation(gates: Sequence[Gate], fixed: list[Numbers]) -> list[Operation | tuple[tuple[int, ...], int]]:
    """Fixed gates: permutations together, diagonals, and matrices by their place in `fixed`."""
    found: list[Operation | tuple[tuple[int, ...], int]] = []
    pending: list[LinearGate] = []

    def flush() -> None:
        if pending:
            found.append(Linear(tuple(pending)))
            pending.clear()

    for gate in gates:
        matrix = GATES[gate.name].fixed
        assert matrix is not None
        if gate.name in _PERMUTES:
            pending.append((gate.name, gate.wires))
            continue
        flush()
        if GATES[gate.name].diagonal:
            found.append(Diagonal(gate.wires, np.ascontiguousarray(matrix.diagonal(), np.complex128)))
        else:
            found.append((gate.wires, len(fixed)))
            fixed.append(matrix)
    flush()
    return found


class RegisterShared:
    """What all rows share: the values of the shared slots, as angles."""

    def __init__(self, register: RegisterPlan, kernels: Kernels | None, values: Floats) -> None:
        self.register, self.plan, self.kernels = register, register.plan, kernels
        self.base = self.plan.shared.evaluate(values)
        self.threads = threads()

    def by_observables(self, group: int) -> bool:
        return False


class RegisterRun:
    """A chunk of rows: `items` is float64[row, item slot]."""

    def __init__(self, shared: RegisterShared, items: Floats) -> None:
        self.shared, self.plan, self.rows = shared, shared.plan, items.shape[0]
        self._items = self.plan.items.evaluate(np.ascontiguousarray(items.T))

    def angles(self, column: int) -> Floats:
        """Of all sites in one row, float64[site]."""
        angles = self.shared.base.copy()
        if self.plan.item_sites.size:
            angles[self.plan.item_sites] += self._items[:, column]
        return angles

    def states(self, wanted: frozenset[int]) -> dict[int, Columns]:
        """The wanted nodes' states, and those of nodes from which several start."""
        order = closure(self.plan, wanted)
        children: dict[int, int] = {}
        for number in order:
            parent = self.plan.nodes[number].parent
            if parent is not None:
                children[parent] = children.get(parent, 0) + 1
        states = _States(self)
        if ROOT in wanted:
            states[ROOT] = [_start(self.plan.wires)]
        kept = {*wanted, *(number for number, count in children.items() if count > 1)}
        for number in order:
            parent = self.plan.nodes[number].parent
            if parent is None:
                continue
            if parent == ROOT:
                states[number] = self.forward(number, [_start(self.plan.wires)], keep=False)
            elif parent in kept:
                states[number] = self.forward(number, states[parent], keep=True)
            else:
                states[number] = self.forward(number, states.pop(parent), keep=False)
        return states

    def visit(self, wanted: frozenset[int], read: Callable[[int, Columns], None]) -> None:
        """Calls `read` with each wanted node and its states, which are let go when nothing more starts from them."""
        parents = [node.parent for node in self.plan.nodes]
        order = depth_first(parents, wanted)
        waiting = Counter(parents[number] for number in order)
        live: dict[int, Columns] = {}
        for number in order:
            parent = parents[number]
            if parent is None:
                states = [_start(self.plan.wires)]
            elif parent == ROOT:
                states = self.forward(number, [_start(self.plan.wires)], keep=False)
            else:
                waiting[parent] -= 1
                keep = waiting[parent] > 0
                states = self.forward(number, live[parent] if keep else live.pop(parent), keep=keep)
            if number in wanted:
                read(number, states)
            if number != ROOT and waiting[number]:
                live[number] = states
            states = []

    def forward(self, node: int, before: Columns, *, keep: bool) -> Columns:
        """The states behind a node; unless `keep`, those before it are given up."""
        one, stretch = self.plan.nodes[node], self.shared.register.stretches[node]
        columns = self.rows if one.per_row else 1
        after: Columns = []
        for column in range(columns):
            at = column if len(before) > 1 else 0
            state = before[at]
            if not keep and column == columns - 1:
                before[at] = np.empty(0)
            state = state.astype(self.shared.register.type_of(node), copy=keep or len(before) < columns)
            matrices = self._matrices(stretch, column)
            after.append(stretch.plan.forward(matrices, state, self.shared.kernels, threads=self.shared.threads))
        return after

    def numbers(self, state: Columns) -> Numbers:
        found = np.stack(state, axis=1)
        return found.astype(np.result_type(found, np.float64), copy=False)

    def forgotten(self, states: Mapping[int, Columns]) -> Mapping[int, Columns]:
        return _States(self)

    def observe(self, group: int, state: Columns) -> Floats:
        raise AssertionError("large registers have no dense observables")

    def read(self, readout: Readout, state: Columns, wanted: frozenset[int]) -> dict[int, Numbers]:
        parts = [readout.values(column[:, None], wanted) for column in state]
        if not parts:
            return {}
        found = {k: np.concatenate([part[k] for part in parts]) for k in parts[0]}
        return {k: value.astype(np.result_type(value, np.float64), copy=False) for k, value in found.items()}

    def read_back(self, readout: Readout, state: Columns, cotangents: Mapping[int, Floats]) -> Columns | None:
        found = [
            readout.adjoint(column[:, None], {k: value[c : c + 1] for k, value in cotangents.items()})
            for c, column in enumerate(state)
        ]
        return [one[:, 0] for one in found if one is not None] or None

    def backward(
        self, node: int, column: int, ket: Column, costate: Column
    ) -> tuple[Column, Column, dict[int, Numbers]]:
        """State and costate before a node, and K of its trained blocks, from those behind it, which are given up."""
        stretch = self.shared.register.stretches[node]
        complex_costate = np.iscomplexobj(costate)
        bra = np.conjugate(costate, out=costate) if complex_costate else costate
        before, bra, small = stretch.plan.backward(
            self._matrices(stretch, column),
            ket,
            bra,
            self.shared.kernels,
            wanted=stretch.trained,
            threads=self.shared.threads,
        )
        return before, np.conjugate(bra, out=bra) if complex_costate else bra, small

    def _matrices(self, stretch: Stretch, column: int) -> list[Numbers]:
        angles = self.angles(column)
        found: dict[int, list[int]] = {}
        for k, block in enumerate(stretch.blocks):
            found.setdefault(block.kind, []).append(k)
        matrices: list[Numbers] = [np.empty(0)] * len(stretch.blocks)
        for number, members in found.items():
            kind = self.plan.kinds[number]
            sites = kind.sites[[_place(stretch.blocks[k]) for k in members]]
            functions = kind.expansion.functions(angles[sites.T])
            flipped = kind.expansion.matrices(functions, (len(members),))
            d = kind.dimension
            square = flipped.reshape(d * d, -1)[square_order(d)].reshape(d, d, -1)
            for at, k in enumerate(members):
                matrices[k] = square[:, :, at]
        return [*matrices, *stretch.fixed]


class _States(dict[int, Columns]):
    """States by node. Those that a way back took are found again when they are asked for."""

    def __init__(self, run: RegisterRun) -> None:
        super().__init__()
        self._run = run

    def __missing__(self, node: int) -> Columns:
        self[node] = found = self._run.states(frozenset({node}))[node]
        return found


class RegisterSweep:
    """The reverse sweep: see `engine.Sweep`."""

    def __init__(self, shared: RegisterShared) -> None:
        self._plan = shared.plan
        self._stretches = shared.register.stretches
        self._by_site = np.zeros(len(self._plan.homes))

    def add(
        self,
        run: RegisterRun,
        states: MutableMapping[int, Columns],
        costates: Sequence[tuple[int, Callable[[], Columns | Numbers]]],
        observed: Mapping[int, Floats],
    ) -> Floats:
        assert not observed
        by_item = np.zeros((len(self._plan.item_sites), run.rows))
        pending: dict[int, Columns] = {}
        parts: dict[int, list[Callable[[], Columns | Numbers]]] = {}
        for number, found in costates:
            parts.setdefault(number, []).append(found)
        kets: dict[int, Columns] = {}
        for number in reversed(range(ROOT + 1, len(self._plan.nodes))):
            if number not in pending and number not in parts:
                continue
            if number in kets:
                states[number] = kets.pop(number)
            for found in parts.pop(number, ()):
                _accumulate(pending, number, _as_columns(found()))
            node = self._plan.nodes[number]
            assert node.parent is not None
            ket = states.pop(number, None) or states[number]
            states.pop(number, None)
            costate = pending.pop(number)
            before_ket: Columns = []
            before_bra: Columns = []
            for column in range(len(ket)):
                bra = costate[column]
                state = ket[column]
                ket[column] = costate[column] = np.empty(0)
                if node.real and np.iscomplexobj(bra):
                    bra = bra.real
                bra = np.ascontiguousarray(bra, state.dtype)
                state, bra, small = run.backward(number, column, state, bra)
                self._collect(number, column, run.angles(column), small, by_item)
                before_ket.append(state)
                before_bra.append(bra)
            self._carry(number, before_ket, before_bra, states, pending, kets)
        return by_item

    def finish(self) -> Floats:
        return self._by_site

    def _carry(
        self,
        number: int,
        ket: Columns,
        bra: Columns,
        states: Mapping[int, Columns],
        pending: dict[int, Columns],
        kets: dict[int, Columns],
    ) -> None:
        """The costate goes to the parent; so does the state, which is that of any one of its children."""
        parent = self._plan.nodes[number].parent
        if parent is None or parent == ROOT:
            return
        if len(bra) > 1 and not self._plan.nodes[parent].per_row:
            for one in bra[1:]:
                bra[0] += one
            del ket[1:], bra[1:]
        if parent not in states and parent not in kets:
            kets[parent] = [column.real.copy() for column in ket] if self._plan.nodes[parent].real else ket
        _accumulate(pending, parent, bra)

    def _collect(self, number: int, column: int, angles: Floats, small: Mapping[int, Numbers], by_item: Floats) -> None:
        stretch = self._stretches[number]
        for k, found in small.items():
            kind: Kind = self._plan.kinds[stretch.blocks[k].kind]
            sites = kind.sites[_place(stretch.blocks[k])]
            functions = kind.expansion.functions(angles[sites][:, None])
            for site, slope in zip(sites, kind.expansion.slopes(functions, by_flips(found)[..., None]), strict=True):
                self._by_site[site] += slope[0]
                if self._plan.item_place[site] >= 0:
                    by_item[self._plan.item_place[site], column] += slope[0]


def _place(block: Block) -> int:
    assert isinstance(block.place, int)
    return block.place


def _start(wires: int) -> Column:
    state = np.zeros(1 << wires)
    state[0] = 1.0
    return state


def _accumulate(pending: dict[int, Columns], number: int, costate: Columns) -> None:
    known = pending.get(number)
    if known is None:
        pending[number] = costate
        return
    for column, one in enumerate(costate):
        if known[column].dtype == np.result_type(known[column], one):
            known[column] += one
        else:
            known[column] = known[column] + one


def _as_columns(states: Columns | Numbers) -> Columns:
    return states if isinstance(states, list) else list(states.T)
