"""The adjoint method: one reverse sweep over the tree, from d/d conj(states) to derivatives by all slots.

Gates are undone on the state and on the costate together, stacked in one array (Jones and Gacon 2020,
arXiv:2009.02823). A block's slopes are read from the small matrix K[a, b], the sum over the other wires of
conj(costate)[a] behind it and state[b] before it, which is the derivative by its entries: `Expansion.slopes`. A shared
stretch that ran as a matrix U is swept once for all rows: its state is U and its costate the sum over rows of
|costate><state before|; that of tails read by observables P is the sum of P U |state before><state before| times the
cotangent. What all rows share is swept once, after all chunks of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from qsanc_numpy.arrays import Floats, Numbers
from qsanc_numpy.execute import Run, Shared, factors
from qsanc_numpy.kernels import (
    apply,
    apply_group,
    contract,
    contract_group,
    gather_back,
    matmul,
    product_back,
)
from qsanc_numpy.matrices import Matrices, SharedMatrices, flip_order
from qsanc_numpy.observables import applied, features, outer
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import ROOT, Block, Group, Operation, Product


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
        self,
        run: Run,
        states: Mapping[int, Numbers],
        costates: Sequence[tuple[int, Callable[[], Numbers]]],
        observed: Mapping[int, Floats],
    ) -> Floats:
        """Derivatives by the angles with item slots, float64[item site, row], of one chunk.

        `costates` find parts of d/d conj(state) of the scalar, each with its node, `observed` are the cotangents
        float64[result, column] of the results of groups.
        """
        pending: dict[int, Numbers] = {}
        for end, part in costates:
            _accumulate(pending, end, part())
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
            for step in reversed(self._plan.nodes[number].steps):
                pair = sweep.undo(step.does, pair)
        for number, total in self._tails.items():
            self._sweep_tails(sweep, number, total)
        for number, small in self._small.items():
            kind = self._plan.kinds[number]
            functions = self._shared.matrices.functions(number)
            for k, slope in enumerate(kind.expansion.slopes(functions, small[:, :, : kind.count])):
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
        d = 1 << self._plan.wires
        by_result = observed.applied @ outer(total, d, real=total.shape[1] == d * (d + 1) // 2)
        pair = _pair(observed.members, np.add.reduceat(by_result, observed.starts, axis=0))
        for step in reversed(observed.group.steps):
            pair = sweep.undo(step.does, pair)

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
        for at in reversed(range(len(node.steps))):
            does = node.steps[at].does
            if isinstance(does, Product):
                sweep.collect_product(does, pair[1])
                return None
            pair = sweep.undo(does, pair)
        before: Numbers = pair[1]
        return before

    def _by_rows(self, run: Run, sweep: _Sweep) -> Floats:
        """Slopes of kinds with item slots; what belongs to shared kinds waits for the end."""
        by_item = np.zeros((len(self._plan.item_sites), run.matrices.rows))
        for number, small in sweep.small.items():
            kind = self._plan.kinds[number]
            if not kind.per_row:
                _accumulate(self._small, number, small)
                continue
            for k, slope in enumerate(kind.expansion.slopes(run.matrices.functions(number), small)):
                sites = kind.sites[:, k]
                self._by_site[sites] += slope.sum(axis=1)
                place = self._plan.item_place[sites]
                mine = place >= 0
                by_item[place[mine]] = slope[mine]
        return by_item


class _Sweep:
    """Undoing operations on a state and its costate, stacked. K[x, a] of the blocks that have angles is collected by
    kind: `small` is [x, a, place, row] for kinds with item slots, else [x, a, place], the identity being one more. A
    place is met once in a sweep."""

    def __init__(self, matrices: SharedMatrices | Matrices, small: dict[int, Numbers], rows: int) -> None:
        self.small = small
        self._matrices = matrices
        self._kinds = matrices.plan.kinds
        self._rows = rows

    def undo(self, does: Operation | Group, pair: Numbers) -> Numbers:
        if isinstance(does, Group):
            factors, matrix = self._matrices.group(does)
            self._collect_group(does, factors, pair)
            return apply_group(does, matrix.conj().swapaxes(-1, -2), pair)
        if isinstance(does, Gather):
            return gather_back(does, pair)
        assert isinstance(does, Block)
        before = apply(does, self._matrices.backward(does), pair)
        if self._kinds[does.kind].trained:
            self._collect(does, pair[1], before[0])
        return before

    def _collect(self, block: Block, costate: Numbers, state: Numbers) -> None:
        small = self._small(block.kind, state.dtype.kind == "c")
        if isinstance(block.place, np.ndarray):
            found = np.zeros((*small.shape[:2], len(block.place)), small.dtype)
            contract(block, costate, state, found, (True, False))
            small[:, :, block.place] = found
        else:
            contract(block, costate, state, small[:, :, block.place], (False, self._kinds[block.kind].per_row))

    def _collect_group(self, group: Group, factors: Numbers, pair: Numbers) -> None:
        if not any(self._kinds[part.kind].trained for part in group.parts):
            return
        behind = contract_group(group, pair[1], pair[0])
        found = behind @ (factors.conj() if factors.dtype.kind == "c" else factors)
        for part in group.parts:
            small = self._small(part.kind, found.dtype.kind == "c")
            mine = found if len(group.parts) == 1 else found[..., part.blocks, :, :]
            entries = mine.reshape(-1, 4).T.take(flip_order(2), axis=0)
            small.reshape(4, -1)[:, part.places.ravel()] = entries

    def collect_product(self, operation: Product, costate: Numbers) -> None:
        """K of the blocks of a product: before them is |0>."""
        costates = product_back(factors(operation, self._matrices), costate)
        for block, mine in zip(operation.blocks, costates, strict=True):
            if block is None or not self._kinds[block.kind].trained:
                continue
            kind = self._kinds[block.kind]
            mine = mine.conj() if mine.dtype.kind == "c" else mine
            small = self._small(block.kind, mine.dtype.kind == "c")
            for a in (0, 1):
                small[a, a, block.place] = mine[a] if kind.per_row else mine[a].sum()

    def _small(self, number: int, is_complex: bool) -> Numbers:
        kind = self._kinds[number]
        small = self.small.get(number)
        if small is None:
            places = (kind.count, self._rows) if kind.per_row else (kind.count + 1,)
            small = np.zeros((kind.dimension, kind.dimension, *places), np.complex128 if is_complex else np.float64)
            self.small[number] = small
        elif is_complex and small.dtype.kind == "f":
            small = self.small[number] = small.astype(np.complex128)
        return small


def _pair(state: Numbers, costate: Numbers) -> Numbers:
    """Both stacked. All that made a real state is real: the imaginary part of its costate never matters."""
    pair = np.empty((2, *state.shape), state.dtype)
    pair[0] = state
    pair[1] = costate.real if state.dtype.kind == "f" else costate
    return pair


def _like(costate: Numbers, state: Numbers) -> Numbers:
    """The costate of a state that all rows share is the sum of those of the rows."""
    if state.shape[1] == 1 and costate.shape[1] > 1:
        summed: Numbers = np.add.reduce(costate, axis=1, keepdims=True)
        return summed
    return costate


def _accumulate(pending: dict[int, Numbers], number: int, costate: Numbers) -> None:
    known = pending.get(number)
    pending[number] = costate if known is None else known + costate
