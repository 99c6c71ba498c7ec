"""Plans on small registers by compiled kernels: the strategies of `execute` and `adjoint`, on split states.

States are kept by real and imaginary parts. What is one product stays a product of BLAS; angles, small matrices,
permutations, readings and their reverse are kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qsanc.fast.tier import Kernels
from qsanc.ir.circuit import CircuitModule, Expectation, Overlap
from qsanc_numpy import native
from qsanc_numpy.arrays import Floats, Ints, Numbers
from qsanc_numpy.costs import CostModel, KernelCosts
from qsanc_numpy.execute import closure
from qsanc_numpy.measure import Readout
from qsanc_numpy.observables import outer
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import ROOT, Block, Plan, Stage
from qsanc_numpy.program import Programs, Table, programs

COSTS = KernelCosts()


_BLOCK = 4096
"""Amplitudes of a block of columns: state and costate by parts stay in a second-level cache."""
_WIDEST = 256
_VECTOR = 8
"""Columns are taken by multiples of this."""


@dataclass(frozen=True, eq=False)
class Split:
    """States of a node: real parts in the first 2^wires rows of `both`, then imaginary ones, if it is complex."""

    both: Floats
    dimension: int

    @property
    def real(self) -> bool:
        return len(self.both) == self.dimension

    @property
    def re(self) -> Floats:
        return self.both[: self.dimension]

    @property
    def im(self) -> Floats:
        return self.both[self.dimension :]

    @property
    def columns(self) -> int:
        return int(self.both.shape[1])

    @staticmethod
    def of(numbers: Numbers) -> Split:
        if not np.iscomplexobj(numbers):
            return Split(np.ascontiguousarray(numbers), len(numbers))
        return Split(np.concatenate([numbers.real, numbers.imag]), len(numbers))

    @cached_property
    def numbers(self) -> Numbers:
        """The same as one array, float64 or complex128[2^wires, column]."""
        if self.real:
            return self.both
        joined = np.empty((self.dimension, self.columns), np.complex128)
        joined.real, joined.imag = self.re, self.im
        return joined


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The Pauli products of some expectations, for `native.expectations` and `native.conjugated`."""

    results: tuple[int, ...]
    flips: Ints
    signs: Ints
    coefficients: Floats
    to: Ints
    member: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Tails in the Heisenberg picture: their matrices U side by side, the entries of their blocks, and the upper
    triangles of Re U^T conjugate P U for every result, float64[result, feature]."""

    unitaries: Split
    entries: Floats
    triangles: Floats


class Work:
    """Scratch memory of one execution on so many columns, which are taken in blocks of one length."""

    def __init__(self, dimension: int, columns: int) -> None:
        most = max(2 * _VECTOR, min(_WIDEST, _BLOCK // dimension))
        blocks = max(1, -(-columns // most))
        lanes = -(-max(1, -(-columns // blocks)) // _VECTOR) * _VECTOR
        self.rows = np.empty((native.WORK_ROWS, lanes))
        self.here = np.empty((4, dimension, lanes))
        self.none = np.empty((0, lanes))
        self.spare = np.empty((2 * dimension, lanes))


class CompiledPlan:
    """A plan with its programs, executed as `costs` has it. Safe to use from several threads: all that it remembers are
    answers that do not depend on who asks."""

    def __init__(self, module: CircuitModule, plan: Plan, costs: CostModel = COSTS) -> None:
        self.plan, self._costs = plan, costs
        self._as_matrix: dict[tuple[int, int], bool] = {}
        self._by_observables: dict[tuple[int, int], bool] = {}
        self.programs: Programs = programs(plan)
        self.terms = {results: _terms(module, results) for results in _segments(module)}
        self.tails = tuple(
            _terms(module, group.results, [m for m, tail in enumerate(group.tails) for _ in tail.results])
            for group in plan.groups
        )
        d = 1 << plan.wires
        upper = np.triu_indices(d)
        self.upper: Ints = (upper[0] * d + upper[1]).astype(np.int64)
        """Where the upper triangle lies in a matrix."""
        self.twice = np.where(upper[0] == upper[1], 1.0, 2.0)

    def as_matrix(self, node: int, columns: int) -> bool:
        """Whether a node, a shared one, is applied as one matrix to so many columns."""
        key = node, columns
        if key not in self._as_matrix:
            one = self.plan.nodes[node]
            self._as_matrix[key] = one.stage is Stage.SHARED and self._costs.as_matrix(self.plan, one, columns)
        return self._as_matrix[key]

    def by_observables(self, group: int, columns: int) -> bool:
        """Whether a group of tails is read by its observables on so many columns: of real states alone."""
        key = group, columns
        if key not in self._by_observables:
            one = self.plan.groups[group]
            real = self.plan.nodes[one.parent].real
            self._by_observables[key] = real and self._costs.by_observables(self.plan, one, columns)
        return self._by_observables[key]


def _terms(module: CircuitModule, results: Sequence[int], members: Sequence[int] | None = None) -> Terms:
    """Of expectations; `members` gives the tail that each is read from."""
    rows: list[tuple[int, int, float, int, int]] = []
    for at, k in enumerate(results):
        result = module.results[k]
        assert isinstance(result, Expectation)
        for coefficient, pauli in result.observable.terms:
            x = sum(1 << (module.wires - 1 - w) for w, letter in pauli.factors if letter in "XY")
            z = sum(1 << (module.wires - 1 - w) for w, letter in pauli.factors if letter in "ZY")
            rows.append((x, z, coefficient, at, 0 if members is None else members[at]))
    flips, signs, to, member = (np.array([row[k] for row in rows], np.int64) for k in (0, 1, 3, 4))
    return Terms(tuple(results), flips, signs, np.array([row[2] for row in rows], np.float64), to, member)


def _segments(module: CircuitModule) -> list[tuple[int, ...]]:
    """The results of each segment that is read by expectations alone."""
    found: dict[int, list[int]] = {}
    other: set[int] = set()
    for k, result in enumerate(module.results):
        if isinstance(result, Expectation):
            found.setdefault(result.segment, []).append(k)
        elif not isinstance(result, Overlap):
            other.add(result.segment)
    return [tuple(results) for segment, results in found.items() if segment not in other]


class CompiledShared:
    """What all rows share at values float64[shared slot]: see `execute.Shared`, whose choices it makes."""

    def __init__(self, compiled: CompiledPlan, kernels: Kernels, shared: Floats, columns: int) -> None:
        self.plan, self.programs, self.kernels = compiled.plan, compiled.programs, kernels
        self.compiled = compiled
        self.base = self.plan.shared.evaluate(shared)
        self.dimension = 1 << self.plan.wires
        self._columns = columns
        self._fixed: dict[int, Floats] = {}
        self._unitaries: dict[int, Split] = {}
        self._observed: dict[int, Observed] = {}

    def work(self, columns: int) -> Work:
        return Work(self.dimension, columns)

    def as_matrix(self, node: int) -> bool:
        return self.compiled.as_matrix(node, self._columns)

    def by_observables(self, group: int) -> bool:
        return self.compiled.by_observables(group, self._columns)

    def fixed(self, node: int) -> Floats:
        """The matrices of a node's shared blocks, float64[entry, 1]."""
        if node not in self._fixed:
            table = self.programs.nodes[node].shared
            self._fixed[node] = self.matrices(table, self.base[table.sites], self.work(1))
        return self._fixed[node]

    def matrices(self, table: Table, angles: Floats, work: Work) -> Floats:
        """The entries of a table's blocks at angles float64[angle, column]."""
        out = np.empty((table.entries, angles.shape[1]))
        if table.entries:
            self.kernels["matrices"](
                table.blocks, table.factors, self.programs.numbers, np.ascontiguousarray(angles), work.rows, out
            )
        return out

    def slopes(self, table: Table, angles: Floats, small: Floats, real: bool, work: Work) -> Floats:
        """Slopes by a table's angles, float64[angle, column], of K in rows of `small`."""
        out = np.zeros(angles.shape)
        if len(out):
            self.kernels["slopes"](
                table.blocks,
                table.factors,
                self.programs.numbers,
                np.ascontiguousarray(angles),
                np.ascontiguousarray(small),
                work.rows,
                table.starts_of(real),
                int(not real),
                out,
            )
        return out

    def forward(self, steps: Ints, own: Floats, fixed: Floats, state: Split, work: Work) -> None:
        here_im = work.none if state.real else work.here[1]
        self.kernels["forward"](
            steps,
            own,
            fixed,
            self.programs.tables,
            self.programs.phases,
            state.re,
            state.im,
            work.here[0],
            here_im,
            work.spare,
            work.rows,
        )

    def backward(
        self, steps: Ints, own: Floats, fixed: Floats, ket: Split, bra: Split, work: Work, rows: int
    ) -> Floats:
        """Undoes a program on `bra`, in place; K in rows of what is returned."""
        small = np.empty((rows, bra.columns))
        none = work.none
        self.kernels["backward"](
            steps,
            own,
            fixed,
            self.programs.tables,
            self.programs.phases,
            ket.re,
            ket.im,
            bra.re,
            bra.im,
            work.here[0],
            none if ket.real else work.here[1],
            work.here[2],
            none if ket.real else work.here[3],
            work.spare,
            work.rows,
            small,
        )
        return small

    def unitary(self, node: int) -> Split:
        """The matrix of a shared node."""
        if node not in self._unitaries:
            stretch = self.programs.nodes[node]
            real = all(self.plan.kinds[k].real for k in _kinds(self.plan, node)) and self._real_moves(node)
            state = _identities(self.dimension, 1, real=real)
            nothing = np.empty((0, self.dimension))
            self.forward(stretch.steps_of(real), nothing, self.fixed(node), state, self.work(self.dimension))
            self._unitaries[node] = state
        return self._unitaries[node]

    def _real_moves(self, node: int) -> bool:
        gathers = [op for op in self.plan.nodes[node].operations if isinstance(op, Gather)]
        return not any(op.phases is not None and np.iscomplexobj(op.phases) for op in gathers)

    def observed(self, number: int) -> Observed:
        if number not in self._observed:
            group, stretch = self.plan.groups[number], self.programs.groups[number]
            terms, d = self.compiled.tails[number], self.dimension
            work = self.work(d * len(group.tails))
            entries = np.repeat(self._entries_of(stretch.own, self.angles_of(number), work), d, axis=1)
            state = _identities(d, len(group.tails), real=False)
            self.forward(stretch.steps_of(False), entries, np.empty((0, 1)), state, work)
            out = np.zeros((len(terms.results), d, d))
            self.kernels["conjugated"](
                state.re, state.im, terms.flips, terms.signs, terms.coefficients, terms.to, terms.member, out
            )
            triangles = out.reshape(len(out), -1).take(self.compiled.upper, axis=1)
            self._observed[number] = Observed(state, entries, triangles)
        return self._observed[number]

    def angles_of(self, group: int) -> Floats:
        """Of the tails of a group, float64[angle, member]."""
        table = self.programs.groups[group].own
        angles = np.zeros(table.sites.shape)
        angles[table.places] = self.base[table.sites_there]
        return angles

    def _entries_of(self, table: Table, angles: Floats, work: Work) -> Floats:
        """As `matrices`, with the identity where a member lacks a block."""
        entries = self.matrices(table, angles, work)
        every, ones = table.identities
        if len(every[0]):
            entries[every] = 0.0
            entries[ones] = 1.0
        return entries


class CompiledRun:
    """A chunk of rows: `items` is float64[row, item slot]."""

    def __init__(self, shared: CompiledShared, items: Floats) -> None:
        self.shared, self.plan, self.rows = shared, shared.plan, items.shape[0]
        self.items = self.plan.items.evaluate(np.ascontiguousarray(items.T))
        self._own: dict[int, tuple[Floats, Floats]] = {}
        self.work = shared.work(self.rows)
        self._features: tuple[Split, Floats] | None = None

    def states(self, wanted: frozenset[int]) -> dict[int, Split]:
        d = self.shared.dimension
        start = np.zeros((d, 1))
        start[0] = 1.0
        states = {ROOT: Split(start, d)}
        for number in closure(self.plan, wanted):
            parent = self.plan.nodes[number].parent
            if parent is not None:
                states[number] = self.forward(number, states[parent])
        return states

    def visit(self, wanted: frozenset[int], read: Callable[[int, Split], None]) -> None:
        """See `engine.Rows`."""
        states = self.states(wanted)
        for number in sorted(wanted):
            read(number, states[number])

    def forward(self, node: int, state: Split) -> Split:
        one, stretch = self.plan.nodes[node], self.shared.programs.nodes[node]
        if self.shared.as_matrix(node):
            return _product(self.shared.unitary(node), state)
        d = self.shared.dimension
        both = np.zeros((d if one.real else 2 * d, self.rows if one.per_row else 1))
        both[: len(state.both)] = state.both
        after = Split(both, d)
        self.shared.forward(stretch.steps_of(one.real), self.own(node)[1], self.shared.fixed(node), after, self.work)
        return after

    def own(self, node: int) -> tuple[Floats, Floats]:
        """Angles float64[angle, row] of a node's blocks with item slots, and the entries of these blocks."""
        if node not in self._own:
            table = self.shared.programs.nodes[node].own
            sites = table.sites[:, 0]
            place = self.plan.item_place[sites]
            angles = self.items[place]
            angles += self.shared.base[sites][:, None]
            fixed = place < 0
            if fixed.any():
                angles[fixed] = self.shared.base[sites[fixed]][:, None]
            self._own[node] = angles, self.shared.matrices(table, angles, self.work)
        return self._own[node]

    def numbers(self, state: Split) -> Numbers:
        return state.numbers

    def forgotten(self, states: Mapping[int, Split]) -> Mapping[int, Split]:
        return states

    def read(self, readout: Readout, state: Split, wanted: frozenset[int]) -> dict[int, Numbers]:
        terms = self.shared.compiled.terms.get(readout.numbers)
        if terms is None:
            return readout.values(state.numbers, wanted)
        out = np.zeros((len(terms.results), state.columns))
        self.shared.kernels["expectations"](
            state.re, state.im, terms.flips, terms.signs, terms.coefficients, terms.to, out
        )
        return {k: out[at] for at, k in enumerate(terms.results) if k in wanted}

    def read_back(self, readout: Readout, state: Split, cotangents: Mapping[int, Floats]) -> Split | Numbers | None:
        terms = self.shared.compiled.terms.get(readout.numbers)
        if terms is None:
            return readout.adjoint(state.numbers, cotangents)
        bars = np.zeros((len(terms.results), state.columns))
        for at, k in enumerate(terms.results):
            if k in cotangents:
                bars[at] = cotangents[k]
        out = Split(np.zeros_like(state.both), state.dimension)
        self.shared.kernels["expectations_back"](
            state.re, state.im, terms.flips, terms.signs, terms.coefficients, terms.to, bars, out.re, out.im
        )
        return out

    def observe(self, group: int, state: Split) -> Floats:
        observed = self.shared.observed(group)
        return (observed.triangles * self.shared.compiled.twice) @ self.features(state)

    def features(self, state: Split) -> Floats:
        """Products of amplitudes, float64[feature, column]; those of the last states are kept for the way back."""
        if self._features is None or self._features[0] is not state:
            d = state.dimension
            out = np.empty((d * (d + 1) // 2, state.columns))
            self.shared.kernels["features"](state.re, out)
            self._features = state, out
        return self._features[1]


class CompiledAdjoint:
    """The reverse sweep: see `adjoint.Adjoint`, whose meaning it has."""

    def __init__(self, shared: CompiledShared) -> None:
        self._shared, self._plan = shared, shared.plan
        self._by_site = np.zeros(len(self._plan.homes))
        self._small: dict[int, tuple[Floats, bool]] = {}
        self._stretches: dict[int, Floats] = {}
        self._tails: dict[int, Floats] = {}

    def add(
        self,
        run: CompiledRun,
        states: Mapping[int, Split],
        costates: Sequence[tuple[int, Callable[[], Split | Numbers]]],
        observed: Mapping[int, Floats],
    ) -> Floats:
        """Derivatives by the angles with item slots, float64[item site, row], of one chunk."""
        by_item = np.zeros((len(self._plan.item_sites), run.rows))
        pending: dict[int, Floats] = {}
        for number, found in costates:
            costate = found()
            both = costate.both if isinstance(costate, Split) else Split.of(costate).both
            _accumulate(pending, number, both, states[number])
        for number, bars in observed.items():
            before = self._plan.groups[number].parent
            _accumulate(pending, before, self._observe(run, number, bars, states[before]), states[before])
        for number in reversed(range(ROOT + 1, len(self._plan.nodes))):
            if number not in pending:
                continue
            parent = self._plan.nodes[number].parent
            assert parent is not None
            bra = Split(pending.pop(number), self._shared.dimension)
            before_bra = self._back(run, number, states, bra, by_item)
            if parent != ROOT:
                _accumulate(pending, parent, before_bra, states[parent])
        return by_item

    def finish(self) -> Floats:
        """Derivatives by the shared part of the angles, float64[site]."""
        shared = self._shared
        for number, both in self._stretches.items():
            unitary, stretch = shared.unitary(number), shared.programs.nodes[number]
            bra = Split(np.ascontiguousarray(both[: len(unitary.both)]), unitary.dimension)
            nothing, fixed = np.empty((0, unitary.columns)), shared.fixed(number)
            rows = stretch.shared.rows_of(unitary.real)
            small = shared.backward(
                stretch.steps_of(unitary.real), nothing, fixed, unitary, bra, shared.work(bra.columns), rows
            )
            self._keep(number, small, unitary.real)
        for number, total in self._tails.items():
            self._sweep_tails(number, total)
        for number, (small, real) in self._small.items():
            table = shared.programs.nodes[number].shared
            slopes = shared.slopes(table, shared.base[table.sites], small, real, shared.work(1))
            np.add.at(self._by_site, table.sites[:, 0], slopes[:, 0])
        return self._by_site

    def _observe(self, run: CompiledRun, number: int, bars: Floats, state: Split) -> Floats:
        total = bars @ run.features(state).T
        known = self._tails.get(number)
        self._tails[number] = total if known is None else known + total
        out = np.empty((state.dimension, state.columns))
        self._shared.kernels["applied"](self._shared.observed(number).triangles.T @ bars, state.re, out)
        return out

    def _sweep_tails(self, number: int, total: Floats) -> None:
        shared = self._shared
        stretch = shared.programs.groups[number]
        rows = stretch.own.rows_of(False)
        if not rows:
            return  # gates without trained angles
        observed, terms = shared.observed(number), shared.compiled.tails[number]
        unitaries, d = observed.unitaries, shared.dimension
        bra = Split(np.zeros_like(unitaries.both), d)
        shared.kernels["conjugated_back"](
            unitaries.re,
            unitaries.im,
            terms.flips,
            terms.signs,
            terms.coefficients,
            terms.to,
            terms.member,
            outer(total, d, real=True),
            np.empty((2, d)),
            bra.re,
            bra.im,
        )
        work, nothing = shared.work(bra.columns), np.empty((0, 1))
        small = shared.backward(stretch.steps_of(False), observed.entries, nothing, unitaries, bra, work, rows)
        small = small.reshape(rows, -1, d).sum(axis=2)
        slopes = shared.slopes(stretch.own, shared.angles_of(number), small, False, work)
        np.add.at(self._by_site, stretch.own.sites_there, slopes[stretch.own.places])

    def _back(self, run: CompiledRun, number: int, states: Mapping[int, Split], bra: Split, by_item: Floats) -> Floats:
        node, stretch, shared = self._plan.nodes[number], self._shared.programs.nodes[number], self._shared
        assert node.parent is not None
        if shared.as_matrix(number):
            before = states[node.parent]
            found = _outer(bra, before)
            known = self._stretches.get(number)
            self._stretches[number] = found if known is None else known + found
            return _product_back(shared.unitary(number), bra, real=before.real)
        angles, entries = run.own(number)
        own_rows = stretch.own.rows_of(node.real)
        rows = own_rows + stretch.shared.rows_of(node.real)
        small = shared.backward(
            stretch.steps_of(node.real), entries, shared.fixed(number), states[number], bra, run.work, rows
        )
        self._keep(number, small[own_rows:], node.real)
        if own_rows:
            slopes = shared.slopes(stretch.own, angles, small[:own_rows], node.real, run.work)
            sites = stretch.own.sites[:, 0]
            self._by_site[sites] += slopes.sum(axis=1)
            place = self._plan.item_place[sites]
            by_item[place[place >= 0]] = slopes[place >= 0]
        return bra.both

    def _keep(self, number: int, small: Floats, real: bool) -> None:
        """Add K of shared blocks, summed over columns."""
        if len(small):
            total = small.sum(axis=1, keepdims=True)
            known = self._small.get(number)
            self._small[number] = (total if known is None else known[0] + total), real


def _kinds(plan: Plan, node: int) -> set[int]:
    return {op.kind for op in plan.nodes[node].operations if isinstance(op, Block)}


def _identities(dimension: int, members: int, *, real: bool) -> Split:
    both = np.zeros((dimension if real else 2 * dimension, members, dimension))
    both[np.arange(dimension), :, np.arange(dimension)] = 1.0
    return Split(both.reshape(len(both), -1), dimension)


def _product(unitary: Split, state: Split) -> Split:
    """`unitary @ state`."""
    d = state.dimension
    if state.real:
        return Split(unitary.both @ state.both, d)
    if unitary.real:
        return Split((unitary.both @ state.both.reshape(2, d, -1)).reshape(2 * d, -1), d)
    left = np.empty((2 * d, 2 * d))
    left[:d, :d] = left[d:, d:] = unitary.re
    left[d:, :d], left[:d, d:] = unitary.im, -unitary.im
    return Split(left @ state.both, d)


def _product_back(unitary: Split, bra: Split, *, real: bool) -> Floats:
    """The conjugate transpose of `unitary` times a costate; its real part for `real` states."""
    d = bra.dimension
    if unitary.real:
        if bra.real:
            return unitary.both.T @ bra.both
        return (unitary.both.T @ bra.both.reshape(2, d, -1)).reshape(2 * d, -1)
    re = unitary.both.T @ bra.both
    if real:
        return re
    turned = np.concatenate([bra.im, -bra.re])
    return np.concatenate([re, unitary.both.T @ turned])


def _outer(bra: Split, state: Split) -> Floats:
    """The sum over columns of |bra><state|, real parts above imaginary ones."""
    d = state.dimension
    if state.real:
        return bra.both @ state.both.T
    all_four = bra.both @ state.both.T
    return np.concatenate([all_four[:d, :d] + all_four[d:, d:], all_four[d:, :d] - all_four[:d, d:]])


def _accumulate(pending: dict[int, Floats], number: int, costate: Floats, state: Split) -> None:
    """Add a costate to those of a node. A real state takes the real part, one that all rows share the sum over them."""
    costate = costate[: len(state.both)]
    if state.columns == 1 and costate.shape[1] > 1:
        costate = costate.sum(axis=1, keepdims=True)
    if len(costate) < len(state.both):
        costate = np.concatenate([costate, np.zeros_like(costate)])
    known = pending.get(number)
    pending[number] = np.ascontiguousarray(costate) if known is None else known + costate
