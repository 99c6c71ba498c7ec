"""From a circuit module to a plan: stages, fused blocks, products of one-qubit states, permutations, tails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from qsanc.diagnostics import CompilerBug
from qsanc.ir.circuit import Angle, CircuitModule, Expectation, Gate, Overlap, Segment
from qsanc.ir.gatedef import Generator
from qsanc.ir.gates import GATES
from qsanc_numpy.arrays import Complex
from qsanc_numpy.expansions import Expansion
from qsanc_numpy.groups import grouped
from qsanc_numpy.lockstep import in_lockstep
from qsanc_numpy.observables import dense
from qsanc_numpy.permutations import Gather, monomial
from qsanc_numpy.plan import (
    ROOT,
    Affine,
    Block,
    Home,
    Kind,
    Node,
    Operation,
    Plan,
    Product,
    Stage,
    Tail,
    Wiring,
)

GATHER_WIRES = 16
"""Registers up to this size run permutations as one indexed copy; beyond, the table of indices is too large."""
OBSERVABLE_WIRES = 6
"""Registers up to this size may read tails by dense observables."""
PRODUCT_WIRES = 2
"""Rows that start from |0...0> start as a product state if that many wires are turned first."""
EXPONENTIALS = 5
"""A block has at most so many: it is a sum over products of functions of its angles."""


@dataclass(slots=True)
class _Draft:
    """A group of gates that becomes one operation: on `wires`, a permutation or a product of `gates`."""

    wires: tuple[int, ...]
    gates: list[tuple[Gate, tuple[int, ...]]]
    """Each with its site numbers."""
    per_row: bool
    monomial: bool
    fixed: bool
    """No gate has an angle."""
    exponentials: int
    operands: tuple[int, ...] | None
    """What every gate acts on, in this order; None where they differ."""

    def take(self, new: _Draft) -> None:
        """The gates of `new` behind these."""
        self.monomial &= new.monomial
        self.wires = tuple(sorted({*self.wires, *new.wires})) if self.monomial else new.wires
        self.gates += new.gates
        self.per_row |= new.per_row
        self.fixed &= new.fixed
        self.exponentials += new.exponentials
        if self.operands != new.operands:
            self.operands = None

    @property
    def one_qubit(self) -> bool:
        return len(self.wires) == 1 and not self.monomial


@dataclass(slots=True)
class _Met:
    """What was met so far: kinds by what makes blocks alike, the sites of their places and what they flip, wirings by
    wires, permutations by gates, and where sites ended up."""

    register: int
    keys: dict[tuple[tuple[str, ...], bool], int] = field(default_factory=dict)
    sites: list[list[tuple[int, ...]]] = field(default_factory=list)
    flips: list[tuple[int, ...]] = field(default_factory=list)
    wirings: dict[tuple[int, ...], Wiring] = field(default_factory=dict)
    gathers: dict[tuple[Gate, ...], Gather] = field(default_factory=dict)
    homes: dict[int, Home] = field(default_factory=dict)

    def block(self, draft: _Draft, node: int, operation: int, wire: int = -1) -> Block:
        names = tuple(gate.name for gate, _ in draft.gates)
        kind = self.keys.setdefault((names, draft.per_row), len(self.keys))
        if kind == len(self.sites):
            self.sites.append([])
            self.flips.append(_flips(names))
        sites = tuple(gate_sites[index] for gate, gate_sites in draft.gates for index, _ in GATES[gate.name].factors)
        self.sites[kind].append(sites)
        for exponential, site in enumerate(sites):
            self.homes[site] = Home(node, operation, exponential, wire)
        if draft.wires not in self.wirings:
            self.wirings[draft.wires] = Wiring.of(draft.wires, self.register)
        return Block(self.wirings[draft.wires], self.flips[kind], kind, len(self.sites[kind]) - 1)

    def gather(self, draft: _Draft) -> Gather:
        gates = tuple(gate for gate, _ in draft.gates)
        if gates not in self.gathers:
            self.gathers[gates] = Gather(draft.wires, gates, self.register)
        return self.gathers[gates]


def lower(module: CircuitModule) -> Plan:
    """Raises `CompilerBug` on a channel or a gate that is not in the table: `check` and the verifier come before."""
    angles = [module.angle_at(site) for site in module.sites()]
    met = _Met(module.wires)
    nodes = [Node("start", None, Stage.ONCE, (), (), real=True, per_row=False)]
    ends: list[int] = []
    next_site = 0
    for segment in module.segments:
        drafts, next_site = _drafts(module, segment, next_site)
        start = ROOT if segment.parent is None else ends[segment.parent]
        for stage, group in _stages(drafts, nodes[start].per_row, at_root=start == ROOT):
            nodes.append(_node(segment.name, start, stage, group, nodes, met))
            start = len(nodes) - 1
        ends.append(start)
    kinds = tuple(_kind(names, per_row, met.sites[k]) for k, (names, per_row) in enumerate(met.keys))
    nodes = [replace(node, steps=grouped(node.operations, kinds, module.wires)) for node in nodes]
    tails = _tails(module, nodes, ends)
    item_sites = [k for k, angle in enumerate(angles) if _has_items(module, angle)]
    item_place = np.full(len(angles), -1, np.int64)
    item_place[item_sites] = np.arange(len(item_sites))
    split = len(module.shared)
    return Plan(
        module.wires,
        tuple(nodes),
        tuple(ends),
        in_lockstep(nodes, kinds, tails, module.wires),
        kinds,
        _affine([angle.constant for angle in angles], [_terms(angle, 0, split) for angle in angles]),
        _affine([0.0] * len(item_sites), [_terms(angles[k], split, len(module.slots)) for k in item_sites]),
        np.array(item_sites, np.int64),
        item_place,
        tuple(met.homes[site] for site in range(len(angles))),
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
        draft = _Draft(
            gate.wires,
            [(gate, sites)],
            any(_has_items(module, angle) for angle in gate.angles),
            _is_monomial(gate.name) and module.wires <= GATHER_WIRES,
            not sites,
            len(GATES[gate.name].factors),
            gate.wires,
        )
        if not _absorb(drafts, draft):
            drafts.append(draft)
    return drafts, next_site


def _absorb(drafts: list[_Draft], new: _Draft) -> bool:
    """Merge `new` into the last draft that it can reach by commuting with drafts on other wires."""
    for draft in reversed(drafts):
        if (draft.monomial and new.monomial) or _alike(draft, new):
            draft.take(new)
            return True
        if not set(draft.wires).isdisjoint(new.wires):
            return False
    return False


def _alike(draft: _Draft, new: _Draft) -> bool:
    """Whether both fit in one block: gates on the same one or two wires, of one stage or without angles."""
    on_same_wires = len(new.wires) <= 2 and draft.operands == new.operands
    if draft.exponentials + new.exponentials > EXPONENTIALS:
        return False
    return on_same_wires and (draft.per_row == new.per_row or draft.fixed or new.fixed)


@cache
def _is_monomial(name: str) -> bool:
    fixed = GATES[name].fixed
    return fixed is not None and monomial(fixed)


def _stages(drafts: Sequence[_Draft], per_row: bool, *, at_root: bool) -> list[tuple[Stage, list[_Draft]]]:
    """The drafts in runs of one stage. A run `once` at the root that is a product of one-qubit states joins the rows
    behind it: as part of their product state it costs nothing."""
    staged: list[tuple[Stage, _Draft]] = []
    for draft in drafts:
        per_row |= draft.per_row
        stage = Stage.ONCE if not per_row else Stage.ROWS if draft.per_row else Stage.SHARED
        if draft.fixed and staged:
            stage = staged[-1][0]
        staged.append((stage, draft))
    runs = [(stage, [draft for _, draft in run]) for stage, run in groupby(staged, key=lambda pair: pair[0])]
    if at_root and len(runs) > 1 and runs[0][0] is Stage.ONCE and runs[1][0] is Stage.ROWS:
        first, second = runs[0][1], runs[1][1]
        if all(draft.one_qubit for draft in first):
            runs[:2] = [(Stage.ROWS, [*first, *second])]
    return runs


def _node(name: str, parent: int, stage: Stage, drafts: list[_Draft], nodes: Sequence[Node], met: _Met) -> Node:
    at = len(nodes)
    operations: list[Operation] = []
    if parent == ROOT and stage is Stage.ROWS:
        firsts = _firsts(drafts)
        if len(firsts) >= PRODUCT_WIRES:
            blocks = {wire: met.block(draft, at, 0, wire) for wire, draft in firsts.items()}
            operations.append(Product(tuple(blocks.get(wire) for wire in range(met.register))))
            drafts = [draft for draft in drafts if all(draft is not first for first in firsts.values())]
    for draft in drafts:
        operations.append(met.gather(draft) if draft.monomial else met.block(draft, at, len(operations)))
    real = nodes[parent].real and all(_is_real(gate.name) for d in drafts for gate, _ in d.gates)
    if operations and isinstance(operations[0], Product):
        real = real and all(_is_real(gate.name) for d in firsts.values() for gate, _ in d.gates)
    return Node(name, parent, stage, tuple(operations), (), real, nodes[parent].per_row or stage is Stage.ROWS)


def _firsts(drafts: Sequence[_Draft]) -> dict[int, _Draft]:
    """By wire, the one-qubit drafts that nothing comes before."""
    firsts: dict[int, _Draft] = {}
    touched: set[int] = set()
    for draft in drafts:
        if draft.one_qubit and draft.wires[0] not in touched:
            firsts[draft.wires[0]] = draft
        touched.update(draft.wires)
    return firsts


@cache
def _is_real(name: str) -> bool:
    """Whether a gate has a real matrix at all values of its angles."""
    definition = GATES[name]
    if definition.fixed is not None:
        return bool(np.all(definition.fixed.imag == 0))
    return all(bool(np.all(generator.matrix.real == 0)) for _, generator in definition.factors)


def _kind(names: tuple[str, ...], per_row: bool, sites: list[tuple[int, ...]]) -> Kind:
    factors = tuple(_factors(names))
    d = 1 << GATES[names[0]].wires
    real = all(map(_is_real, names))
    expansion = Expansion.of(factors, d, real=real)
    return Kind(
        names, d, factors, expansion, np.array(sites, np.int64).reshape(len(sites), len(sites[0])), per_row, real
    )


def _factors(names: Sequence[str]) -> list[Generator | Complex]:
    factors: list[Generator | Complex] = []
    for name in names:
        definition = GATES[name]
        if definition.fixed is not None:
            factors.append(definition.fixed)
        else:
            factors += [generator for _, generator in definition.factors]
    return factors


def _flips(names: tuple[str, ...]) -> tuple[int, ...]:
    """The x for which some entry [a, a ^ x] of the product of the gates, or of its inverse, can differ from zero."""
    d = 1 << GATES[names[0]].wires
    filled: NDArray[np.int64] = np.eye(d, dtype=np.int64)
    for factor in _factors(names):
        spread = factor.projectors.any(axis=0) if isinstance(factor, Generator) else factor != 0
        filled = ((spread.astype(np.int64) @ filled) > 0).astype(np.int64)
    filled |= filled.T
    a = np.arange(d)
    return tuple(x for x in range(d) if filled[a, a ^ x].any())


def _tails(module: CircuitModule, nodes: Sequence[Node], ends: Sequence[int]) -> list[Tail]:
    """The shared leaves behind a state a row that are read by expectations alone."""
    if module.wires > OBSERVABLE_WIRES:
        return []
    parents = {node.parent for node in nodes}
    readings: dict[int, dict[int, Expectation]] = {}
    other: set[int] = set()
    for k, result in enumerate(module.results):
        if isinstance(result, Expectation):
            readings.setdefault(ends[result.segment], {})[k] = result
        elif isinstance(result, Overlap):
            other |= {ends[result.left], ends[result.right]}
        else:
            other.add(ends[result.segment])
    found = []
    for at, node in enumerate(nodes):
        if node.stage is Stage.SHARED and at not in parents and at not in other and at in readings:
            results: Mapping[int, Expectation] = readings[at]
            found.append(Tail(at, tuple(results), dense([r.observable for r in results.values()], module.wires)))
    return found
