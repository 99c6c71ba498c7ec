"""The adjoint method: one reverse sweep over the tree, from d/d conj(states) to derivatives by all slots.

Gates are undone on the state and on the costate together, stacked in one array (Jones and Gacon 2020,
arXiv:2009.02823). A block's slope is read behind it from the small matrix K[a, b], the sum of conj(costate)[a] state[b]
over the other wires (`matrices.slopes`). A shared stretch that ran as a matrix U is swept once for all rows: its state
is U and its costate the sum over rows of |costate><state before|; that of tails read by observables P is the sum of
P U |state before><state before| times the cotangent. What all rows share is swept once, after all chunks of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from qsanc_numpy.arrays import Floats, Numbers
from qsanc_numpy.execute import Run, Shared, matmul
from qsanc_numpy.kernels import apply, contract, gather_back, product_back
from qsanc_numpy.matrices import Matrices, SharedMatrices, from_flips, slopes
from qsanc_numpy.observables import applied, features, outer
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import ROOT, Block, Operation, Product


class Adjoint:
    """The reverse sweep at one set of shared values. Chunks of rows are added one after the other, then `finish`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._plan = shared.plan
        self._small: dict[int, Numbers] = {}
        self._stretches: dict[int, Numbers] = {}
        self._tails: dict[int, Floats] = {}
        self._by_site = np.zeros(len(self._plan.homes))

    def add(
        self, run: Run, states: Mapping[int, Numbers], costates: Mapping[int, Numbers], observed: Mapping[int, Floats]
    ) -> Floats:
        """Derivatives by the angles with item slots, float64[item site, row], of one chunk.

        `costates` gives d/d conj(state) of the scalar at nodes, `observed` the cotangents float64[result, column] of
        the results of groups.
        """
        pending = dict(costates)
        for number, cotangents in observed.items():
            before = self._plan.groups[number].parent
            _accumulate(pending, before, self._observe(number, cotangents, states[before]))
        sweep = _Sweep(run.matrices, {}, run.matrices.rows)
        for number in reversed(range(ROOT + 1, len(self._plan.nodes))):
            if number not in pending:
                continue
            parent = self._plan.nodes[number].parent
            assert parent is not None
            costate = self._back(run, sweep, number, states, pending.pop(number))
            if costate is not None:
                _accumulate(pending, parent, _like(costate, states[parent]))
        return self._by_rows(run, sweep)

    def finish(self) -> Floats:
        """Derivatives by the shared part of the angles, float64[site]."""
        sweep = _Sweep(self._shared.matrices, self._small, 0)
        for number, costate in self._stretches.items():
            pair = _pair(self._shared.unitary(number), costate)
            for operation in reversed(self._plan.nodes[number].operations):
                pair = sweep.undo(operation, pair)
        for number, total in self._tails.items():
            self._sweep_tails(sweep, number, total)
        for number, small in self._small.items():
            kind = self._plan.kinds[number]
            angles = self._shared.matrices.angles(number)
            for k, slope in enumerate(slopes(kind, angles, from_flips(small[:, :, : kind.count]))):
                self._by_site[kind.sites[:, k]] += slope
        return self._by_site

    def _observe(self, number: int, cotangents: Floats, state: Numbers) -> Numbers:
        observed = self._shared.observed(number)
        found = cotangents @ features(state).T
        known = self._tails.get(number)
        self._tails[number] = found if known is None else known + found
        return applied(observed.observables, cotangents, state)

    def _sweep_tails(self, sweep: _Sweep, number: int, total: Floats) -> None:
        observed = self._shared.observed(number)
        group, d = observed.group, 1 << self._plan.wires
        sums = outer(total, d, real=self._plan.nodes[group.parent].real)
        costate = np.empty((d, len(group.tails), d), np.complex128)
        start = 0
        for member, tail in enumerate(group.tails):
            stop = start + len(tail.results)
            left = observed.applied[start:stop].transpose(1, 0, 2).reshape(d, -1)
            costate[:, member] = left @ sums[start:stop].reshape(-1, d)
            start = stop
        pair = _pair(observed.unitaries, costate)
        for operation in reversed(group.operations):
            pair = sweep.undo(operation, pair)

    def _back(
        self, run: Run, sweep: _Sweep, number: int, states: Mapping[int, Numbers], costate: Numbers
    ) -> Numbers | None:
        """The costate before a node; None where there is nothing before it."""
        node = self._plan.nodes[number]
        assert node.parent is not None
        if self._shared.as_matrix(number):
            found = costate @ states[node.parent].conj().T
            _accumulate(self._stretches, number, found)
            return matmul(self._shared.unitary(number).conj().T, costate)
        pair = _pair(states[number], costate)
        for at in reversed(range(len(node.operations))):
            operation = node.operations[at]
            if isinstance(operation, Product):
                sweep.collect_product(operation, run.factors(operation), pair)
                return None
            if at == 0 and node.parent == ROOT:
                sweep.collect(operation, pair)
                return None
            pair = sweep.undo(operation, pair)
        return pair[len(pair) // 2 :]

    def _by_rows(self, run: Run, sweep: _Sweep) -> Floats:
        """Slopes of kinds with item slots; what belongs to shared kinds waits for the end."""
        by_item = np.zeros((len(self._plan.item_sites), run.matrices.rows))
        for number, small in sweep.small.items():
            kind = self._plan.kinds[number]
            if not kind.per_row:
                _accumulate(self._small, number, small)
                continue
            for k, slope in enumerate(slopes(kind, run.matrices.angles(number), from_flips(small))):
                sites = kind.sites[:, k]
                self._by_site[sites] += slope.sum(axis=1)
                place = self._plan.item_place[sites]
                mine = place >= 0
                by_item[place[mine]] = slope[mine]
        return by_item


class _Sweep:
    """Undoing operations on a state and its costate, stacked. K[x, a] of the blocks that have angles is collected by
    kind: `small` is [x, a, place, row] for kinds with item slots, else [x, a, place], the identity being one more."""

    def __init__(self, matrices: SharedMatrices | Matrices, small: dict[int, Numbers], rows: int) -> None:
        self.small = small
        self._matrices = matrices
        self._kinds = matrices.plan.kinds
        self._rows = rows

    def undo(self, operation: Operation, pair: Numbers) -> Numbers:
        if isinstance(operation, Gather):
            return gather_back(operation, pair)
        assert isinstance(operation, Block)
        self.collect(operation, pair)
        return apply(operation, self._matrices.backward(operation), pair)

    def collect(self, operation: Operation, pair: Numbers) -> None:
        if isinstance(operation, Block) and self._kinds[operation.kind].trained:
            half = len(pair) // 2
            keep = int(self._kinds[operation.kind].per_row or isinstance(operation.place, np.ndarray))
            self._keep(operation, contract(operation, pair[half:], pair[:half], keep))

    def collect_product(self, operation: Product, factors: Sequence[Numbers], pair: Numbers) -> None:
        costates = product_back(factors, pair[len(pair) // 2 :])
        for block, factor, costate in zip(operation.blocks, factors, costates, strict=True):
            if block is not None and self._kinds[block.kind].trained:
                found = costate.conj()[:, None] * factor[None]
                small = np.stack([found[[0, 1], [x, 1 - x]] for x in (0, 1)])
                self._keep(block, small if self._kinds[block.kind].per_row else small.sum(axis=2))

    def _keep(self, block: Block, found: Numbers) -> None:
        """Add K[x, a] of a block, with a last axis for its rows or for its members."""
        kind = self._kinds[block.kind]
        small = self.small.get(block.kind)
        if small is None:
            places = (kind.count, self._rows) if kind.per_row else (kind.count + 1,)
            small = np.zeros((kind.dimension, kind.dimension, *places), found.dtype)
        elif np.iscomplexobj(found) and not np.iscomplexobj(small):
            small = small.astype(np.complex128)
        if isinstance(block.place, np.ndarray):
            for member, place in enumerate(block.place.tolist()):
                small[:, :, place] += found[:, :, member]
        else:
            small[:, :, block.place] += found
        self.small[block.kind] = small


def _pair(state: Numbers, costate: Numbers) -> Numbers:
    """Both stacked. All that made a real state is real: the imaginary part of its costate never matters."""
    if not np.iscomplexobj(state) and np.iscomplexobj(costate):
        costate = costate.real
    return np.concatenate([state, costate])


def _like(costate: Numbers, state: Numbers) -> Numbers:
    """The costate of a state that all rows share is the sum of those of the rows."""
    if state.shape[1] == 1 and costate.shape[1] > 1:
        summed: Numbers = np.add.reduce(costate, axis=1, keepdims=True)
        return summed
    return costate


def _accumulate(pending: dict[int, Numbers], number: int, costate: Numbers) -> None:
    known = pending.get(number)
    pending[number] = costate if known is None else known + costate
