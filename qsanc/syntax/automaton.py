"""The LALR machine: a stack of states that tokens move and rules reduce. It never recurses, and makes no tree.

It says of every token whether it fits while nothing has been reduced yet, and can be set to another state: what is
needed after a mistake. A text without mistakes is read by `qsanc.syntax.straight`.
"""

from __future__ import annotations

from qsanc.syntax.lexer import Token
from qsanc.syntax.tables import END, Tables, words

CLOSING = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
NESTING = words(
    "binary unary compare approx range index attribute call paren list_of comprehension for_loop branch repeat"
)
"""The rules that put what they hold one level deeper."""


class Machine:
    """One parse in progress. `deepest` is the deepest nesting reduced so far."""

    def __init__(self, tables: Tables, start: str) -> None:
        self._rows = tables.rows
        self._rules = tables.rules
        self._final = tables.finals[start]
        self.states = [tables.entries[start]]
        self.levels: list[int] = []
        self.firsts: list[int] = []
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
                self.push(action, 0, index)
                return False
            self._reduce(-1 - action, index)
            if token.type == END and self.states[-1] == self._final:
                return True

    def settle(self, index: int) -> None:
        """Do the reductions that are due whatever follows."""
        while len(actions := set(self.row.values())) == 1 and (action := actions.pop()) < 0:
            self._reduce(-1 - action, index)

    def push(self, state: int, level: int, first: int) -> None:
        self.states.append(state)
        self.levels.append(level)
        self.firsts.append(first)

    def cut(self, height: int) -> None:
        """Forget everything above the lowest `height` states."""
        del self.states[height:], self.levels[height - 1 :], self.firsts[height - 1 :]

    def _reduce(self, number: int, index: int) -> None:
        rule = self._rules[number]
        size = rule.size
        if size == 0:
            self.push(self._rows[self.states[-1]][rule.origin], 0, index)
            return
        level, first = max(self.levels[-size:]), self.firsts[-size]
        if rule.action in NESTING:
            level += 1
            self.deepest = max(self.deepest, level)
        self.cut(len(self.states) - size)
        self.push(self._rows[self.states[-1]][rule.origin], level, first)
