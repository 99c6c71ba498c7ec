"""The parse of a text without mistakes: one loop over its tokens, which makes the tree.

The machine of `qsanc.syntax.automaton` asks for each token whether it fits before a rule is reduced, so that a mistake
can be told and mended. Here nothing is asked: the first token that does not fit ends the loop, and the text is read
again by that machine. Both take the same tables and reach the same end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from qsanc.syntax.automaton import CLOSING, NESTING
from qsanc.syntax.lexer import Token
from qsanc.syntax.tables import END, Rule, Tables

Action: TypeAlias = Callable[..., object]
Maker: TypeAlias = Callable[[int, int, list[Any]], object]
"""Makes the value of a rule from its first and last offset and the values of its symbols."""


class Reduction(NamedTuple):
    """A rule made ready. Its value is the symbol at `pick`, counted from behind, or what `plain` makes of its offsets
    and all its symbols; what `make` makes where both are None. `nests` is 1 where it puts them a level deeper."""

    size: int
    origin: str
    pick: int | None
    plain: Action | None
    make: Maker
    nests: int


@dataclass(slots=True, eq=False)
class Place:
    """A state of the machine, on the one below it. What was found out about it: what tokens do there, and where it is
    left to by rules."""

    below: int
    state: int
    steps: dict[str, Step] = field(default_factory=dict)
    after: dict[str, Place] = field(default_factory=dict)


class Step(NamedTuple):
    """What a token does at a place. Rules of one symbol come first: they do `singles` and lead to `here`. There a rule
    of more symbols, or of none, is reduced; or the token is taken, which leads to `onto` and opens so many brackets."""

    singles: tuple[Action, ...]
    here: Place
    reduction: Reduction | None
    onto: Place
    opens: int


_OPENS = {**dict.fromkeys(CLOSING, 1), **dict.fromkeys(CLOSING.values(), -1)}


def straight(
    tables: Tables, tokens: Sequence[Token], start: str, actions: Sequence[Action | None], deepest: int
) -> object | None:
    """The value of the rule `start`, or None where a token does not fit or something is nested deeper than `deepest`.

    `actions[rule]` makes the value of a rule from its first and last offset and the values it picks.
    """
    final = tables.finals[start]
    reductions = [_reduction(rule, action) for rule, action in zip(tables.rules, actions, strict=True)]
    places = _Places(tables, reductions)
    place = places.at(-1, tables.entries[start])
    stack: list[Place] = []
    values: list[object] = []
    starts: list[int] = []
    levels: list[tuple[int, int]] = []
    stop = 0
    brackets = 0
    for token in tokens:
        kind, _, begin, end = token
        while True:
            step = place.steps.get(kind) or places.step(place, kind)
            if step is None:
                return None
            singles, place, reduction, onto, opens = step
            for single in singles:
                values[-1] = single(starts[-1], stop, values[-1])
            if reduction is None:
                stack.append(place)
                place = onto
                values.append(token)
                starts.append(begin)
                stop = end
                if opens:
                    brackets += opens
                    if brackets > deepest:
                        return None
                break
            size, origin, pick, plain, make, nests = reduction
            if size == 0:
                stack.append(place)
                values.append(make(begin, begin, []))
                starts.append(begin)
                stop = begin
            else:
                first = -size
                if pick is not None:
                    values[first] = values[pick]
                elif plain is not None:
                    values[first] = plain(starts[first], stop, *values[first:])
                else:
                    values[first] = make(starts[first], stop, values[first:])
                behind = first + 1
                if behind:
                    del stack[behind:], values[behind:], starts[behind:]
                if nests or (levels and levels[-1][0] >= len(values)):
                    level = _level(levels, len(values)) + nests
                    if level > deepest:
                        return None
                    levels.append((len(values), level))
            place = stack[-1].after.get(origin) or places.after(stack[-1], origin)
            if kind == END and place.state == final:
                return values[-1]
    return None


def _level(levels: list[tuple[int, int]], height: int) -> int:
    """The deepest level among those of values from `height` on, which are taken away."""
    level = 0
    while levels and levels[-1][0] >= height:
        level = max(level, levels.pop()[1])
    return level


class _Places:
    """The places that were met, and what is found out about them."""

    def __init__(self, tables: Tables, reductions: Sequence[Reduction]) -> None:
        self._rows, self._rules = tables.rows, tables.rules
        self._reductions = reductions
        self._met: dict[tuple[int, int], Place] = {}

    def at(self, below: int, state: int) -> Place:
        place = self._met.get((below, state))
        if place is None:
            place = self._met[below, state] = Place(below, state)
        return place

    def step(self, place: Place, kind: str) -> Step | None:
        """What a token of this kind does at a place; None where it does not fit."""
        here = place
        singles: list[Action] = []
        while True:
            action = self._rows[here.state].get(kind)
            if action is None:
                return None
            if action >= 0:
                step = Step(tuple(singles), here, None, self.at(here.state, action), _OPENS.get(kind, 0))
                break
            rule, reduction = self._rules[-1 - action], self._reductions[-1 - action]
            if not passes(rule):
                if rule.size > 1 or reduction.plain is None or reduction.nests or kind == END:
                    step = Step(tuple(singles), here, reduction, here, 0)
                    break
                singles.append(reduction.plain)
            here = self.at(here.below, self._rows[here.below][rule.origin])
        place.steps[kind] = step
        return step

    def after(self, place: Place, origin: str) -> Place:
        """Where a rule leads that was reduced on a place."""
        found = place.after[origin] = self.at(place.state, self._rows[place.state][origin])
        return found


def passes(rule: Rule) -> bool:
    """Whether a rule hands the value of its one symbol on."""
    return rule.size == 1 and rule.action is None and not rule.is_list


def _reduction(rule: Rule, action: Action | None) -> Reduction:
    pick = rule.picks[0] if rule.size and action is None and not rule.is_list and not rule.splices else None
    plain = action if rule.size and not rule.splices and rule.picks == tuple(range(rule.size)) else None
    return Reduction(
        rule.size,
        rule.origin,
        None if pick is None else pick - rule.size,
        plain,
        _maker(rule, action),
        int(rule.action in NESTING),
    )


def _maker(rule: Rule, action: Action | None) -> Maker:
    picks = rule.picks
    if rule.is_list and rule.splices == (0,) and picks[0] == 0:
        return _longer([place for place in picks[1:] if place is not None])
    if rule.splices:
        return _spliced(rule, action)
    if action is not None:
        return lambda start, end, values: action(
            start, end, *[None if place is None else values[place] for place in picks]
        )
    if rule.is_list:
        return lambda start, end, values: [None if place is None else values[place] for place in picks]
    (only,) = picks
    return lambda start, end, values: None if only is None else values[only]


def _longer(places: Sequence[int]) -> Maker:
    """The list that stands first, with the values at `places` behind it."""

    def make(start: int, end: int, values: list[Any]) -> object:
        joined: list[object] = values[0]
        for place in places:
            joined.append(values[place])
        return joined

    return make


def _spliced(rule: Rule, action: Action | None) -> Maker:
    def make(start: int, end: int, values: list[Any]) -> object:
        picked: list[object] = []
        for place in rule.picks:
            if place is not None and place in rule.splices:
                picked.extend(values[place])
            else:
                picked.append(None if place is None else values[place])
        return picked if action is None else action(start, end, *picked)

    return make
