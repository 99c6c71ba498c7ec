"""Running a plan with shifts: each distinct (site, delta, row) is a column that leaves the unshifted ones at its site.

The unshifted states run along. At the operation of a site the shifted columns are split off, by matrices of their own,
and from there on they travel together, those of all sites side by side. A shift within a shared stretch that pays as a
matrix is made a shifted matrix once, whatever the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsanc_numpy.execute import Ends, Run, closure
from qsanc_numpy.kernels import apply, gather
from qsanc_numpy.matrices import block_matrices
from qsanc_numpy.plan import Block, Complex, Floats, Gather, Ints, Step


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
    complex128[d, d, column]."""

    source: Ints
    matrices: Complex


@dataclass(frozen=True, slots=True, eq=False)
class Shifted:
    """The states of shifted columns at the end of a segment: `columns` are their numbers, `state` [2^wires, column]."""

    columns: Ints
    state: Complex


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
        self._columns = columns
        homes = run.plan.homes
        self._segment = np.array([homes[site].segment for site in columns.site], np.int64)
        self._step = np.array([homes[site].step for site in columns.site], np.int64)
        self._operation = np.array([homes[site].operation for site in columns.site], np.int64)

    def ends(self, wanted: frozenset[int]) -> tuple[Ends, dict[int, Shifted]]:
        """Unshifted and shifted final states of the wanted segments and their ancestors."""
        plan = self._run.plan
        ends: Ends = {}
        shifted: dict[int, Shifted] = {}
        for number in closure(plan, wanted):
            base = self._run.start(number, ends)
            parent = plan.segments[number].parent
            live = Shifted(_NO_COLUMNS, np.empty((base.shape[0], 0), np.complex128))
            if parent is not None:
                live = shifted[parent]
            for at, step in enumerate(plan.segments[number].steps):
                base, live = self._forward(number, at, step, base, live)
            ends[number], shifted[number] = base, live
        return ends, shifted

    def _forward(self, segment: int, at: int, step: Step, base: Complex, live: Shifted) -> tuple[Complex, Shifted]:
        new = np.flatnonzero((self._segment == segment) & (self._step == at))
        columns = np.concatenate([live.columns, new])
        if not self._run.as_matrix(step, max(base.shape[1], len(columns))):
            return self._sweep(step, base, live, new)
        unitary = self._run.unitary(segment, at, step)
        state = np.empty((base.shape[0], len(columns)), np.complex128)
        kept = len(live.columns)
        np.matmul(unitary, live.state, out=state[:, :kept])
        if len(new):
            groups = self._groups(new)
            if len(groups) * base.shape[0] < len(new):
                self._by_matrices(step, base, groups, state[:, kept:])
            else:
                nothing = Shifted(_NO_COLUMNS, np.empty((base.shape[0], 0), np.complex128))
                state[:, kept:] = self._sweep(step, base, nothing, new)[1].state
        return unitary @ base, Shifted(columns, state)

    def _by_matrices(self, step: Step, base: Complex, groups: list[Ints], out: Complex) -> None:
        """Columns of one (site, delta) share a shifted matrix of the stretch."""
        d = base.shape[0]
        firsts = np.array([group[0] for group in groups], np.int64)
        seeds = {
            at: _Seeds(np.tile(np.arange(d), len(seed.source)), np.repeat(seed.matrices, d, axis=2))
            for at, seed in self._seeds(step, firsts).items()
        }
        nothing = np.empty((d, 0), np.complex128)
        _, shifted = self._operate(step, np.eye(d, dtype=np.complex128), nothing, seeds, _NO_COLUMNS)
        start = 0
        for place, group in enumerate(groups):
            rows = self._columns.row[group] if base.shape[1] > 1 else np.zeros(len(group), np.int64)
            matrix = shifted[:, place * d : (place + 1) * d]
            out[:, start : start + len(group)] = matrix @ base[:, rows]
            start += len(group)

    def _sweep(self, step: Step, base: Complex, live: Shifted, new: Ints) -> tuple[Complex, Shifted]:
        columns = np.concatenate([live.columns, new])
        seeds = self._seeds(step, new)
        base, state = self._operate(step, base, live.state, seeds, self._columns.row[columns])
        return base, Shifted(columns, state)

    def _operate(
        self, step: Step, base: Complex, live: Complex, seeds: dict[int, _Seeds], rows: Ints
    ) -> tuple[Complex, Complex]:
        """The operations of a step on base and live columns, which the seeds join on the way."""
        filled = live.shape[1]
        total = filled + sum(len(seed.source) for seed in seeds.values())
        now, then = np.empty((2, base.shape[0], total), np.complex128)
        now[:, :filled] = live
        for at, operation in enumerate(step.operations):
            if filled:
                source, target = now[:, :filled], then[:, :filled]
                if isinstance(operation, Gather):
                    target[...] = gather(operation, source)
                else:
                    matrix = self._run.matrices.of(operation)
                    apply(operation, matrix if matrix.ndim == 2 else matrix[:, :, rows[:filled]], source, target)
            seed = seeds.get(at)
            if seed is not None:
                assert isinstance(operation, Block)
                stop = filled + len(seed.source)
                origin = base[:, seed.source] if base.shape[1] > 1 else base
                apply(operation, seed.matrices, origin, then[:, filled:stop])
                filled = stop
            now, then = then, now
            base = self._run.operate(operation, base)
        return base, now

    def _seeds(self, step: Step, new: Ints) -> dict[int, _Seeds]:
        """The seeds of each operation of the step for the new columns."""
        seeds: dict[int, _Seeds] = {}
        operations = self._operation[new]
        by_kind: dict[int, list[Ints]] = {}
        for at in dict.fromkeys(operations.tolist()):
            by_kind.setdefault(_block(step, at).kind, []).append(new[operations == at])
        for kind_number, parts in by_kind.items():
            matrices = self._shifted_matrices(step, kind_number, np.concatenate(parts))
            start = 0
            for part in parts:
                stop = start + len(part)
                seeds[int(self._operation[part[0]])] = _Seeds(self._columns.row[part], matrices[:, :, start:stop])
                start = stop
        return seeds

    def _shifted_matrices(self, step: Step, kind_number: int, columns: Ints) -> Complex:
        plan = self._run.plan
        kind = plan.kinds[kind_number]
        places = np.array([_block(step, at).place for at in self._operation[columns]], np.int64)
        angles = self._run.matrices.angles_at(kind, places, self._columns.row[columns])
        exponentials = np.array([plan.homes[site].exponential for site in self._columns.site[columns]], np.int64)
        angles[np.arange(len(columns)), exponentials] += self._columns.delta[columns]
        return block_matrices(kind, angles)

    def _groups(self, new: Ints) -> list[Ints]:
        """Runs of columns with one site and one delta."""
        site, delta = self._columns.site[new], self._columns.delta[new]
        edges = np.flatnonzero((site[1:] != site[:-1]) | (delta[1:] != delta[:-1])) + 1
        return np.split(new, edges)


def _block(step: Step, at: int) -> Block:
    """The operation of a site, which has an angle and so is a block."""
    operation = step.operations[at]
    assert isinstance(operation, Block)
    return operation
