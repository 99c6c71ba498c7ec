"""The parse of a text without mistakes: one loop over its tokens, which makes the tree.

The machine of `qsanc.syntax.automaton` asks for each token whether it fits before a rule is reduced, so that a mistake
can be told and mended. Here nothing is asked: the first token that does not fit ends the loop, and the text is read
again by that machine. Both take the same tables and reach the same end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


_OPENED = frozenset(CLOSING)
_CLOSED = frozenset(CLOSING.values())


def straight(
    tables: Tables, tokens: Sequence[Token], start: str, actions: Sequence[Action | None], deepest: int
) -> object | None:
    """The value of the rule `start`, or None where a token does not fit or something is nested deeper than `deepest`.

    `actions[rule]` makes the value of a rule from its first and last offset and the values it picks.
    """
    rows, final = tables.rows, tables.finals[start]
    reductions = [_reduction(rule, action) for rule, action in zip(tables.rules, actions, strict=True)]
    steps: dict[tuple[int, int, str], tuple[int, int]] = {}
    state, below = tables.entries[start], -1
    stack: list[int] = []
    values: list[object] = []
    starts: list[int] = []
    levels: list[tuple[int, int]] = []
    stop = 0
    brackets = 0
    for token in tokens:
        kind, _, place, end = token
        while True:
            key = (below, state, kind)
            step = steps.get(key)
            if step is None:
                step = _step(tables, below, state, kind)
                if step is None:
                    return None
                steps[key] = step
            state, action = step
            if action >= 0:
                stack.append(state)
                below, state = state, action
                values.append(token)
                starts.append(place)
                stop = end
                if kind in _OPENED:
                    brackets += 1
                    if brackets > deepest:
                        return None
                elif kind in _CLOSED:
                    brackets -= 1
                break
            size, origin, pick, plain, make, nests = reductions[-1 - action]
            if size == 0:
                stack.append(state)
                values.append(make(place, place, []))
                starts.append(place)
                stop = place
            else:
                first = -size
                if pick is not None:
                    values[first] = values[pick]
                elif plain is not None:
                    values[first] = plain(starts[first], stop, *values[first:])
                else:
                    values[first] = make(starts[first], stop, values[first:])
                if size > 1:
                    del stack[first + 1 :], values[first + 1 :], starts[first + 1 :]
                if nests or (levels and levels[-1][0] >= len(values)):
                    level = _level(levels, len(values)) + nests
                    if level > deepest:
                        return None
                    levels.append((len(values), level))
            below = stack[-1]
            state = rows[below][origin]
            if state == final and kind == END:
                return values[-1]
    return None


def _level(levels: list[tuple[int, int]], height: int) -> int:
    """The deepest level among those of values from `height` on, which are taken away."""
    level = 0
    while levels and levels[-1][0] >= height:
        level = max(level, levels.pop()[1])
    return level


def _step(tables: Tables, below: int, state: int, kind: str) -> tuple[int, int] | None:
    """What a token of this kind does in `state`, which lies on `below`: the state that the rules of one symbol without
    an action lead to, and what is done there. None where the token does not fit."""
    while True:
        action = tables.rows[state].get(kind)
        if action is None:
            return None
        if action >= 0 or not passes(tables.rules[-1 - action]):
            return state, action
        state = tables.rows[below][tables.rules[-1 - action].origin]


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
