"""Plans as tables of numbers, for the kernels of `native`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qsanc.ir.gatedef import Generator
from qsanc_numpy import native
from qsanc_numpy.arrays import Floats, Ints
from qsanc_numpy.expansions import waves
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import Block, Kind, Operation, Plan, Product

_LARGEST = 4
"""Plans with blocks on more than two wires stay with NumPy."""
_WIRES = 13
"""So do those on larger registers: a block of columns would not stay in the cache."""


@dataclass(frozen=True, eq=False)
class Table:
    """Blocks whose matrices are computed together: see `native.matrices`.

    `sites` gives the site of every angle, int64[angle, member] (one member but in lockstep; -1 where a member has the
    identity), `starts` the first row of K of each block, or -1, for states that are `real` or not.
    """

    blocks: Ints
    factors: Ints
    entries: int
    sites: Ints
    starts: tuple[Ints, Ints]
    rows: tuple[int, int]
    present: Ints
    """Whether a block has a member: int64[block, member]."""

    @cached_property
    def places(self) -> tuple[Ints, Ints]:
        """The angles and members that have a site: the places of `sites` that are not -1."""
        angle, member = np.nonzero(self.sites >= 0)
        return angle, member

    @cached_property
    def sites_there(self) -> Ints:
        """The sites at `places`."""
        return self.sites[self.places]

    @cached_property
    def identities(self) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
        """The entries, as (entry, member), of the blocks that a member lacks: all of them, and the diagonal."""
        every: list[tuple[int, int]] = []
        ones: list[tuple[int, int]] = []
        for number, member in zip(*np.nonzero(self.present == 0), strict=True):
            block = self.blocks[number]
            d, start = int(block[native.DIMENSION]), int(block[native.OUT])
            stop = start + d * d * (1 if block[native.IS_REAL] else 2)
            every += [(entry, int(member)) for entry in range(start, stop)]
            ones += [(entry, int(member)) for entry in range(start, start + d * d, d + 1)]
        return _pairs(every), _pairs(ones)

    def starts_of(self, real: bool) -> Ints:
        return self.starts[0 if real else 1]

    def rows_of(self, real: bool) -> int:
        return self.rows[0 if real else 1]


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Operations as a program: `steps` for real and for complex states, with the blocks that have item slots (`own`)
    and those that all rows share (`shared`)."""

    steps: tuple[Ints, Ints]
    own: Table
    shared: Table

    def steps_of(self, real: bool) -> Ints:
        return self.steps[0 if real else 1]


@dataclass(frozen=True, slots=True, eq=False)
class Programs:
    """Of a plan: by node, and by group. `numbers` holds the matrices of factors, `tables` and `phases` permutations."""

    nodes: tuple[Stretch, ...]
    groups: tuple[Stretch, ...]
    numbers: Floats
    tables: Ints
    phases: Floats


def compilable(plan: Plan) -> bool:
    return plan.wires <= _WIRES and all(kind.dimension <= _LARGEST for kind in plan.kinds)


def programs(plan: Plan) -> Programs:
    """Raises nothing for a plan that is `compilable`."""
    writer = _Writer(plan)
    nodes = tuple(writer.stretch(node.operations, None) for node in plan.nodes)
    groups = tuple(writer.stretch(group.operations, len(group.tails)) for group in plan.groups)
    return Programs(
        nodes,
        groups,
        np.array(writer.numbers or [0.0]),
        np.concatenate([np.zeros(0, np.int64), *writer.tables]),
        np.array(writer.phases or [0.0]),
    )


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.numbers: list[float] = []
        self.tables: list[Ints] = []
        self.phases: list[float] = []
        self._factors: dict[int, tuple[int, int, int]] = {}
        self._gathers: dict[int, tuple[int, int]] = {}

    def stretch(self, operations: Iterable[Operation], members: int | None) -> Stretch:
        """`members` is the number of tails in lockstep, whose blocks are all their own; None for a node."""
        own, shared = _Blocks(self, members or 1), _Blocks(self, 1)
        steps = [step for operation in operations for step in self._steps(operation, own, shared, members)]
        own_table, shared_table = own.table(), shared.table()
        found = []
        for real in (True, False):
            program = np.zeros((len(steps), native.WIDTH), np.int64)
            for n, (values, table, block) in enumerate(steps):
                for column, value in values.items():
                    program[n, column] = value
                program[n, native.SMALL] = -1
                if table is not None:
                    starts = (own_table if table is own else shared_table).starts_of(real)
                    program[n, native.SMALL] = starts[block]
                    if table is shared and starts[block] >= 0:
                        program[n, native.SMALL] += own_table.rows_of(real)
            found.append(program)
        return Stretch((found[0], found[1]), own_table, shared_table)

    def _steps(
        self, operation: Operation, own: _Blocks, shared: _Blocks, members: int | None
    ) -> Iterable[tuple[dict[int, int], _Blocks | None, int]]:
        if isinstance(operation, Gather):
            at, phase = self._gather(operation)
            yield {native.CODE: native.GATHER, native.TABLE: at, native.PHASE: phase}, None, 0
        elif isinstance(operation, Product):
            for wire in reversed(range(self.plan.wires)):
                block = operation.blocks[wire]
                if block is None:
                    yield {native.CODE: native.ZERO, native.LOW: self._stride(wire)}, None, 0
                else:
                    yield self._block(native.GROW, block, own, shared, members)
        else:
            code = native.ONE if len(operation.wiring.wires) == 1 else native.TWO
            yield self._block(code, operation, own, shared, members)

    def _block(
        self, code: int, block: Block, own: _Blocks, shared: _Blocks, members: int | None
    ) -> tuple[dict[int, int], _Blocks, int]:
        kind = self.plan.kinds[block.kind]
        table = own if kind.per_row or members is not None else shared
        number, entry = table.add(block, kind)
        wires = block.wiring.wires
        return (
            {
                native.CODE: code,
                native.HIGH: self._stride(wires[0]) if len(wires) > 1 else 0,
                native.LOW: self._stride(wires[-1]),
                native.ENTRY: entry,
                native.REAL: int(kind.real),
                native.SHARED: int(table is shared),
                native.FLIPS: sum(1 << x for x in {a ^ b for a in block.flips for b in block.flips}),
            },
            table,
            number,
        )

    def _stride(self, wire: int) -> int:
        return 1 << (self.plan.wires - 1 - wire)

    def _gather(self, operation: Gather) -> tuple[int, int]:
        key = id(operation)
        if key not in self._gathers:
            phase = -1
            if operation.phases is not None:
                phase = len(self.phases)
                turned = np.asarray(operation.phases, np.complex128)
                self.phases += turned.view(np.float64).tolist()
            at = sum(len(table) for table in self.tables)
            self.tables += [np.asarray(operation.source, np.int64), np.asarray(operation.inverse, np.int64)]
            self._gathers[key] = at, phase
        return self._gathers[key]

    def factor(self, factor: Generator | np.ndarray) -> tuple[int, int, int]:
        """(is a generator, where its numbers begin, how many waves it has)."""
        key = id(factor)
        if key not in self._factors:
            at = len(self.numbers)
            if isinstance(factor, Generator):
                frequencies, constant, cosines, sines = waves(factor)
                pairs = [part for pair in zip(cosines, sines, strict=True) for part in pair]
                self.numbers += frequencies
                for part in [constant, *pairs, -1j * factor.matrix]:
                    self.numbers += _flat(part)
                self._factors[key] = 1, at, len(frequencies)
            else:
                self.numbers += _flat(factor)
                self._factors[key] = 0, at, 0
        return self._factors[key]


class _Blocks:
    """A table in the making."""

    def __init__(self, writer: _Writer, members: int) -> None:
        self._writer, self._members = writer, members
        self._blocks: list[list[int]] = []
        self._factors: list[list[int]] = []
        self._sites: list[list[int]] = []
        self._present: list[list[int]] = []
        self._entries = 0

    def add(self, block: Block, kind: Kind) -> tuple[int, int]:
        """The block's number, and where its entries begin."""
        places = np.atleast_1d(np.asarray(block.place)).tolist()
        first, entry = len(self._factors), self._entries
        exponential = 0
        for factor in kind.factors:
            is_generator, numbers, count = self._writer.factor(factor)
            self._factors.append([is_generator, numbers, count, len(self._sites) if is_generator else -1])
            if is_generator:
                self._sites.append([int(kind.sites[p, exponential]) if p < kind.count else -1 for p in places])
                exponential += 1
        self._blocks.append([kind.dimension, first, len(kind.factors), entry, int(kind.real), int(kind.trained)])
        self._present.append([int(p < kind.count) for p in places])
        self._entries += kind.dimension**2 * (1 if kind.real else 2)
        return len(self._blocks) - 1, entry

    def table(self) -> Table:
        blocks = np.array(self._blocks, np.int64).reshape(-1, 6)
        starts, rows = [], []
        for parts in (1, 2):
            sizes = np.where(blocks[:, native.TRAINED] > 0, parts * blocks[:, native.DIMENSION] ** 2, 0)
            stops = np.cumsum(sizes)
            starts.append(np.where(sizes > 0, stops - sizes, -1))
            rows.append(int(stops[-1]) if len(stops) else 0)
        return Table(
            blocks,
            np.array(self._factors, np.int64).reshape(-1, 4),
            self._entries,
            np.array(self._sites, np.int64).reshape(-1, self._members),
            (starts[0], starts[1]),
            (rows[0], rows[1]),
            np.array(self._present, np.int64).reshape(-1, self._members),
        )


def _pairs(places: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    both = np.array(places, np.int64).reshape(-1, 2)
    return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])


def _flat(matrix: np.ndarray) -> list[float]:
    return [*matrix.real.ravel().tolist(), *matrix.imag.ravel().tolist()]
