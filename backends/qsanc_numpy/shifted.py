"""Running a plan with shifts: each distinct (site, delta, row) is a column that leaves the unshifted ones at its site.

The unshifted states run along. Behind the operation of a site the shifted columns are split off: with M' for a block's
matrix M at the shifted angle, what is behind the block becomes what it would be by M' M^-1. From there on they travel
together, those of all sites side by side. A shift within a shared stretch that pays as a matrix is made a shifted
matrix once, whatever the number of rows; a shift within tails that are read by observables, shifted observables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from qsanc_numpy.arrays import Complex, Floats, Ints, Numbers
from qsanc_numpy.execute import Observed, Run, States, depth_first, operate
from qsanc_numpy.kernels import apply, matmul
from qsanc_numpy.matrices import turned_back
from qsanc_numpy.observables import features, weights
from qsanc_numpy.plan import Block, Group, Operation, Product


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
class Shifted:
    """The states of shifted columns at a node: `columns` are their numbers, `state` [2^wires, column]."""

    columns: Ints
    state: Numbers


_NO_COLUMNS = np.zeros(0, np.int64)


def distinct(order: Ints, site: Ints, delta: Floats, row: Ints) -> tuple[Columns, Ints]:
    """The distinct columns among entries, sorted as they split off, and the column of each entry.

    `order[site]` numbers the blocks of a plan in the order of execution.
    """
    if not len(site):
        return Columns(site, delta, row), _NO_COLUMNS
    starts = _starts(site, delta)
    s, d = site[starts], delta[starts]
    by_shift = np.lexsort((d, s, order[s]))
    rank = np.empty(len(starts), np.int64)
    changes = (s[by_shift][1:] != s[by_shift][:-1]) | (d[by_shift][1:] != d[by_shift][:-1])
    rank[by_shift] = np.concatenate([[0], np.cumsum(changes)])
    key = np.repeat(rank * (row.max() + 1), np.diff([*starts, len(site)])) + row
    by_key = np.argsort(key, kind="stable")
    key = key[by_key]
    new = np.ones(len(key), bool)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    column = np.empty(len(key), np.int64)
    column[by_key] = np.cumsum(new) - 1
    first = by_key[new]
    return Columns(site[first], delta[first], row[first]), column


def _starts(*keys: Ints | Floats) -> Ints:
    """Where runs of equal keys start."""
    new = np.ones(len(keys[0]), bool)
    new[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return np.flatnonzero(new)


class ShiftedRun:
    """One pass over the tree with the given columns, which must be sorted as `distinct` leaves them."""

    def __init__(self, run: Run, columns: Columns) -> None:
        self._run = run
        self._plan = run.plan
        self._columns = columns
        self._node = run.plan.node_of[columns.site]

    def states(self, wanted: frozenset[int]) -> tuple[States, dict[int, Shifted]]:
        """Unshifted and shifted states of the wanted nodes."""
        states: States = {}
        shifted: dict[int, Shifted] = {}

        def keep(node: int, base: Numbers, there: Shifted) -> None:
            states[node], shifted[node] = base, there

        self.visit(wanted, keep)
        return states, shifted

    def visit(self, wanted: frozenset[int], read: Callable[[int, Numbers, Shifted], None]) -> None:
        """Calls `read` with each wanted node, its unshifted and its shifted states, which are let go when nothing more
        starts from them."""
        parents = [node.parent for node in self._plan.nodes]
        order = depth_first(parents, wanted)
        waiting = Counter(parents[number] for number in order)
        live: dict[int, tuple[Numbers, Shifted]] = {}
        for number in order:
            parent = parents[number]
            if parent is None:
                start = self._run.states(())[number]
                here = start, self._nothing(start)
            else:
                waiting[parent] -= 1
                here = self._forward(number, *(live[parent] if waiting[parent] else live.pop(parent)))
            if number in wanted:
                read(number, *here)
            if waiting[number]:
                live[number] = here
            del here

    def observed(
        self, observed: Observed, results: Sequence[int], base: Numbers, before: Shifted
    ) -> tuple[Ints, Floats]:
        """Values of some of a group's results (their places among them, rising) at the columns that split off before it
        or within it: their numbers, and float64[result, column]. A tail's own shift moves only that tail's results."""
        real = base.dtype.kind == "f"
        on_base = (observed.on_real if real else observed.on_complex)[results]
        places = np.array(results, np.int64)
        parts = [on_base @ features(before.state)] if len(before.columns) else []
        columns = [before.columns]
        own = features(base)
        for start, tail in zip(observed.starts.tolist(), observed.group.tails, strict=True):
            new = np.flatnonzero(self._node == tail.node)
            if not len(new):
                continue
            mine = np.flatnonzero((places >= start) & (places < start + len(tail.results)))
            values = np.empty((len(results), len(new)))
            if len(mine) < len(results):
                values[:] = (on_base @ own).take(self._rows(new, base), axis=1)
            if len(mine):
                starts = self._shifts(new)
                unitaries = self._shifted_unitaries(tail.node, new[starts])
                asked = tail.observables[places[mine] - start]
                turned = _turned(asked, unitaries)
                values[mine] = self._by_shift(weights(turned, real=real), own, new, starts)
            parts.append(values)
            columns.append(new)
        found = np.concatenate(parts, axis=1) if parts else np.empty((len(on_base), 0))
        return np.concatenate(columns), found

    def _by_shift(self, weights: Floats, own: Floats, new: Ints, starts: Ints) -> Floats:
        """float64[result, column] of weights [shift, result, feature] and features of the unshifted states, for columns
        whose shifts start at `starts`."""
        rows = self._rows(new, own)
        if len(starts) * own.shape[1] <= 2 * len(new):
            shifts, results = weights.shape[:2]
            every = (weights.swapaxes(0, 1).reshape(-1, len(own)) @ own).reshape(results, -1)
            shift = np.repeat(np.arange(shifts), np.diff([*starts, len(new)]))
            found: Floats = every.take(shift * own.shape[1] + rows, axis=1)
            return found
        groups = zip(weights, np.split(rows, starts[1:]), strict=True)
        return np.concatenate([mine @ own[:, chosen] for mine, chosen in groups], axis=1)

    def _nothing(self, state: Numbers) -> Shifted:
        return Shifted(_NO_COLUMNS, np.empty((state.shape[0], 0), state.dtype))

    def _rows(self, columns: Ints, base: Numbers) -> Ints:
        """The columns of an unshifted state from which shifted ones come."""
        return self._columns.row[columns] if base.shape[1] > 1 else np.zeros(len(columns), np.int64)

    def _shifts(self, new: Ints) -> Ints:
        """Where among the columns each (site, delta) starts."""
        return _starts(self._columns.site[new], self._columns.delta[new])

    def _forward(self, node: int, base: Numbers, live: Shifted) -> tuple[Numbers, Shifted]:
        new = np.flatnonzero(self._node == node)
        columns = np.concatenate([live.columns, new])
        if not self._run.shared.as_matrix(node):
            base, state = self._by_columns(node, base, live.state, columns, new)
            return base, Shifted(columns, state)
        unitary = self._run.shared.unitary(node)
        parts = [matmul(unitary, live.state)] if len(live.columns) else []
        if len(new):
            starts = self._shifts(new)
            if len(starts) * base.shape[0] < len(new):
                matrices = self._shifted_unitaries(node, new[starts])
                rows = np.split(self._rows(new, base), starts[1:])
                parts += [matmul(matrix, base[:, chosen]) for matrix, chosen in zip(matrices, rows, strict=True)]
            else:
                parts.append(self._by_columns(node, base, self._nothing(base).state, new, new)[1])
        state = np.concatenate(parts, axis=1) if parts else live.state
        return matmul(unitary, base), Shifted(columns, state)

    def _by_columns(self, node: int, base: Numbers, live: Numbers, columns: Ints, new: Ints) -> tuple[Numbers, Numbers]:
        """The steps of a node on base and live columns, which the new ones join on the way: [2^wires, column]."""
        rows = self._columns.row[columns]

        def move(does: Operation | Group, live: Numbers) -> Numbers:
            if isinstance(does, Block) and self._plan.kinds[does.kind].per_row:
                matrix = self._run.matrices.forward(does)
                return apply(does, matrix.take(rows[: live.shape[1]], axis=2), live)
            return operate(does, self._run.matrices, live)

        def join(block: Block, chosen: Ints, base: Numbers, live: Numbers) -> Numbers:
            turn = self._turn(block, chosen)
            before = base.take(self._columns.row[chosen], axis=1) if base.shape[1] > 1 else base
            return np.concatenate([live, apply(_turning(block), turn, before)], axis=1)

        return self._walk(node, base, live, new, move, join)

    def _shifted_unitaries(self, node: int, firsts: Ints) -> Numbers:
        """The matrix of a shared node at the shift of each of some columns: [column, 2^wires, 2^wires]."""
        d = 1 << self._plan.wires

        def move(does: Operation | Group, live: Numbers) -> Numbers:
            return operate(does, self._run.matrices, live)

        def join(block: Block, chosen: Ints, base: Numbers, live: Numbers) -> Numbers:
            turn = self._turn(block, chosen).swapaxes(1, 2)[..., None]
            return np.concatenate([live, apply(_turning(block), turn, base)])

        return self._walk(node, np.eye(d), np.empty((0, d, d)), firsts, move, join)[1]

    def _walk(
        self,
        node: int,
        base: Numbers,
        live: Numbers,
        new: Ints,
        move: Callable[[Operation | Group, Numbers], Numbers],
        join: Callable[[Block, Ints, Numbers, Numbers], Numbers],
    ) -> tuple[Numbers, Numbers]:
        """The steps of a node; behind each the columns of its blocks join the live ones."""
        order = self._plan.order[self._columns.site[new]]
        waiting = np.split(new, _starts(order)[1:]) if len(new) else []
        operations = [int(self._plan.operation_of[self._columns.site[part[0]]]) for part in waiting]
        at = 0
        for step in self._plan.nodes[node].steps:
            if live.size:
                live = move(step.does, live)
            base = operate(step.does, self._run.matrices, base)
            while at < len(waiting) and operations[at] in step.operations:
                live = join(self._block(node, waiting[at]), waiting[at], base, live)
                at += 1
        return base, live

    def _block(self, node: int, columns: Ints) -> Block:
        """The block at whose sites some columns split off."""
        home = self._plan.homes[int(self._columns.site[columns[0]])]
        operation = self._plan.nodes[node].operations[home.operation]
        block = operation.blocks[home.wire] if isinstance(operation, Product) else operation
        assert isinstance(block, Block)
        return block

    def _turn(self, block: Block, columns: Ints) -> Numbers:
        """X[x, a, column] of what makes the state behind a block that behind it at the shift of each column."""
        assert isinstance(block.place, int)
        kind = self._plan.kinds[block.kind]
        site, row = self._columns.site[columns], self._columns.row[columns]
        places = np.full(len(columns), block.place)
        angles = self._run.matrices.angles_at(kind, places, row)
        angles[self._plan.exponential_of[site], np.arange(len(columns))] += self._columns.delta[columns]
        shifted = kind.expansion.matrices(kind.expansion.functions(angles), (len(columns),))
        inverse = self._run.matrices.backward(block)
        return turned_back(kind, shifted, inverse.take(row, axis=2) if kind.per_row else inverse)


def _turned(observables: Complex, unitaries: Numbers) -> Numbers:
    """U^T conjugate P U for each of unitaries [shift, d, d] and observables: [shift, observable, d, d]."""
    count, d = observables.shape[:2]
    beside = observables.swapaxes(0, 1).reshape(d * count, d) @ unitaries
    both = unitaries.conj().swapaxes(1, 2) @ beside.reshape(-1, d, count * d)
    return both.reshape(-1, d, count, d).swapaxes(1, 2)


def _turning(block: Block) -> Block:
    """With the bits that M' M^-1 can flip for the block's matrices M' and M."""
    flips = tuple(sorted({x ^ y for x in block.flips for y in block.flips}))
    return block if flips == block.flips else replace(block, flips=flips)
