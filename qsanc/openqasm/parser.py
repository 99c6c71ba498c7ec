"""From OpenQASM text to Lark's tree, by the grammar beside this module. What does not fit is told, with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.openqasm.limits import DEEPEST, MOST_CHARACTERS
from qsanc.openqasm.wrong import TooLarge
from qsanc.source import Source, Span

Node: TypeAlias = Tree[Token]

_VARIABLE = "only constants and inputs are read: write `const` in front of it"
_CONTROL = "a circuit of qsan does not decide while it runs; write out the gates that are applied"
NOT_READ: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("int", "uint", "float", "angle", "bool", "complex", "array", "duration", "stretch"), _VARIABLE
        ),
        **dict.fromkeys(("if", "else", "while", "switch", "break", "continue", "end", "return"), _CONTROL),
        "def": "define a `gate`",
        "extern": "compute the number beforehand and make it an `input`",
        "cal": "leave the calibration out",
        "defcal": "leave the calibration out",
        "defcalgrammar": "leave the calibration out",
        "let": "write the register and its index where the alias is used",
        "output": "measure into a `bit` register",
        "delay": "leave the delay out",
        "reset": "use another qubit; all of them start in zero",
        "nop": "leave it out",
        "opaque": "define a `gate` with a body",
    }
)
"""Words of OpenQASM that begin what is not read, with what to do instead."""

_WORDS = {
    "NAME": "a name", "HARDWARE": "a hardware qubit such as `$0`",
    "INTEGER": "a number", "FLOAT": "a number", "STRING": 'a file name such as "stdgates.inc"',
    "SIGN": "`+`", "TIMES": "`*`", "RAISED": "`**`", "TYPE": "a type", "PRAGMA": "", "ANNOTATION": "",
    "$END": "the end of the file", "SEMICOLON": "`;`", "COMMA": "`,`", "COLON": "`:`", "EQUAL": "`=`", "AT": "`@`",
    "LPAR": "`(`", "RPAR": "`)`", "LSQB": "`[`", "RSQB": "`]`", "LBRACE": "`{`", "RBRACE": "`}`",
    "__ANON_0": "`->`",
}  # fmt: skip
_STATEMENT = frozenset({"BARRIER", "MEASURE", "FOR", "CTRL"})


class _NotRead(Exception):
    """The lexer met a word of `NOT_READ`."""

    def __init__(self, token: Token) -> None:
        super().__init__(str(token))
        self.token = token


def parse(source: Source) -> Node:
    """The tree of a program.

    Raises QsanError: QS820 where the text does not fit the grammar, QS821 where it is a part of OpenQASM that is not
    read, QS825 where it is nested too deep.
    """
    if len(source.text) > MOST_CHARACTERS:
        whole = source.span(MOST_CHARACTERS, MOST_CHARACTERS)
        title = f"the program is longer than {MOST_CHARACTERS} characters"
        raise QsanError([TooLarge(title, whole, "write repetitions as loops and definitions").diagnostic])
    try:
        tree = _parser().parse(source.text)
    except _NotRead as met:
        raise QsanError([_unread(source, met.token)]) from None
    except UnexpectedToken as wrong:
        opened = source.text.startswith("/*", wrong.token.start_pos or 0) and wrong.token.type != "$END"
        found = _strange(source, wrong.token.start_pos or 0) if opened else _unexpected(source, wrong)
        raise QsanError([found]) from None
    except UnexpectedCharacters as wrong:
        raise QsanError([_strange(source, wrong.pos_in_stream or 0)]) from None
    depths: dict[int, int] = {}
    for node in tree.iter_subtrees():
        depth = 1 + max((depths[id(child)] for child in node.children if isinstance(child, Tree)), default=0)
        depths[id(node)] = depth
        if depth > DEEPEST:
            diagnostic = Diagnostic(
                "QS825", Severity.ERROR, f"nested more than {DEEPEST} deep", span(source, node), "all of this",
                expected="expected parts that are less deep",
                help="name the inner parts of a long expression with `const`, or define a `gate`",
            )  # fmt: skip
            raise QsanError([diagnostic])
    return tree


def span(source: Source, node: Node | Token) -> Span:
    """Where a node stands."""
    if isinstance(node, Token):
        return source.span(node.start_pos or 0, node.end_pos or 0)
    return source.span(getattr(node.meta, "start_pos", 0), getattr(node.meta, "end_pos", 0))


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("openqasm3.lark").read_text(encoding="utf-8")
    return Lark(
        grammar, parser="lalr", lexer="contextual", maybe_placeholders=True, propagate_positions=True,
        lexer_callbacks={"NAME": _read_word},
    )  # fmt: skip


def _read_word(token: Token) -> Token:
    if token in NOT_READ:
        raise _NotRead(token)
    return token


def _unread(source: Source, token: Token) -> Diagnostic:
    return Diagnostic(
        "QS821", Severity.ERROR, f"`{token}` is not read", span(source, token),
        "a part of OpenQASM 3 that no .qsan circuit has",
        expected="expected registers, inputs, constants, gates and measurements at the end", help=NOT_READ[token],
    )  # fmt: skip


def _unexpected(source: Source, wrong: UnexpectedToken) -> Diagnostic:
    token = wrong.token
    if token.type == "$END":
        end = len(source.text.rstrip())
        place, title, label = source.span(end, end), "the file ends too early", "more is needed"
    else:
        text = str(token) if len(token) <= 40 else f"{token[:39]}…"
        place, title, label = span(source, token), f"unexpected `{text}`", "does not fit here"
    accepts = frozenset(wrong.accepts or wrong.expected or ())
    help = "write `;` where the statement ends" if "SEMICOLON" in accepts else ""
    return Diagnostic(
        "QS820", Severity.ERROR, title, place, label, expected=f"expected {_listed(accepts)}",
        help=help or "see the specification of OpenQASM 3 for what can stand here",
    )  # fmt: skip


def _strange(source: Source, at: int) -> Diagnostic:
    opened = re.match(r"/\*|[\"']", source.text[at : at + 2])
    title = "a comment or a string that does not end" if opened else "this character has no meaning here"
    help = f"close it, or remove `{source.text[at]}`" if opened else f"remove `{source.text[at]}`"
    return Diagnostic(
        "QS820", Severity.ERROR, title, source.span(at, at + 1), "here",
        expected="expected a statement of OpenQASM 3", help=help,
    )  # fmt: skip


def _listed(accepts: Iterable[str]) -> str:
    kinds = set(accepts)
    words = {"a statement"} if kinds >= _STATEMENT else set()
    if words:
        kinds &= {"$END", "RBRACE"}
    words |= {_WORDS.get(kind, f"`{kind.lower()}`") for kind in kinds}
    ordered = sorted(words - {""}, key=lambda word: (word.startswith("`"), word))
    return ordered[0] if len(ordered) == 1 else f"{', '.join(ordered[:-1])} or {ordered[-1]}"
