"""From text to tokens. Comments are kept beside them, and what is no token at all is reported and stepped over."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

from qsanc.diagnostics.model import Diagnostic, Severity
from qsanc.source import Source
from qsanc.syntax import ast
from qsanc.syntax.tables import END, tables

RESERVED = "RESERVED"
"""The type of a word that is kept for later versions. No rule takes it."""

LARGEST_INTEGER = 2**63 - 1

_ORDINARY = 18
"""A number of no more characters, without an exponent, is finite and less than the largest integer."""


class Token(NamedTuple):
    """The characters `start` to `end` (half open) of the text, and the terminal they are."""

    type: str
    text: str
    start: int
    end: int


_token = partial(tuple.__new__, Token)
"""The token of a tuple of its fields, without a call into Python: there is one for each word of a text."""


@dataclass(frozen=True, slots=True)
class Lexed:
    """`tokens` ends with `$END`. `docs` maps the start of a token to the `///` lines before it. `cut_short` says that
    the text ends inside a comment, so that nothing is known about what should follow."""

    tokens: tuple[Token, ...]
    comments: tuple[ast.Comment, ...]
    docs: dict[int, str]
    diagnostics: tuple[Diagnostic, ...]
    cut_short: bool


def lex(source: Source) -> Lexed:
    """The tokens of a text. Never fails: whatever is wrong stands in `diagnostics`."""
    pattern, literals = _pattern(), tables().literals
    keywords, ignored = tables().keywords, tables().ignored
    text = source.text
    tokens: list[Token] = []
    comments: list[ast.Comment] = []
    docs: dict[int, str] = {}
    doc: list[str] = []
    diagnostics: list[Diagnostic] = []
    cut_short = False
    at = 0
    while at < len(text):
        for found in pattern.finditer(text, at) if pattern.match(text, at) else ():
            start, end = found.span()
            if start != at:
                break
            at = end
            kind = found.lastgroup or ""
            if kind == "WS":
                continue
            word = text[start:end]
            if kind == "PUNCTUATION":
                kind = literals[word]
            elif kind == "NAME":
                kind = keywords.get(word, kind)
            elif kind == "NUMBER" or kind == "QUANTITY":
                if len(word) > _ORDINARY or "e" in word or "E" in word:
                    diagnostics.extend(_size_of_number(source, kind, word, start))
            elif kind == "STRING":
                diagnostics.extend(_escapes(source, word, start))
            elif kind in ignored:
                comment = _comment(source, start, word)
                comments.append(comment)
                if comment.own_line and is_doc(comment.text):
                    doc.append(comment.text[3:].removeprefix(" "))
                continue
            if doc:
                docs[start] = "\n".join(doc)
                doc = []
            tokens.append(_token((kind, word, start, end)))
        if at == len(text):
            break
        if reserved := _WORD.match(text, at):
            tokens.append(Token(RESERVED, reserved.group(), at, reserved.end()))
            at = reserved.end()
            continue
        start = tokens[-1].start if _is_inside_word(tokens, at) else at
        token, diagnostic = _foreign(source, start, at)
        if start < at:
            tokens.pop()
        diagnostics.append(diagnostic)
        cut_short = cut_short or text.startswith("/*", at)
        at = token.end
        if token.type not in ignored:
            tokens.append(token)
    tokens.append(Token(END, "", len(text), len(text)))
    return Lexed(tuple(tokens), tuple(comments), docs, tuple(diagnostics), cut_short)


def is_doc(comment: str) -> bool:
    """Whether a comment documents what follows it: three slashes, not four."""
    return comment.startswith("///") and not comment.startswith("////")


def unquote(literal: str) -> str:
    """The value of a string literal. Its escapes are \\\\ \\" \\n and \\t."""
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), literal[1:-1])


_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


@cache
def _pattern() -> re.Pattern[str]:
    words = [f"(?P<{name}>{pattern})" for name, pattern in tables().patterns]
    marks = sorted(tables().literals, key=lambda mark: (-len(mark), mark))
    punctuation = "(?P<PUNCTUATION>(?!\\*\\*|/\\*)(?:" + "|".join(re.escape(mark) for mark in marks) + "))"
    return re.compile("|".join([*words, punctuation]))


def _comment(source: Source, at: int, word: str) -> ast.Comment:
    text = word.rstrip() if word.startswith("//") else word
    line_start = source.text.rfind("\n", 0, at) + 1
    own_line = not source.text[line_start:at].strip()
    return ast.Comment(text, own_line, span=source.span(at, at + len(text)))


def _size_of_number(source: Source, kind: str, word: str, at: int) -> Iterator[Diagnostic]:
    digits = word.rstrip("abcdefghijklmnopqrstuvwxyz") if kind == "QUANTITY" else word
    span = source.span(at, at + len(word))
    if digits.isdigit():
        if kind == "NUMBER" and (len(digits) > 4000 or int(digits) > LARGEST_INTEGER):
            yield Diagnostic(
                "QS009", Severity.ERROR, "this integer is too large", span, "more than 63 bits",
                expected=f"expected at most {LARGEST_INTEGER}",
                help="write it with an exponent, as `1e30`, for a real number",
            )  # fmt: skip
    elif not math.isfinite(float(digits)):
        yield Diagnostic(
            "QS009", Severity.ERROR, "this number is not finite", span, "overflows a real number",
            expected="expected at most 1.8e308", help="write a smaller exponent",
        )  # fmt: skip


def _escapes(source: Source, word: str, at: int) -> Iterator[Diagnostic]:
    for escape in re.finditer(r"\\(.)", word):
        if escape.group(1) not in _ESCAPES:
            start = at + escape.start()
            yield Diagnostic(
                "QS002", Severity.ERROR, f"unknown escape `{escape.group()}` in a string",
                source.span(start, start + 2), "not an escape",
                expected='expected one of \\\\ \\" \\n \\t', help="write `\\\\` for a backslash",
            )  # fmt: skip


# ---- what is no token ---------------------------------------------------------------------------------------------


def _habit(title: str, help: str) -> tuple[str, str, str]:
    return "QS004", title, help


_FOREIGN: tuple[tuple[re.Pattern[str], str, tuple[str, str, str]], ...] = (
    (re.compile(r"#[^\n]*"), "WS", _habit("`#` does not begin a comment", "write `//` before a comment")),
    (re.compile(r"\*\*"), "CARET", _habit("`**` is not an operator", "write `^`")),
    (re.compile(r"&&"), "AND", _habit("`&&` is not an operator", "write `and`")),
    (re.compile(r"\|\|"), "OR", _habit("`||` is not an operator", "write `or`")),
    (re.compile(r"!"), "NOT", _habit("`!` is not an operator", "write `not`")),
    (re.compile(r"'[^'\n]*'"), "STRING", _habit("strings stand in double quotes", 'write `"..."`')),
    (re.compile(r"[θϑ]"), "NAME", _habit("names are written in ASCII letters", "write `theta` or `th`")),
    (re.compile(r"π"), "NAME", _habit("names are written in ASCII letters", "write `pi`")),
    (re.compile(r"[−–]"), "MINUS", _habit("this is not a minus sign", "write `-` (U+002D)")),
    (re.compile(r"[×·]"), "STAR", _habit("this is not a multiplication sign", "write `*`")),
    (re.compile(r"≤"), "__LE", _habit("`≤` is not an operator", "write `<=`")),
    (re.compile(r"≥"), "__GE", _habit("`≥` is not an operator", "write `>=`")),
    (re.compile(r"≠"), "__NE", _habit("`≠` is not an operator", "write `!=`")),
    (re.compile(r"≈"), "__APPROX", _habit("`≈` is not an operator", "write `~=`")),
    (re.compile(r"⊗"), "AT", _habit("`⊗` is not an operator", "write `@` between observables")),
    (re.compile(r"†"), "WS", _habit("`†` is not an operator", "write `inv @` before the gate")),
)  # fmt: skip
_STANDS_FOR = {"__LE": "<=", "__GE": ">=", "__NE": "!=", "__APPROX": "~="}
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FOREIGN_WORD = re.compile(r"[^\W\d]\w*")
_LETTERS = "names are made of the letters a to z, A to Z, digits and _"
_OPEN_STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"?')


def _is_inside_word(tokens: list[Token], at: int) -> bool:
    """Whether the text at `at` continues a name, as é does in café."""
    return bool(tokens) and tokens[-1].type == "NAME" and tokens[-1].end == at


def _foreign(source: Source, start: int, at: int) -> tuple[Token, Diagnostic]:
    """What stands where no token begins, as the token that was probably meant, and the diagnostic for it.

    `start` is before `at` where a name stands right before it, to which what follows may belong.
    """
    text = source.text

    def found(
        kind: str, end: int, title: str, label: str, help: str = "", code: str = "QS002"
    ) -> tuple[Token, Diagnostic]:
        return Token(kind, text[at:end], at, end), Diagnostic(
            code, Severity.ERROR, title, source.span(at, end), label, help=help
        )

    if text.startswith("/*", at):
        _, diagnostic = found("WS", at + 2, "this comment is never closed", "opened here", "write `*/` where it ends")
        return Token("WS", "", at, len(text)), diagnostic
    if string := _OPEN_STRING.match(text, at):
        literal = string.group()
        control = re.search(r"[\x00-\x1f\x7f]", literal)
        if control and len(literal) > 1 and literal.endswith('"'):
            label = f"holds U+{ord(control.group()):04X}"
            help = "write `\\t` for a tab and `\\n` for a new line"
            return found("STRING", string.end(), "a control character in a string", label, help)
        return found(
            "STRING", string.end(), "this string is never closed", "the line ends first", 'write `"` where it ends'
        )
    if start < at and (rest := _FOREIGN_WORD.match(text, at)):
        at, end = start, rest.end()
        return found("NAME", end, f"`{text[at:end]}` is not a name", "not in ASCII letters", _LETTERS)
    for pattern, kind, (code, title, help) in _FOREIGN:
        if meant := pattern.match(text, at):
            kind = tables().literals.get(_STANDS_FOR.get(kind, ""), kind)
            return found(kind, meant.end(), title, "not in qsan", help, code)
    if word := _FOREIGN_WORD.match(text, at):
        return found("NAME", word.end(), f"`{word.group()}` is not a name", "not in ASCII letters", _LETTERS)
    end = at + 1
    while end < len(text) and _pattern().match(text, end) is None and text[end] == text[at]:
        end += 1
    character = text[at]
    name = unicodedata.name(character, "")
    described = f"U+{ord(character):04X}" + (f", {name.lower()}" if name else "")
    shown = f"`{character}`" if character.isprintable() else "this character"
    return found("WS", end, f"{shown} means nothing here", described)
