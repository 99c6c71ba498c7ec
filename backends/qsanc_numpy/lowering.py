"""From a circuit module to a plan: stages, fused blocks, permutations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from qsanc.diagnostics import CompilerBug
from qsanc.ir.circuit import Angle, CircuitModule, Gate, Segment
from qsanc.ir.gatedef import Generator
from qsanc.ir.gates import GATES
from qsanc_numpy.plan import (
    Affine,
    Block,
    Complex,
    Gather,
    Home,
    Kind,
    Operation,
    Plan,
    SegmentPlan,
    Stage,
    Step,
    Wiring,
)

GATHER_WIRES = 16
"""Registers up to this size run permutations as one indexed copy; beyond, the table of indices is too large."""
MATRIX_WIRES = 10
"""Registers up to this size may turn a shared stretch into one matrix."""
_BLOCK_COST = 8
"""A block costs about this many multiplications of a matrix product for each amplitude (measured at 4 to 6 wires)."""


@dataclass(slots=True)
class _Draft:
    """A group of gates that becomes one operation: on `wires`, a permutation or a product of `gates`."""

    wires: tuple[int, ...]
    gates: list[tuple[Gate, tuple[int, ...]]]
    """Each with its site numbers."""
    per_row: bool
    monomial: bool

    @property
    def fixed(self) -> bool:
        return all(not sites for _, sites in self.gates)


@dataclass(slots=True)
class _Met:
    """What was met so far: kinds by what makes blocks alike, the sites of their places, and permutations by gates."""

    keys: dict[tuple[tuple[str, ...], bool], int] = field(default_factory=dict)
    sites: list[list[tuple[int, ...]]] = field(default_factory=list)
    gathers: dict[tuple[Gate, ...], Gather] = field(default_factory=dict)

    def place(self, names: tuple[str, ...], per_row: bool, sites: tuple[int, ...]) -> tuple[int, int]:
        kind = self.keys.setdefault((names, per_row), len(self.keys))
        if kind == len(self.sites):
            self.sites.append([])
        self.sites[kind].append(sites)
        return kind, len(self.sites[kind]) - 1

    def gather(self, draft: _Draft, register: int) -> Gather:
        gates = tuple(gate for gate, _ in draft.gates)
        if gates not in self.gathers:
            self.gathers[gates] = _gather(draft.wires, gates, register)
        return self.gathers[gates]


def lower(module: CircuitModule) -> Plan:
    """Raises `CompilerBug` on a channel or a gate that is not in the table: `check` and the verifier come before."""
    angles = [module.angle_at(site) for site in module.sites()]
    met = _Met()
    segments: list[SegmentPlan] = []
    homes: dict[int, Home] = {}
    next_site = 0
    for number, segment in enumerate(module.segments):
        before = segment.parent is not None and segments[segment.parent].per_row
        drafts, next_site = _drafts(module, segment, next_site)
        steps, after = _steps(drafts, before, module.wires, met, homes, number)
        segments.append(SegmentPlan(segment.name, segment.parent, steps, after))
    item_sites = [k for k, angle in enumerate(angles) if _has_items(module, angle)]
    item_place = np.full(len(angles), -1, np.int64)
    item_place[item_sites] = np.arange(len(item_sites))
    split = len(module.shared)
    return Plan(
        module.wires,
        tuple(segments),
        tuple(_kind(names, per_row, met.sites[k]) for k, (names, per_row) in enumerate(met.keys)),
        _affine([angle.constant for angle in angles], [_terms(angle, 0, split) for angle in angles]),
        _affine([0.0] * len(item_sites), [_terms(angles[k], split, len(module.slots)) for k in item_sites]),
        np.array(item_sites, np.int64),
        item_place,
        tuple(homes[site] for site in range(len(angles))),
    )


def _has_items(module: CircuitModule, angle: Angle) -> bool:
    return any(slot >= len(module.shared) for slot, _ in angle.terms)


def _terms(angle: Angle, start: int, stop: int) -> list[tuple[int, float]]:
    return [(slot - start, coefficient) for slot, coefficient in angle.terms if start <= slot < stop]


def _affine(constants: list[float], terms: list[list[tuple[int, float]]]) -> Affine:
    flat = [(site, slot, coefficient) for site, row in enumerate(terms) for slot, coefficient in row]
    return Affine(
        np.array(constants, np.float64),
        np.array([site for site, _, _ in flat], np.int64),
        np.array([slot for _, slot, _ in flat], np.int64),
        np.array([coefficient for _, _, coefficient in flat], np.float64),
    )


def _drafts(module: CircuitModule, segment: Segment, next_site: int) -> tuple[list[_Draft], int]:
    drafts: list[_Draft] = []
    for gate in segment.body:
        if not isinstance(gate, Gate) or gate.name not in GATES:
            raise CompilerBug(f"{segment.name}: {gate} reached the NumPy backend")
        sites = tuple(range(next_site, next_site + len(gate.angles)))
        next_site += len(gate.angles)
        fixed = GATES[gate.name].fixed
        draft = _Draft(
            gate.wires,
            [(gate, sites)],
            any(_has_items(module, angle) for angle in gate.angles),
            fixed is not None and _monomial(fixed) and module.wires <= GATHER_WIRES,
        )
        if not _absorb(drafts, draft):
            drafts.append(draft)
    return drafts, next_site


def _absorb(drafts: list[_Draft], new: _Draft) -> bool:
    """Merge `new` into the last draft that it can reach by commuting with drafts on other wires."""
    for draft in reversed(drafts):
        if draft.monomial and new.monomial:
            draft.gates += new.gates
            draft.wires = tuple(sorted({*draft.wires, *new.wires}))
            return True
        if _alike(draft, new):
            draft.wires = new.wires
            draft.gates += new.gates
            draft.per_row |= new.per_row
            draft.monomial = False
            return True
        if not set(draft.wires).isdisjoint(new.wires):
            return False
    return False


def _alike(draft: _Draft, new: _Draft) -> bool:
    """Whether both fit in one block: gates on the same one or two wires, of one stage or without angles."""
    on_same_wires = len(new.wires) <= 2 and all(gate.wires == new.wires for gate, _ in draft.gates)
    return on_same_wires and (draft.per_row == new.per_row or draft.fixed or new.fixed)


def _monomial(matrix: Complex) -> bool:
    return bool(np.all(np.count_nonzero(matrix, axis=1) == 1))


def _steps(
    drafts: list[_Draft], per_row: bool, register: int, met: _Met, homes: dict[int, Home], segment: int
) -> tuple[tuple[Step, ...], bool]:
    staged: list[tuple[Stage, _Draft]] = []
    for draft in drafts:
        per_row |= draft.per_row
        stage = Stage.ONCE if not per_row else Stage.ROWS if draft.per_row else Stage.SHARED
        if draft.fixed and staged:
            stage = staged[-1][0]
        staged.append((stage, draft))
    steps: list[Step] = []
    for stage, group in groupby(staged, key=lambda pair: pair[0]):
        operations: list[Operation] = []
        for _, draft in group:
            if draft.monomial:
                operations.append(met.gather(draft, register))
                continue
            sites = tuple(
                gate_sites[index] for gate, gate_sites in draft.gates for index, _ in GATES[gate.name].factors
            )
            kind, place = met.place(tuple(gate.name for gate, _ in draft.gates), draft.per_row, sites)
            for exponential, site in enumerate(sites):
                homes[site] = Home(segment, len(steps), len(operations), exponential)
            operations.append(Block(Wiring.of(draft.wires, register), _entries(draft), kind, place))
        threshold = _matrix_from(len(operations), register) if stage is Stage.SHARED else None
        steps.append(Step(stage, tuple(operations), threshold))
    return tuple(steps), per_row


def _matrix_from(operations: int, register: int) -> int | None:
    """Columns from which building a matrix on all basis states and one product beats the operations one by one."""
    gain = operations * _BLOCK_COST - (1 << register)
    if register > MATRIX_WIRES or gain <= 0:
        return None
    return max((1 << register) * operations * _BLOCK_COST // gain + 1, (1 << register) + 1)


def _factors(names: tuple[str, ...]) -> Iterator[Generator | Complex]:
    for name in names:
        gate = GATES[name]
        if gate.fixed is not None:
            yield gate.fixed
        else:
            yield from (generator for _, generator in gate.factors)


def _kind(names: tuple[str, ...], per_row: bool, sites: list[tuple[int, ...]]) -> Kind:
    factors = tuple(_factors(names))
    d = GATES[names[0]].wires
    return Kind(names, 1 << d, factors, np.array(sites, np.int64).reshape(len(sites), len(sites[0])), per_row)


def _entries(draft: _Draft) -> tuple[tuple[int, ...], ...]:
    """The places that can differ from zero in the product of the gates or in its transpose."""
    d = 1 << len(draft.wires)
    one: NDArray[np.bool_] = np.eye(d, dtype=bool)
    filled, touched = one.copy(), np.zeros(d, bool)
    for factor in _factors(tuple(gate.name for gate, _ in draft.gates)):
        if isinstance(factor, Generator):
            spread = factor.projectors.any(axis=0)
            touched |= factor.matrix.any(axis=0) | factor.matrix.any(axis=1)
        else:
            spread = factor != 0
            changed = factor != one
            touched |= changed.any(axis=0) | changed.any(axis=1)
        filled = (spread.astype(int) @ filled.astype(int)) > 0
    filled |= filled.T
    return tuple(tuple(int(b) for b in np.flatnonzero(filled[a])) if touched[a] else () for a in range(d))


def _gather(wires: tuple[int, ...], gates: tuple[Gate, ...], register: int) -> Gather:
    source = np.arange(1 << register)
    phases = np.ones(1 << register, np.complex128)
    for gate in gates:
        matrix = GATES[gate.name].fixed
        assert matrix is not None
        k = len(gate.wires)
        places = np.arange(1 << register)
        weights = [1 << (register - 1 - wire) for wire in gate.wires]
        read = sum(((places // weight) & 1) << (k - 1 - j) for j, weight in enumerate(weights))
        came_from = np.argmax(matrix != 0, axis=1)[read]
        rest = places - sum(((places // weight) & 1) * weight for weight in weights)
        old = rest + sum(((came_from >> (k - 1 - j)) & 1) * weight for j, weight in enumerate(weights))
        phases = matrix[read, came_from] * phases[old]
        source = source[old]
    inverse = np.empty_like(source)
    inverse[source] = np.arange(1 << register)
    return Gather(
        wires,
        source,
        inverse,
        None if np.all(phases == 1) else phases,
        tuple(f"{gate.name} {', '.join(map(str, gate.wires))}" for gate in gates),
    )
