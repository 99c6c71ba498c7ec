"""Running a plan with shifts: each distinct (site, delta, row) is a column that leaves the unshifted ones at its site.

The unshifted states run along. At the operation of a site the shifted columns are split off, by matrices of their own,
and from there on they travel together, those of all sites side by side. A shift within a shared stretch that pays as a
matrix is made a shifted matrix once, whatever the number of rows; a shift within tails that are read by observables,
shifted observables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from qsanc_numpy.arrays import Floats, Ints, Numbers
from qsanc_numpy.execute import Observed, Run, States, closure, matmul, one_qubit
from qsanc_numpy.kernels import apply, gather, product_state
from qsanc_numpy.matrices import block_matrices, by_flips
from qsanc_numpy.observables import features, weights
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import ROOT, Block, Operation, Product


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Shifted columns in the order in which they split off: `site`, `delta` and `row` of each."""

    site: Ints
    delta: Floats
    row: Ints

    def __len__(self) -> int:
        return len(self.site)

    def part(self, at: slice) -> Columns:
        return Columns(self.site[at], self.delta[at], self.row[at])


@dataclass(frozen=True, slots=True, eq=False)
class _Seeds:
    """Columns that split off at an operation: from which columns of a state that has several, by which matrices
    [x, a, column], on which wires of a product."""

    source: Ints
    matrices: Numbers
    wire: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Shifted:
    """The states of shifted columns at a node: `columns` are their numbers, `state` [2^wires, column]."""

    columns: Ints
    state: Numbers


_NO_COLUMNS = np.zeros(0, np.int64)


def distinct(plan_order: Ints, site: Ints, delta: Floats, row: Ints) -> tuple[Columns, Ints]:
    """The distinct columns among entries, sorted as they split off, and the column of each entry.

    `plan_order[site]` numbers the operations of a plan in the order of execution.
    """
    if not len(site):
        return Columns(site, delta, row), _NO_COLUMNS
    order = np.lexsort((row, delta, site, plan_order[site]))
    s, d, r = site[order], delta[order], row[order]
    new = np.ones(len(order), bool)
    new[1:] = (s[1:] != s[:-1]) | (d[1:] != d[:-1]) | (r[1:] != r[:-1])
    column = np.empty(len(order), np.int64)
    column[order] = np.cumsum(new) - 1
    return Columns(s[new], d[new], r[new]), column


class ShiftedRun:
    """One pass over the tree with the given columns, which must be sorted as `distinct` leaves them."""

    def __init__(self, run: Run, columns: Columns) -> None:
        self._run = run
        self._plan = run.plan
        self._columns = columns
        homes = run.plan.homes
        sites = columns.site.tolist()
        self._node = np.array([homes[site].node for site in sites], np.int64)
        self._operation = np.array([homes[site].operation for site in sites], np.int64)
        self._wire = np.array([homes[site].wire for site in sites], np.int64)

    def states(self, wanted: Iterable[int]) -> tuple[States, dict[int, Shifted]]:
        """Unshifted and shifted states of the wanted nodes and their ancestors."""
        states = self._run.states(())
        shifted = {ROOT: self._nothing(states[ROOT])}
        for number in closure(self._plan, wanted):
            parent = self._plan.nodes[number].parent
            if parent is not None:
                states[number], shifted[number] = self._forward(number, states[parent], shifted[parent])
        return states, shifted

    def observed(self, observed: Observed, base: Numbers, before: Shifted) -> tuple[Ints, Floats]:
        """Values of a group's results at the columns that split off before it or within it: their numbers, and
        float64[result, column]; of a tail's own shift only that tail's results are shifted."""
        real = not np.iscomplexobj(base)
        on_base = observed.on_real if real else observed.on_complex
        parts = [on_base @ features(before.state)]
        columns = [before.columns]
        own = features(base)
        start = 0
        for tail in observed.group.tails:
            stop = start + len(tail.results)
            new = np.flatnonzero(self._node == tail.node)
            if len(new):
                groups = self._groups(new)
                firsts = np.array([group[0] for group in groups], np.int64)
                unitaries = self._shifted_unitaries(tail.node, firsts)
                applied = np.einsum("kij,gjl->gkil", tail.observables, unitaries, optimize=True)
                turned = unitaries.conj().swapaxes(1, 2)[:, None] @ applied
                rows = self._rows(np.concatenate(groups), base)
                moved = np.concatenate(
                    [w @ own[:, self._rows(g, base)] for w, g in zip(weights(turned, real=real), groups, strict=True)],
                    axis=1,
                )
                values = (on_base @ own)[:, rows]
                values[start:stop] = moved
                parts.append(values)
                columns.append(np.concatenate(groups))
            start = stop
        return np.concatenate(columns), np.concatenate(parts, axis=1)

    def _nothing(self, state: Numbers) -> Shifted:
        return Shifted(_NO_COLUMNS, np.empty((state.shape[0], 0), state.dtype))

    def _rows(self, columns: Ints, base: Numbers) -> Ints:
        """The columns of an unshifted state from which shifted ones come."""
        return self._columns.row[columns] if base.shape[1] > 1 else np.zeros(len(columns), np.int64)

    def _forward(self, node: int, base: Numbers, live: Shifted) -> tuple[Numbers, Shifted]:
        new = np.flatnonzero(self._node == node)
        if not self._run.shared.as_matrix(node):
            return self._sweep(node, base, live, new)
        unitary = self._run.shared.unitary(node)
        parts = [matmul(unitary, live.state)]
        if len(new):
            groups = self._groups(new)
            if len(groups) * base.shape[0] < len(new):
                firsts = np.array([group[0] for group in groups], np.int64)
                for matrix, group in zip(self._shifted_unitaries(node, firsts), groups, strict=True):
                    parts.append(matmul(matrix, base[:, self._rows(group, base)]))
            else:
                parts.append(self._sweep(node, base, self._nothing(base), new)[1].state)
        return matmul(unitary, base), Shifted(np.concatenate([live.columns, new]), np.concatenate(parts, axis=1))

    def _shifted_unitaries(self, node: int, firsts: Ints) -> Numbers:
        """The matrix of a shared node at the shift of each of some columns: [column, 2^wires, 2^wires]."""
        d = 1 << self._plan.wires
        seeds = {
            at: _Seeds(np.tile(np.arange(d), len(seed.source)), np.repeat(seed.matrices, d, axis=2), seed.wire)
            for at, seed in self._seeds(node, firsts).items()
        }
        _, shifted = self._operate(node, np.eye(d), np.empty((d, 0)), seeds, _NO_COLUMNS)
        return shifted.reshape(d, len(firsts), d).swapaxes(0, 1)

    def _sweep(self, node: int, base: Numbers, live: Shifted, new: Ints) -> tuple[Numbers, Shifted]:
        columns = np.concatenate([live.columns, new])
        seeds = self._seeds(node, new)
        base, state = self._operate(node, base, live.state, seeds, self._columns.row[columns])
        return base, Shifted(columns, state) if len(columns) else self._nothing(base)

    def _operate(
        self, node: int, base: Numbers, live: Numbers, seeds: dict[int, _Seeds], rows: Ints
    ) -> tuple[Numbers, Numbers]:
        """The operations of a node on base and live columns, which the seeds join on the way."""
        for at, operation in enumerate(self._plan.nodes[node].operations):
            if live.shape[1]:
                live = self._moved(operation, live, rows[: live.shape[1]])
            seed = seeds.get(at)
            if seed is not None:
                if isinstance(operation, Product):
                    joining = self._split_product(operation, seed)
                else:
                    assert isinstance(operation, Block)
                    joining = apply(operation, seed.matrices, base[:, seed.source] if base.shape[1] > 1 else base)
                live = np.concatenate([live, joining], axis=1) if live.shape[1] else joining
            base = self._run.operate(operation, base)
        return base, live

    def _moved(self, operation: Operation, live: Numbers, rows: Ints) -> Numbers:
        if isinstance(operation, Gather):
            return gather(operation, live)
        assert isinstance(operation, Block)
        matrix = self._run.matrices.forward(operation)
        return apply(operation, matrix if matrix.ndim == 2 else matrix[:, :, rows], live)

    def _split_product(self, operation: Product, seed: _Seeds) -> Numbers:
        """Products of one-qubit states with one of them shifted in each column."""
        factors = []
        for wire, factor in enumerate(self._run.factors(operation)):
            mine = seed.wire == wire
            moved = factor[:, seed.source] if factor.shape[1] > 1 else factor.repeat(len(mine), axis=1)
            if mine.any():
                moved = moved.astype(np.result_type(moved, seed.matrices))
                moved[:, mine] = one_qubit(seed.matrices[:, :, mine])
            factors.append(moved)
        return product_state(factors)

    def _seeds(self, node: int, new: Ints) -> dict[int, _Seeds]:
        """The seeds of each operation of the node for the new columns."""
        seeds: dict[int, _Seeds] = {}
        operations = self._operation[new]
        for at in dict.fromkeys(operations.tolist()):
            part = new[operations == at]
            seeds[at] = _Seeds(self._columns.row[part], self._shifted_matrices(node, at, part), self._wire[part])
        return seeds

    def _shifted_matrices(self, node: int, at: int, columns: Ints) -> Numbers:
        """X[x, a, column] of the blocks at an operation, each at its column's shift."""
        operation = self._plan.nodes[node].operations[at]
        blocks = [self._block(operation, wire) for wire in self._wire[columns].tolist()]
        kinds = np.array([block.kind for block in blocks], np.int64)
        places = np.array([block.place for block in blocks], np.int64)
        found: Numbers | None = None
        for number in dict.fromkeys(kinds.tolist()):
            mine = np.flatnonzero(kinds == number)
            chosen = columns[mine]
            kind = self._plan.kinds[number]
            angles = self._run.matrices.angles_at(kind, places[mine], self._columns.row[chosen])
            exponentials = [self._plan.homes[site].exponential for site in self._columns.site[chosen].tolist()]
            angles[np.array(exponentials, np.int64), np.arange(len(mine))] += self._columns.delta[chosen]
            matrices = by_flips(block_matrices(kind, angles))
            if len(mine) == len(columns):
                return matrices
            if found is None:
                found = np.empty((*matrices.shape[:2], len(columns)), matrices.dtype)
            found = found.astype(np.result_type(found, matrices), copy=False)
            found[:, :, mine] = matrices
        assert found is not None
        return found

    @staticmethod
    def _block(operation: Operation, wire: int) -> Block:
        """The block of a site, which has an angle."""
        block = operation.blocks[wire] if isinstance(operation, Product) else operation
        assert isinstance(block, Block)
        return block

    def _groups(self, new: Ints) -> list[Ints]:
        """Runs of columns with one site and one delta."""
        site, delta = self._columns.site[new], self._columns.delta[new]
        edges = np.flatnonzero((site[1:] != site[:-1]) | (delta[1:] != delta[:-1])) + 1
        return np.split(new, edges)
