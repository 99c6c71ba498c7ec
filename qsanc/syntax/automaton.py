"""The LALR machine: a stack of states that tokens move and rules reduce. It never recurses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qsanc.syntax.lexer import Token
from qsanc.syntax.tables import END, Tables, words

Action = Callable[..., object]

NESTING = words(
    "binary unary compare approx range index attribute call paren list_of comprehension for_loop branch repeat"
)
"""The rules that put what they hold one level deeper."""


class Machine:
    """One parse in progress.

    `actions[rule]` makes the value of a rule from its first and last offset and the values it picks. Without actions
    (after a first error) the machine only recognises. `deepest` is the deepest nesting reduced so far.
    """

    def __init__(self, tables: Tables, start: str, actions: Sequence[Action | None]) -> None:
        self._rows = tables.rows
        self._rules = tables.rules
        self._final = tables.finals[start]
        self.actions: Sequence[Action | None] | None = actions
        self.states = [tables.entries[start]]
        self.values: list[object] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.levels: list[int] = []
        self.firsts: list[int] = []
        self.result: object = None
        self.deepest = 0

    @property
    def row(self) -> dict[str, int]:
        return self._rows[self.states[-1]]  # type: ignore[return-value]

    def accepts(self, *kinds: str) -> bool:
        """Whether these terminals can follow, one after the other."""
        height = len(self.states)
        above: list[int] = []
        for kind in kinds:
            while True:
                action = self._rows[above[-1] if above else self.states[height - 1]].get(kind)
                if action is None:
                    return False
                if action >= 0:
                    above.append(action)
                    break
                rule = self._rules[-1 - action]
                kept = len(above) - rule.size
                if kept < 0:
                    height += kept
                del above[max(kept, 0) :]
                above.append(self._rows[above[-1] if above else self.states[height - 1]][rule.origin])
                if kind == END and above[-1] == self._final:
                    break
        return True

    def feed(self, token: Token, index: int) -> bool:
        """Take a token that `accepts` admits; `index` is its number. True when the parse is complete."""
        while True:
            action = self._rows[self.states[-1]][token.type]
            if action >= 0:
                self.push(action, token if self.actions is not None else None, token.start, token.end, 0, index)
                return False
            self._reduce(-1 - action, index, token.start)
            if token.type == END and self.states[-1] == self._final:
                self.result = self.values[-1]
                return True

    def settle(self, index: int, place: int) -> None:
        """Do the reductions that are due whatever follows."""
        while len(actions := set(self.row.values())) == 1 and (action := actions.pop()) < 0:
            self._reduce(-1 - action, index, place)

    def push(self, state: int, value: object, start: int, end: int, level: int, first: int) -> None:
        self.states.append(state)
        self.values.append(value)
        self.starts.append(start)
        self.ends.append(end)
        self.levels.append(level)
        self.firsts.append(first)

    def cut(self, height: int) -> None:
        """Forget everything above the lowest `height` states."""
        del self.states[height:]
        for stack in (self.values, self.starts, self.ends, self.levels, self.firsts):
            del stack[height - 1 :]

    def _reduce(self, number: int, index: int, place: int) -> None:
        rule = self._rules[number]
        size = rule.size
        if size == 1 and rule.action is None and not rule.is_list:
            self.states[-1] = self._rows[self.states[-2]][rule.origin]
            return
        if size == 0:
            value: object = []
            if self.actions is not None and (action := self.actions[number]) is not None:
                value = action(place, place, *([None] * len(rule.picks)))
            self.push(self._rows[self.states[-1]][rule.origin], value, place, place, 0, index)
            return
        value = None
        if self.actions is not None:
            value = self._value(number, self.values[-size:], self.starts[-size], self.ends[-1])
        level = max(self.levels[-size:])
        if rule.action in NESTING:
            level += 1
            self.deepest = max(self.deepest, level)
        start, end, first = self.starts[-size], self.ends[-1], self.firsts[-size]
        self.cut(len(self.states) - size)
        self.push(self._rows[self.states[-1]][rule.origin], value, start, end, level, first)

    def _value(self, number: int, values: list[object], start: int, end: int) -> object:
        rule = self._rules[number]
        assert self.actions is not None
        action = self.actions[number]
        if action is None and not rule.is_list:
            (place,) = rule.picks
            return None if place is None else values[place]
        if rule.is_list and rule.splices == (0,) and rule.picks[0] == 0:
            joined = values[0]
            assert isinstance(joined, list)
            joined.extend(values[place] for place in rule.picks[1:] if place is not None)
            return joined
        picked: list[object] = []
        for place in rule.picks:
            if place is not None and place in rule.splices:
                inner = values[place]
                assert isinstance(inner, list)
                picked.extend(inner)
            else:
                picked.append(None if place is None else values[place])
        return picked if action is None else action(start, end, *picked)
