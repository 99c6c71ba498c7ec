"""A lowered module: its plan and what is read from it, evaluated exactly at rows, at pairs of rows and at shifts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.ir.circuit import CircuitModule, Overlap, Probabilities, State
from qsanc.target import Bindings, Gradient, Shifts
from qsanc_numpy.adjoint import Adjoint
from qsanc_numpy.execute import Ends, Run
from qsanc_numpy.lowering import lower
from qsanc_numpy.matrices import Matrices
from qsanc_numpy.measure import Readout
from qsanc_numpy.overlaps import OverlapPlan
from qsanc_numpy.plan import Complex, Floats, Ints, Plan
from qsanc_numpy.shifted import Columns, Shifted, ShiftedRun, distinct

_ROW_AMPLITUDES = 1 << 18
"""Rows are taken in chunks of about this many amplitudes and matrix entries (4 MB), which stay in the cache."""
_SHIFT_AMPLITUDES = 1 << 19
"""Shifted columns likewise."""

Values = dict[int, Floats | Complex]
"""By result, [row | pair | shift, ...]."""


@dataclass(frozen=True, slots=True, eq=False)
class Lowered:
    """`readouts` are by segment, `overlaps` by result; `order` numbers the sites' operations as they are executed."""

    module: CircuitModule
    plan: Plan
    readouts: Mapping[int, Readout]
    overlaps: Mapping[int, OverlapPlan]
    order: Ints

    @staticmethod
    def of(module: CircuitModule) -> Lowered:
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
        homes = [(home.segment, home.step, home.operation) for home in plan.homes]
        rank = {home: k for k, home in enumerate(sorted(set(homes)))}
        return Lowered(module, plan, readouts, overlaps, np.array([rank[home] for home in homes], np.int64))

    def values(self, bindings: Bindings, results: Iterable[int], pairs: Ints | None) -> Values:
        wanted = frozenset(results)
        if not _entries(bindings, pairs):
            return self._nothing(wanted)
        if pairs is not None:
            return self._overlap_values(self._run(bindings).ends(self._segments(wanted)), wanted, pairs)
        return _joined(
            self._read(self._run(chunk).ends(self._segments(wanted)), wanted, chunk.rows)
            for _, chunk in self._chunks(bindings)
        )

    def values_and_adjoint(
        self, bindings: Bindings, results: Iterable[int], pairs: Ints | None
    ) -> tuple[Values, Reverse]:
        wanted = frozenset(results)
        passes: list[_Pass] = []
        parts: list[Values] = []
        if _entries(bindings, pairs):
            whole = [(slice(0, bindings.rows), bindings)]
            for rows, chunk in self._chunks(bindings) if pairs is None else whole:
                run = self._run(chunk)
                ends = run.ends(self._segments(wanted))
                passes.append(_Pass(rows, run, ends))
                parts.append(
                    self._read(ends, wanted, chunk.rows) if pairs is None else self._overlap_values(ends, wanted, pairs)
                )
        values = _joined(parts) if parts else self._nothing(wanted)
        return values, Reverse(self, bindings, pairs, tuple(passes))

    def values_at_shifts(self, bindings: Bindings, results: Iterable[int], pairs: Ints | None, at: Shifts) -> Values:
        wanted = frozenset(results)
        if not len(at):
            return self._nothing(wanted)
        if pairs is not None:
            return self._overlaps_at_shifts(bindings, wanted, pairs, at)
        if not any(self.plan.segments[segment].per_row for segment in self._segments(wanted)):
            one = Bindings(bindings.shared, bindings.items[:1])
            return self._readouts_at_shifts(one, wanted, at.site, at.delta, np.zeros_like(at.row))
        out: Values = {}
        for rows, chunk in self._chunks(bindings):
            chosen = np.flatnonzero((at.row >= rows.start) & (at.row < rows.stop))
            part = self._readouts_at_shifts(
                chunk, wanted, at.site[chosen], at.delta[chosen], at.row[chosen] - rows.start
            )
            for k, value in part.items():
                if k not in out:
                    out[k] = np.empty((len(at), *value.shape[1:]), value.dtype)
                out[k][chosen] = value
        return out

    def _segments(self, wanted: frozenset[int]) -> frozenset[int]:
        found: set[int] = set()
        for number in wanted:
            result = self.module.results[number]
            found |= {result.left, result.right} if isinstance(result, Overlap) else {result.segment}
        return frozenset(found)

    def _run(self, bindings: Bindings) -> Run:
        return Run(self.plan, Matrices(self.plan, bindings.shared, bindings.items))

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

    def _read(self, ends: Ends, wanted: frozenset[int], rows: int) -> Values:
        values: Values = {}
        for segment, readout in self.readouts.items():
            if wanted.isdisjoint(readout.numbers):
                continue
            read = readout.values(ends[segment], wanted)
            same = not self.plan.segments[segment].per_row
            for k, value in read.items():
                values[k] = value[np.zeros(rows, np.int64)] if same else value
        return values

    def columns_of(self, segment: int, rows: Ints) -> Ints:
        """The columns of a segment's final state that belong to rows."""
        return rows if self.plan.segments[segment].per_row else np.zeros_like(rows)

    def column_pairs(self, overlap: OverlapPlan, pairs: Ints) -> Ints:
        left, right = self.columns_of(overlap.left, pairs[:, 0]), self.columns_of(overlap.right, pairs[:, 1])
        return np.stack([left, right], axis=1)

    def _overlap_values(self, ends: Ends, wanted: frozenset[int], pairs: Ints) -> Values:
        values: Values = {}
        for k in wanted:
            overlap = self.overlaps[k]
            left, right = overlap.features(ends[overlap.left]), overlap.features(ends[overlap.right])
            values[k] = overlap.values(left, right, self.column_pairs(overlap, pairs))
        return values

    def _readouts_at_shifts(
        self, bindings: Bindings, wanted: frozenset[int], site: Ints, delta: Floats, row: Ints
    ) -> Values:
        columns, column = distinct(self.order, site, delta, row)
        run = self._run(bindings)
        parts = [self._columns_read(run, wanted, part) for _, part in self._column_chunks(columns)]
        return {k: value[column] for k, value in _joined(parts).items()} if parts else self._nothing(wanted)

    def _columns_read(self, run: Run, wanted: frozenset[int], columns: Columns) -> Values:
        ends, shifted = ShiftedRun(run, columns).ends(self._segments(wanted))
        values: Values = {}
        for segment, readout in self.readouts.items():
            if wanted.isdisjoint(readout.numbers):
                continue
            moved = shifted[segment]
            read = readout.values(moved.state, wanted)
            if len(moved.columns) < len(columns):
                unmoved = readout.values(ends[segment], wanted)
                for k, value in read.items():
                    every = unmoved[k][self.columns_of(segment, columns.row)]
                    every[moved.columns] = value
                    read[k] = every
            values |= read
        return values

    def _overlaps_at_shifts(self, bindings: Bindings, wanted: frozenset[int], pairs: Ints, at: Shifts) -> Values:
        columns, column = distinct(self.order, at.site, at.delta, pairs[at.row, at.side])
        run = self._run(bindings)
        values: Values = {k: np.empty(len(at)) for k in wanted}
        for part, chosen in self._column_chunks(columns):
            entries = np.flatnonzero((column >= part.start) & (column < part.stop))
            ends, shifted = ShiftedRun(run, chosen).ends(self._segments(wanted))
            for k in wanted:
                for side in (0, 1):
                    mine = entries[at.side[entries] == side]
                    values[k][mine] = self._one_side(
                        self.overlaps[k], side, pairs[at.row[mine]], column[mine] - part.start, ends, shifted
                    )
        return values

    def _one_side(
        self, overlap: OverlapPlan, side: int, pairs: Ints, columns: Ints, ends: Ends, shifted: Mapping[int, Shifted]
    ) -> Floats:
        """Overlaps of pairs whose state on `side` is the shifted column given for each, if it comes by that site."""
        at = self.column_pairs(overlap, pairs)
        features = [overlap.features(ends[overlap.left]), overlap.features(ends[overlap.right])]
        moved = shifted[(overlap.left, overlap.right)[side]]
        place = np.searchsorted(moved.columns, columns)
        found = place < len(moved.columns)
        found[found] = moved.columns[place[found]] == columns[found]
        at[found, side] = features[side].shape[1] + place[found]
        features[side] = np.concatenate([features[side], overlap.features(moved.state)], axis=1)
        return overlap.values(features[0], features[1], at)

    def _column_chunks(self, columns: Columns) -> Iterator[tuple[slice, Columns]]:
        size = max(1, _SHIFT_AMPLITUDES >> self.plan.wires)
        for start in range(0, len(columns), size):
            part = slice(start, min(start + size, len(columns)))
            yield part, columns.part(part)


@dataclass(frozen=True, slots=True, eq=False)
class _Pass:
    rows: slice
    run: Run
    ends: Ends


@dataclass(frozen=True, slots=True, eq=False)
class Reverse:
    """A forward pass that waits for cotangents: the `Pullback` of an execution."""

    lowered: Lowered
    bindings: Bindings
    pairs: Ints | None
    passes: tuple[_Pass, ...]

    def __call__(self, cotangents: Mapping[int, Floats]) -> Gradient:
        plan = self.lowered.plan
        by_site = np.zeros(len(plan.homes))
        items = np.zeros_like(self.bindings.items)
        for one in self.passes:
            costates = self._costates(one, cotangents)
            if costates:
                sites, by_item = Adjoint(one.run, one.ends).gradient(costates)
                by_site += sites
                items[one.rows] = plan.items.transpose(by_item, items.shape[1]).T
        return Gradient(plan.shared.transpose(by_site, len(self.bindings.shared)), items)

    def _costates(self, one: _Pass, cotangents: Mapping[int, Floats]) -> dict[int, Complex]:
        if self.pairs is not None:
            return self._overlap_costates(one, cotangents, self.pairs)
        costates: dict[int, Complex] = {}
        for segment, readout in self.lowered.readouts.items():
            mine = {k: cotangents[k][one.rows] for k in readout.numbers if k in cotangents}
            if any(k in mine for k in readout.states):
                raise CompilerBug("a state is not differentiable")
            if not self.lowered.plan.segments[segment].per_row:
                mine = {k: value.sum(axis=0, keepdims=True) for k, value in mine.items()}
            costate = readout.adjoint(one.ends[segment], mine) if mine else None
            if costate is not None:
                costates[segment] = costate
        return costates

    def _overlap_costates(self, one: _Pass, cotangents: Mapping[int, Floats], pairs: Ints) -> dict[int, Complex]:
        costates: dict[int, Complex] = {}
        for k, cotangent in cotangents.items():
            overlap = self.lowered.overlaps[k]
            states = (one.ends[overlap.left], one.ends[overlap.right])
            features = (overlap.features(states[0]), overlap.features(states[1]))
            both = overlap.adjoint(states, features, self.lowered.column_pairs(overlap, pairs), cotangent)
            for segment, costate in zip((overlap.left, overlap.right), both, strict=True):
                costates[segment] = costates[segment] + costate if segment in costates else costate
        return costates


def _entries(bindings: Bindings, pairs: Ints | None) -> int:
    return bindings.rows if pairs is None else len(pairs)


def _joined(parts: Iterable[Values]) -> Values:
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    return {k: np.concatenate([part[k] for part in parts]) for k in parts[0]}
