"""The parse itself, and how it goes on after a mistake so that the next one is found too.

A text that seems to be without mistakes is read by `straight`. If it is not, its tokens go through the machine.

After a mistake three things are tried in turn: a token that was plainly forgotten or misused (a `;`, a `}`, a keyword
as a name) is put in; else the argument in which the mistake stands is skipped, up to the next comma or its bracket;
else the statement is, up to its `;`, its block or the keyword that begins the next line. Whatever was skipped counts
as read: the machine is set to the state in which that argument or statement has just ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from qsanc.diagnostics.model import Diagnostic
from qsanc.source import Source
from qsanc.syntax import errors, habits
from qsanc.syntax.automaton import CLOSING, Machine
from qsanc.syntax.lexer import RESERVED, Lexed, Token
from qsanc.syntax.straight import Action, straight
from qsanc.syntax.tables import END, tables, words

DEEPEST = 200
MOST_DIAGNOSTICS = 100

STATEMENTS = (
    "item", "stmt", "attention_part", "noise_rule", "model_part",
    "data_decl", "param_decl", "flow_stmt", "check_stmt", "setting",
)  # fmt: skip
ELEMENTS = ("param", "generic", "index_arg", "arg", "import_name", "expr")
ITEM_WORDS = words("IMPORT FROM CONST ANSATZ CIRCUIT ATTENTION NOISE MODEL PROPERTY TEST")
PART_WORDS = words(
    "SIZE HYPER LET FOR IF REQUIRE RETURN ENCODE MASK SCORE NORMALIZE DATA PARAMS FLOW LOSS TRAIN REPEAT ASSUME ASSERT"
)
HEADERS = {
    "ANSATZ": "ANSATZ NAME ON NAME COLON QUBIT",
    "CIRCUIT": "CIRCUIT NAME ON NAME COLON QUBIT ARROW REAL",
    "ATTENTION": "ATTENTION NAME ON NAME COLON QUBIT",
    "NOISE": "NOISE NAME",
    "MODEL": "MODEL NAME",
    "PROPERTY": "PROPERTY NAME",
    "TEST": "TEST NAME",
    "FOR": "FOR NAME IN NAME",
    "IF": "IF NAME",
    "REPEAT": "REPEAT NAME IN NAME",
    "ENCODE": "ENCODE",
    "QUERY": "QUERY",
    "KEY": "KEY",
    "VALUE": "VALUE",
    "DATA": "DATA",
    "PARAMS": "PARAMS",
    "FLOW": "FLOW",
    "TRAIN": "TRAIN",
}
"""What makes a complete head of each block, so that the block behind a wrong head is read all the same."""


class Bracket(NamedTuple):
    """An open bracket, the number of its token, and how many states there were behind it."""

    token: Token
    number: int
    height: int


class Parser:
    def __init__(self, source: Source, lexed: Lexed, start: str, actions: Sequence[Action | None]) -> None:
        self.source = source
        self.tokens = lexed.tokens
        self.diagnostics = list(lexed.diagnostics)
        self.machine = Machine(tables(), start)
        self.brackets: list[Bracket] = []
        self._start = start
        self._actions = actions
        self._cut_short = lexed.cut_short
        self._resumed = -1
        self._failed = -1
        self._broken = {d.span.start for d in lexed.diagnostics if d.span}
        self._habits = habits.in_tokens(source, lexed.tokens)
        self.diagnostics.extend(self._habits.values())

    def run(self) -> object:
        """The value of the start rule; None where there are diagnostics."""
        index = self._header() if self._start == "start" else 0
        if not self.diagnostics:
            tree = straight(tables(), self.tokens, self._start, self._actions, DEEPEST)
            if tree is not None:
                return tree
        while index < len(self.tokens) and len(self.diagnostics) < MOST_DIAGNOSTICS:
            token = self.tokens[index]
            if not self.machine.accepts(token.type):
                index = self._recover(index)
                continue
            done = self._feed(token, index)
            if self._too_deep(token) or done:
                break
            index += 1
        return None

    # ---- one token -----------------------------------------------------------------------------------------------

    def _feed(self, token: Token, index: int) -> bool:
        done = self.machine.feed(token, index)
        if token.type in CLOSING:
            self.brackets.append(Bracket(token, index, len(self.machine.states)))
        elif token.type in CLOSING.values() and self.brackets:
            self.brackets.pop()
        return done

    def _invent(self, kind: str, index: int) -> None:
        """Feed a token that is not in the text."""
        place = self.tokens[index].start
        self._feed(Token(kind, tables().spelling.get(kind, ""), place, place), index)

    def _report(self, diagnostic: Diagnostic) -> None:
        self.diagnostics.append(diagnostic)

    def _too_deep(self, token: Token) -> bool:
        if len(self.brackets) > DEEPEST or self.machine.deepest > DEEPEST:
            self._report(errors.too_deep(self.source, token, DEEPEST, brackets=len(self.brackets) > DEEPEST))
            return True
        return False

    def _header(self) -> int:
        found = errors.header(self.source, self.tokens)
        if found is None:
            return 0
        diagnostic, index = found
        self._report(diagnostic)
        self._invent("QSAN", index)
        self._invent("NUMBER", index)
        self._resumed = index
        return index

    # ---- after a mistake -----------------------------------------------------------------------------------------

    def _recover(self, index: int) -> int:
        """Report the token that does not fit, unless it only follows from the last report, and say where to go on."""
        token, machine = self.tokens[index], self.machine
        machine.settle(index)
        if self._cut_short and token.type == END:
            return len(self.tokens)
        begin = self._statement(index)
        if (closed := self._close_blocks(index)) is not None:
            return closed
        habit = habits.at_error(self.source, self.tokens, index, begin, machine, self._innermost)
        if habit is None:
            if self._is_word(token) and machine.accepts("NAME", self._kind(index + 1)):
                self._report(errors.reserved(self.source, token))
                self._feed(token._replace(type="NAME"), index)
                return index + 1
            if self._semicolon_is_missing(index):
                if index != self._resumed and self.tokens[index - 1].start not in self._broken:
                    begun = self.tokens[min(begin, index - 1)]
                    self._report(errors.missing_semicolon(self.source, begun, self.tokens[index - 1]))
                self._invent("SEMICOLON", index)
                return index
        before = self.tokens[index - 1].end if index else 0
        known = any(begin <= place <= index for place in self._habits) or any(
            before <= place < token.start for place in self._broken
        )
        if index != self._resumed and not known:
            bracket = self.brackets[-1].token if self.brackets else None
            self._report(habit or errors.unexpected(self.source, self.tokens, index, machine, bracket))
        if token.type == END:
            return len(self.tokens)
        again, self._failed = self._failed == index, index
        after = index + 1 if again else self._resync(index, begin)
        self._resumed = -1 if self._kind(after - 1) in {"SEMICOLON", "RBRACE"} else after
        return after

    def _kind(self, index: int) -> str:
        return self.tokens[min(index, len(self.tokens) - 1)].type

    @property
    def _innermost(self) -> str | None:
        return self.brackets[-1].token.type if self.brackets else None

    @staticmethod
    def _is_word(token: Token) -> bool:
        return token.type == RESERVED or token.text in tables().keywords

    def _starts_line(self, index: int) -> bool:
        return index == 0 or "\n" in self.source.text[self.tokens[index - 1].end : self.tokens[index].start]

    def _statement(self, index: int) -> int:
        """The number of the token with which the statement or item around this token begins."""
        height = self._height_of(STATEMENTS, 1)
        if height is None or height == len(self.machine.states):
            return index
        return self.machine.firsts[height - 1]

    def _height_of(self, symbols: Sequence[str], lowest: int) -> int | None:
        """How many states remain when the stack is cut to the topmost one in which one of these symbols can begin."""
        states = self.machine.states
        for height in range(len(states), lowest - 1, -1):
            row = tables().rows[states[height - 1]]
            if any(symbol in row for symbol in symbols):
                return height
        return None

    def _semicolon_is_missing(self, index: int) -> bool:
        token = self.tokens[index]
        if index == 0 or self._innermost in {"LPAR", "LSQB"} or not self.machine.accepts("SEMICOLON"):
            return False
        if token.type in {END, "RBRACE"}:
            return True
        if self._starts_line(index) or token.type in ITEM_WORDS | PART_WORDS:
            return self.machine.accepts("SEMICOLON", token.type) or token.type in ITEM_WORDS
        return self.machine.accepts("SEMICOLON", token.type, self._kind(index + 1))

    def _close_blocks(self, index: int) -> int | None:
        """Close the blocks that are open where an item or the end of the file comes, if that is all that is wrong."""
        token = self.tokens[index]
        if not self.brackets or not (token.type == END or (token.type in ITEM_WORDS and self._starts_line(index))):
            return None
        depth = len(self.brackets)
        if any(b.token.type != "LBRACE" for b in self.brackets):
            return None
        if not self.machine.accepts(*["RBRACE"] * depth, token.type):
            return None
        self._report(errors.never_closed(self.source, self.tokens, self.brackets[-1].number, token))
        for _ in range(depth):
            self._invent("RBRACE", index)
        return index

    def _resync(self, index: int, begin: int) -> int:
        """Skip what cannot be read, set the machine behind it, and say where to go on."""
        depth = 0
        element = self._innermost in {"LPAR", "LSQB"}
        for place in range(index, len(self.tokens)):
            kind = self.tokens[place].type
            if kind == END or (kind in ITEM_WORDS and self._starts_line(place)):
                self._skip_statement(place)
                return place
            if depth == 0 and kind in PART_WORDS and place > index and self._starts_line(place):
                self._skip_statement(place)
                return place
            if kind in {"COMMA", "RPAR", "RSQB"} and depth == 0:
                if element and self._skip_element(place):
                    return place
            elif kind in {"LPAR", "LSQB"}:
                depth += 1
            elif kind in {"RPAR", "RSQB"}:
                depth -= 1
            elif kind == "SEMICOLON":
                self._skip_statement(place)
                return place + 1
            elif kind == "RBRACE":
                stray = not any(b.token.type == "LBRACE" for b in self.brackets)
                self._skip_statement(place)
                return place + 1 if stray else place
            elif kind == "LBRACE":
                return self._enter_block(place, begin)
        return len(self.tokens)

    def _skip_element(self, place: int) -> bool:
        """Count everything up to this comma or closing bracket as one argument of the innermost open bracket."""
        lowest = self.brackets[-1].height
        height = self._height_of(ELEMENTS, lowest)
        if height is None:
            return False
        row = tables().rows[self.machine.states[height - 1]]
        for symbol in ELEMENTS:
            if symbol in row:
                saved = self.machine.states[height:]
                self.machine.states[height:] = [row[symbol]]
                fits = self.machine.accepts(self.tokens[place].type)
                self.machine.states[height:] = saved
                if fits:
                    self._settle(height, symbol, place)
                    return True
        return False

    def _skip_statement(self, place: int) -> None:
        height = self._height_of(STATEMENTS, 1)
        if height is None:
            return
        row = tables().rows[self.machine.states[height - 1]]
        symbol = next(s for s in STATEMENTS if s in row)
        self._settle(height, symbol, place)

    def _settle(self, height: int, symbol: str, place: int) -> None:
        machine = self.machine
        machine.cut(height)
        machine.push(tables().rows[machine.states[-1]][symbol], 0, place)
        self.brackets = [b for b in self.brackets if b.height <= height]

    def _enter_block(self, place: int, begin: int) -> int:
        """Read the block at this `{` behind a head that was wrong, or step over it where no head fits."""
        height = self._height_of(STATEMENTS, 1)
        word = habits.MEANT_AS.get(self.tokens[begin].text, self.tokens[begin].type)
        head = HEADERS.get(word, "").split()
        if height is not None and head:
            states, brackets = list(self.machine.states), list(self.brackets)
            self.machine.states[height:] = []
            fits = self.machine.accepts(*head, "LBRACE")
            self.machine.states[:] = states
            if fits:
                self.machine.cut(height)
                self.brackets = [b for b in brackets if b.height <= height]
                for kind in head:
                    self._invent(kind, place)
                return place
        depth = 0
        for after in range(place, len(self.tokens)):
            kind = self.tokens[after].type
            depth += (kind == "LBRACE") - (kind == "RBRACE")
            if depth == 0 or kind == END:
                self._skip_statement(after)
                return after if kind == END else after + 1
        return len(self.tokens)
