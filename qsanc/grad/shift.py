"""Parameter-shift on circuit modules: exact gradients by slots from nothing but `submit` and `collect`.

Every site (an angle of a gate) has a rule from its generator's gaps. Angles are affine in the slots, so the slope by a
slot is the sum over the sites where it occurs of coefficient times slope by that angle. An overlap is linear in each of
its two states: its slope by a site is that with the left state shifted alone plus that with the right one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.grad.spectrum import Term, shift_terms
from qsanc.ir.circuit import Angle, CircuitModule, Gate, Overlap, Site
from qsanc.ir.gates import GATES
from qsanc.target import Context, Executable, Floats, Gradient, Ints, Request, Shifts
from qsanc.target.sampling import readings

_ENTRIES = 1 << 19
"""Shifts of one request; more go into several requests, all of them submitted before the first is collected."""


@dataclass(frozen=True, slots=True)
class SiteRule:
    """How the slope by the angle at `site` (a site index) is found; `angle` says what the slots make of it."""

    site: int
    at: Site
    angle: Angle
    terms: tuple[Term, ...]


def shift_rule(module: CircuitModule) -> tuple[SiteRule, ...]:
    """The rules of all sites with slots. Raises `CompilerBug` where there is none: see `without_rule`."""
    rules = []
    for number, site in enumerate(module.sites()):
        if (angle := module.angle_at(site)).terms:
            gaps = _gaps(module, site)
            if gaps is None:
                raise CompilerBug(f"{module.name}: no shift rule at {site}")
            rules.append(SiteRule(number, site, angle, shift_terms(gaps)))
    return tuple(rules)


def without_rule(module: CircuitModule) -> tuple[Site, ...]:
    """The sites with slots whose gate has no shift rule (QS401): not one exponential of the angle."""
    return tuple(site for site in module.sites() if module.angle_at(site).terms and _gaps(module, site) is None)


def _gaps(module: CircuitModule, site: Site) -> tuple[float, ...] | None:
    gate = module.segments[site.segment].body[site.position]
    assert isinstance(gate, Gate)
    generators = [generator for index, generator in GATES[gate.name].factors if index == site.angle]
    return generators[0].gaps if len(generators) == 1 else None


@dataclass(frozen=True, eq=False)
class _Group:
    """Rules (with a side) whose sites the same `results` depend on."""

    results: tuple[int, ...]
    rules: tuple[tuple[SiteRule, int], ...]

    @cached_property
    def terms(self) -> _Terms:
        """Of all rules, one after the other."""
        every = [(rule.site, term.delta, side, term.weight) for rule, side in self.rules for term in rule.terms]
        site, delta, side, weight = zip(*every, strict=True)
        sizes = [len(rule.terms) for rule, _ in self.rules]
        return _Terms(
            np.array(site, np.int64),
            np.array(delta, np.float64),
            np.array(side, np.int64),
            np.array(weight, np.float64),
            np.cumsum([0, *sizes[:-1]]),
        )

    @cached_property
    def slots(self) -> tuple[tuple[int, int, float, int], ...]:
        """(rule, slot, coefficient, side) of each slot in the angle of each rule."""
        return tuple(
            (number, slot, coefficient, side)
            for number, (rule, side) in enumerate(self.rules)
            for slot, coefficient in rule.angle.terms
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Terms:
    """Shifts with their weights, [term] each, and the first term of each rule."""

    site: Ints
    delta: Floats
    side: Ints
    weight: Floats
    starts: Ints


class _This:
    """A module by identity: answers are kept for it alone, since comparing two modules takes longer than the answer."""

    __slots__ = ("module",)

    def __init__(self, module: CircuitModule) -> None:
        self.module = module

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _This) and self.module is other.module

    def __hash__(self) -> int:
        return id(self.module)


@lru_cache(maxsize=64)
def _groups(this: _This, wanted: tuple[int, ...]) -> tuple[_Group, ...]:
    module = this.module
    paths = {(k, side): frozenset(_path(module, k, side)) for k in wanted for side in (0, 1)}
    reached = {
        (segment, side): tuple(k for k in wanted if segment in paths[k, side])
        for segment in range(len(module.segments))
        for side in (0, 1)
    }
    found: dict[tuple[int, ...], list[tuple[SiteRule, int]]] = {}
    for rule in shift_rule(module):
        for side in (0, 1):
            if results_of := reached[rule.at.segment, side]:
                found.setdefault(results_of, []).append((rule, side))
    return tuple(_Group(results, tuple(rules)) for results, rules in found.items())


def _path(module: CircuitModule, result: int, side: int) -> tuple[int, ...]:
    """The segments that a result depends on, by one side; only overlaps have a second one."""
    asked = module.results[result]
    if isinstance(asked, Overlap):
        return module.path((asked.left, asked.right)[side])
    return module.path(asked.segment) if side == 0 else ()


def gradient(executable: Executable, request: Request, cotangents: Mapping[int, Floats], context: Context) -> Gradient:
    """The gradient of the sum over results r of <cotangents[r], value of r>, by parameter-shift.

    `cotangents` are by result number and shaped as the values, [row | pair, ...]. Only sites that lead to a result with
    a cotangent other than zero are shifted, and only for rows (or pairs) where it has one. Raises what `collect` does.
    """
    if request.shifts is not None:
        raise CompilerBug("a gradient was asked for at shifts")
    module = executable.module
    nonzero = {k: np.asarray(c, np.float64) for k, c in cotangents.items() if k in request.results and np.any(c)}
    runs = []
    for group in _groups(_This(module), tuple(sorted(nonzero))):
        rows = np.flatnonzero(sum(_size(nonzero[k]) for k in group.results))
        for part in _parts(group, len(rows)):
            asked = replace(request, results=part.results, shifts=_shifts(part.terms, rows))
            runs.append((part, rows, executable.submit(asked, context)))
    shared = np.zeros_like(request.bindings.shared, np.float64)
    items = np.zeros_like(request.bindings.items, np.float64)
    for part, rows, handle in runs:
        collected = executable.collect(handle)
        weighted = np.zeros((len(part.terms.site), len(rows)))
        for k, estimate in zip(part.results, collected.estimates, strict=True):
            values = np.asarray(estimate.value, np.float64).reshape(*weighted.shape, -1)
            weighted += (values * nonzero[k][rows].reshape(len(rows), -1)).sum(axis=-1)
        _add(shared, items, part, rows if request.pairs is None else request.pairs[rows], weighted)
    return Gradient(shared, items)


def _size(cotangent: Floats) -> Floats:
    """A number for each row or pair that is zero just where its whole cotangent is."""
    size: Floats = np.abs(cotangent.reshape(len(cotangent), -1)).sum(axis=1)
    return size


def _parts(group: _Group, rows: int) -> list[_Group]:
    """The group, or several with fewer rules each where it comes to too many shifts."""
    if len(group.terms.site) * rows <= _ENTRIES:
        return [group]
    parts: list[list[tuple[SiteRule, int]]] = [[]]
    filled = 0
    for rule in group.rules:
        size = len(rule[0].terms) * rows
        if parts[-1] and filled + size > _ENTRIES:
            parts.append([])
            filled = 0
        parts[-1].append(rule)
        filled += size
    return [_Group(group.results, tuple(part)) for part in parts]


def _shifts(terms: _Terms, rows: Ints) -> Shifts:
    """For each term, all rows."""
    every = len(rows)
    return Shifts(
        np.tile(rows, len(terms.site)), terms.site.repeat(every), terms.delta.repeat(every), terms.side.repeat(every)
    )


def _add(shared: Floats, items: Floats, group: _Group, rows: Ints, weighted: Floats) -> None:
    """Add the slopes by angles to those by slots. `weighted` is float64[term of all rules, row]; `rows` int64[row], or
    int64[pair, 2] where overlaps are shifted on one side."""
    slopes = np.add.reduceat(group.terms.weight[:, None] * weighted, group.terms.starts, axis=0)
    sums = slopes.sum(axis=1).tolist()
    for rule, slot, coefficient, side in group.slots:
        if slot < len(shared):
            shared[slot] += coefficient * sums[rule]
        else:
            bound = rows if rows.ndim == 1 else rows[:, side]
            np.add.at(items[:, slot - len(shared)], bound, coefficient * slopes[rule])


@dataclass(frozen=True, slots=True)
class ShiftCost:
    """Circuits of a forward pass and of a gradient by parameter-shift: each a bound circuit measured in one setting."""

    forward: int
    gradient: int


def shift_cost(module: CircuitModule, *, rows: int, pairs: int = 0, results: Iterable[int] | None = None) -> ShiftCost:
    """What so many rows (and pairs, for overlaps) cost, if no two are equal. `results` None means all of them."""
    wanted = tuple(range(len(module.results)) if results is None else results)
    overlaps = tuple(k for k in wanted if isinstance(module.results[k], Overlap))
    others = tuple(k for k in wanted if k not in overlaps)
    settings = readings(module)

    def once(chosen: tuple[int, ...]) -> int:
        return pairs * len(chosen) if chosen[0] in overlaps else rows * len(settings.needed(chosen))

    asked = [chosen for chosen in (others, overlaps) if chosen]
    groups = [group for chosen in asked for group in _groups(_This(module), chosen)]
    terms = [sum(len(rule.terms) for rule, _ in group.rules) for group in groups]
    return ShiftCost(
        sum(once(chosen) for chosen in asked),
        sum(count * once(group.results) for count, group in zip(terms, groups, strict=True)),
    )
