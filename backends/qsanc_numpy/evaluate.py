"""A lowered module: its plan and what is read from it, evaluated exactly at rows, at pairs of rows and at shifts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule, Overlap, Probabilities, State
from qsanc.target import Bindings, Gradient, Shifts
from qsanc_numpy import large, native, register
from qsanc_numpy.adjoint import Adjoint
from qsanc_numpy.arrays import Complex, Floats, Ints, Numbers
from qsanc_numpy.compiled import CompiledAdjoint, CompiledPlan, CompiledRun, CompiledShared
from qsanc_numpy.costs import CostModel, Strategy
from qsanc_numpy.engine import Engine, Kept, Rows, SharedValues
from qsanc_numpy.execute import Run, Shared, States
from qsanc_numpy.lowering import lower
from qsanc_numpy.measure import Readout
from qsanc_numpy.memory import KEPT_AMPLITUDES
from qsanc_numpy.overlaps import OverlapPlan
from qsanc_numpy.plan import Plan
from qsanc_numpy.program import compilable
from qsanc_numpy.register import RegisterPlan
from qsanc_numpy.shifted import Columns, Shifted, ShiftedRun, distinct
from qsanc_numpy.text import text

_ROW_AMPLITUDES = 1 << 16
"""Rows are taken in chunks of about this many numbers (amplitudes, matrix entries), which stay in the cache."""
_SHIFT_AMPLITUDES = 1 << 17
"""Shifted columns likewise."""

_COMPILED_COLUMNS = 4
"""From so many columns on, kernels for small registers are ahead of columns one by one (measured at 11, 12 wires)."""

Costates = list[tuple[int, Callable[[], Kept]]]
"""What finds parts of d/d conj(state), each with its node: segments can end alike."""

Values = dict[int, Floats | Complex]
"""By result, [row | pair | shift, ...]."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What has to be known for some results: `observed` are groups of tails, by number, that answer for some of them;
    `segments` answer for the others."""

    results: frozenset[int]
    observed: tuple[int, ...]
    segments: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Lowered:
    """`readouts` are by segment, `overlaps` by result."""

    module: CircuitModule
    plan: Plan
    readouts: Mapping[int, Readout]
    overlaps: Mapping[int, OverlapPlan]
    costs: CostModel
    states: frozenset[int]
    """The results that are states."""
    single: bool
    """Whether states are kept in single precision: on large registers alone."""
    _strategies: dict[int, Strategy] = field(default_factory=dict)
    _kept: dict[Strategy, tuple[Floats, Shared]] = field(default_factory=dict)

    @staticmethod
    def of(module: CircuitModule, costs: CostModel | None = None, *, single: bool = False) -> Lowered:
        plan = lower(module)
        numbered = dict(enumerate(module.results))
        overlaps = {
            k: OverlapPlan.of(result.left, result.right, result.wires, module.wires)
            for k, result in numbered.items()
            if isinstance(result, Overlap)
        }
        readouts = {
            segment: Readout.of(
                {k: r for k, r in numbered.items() if not isinstance(r, Overlap) and r.segment == segment},
                module.wires,
            )
            for segment in {r.segment for r in module.results if not isinstance(r, Overlap)}
        }
        states = frozenset(k for k, result in numbered.items() if isinstance(result, State))
        return Lowered(module, plan, readouts, overlaps, costs or CostModel(), states, single and register.holds(plan))

    def strategy(self, columns: int) -> Strategy:
        """What pays for so many columns in all, executed by NumPy."""
        found = self._strategies.get(columns)
        if found is None:
            found = self._strategies[columns] = self.costs.strategy(self.plan, columns)
        return found

    def _shared_for(self, values: Floats, columns: int) -> Shared:
        """What all rows share, kept for the next call: a gradient by shifts takes several."""
        strategy = self.strategy(columns)
        known = self._kept.get(strategy)
        if known is None or not np.array_equal(known[0], values):
            known = self._kept[strategy] = (values.copy(), Shared(self.plan, values, strategy))
        return known[1]

    @cached_property
    def numpy(self) -> Engine:
        """Execution by NumPy."""
        return Engine(lambda values, columns: Shared(self.plan, values, self.strategy(columns)), Run, Adjoint)

    @cached_property
    def _compiled(self) -> CompiledPlan:
        return CompiledPlan(self.module, self.plan)

    @property
    def large(self) -> bool:
        """Whether the plan is executed as that of a large register: column by column."""
        return register.holds(self.plan)

    def text(self) -> str:
        """The plan, for people."""
        about = text(self.module, self.plan, self.costs)
        return f"{about}{self._register}" if self.large else about

    @cached_property
    def _register(self) -> RegisterPlan:
        return RegisterPlan(self.plan, single=self.single)

    def compiles(self, columns: int) -> bool:
        """Whether kernels for small registers, where there are any, execute the plan on so many columns."""
        pays = not self.single and (not self.large or columns >= _COMPILED_COLUMNS)
        return pays and compilable(self.plan)

    def engine(self, tier: Tier = OFF, columns: int = 1) -> Engine:
        """How the plan is executed on so many columns: by kernels for small registers where the tier has them and the
        plan is of their kind, by NumPy, or as a large register, column by column."""
        kernels = tier.kernels(native.LIBRARY) if self.compiles(columns) else None
        if kernels is not None:
            return Engine(partial(CompiledShared, self._compiled, kernels), CompiledRun, CompiledAdjoint)
        if not self.large:
            return self.numpy
        return self._register.engine(tier.kernels(large.LIBRARY) if self._register.native else None)

    def values(
        self, bindings: Bindings, results: Iterable[int], pairs: Ints | None, engine: Engine | None = None
    ) -> Values:
        engine = engine or self.numpy
        wanted = frozenset(results)
        if not _entries(bindings, pairs):
            return self._nothing(wanted)
        shared = engine.shared(bindings.shared, bindings.rows)
        if pairs is not None:
            run = engine.run(shared, bindings.items)
            return self._overlap_values(run, self._states(run, wanted), wanted, pairs)
        reading = self.reading(shared, wanted)
        chunks = self._chunks(bindings)
        return _joined(self._visit(engine.run(shared, chunk.items), reading, chunk.rows) for _, chunk in chunks)

    def values_and_adjoint(
        self, bindings: Bindings, results: Iterable[int], pairs: Ints | None, engine: Engine | None = None
    ) -> tuple[Values, Reverse]:
        engine = engine or self.numpy
        wanted = frozenset(results)
        shared = engine.shared(bindings.shared, bindings.rows)
        reading = self.reading(shared, wanted)
        passes: list[_Pass] = []
        parts: list[Values] = []
        if _entries(bindings, pairs):
            whole = [(slice(0, bindings.rows), bindings)]
            for rows, chunk in self._chunks(bindings) if pairs is None else whole:
                run = engine.run(shared, chunk.items)
                if pairs is None:
                    states = self._states_for(run, reading)
                    parts.append(self._read(run, states, reading, chunk.rows))
                else:
                    states = self._states(run, wanted)
                    parts.append(self._overlap_values(run, states, wanted, pairs))
                if bindings.rows > 1 and bindings.rows << self.plan.wires > KEPT_AMPLITUDES:
                    states = run.forgotten(states)
                passes.append(_Pass(rows, run, states))
        values = _joined(parts) if parts else self._nothing(wanted)
        return values, Reverse(self, bindings, pairs, engine, shared, reading, tuple(passes))

    def values_at_shifts(self, bindings: Bindings, results: Iterable[int], pairs: Ints | None, at: Shifts) -> Values:
        wanted = frozenset(results)
        if not len(at):
            return self._nothing(wanted)
        shared = self._shared_for(bindings.shared, len(at))
        if pairs is not None:
            return self._overlaps_at_shifts(shared, bindings, wanted, pairs, at)
        if not any(self.plan.nodes[self.plan.ends[segment]].per_row for segment in self._segments(wanted)):
            return self._readouts_at_shifts(
                shared, bindings.items[:1], wanted, at.site, at.delta, np.zeros_like(at.row)
            )
        out: Values = {}
        for rows, chunk in self._chunks(bindings):
            chosen = np.flatnonzero((at.row >= rows.start) & (at.row < rows.stop))
            part = self._readouts_at_shifts(
                shared, chunk.items, wanted, at.site[chosen], at.delta[chosen], at.row[chosen] - rows.start
            )
            for k, value in part.items():
                if k not in out:
                    out[k] = np.empty((len(at), *value.shape[1:]), value.dtype)
                out[k][chosen] = value
        return out

    def reading(self, shared: SharedValues, wanted: frozenset[int]) -> Reading:
        """How results other than overlaps are read: tails by observables where that pays."""
        observed = tuple(
            number
            for number, group in enumerate(self.plan.groups)
            if not wanted.isdisjoint(group.results) and shared.by_observables(number)
        )
        answered = {k for number in observed for k in self.plan.groups[number].results}
        segments = tuple(
            segment
            for segment, readout in self.readouts.items()
            if any(k in wanted and k not in answered for k in readout.numbers)
        )
        return Reading(wanted, observed, segments)

    def nodes(self, reading: Reading) -> frozenset[int]:
        """The nodes whose states a reading takes."""
        parents = {self.plan.groups[number].parent for number in reading.observed}
        return frozenset(parents | {self.plan.ends[segment] for segment in reading.segments})

    def _states_for(self, run: Rows, reading: Reading) -> Mapping[int, Kept]:
        return run.states(self.nodes(reading))

    def _states(self, run: Rows, wanted: frozenset[int]) -> Mapping[int, Kept]:
        return run.states(frozenset(self.plan.ends[segment] for segment in self._segments(wanted)))

    def _segments(self, wanted: frozenset[int]) -> frozenset[int]:
        found: set[int] = set()
        for number in wanted:
            result = self.module.results[number]
            found |= {result.left, result.right} if isinstance(result, Overlap) else {result.segment}
        return frozenset(found)

    def _chunks(self, bindings: Bindings) -> Iterator[tuple[slice, Bindings]]:
        entries = sum(kind.dimension**2 * kind.count for kind in self.plan.kinds if kind.per_row)
        size = max(1, _ROW_AMPLITUDES // ((1 << self.plan.wires) + entries))
        for start in range(0, bindings.rows, size):
            rows = slice(start, min(start + size, bindings.rows))
            yield rows, Bindings(bindings.shared, bindings.items[rows])

    def _nothing(self, wanted: frozenset[int]) -> Values:
        return {k: self._empty(k) for k in wanted}

    def _empty(self, number: int) -> Floats | Complex:
        match self.module.results[number]:
            case Probabilities(_, wires):
                return np.zeros((0, 1 << len(wires)))
            case State():
                return np.zeros((0, 1 << self.module.wires), np.complex128)
            case _:
                return np.zeros(0)

    def _visit(self, run: Rows, reading: Reading, rows: int) -> Values:
        """The values of a reading; each state is read as soon as it is there."""
        values: Values = {}
        run.visit(self.nodes(reading), lambda node, state: values.update(self._at(run, node, state, reading, rows)))
        return values

    def _read(self, run: Rows, states: Mapping[int, Kept], reading: Reading, rows: int) -> Values:
        values: Values = {}
        for node in self.nodes(reading):
            values |= self._at(run, node, states[node], reading, rows)
        return values

    def _at(self, run: Rows, node: int, state: Kept, reading: Reading, rows: int) -> Values:
        """What is read from the states of one node."""
        values: Values = {}
        for number in reading.observed:
            group = self.plan.groups[number]
            if group.parent == node:
                found = run.observe(number, state)
                values |= {k: found[at] for at, k in enumerate(group.results) if k in reading.results}
        for segment in reading.segments:
            if self.plan.ends[segment] == node:
                read = run.read(self.readouts[segment], state, reading.results)
                same = rows > 1 and not self.plan.nodes[node].per_row
                values |= {k: value[np.zeros(rows, np.int64)] if same else value for k, value in read.items()}
        return values

    def end(self, states: Mapping[int, Numbers], segment: int) -> Numbers:
        return states[self.plan.ends[segment]]

    def columns_of(self, segment: int, rows: Ints) -> Ints:
        """The columns of a segment's final state that belong to rows."""
        return rows if self.plan.nodes[self.plan.ends[segment]].per_row else np.zeros_like(rows)

    def column_pairs(self, overlap: OverlapPlan, pairs: Ints) -> Ints:
        left, right = self.columns_of(overlap.left, pairs[:, 0]), self.columns_of(overlap.right, pairs[:, 1])
        return np.stack([left, right], axis=1)

    def _overlap_values(self, run: Rows, states: Mapping[int, Kept], wanted: frozenset[int], pairs: Ints) -> Values:
        values: Values = {}
        for k in wanted:
            overlap = self.overlaps[k]
            left = overlap.features(run.numbers(states[self.plan.ends[overlap.left]]))
            right = overlap.features(run.numbers(states[self.plan.ends[overlap.right]]))
            values[k] = overlap.values(left, right, self.column_pairs(overlap, pairs))
        return values

    def _readouts_at_shifts(
        self, shared: Shared, items: Floats, wanted: frozenset[int], site: Ints, delta: Floats, row: Ints
    ) -> Values:
        columns, column = distinct(self.plan.order, site, delta, row)
        run, reading = Run(shared, items), self.reading(shared, wanted)
        parts = [self._columns_read(run, reading, part) for _, part in self._column_chunks(columns)]
        return {k: value[column] for k, value in _joined(parts).items()} if parts else self._nothing(wanted)

    def shifted(self, run: Run, columns: Columns) -> ShiftedRun:
        """What carries shifted columns through the plan."""
        return ShiftedRun(run, columns)

    def _columns_read(self, run: Run, reading: Reading, columns: Columns) -> Values:
        shifted_run = self.shifted(run, columns)
        values: Values = {}

        def read(node: int, base: Numbers, there: Shifted) -> None:
            values.update(self._node_read(run, shifted_run, reading, columns, node, base, there))

        shifted_run.visit(self.nodes(reading), read)
        return values

    def _node_read(
        self,
        run: Run,
        shifted_run: ShiftedRun,
        reading: Reading,
        columns: Columns,
        node: int,
        base: Numbers,
        there: Shifted,
    ) -> Values:
        """What is read from the unshifted and the shifted states of one node, for all columns."""
        values: Values = {}
        for number in reading.observed:
            observed = run.shared.observed(number)
            if observed.group.parent != node:
                continue
            places = [at for at, k in enumerate(observed.group.results) if k in reading.results]
            moved, found = shifted_run.observed(observed, places, base, there)
            unmoved: Values = {}
            if len(moved) < len(columns):
                unmoved = self._at(run, node, base, Reading(reading.results, (number,), ()), run.matrices.rows)
            for value, at in zip(found, places, strict=True):
                k = observed.group.results[at]
                every = unmoved[k][columns.row] if unmoved else np.empty(len(columns))
                every[moved] = value
                values[k] = every
        for segment in reading.segments:
            if self.plan.ends[segment] != node:
                continue
            read = self.readouts[segment].values(there.state, reading.results)
            if len(there.columns) < len(columns):
                still = self.readouts[segment].values(base, reading.results)
                for k, value in read.items():
                    every = still[k][self.columns_of(segment, columns.row)]
                    every[there.columns] = value
                    read[k] = every
            values |= read
        return values

    def _overlaps_at_shifts(
        self, shared: Shared, bindings: Bindings, wanted: frozenset[int], pairs: Ints, at: Shifts
    ) -> Values:
        columns, column = distinct(self.plan.order, at.site, at.delta, pairs[at.row, at.side])
        run = Run(shared, bindings.items)
        ends = frozenset(self.plan.ends[segment] for segment in self._segments(wanted))
        values: Values = {k: np.empty(len(at)) for k in wanted}
        for part, chosen in self._column_chunks(columns):
            entries = np.flatnonzero((column >= part.start) & (column < part.stop))
            states, shifted = self.shifted(run, chosen).states(ends)
            for k in wanted:
                for side in (0, 1):
                    mine = entries[at.side[entries] == side]
                    values[k][mine] = self._one_side(
                        self.overlaps[k], side, pairs[at.row[mine]], column[mine] - part.start, states, shifted
                    )
        return values

    def _one_side(
        self,
        overlap: OverlapPlan,
        side: int,
        pairs: Ints,
        columns: Ints,
        states: States,
        shifted: Mapping[int, Shifted],
    ) -> Floats:
        """Overlaps of pairs whose state on `side` is the shifted column given for each, if it comes by that site."""
        at = self.column_pairs(overlap, pairs)
        both = (overlap.left, overlap.right)
        known = [overlap.features(self.end(states, segment)) for segment in both]
        moved = shifted[self.plan.ends[both[side]]]
        place = np.searchsorted(moved.columns, columns)
        found = place < len(moved.columns)
        found[found] = moved.columns[place[found]] == columns[found]
        at[found, side] = known[side].shape[1] + place[found]
        known[side] = np.concatenate([known[side], overlap.features(moved.state)], axis=1)
        return overlap.values(known[0], known[1], at)

    def _column_chunks(self, columns: Columns) -> Iterator[tuple[slice, Columns]]:
        size = max(1, _SHIFT_AMPLITUDES >> self.plan.wires)
        for start in range(0, len(columns), size):
            part = slice(start, min(start + size, len(columns)))
            yield part, columns.part(part)


@dataclass(frozen=True, slots=True, eq=False)
class _Pass:
    rows: slice
    run: Rows
    states: Mapping[int, Kept]


@dataclass(frozen=True, slots=True, eq=False)
class Reverse:
    """A forward pass that waits for cotangents: the `Pullback` of an execution."""

    lowered: Lowered
    bindings: Bindings
    pairs: Ints | None
    engine: Engine
    shared: SharedValues
    reading: Reading
    passes: tuple[_Pass, ...]

    def __call__(self, cotangents: Mapping[int, Floats]) -> Gradient:
        plan = self.lowered.plan
        adjoint = self.engine.sweep(self.shared)
        items = np.zeros_like(self.bindings.items)
        if not self.lowered.states.isdisjoint(cotangents):
            raise CompilerBug("a state is not differentiable")
        for one in self.passes:
            costates, observed = self._costates(one, cotangents)
            if costates or observed:
                by_item = adjoint.add(one.run, one.states, costates, observed)
                items[one.rows] = plan.items.transpose(by_item, items.shape[1]).T
        return Gradient(plan.shared.transpose(adjoint.finish(), len(self.bindings.shared)), items)

    def _costates(self, one: _Pass, cotangents: Mapping[int, Floats]) -> tuple[Costates, dict[int, Floats]]:
        """With their nodes, and by group."""
        if self.pairs is not None:
            return self._overlap_costates(one, cotangents, self.pairs), {}
        observed: dict[int, Floats] = {}
        for number in self.reading.observed:
            results = self.lowered.plan.groups[number].results
            if any(k in cotangents for k in results):
                stacked = np.zeros((len(results), one.rows.stop - one.rows.start))
                for at, k in enumerate(results):
                    if k in cotangents:
                        stacked[at] = cotangents[k][one.rows]
                observed[number] = stacked
        costates: Costates = []
        for segment in self.reading.segments:
            readout, end = self.lowered.readouts[segment], self.lowered.plan.ends[segment]
            mine = {k: cotangents[k][one.rows] for k in readout.numbers if k in cotangents}
            if not self.lowered.plan.nodes[end].per_row:
                mine = {k: value.sum(axis=0, keepdims=True) for k, value in mine.items()}
            if mine:
                costates.append((end, partial(_read_back, one, readout, end, mine)))
        return costates, observed

    def _overlap_costates(self, one: _Pass, cotangents: Mapping[int, Floats], pairs: Ints) -> Costates:
        costates: Costates = []
        for k, cotangent in cotangents.items():
            overlap = self.lowered.overlaps[k]
            ends = (self.lowered.plan.ends[overlap.left], self.lowered.plan.ends[overlap.right])
            states = (one.run.numbers(one.states[ends[0]]), one.run.numbers(one.states[ends[1]]))
            features = (overlap.features(states[0]), overlap.features(states[1]))
            both = overlap.adjoint(states, features, self.lowered.column_pairs(overlap, pairs), cotangent)
            costates += [(end, partial(_itself, costate)) for end, costate in zip(ends, both, strict=True)]
        return costates


def _read_back(one: _Pass, readout: Readout, end: int, cotangents: Mapping[int, Floats]) -> Kept:
    found = one.run.read_back(readout, one.states[end], cotangents)
    assert found is not None
    return found


def _itself(costate: Kept) -> Kept:
    return costate


def _entries(bindings: Bindings, pairs: Ints | None) -> int:
    return bindings.rows if pairs is None else len(pairs)


def _joined(parts: Iterable[Values]) -> Values:
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    return {k: np.concatenate([part[k] for part in parts]) for k in parts[0]}
