"""All messages of the parser: QS001, QS002, QS003, QS005 and QS006. QS004 has `habits`, single characters the lexer."""

from __future__ import annotations

from collections.abc import Sequence

from qsanc.diagnostics.model import Diagnostic, Note, Severity
from qsanc.source import Source, Span
from qsanc.syntax.automaton import Machine
from qsanc.syntax.lexer import RESERVED, Token
from qsanc.syntax.tables import END, tables, words

VERSION = "1.0"

_TYPES = words("DIM NAT INT REAL ANGLE PROB BIT BOOL TIME QUBIT")
_OPERATORS = words(
    "PLUS MINUS STAR SLASH PERCENT AT CARET THEN OR AND NEARLY WHOLE UPTO "
    "EQUALS DIFFERS AT_MOST AT_LEAST LESSTHAN MORETHAN"
)
_POSTFIX = words("LPAR LSQB DOT")
_NAMES = words("NAME AFTER BEFORE IDLE PREPARE READOUT TOL STRICT")
_EXPRESSION = words("NUMBER QUANTITY STRING TRUE FALSE QUERY KEY VALUE SIZE PREDICT INV POW")
_BEFORE_EXPRESSION = words("LPAR LSQB MINUS NOT WHOLE ON")
_MOST_NAMED = 20


def header(source: Source, tokens: Sequence[Token]) -> tuple[Diagnostic, int] | None:
    """What is wrong with the header, and the number of the token behind it."""
    first = tokens[0]
    if first.type != "QSAN":
        end = 0
        line = source.position(first.start)[0]
        if first.text in {"OPENQASM", "qasm"} or first.text.lower().startswith("qsan"):
            end = next((i for i, t in enumerate(tokens) if t.type == END or source.position(t.start)[0] != line), 0)
        label = "the file is empty" if first.type == END else f"the first line is `qsan {VERSION}`"
        return _header(source, "a qsan file begins with its version", first, label), end
    number = tokens[1]
    if number.type != "NUMBER":
        return _header(source, "the version is missing", first, "of which version?"), 1
    if number.text != VERSION:
        after = 3 if tokens[2].type == "SEMICOLON" else 2
        return _header(
            source, f"qsan {number.text} is not known here", number, f"this compiler reads qsan {VERSION}"
        ), after
    return None


def _header(source: Source, title: str, token: Token, label: str) -> Diagnostic:
    return Diagnostic("QS001", Severity.ERROR, title, _span(source, token), label, help=f"write `qsan {VERSION}`")


def unexpected(
    source: Source, tokens: Sequence[Token], index: int, machine: Machine, bracket: Token | None
) -> Diagnostic:
    """QS002: what stands there, what fits, and the bracket that is still open where that is the reason."""
    token = tokens[index]
    span = _span(source, token)
    if token.type == END and index:
        span = _span(source, tokens[index - 1]).point_after
    notes: tuple[Note, ...] = ()
    closes = token.type in {"RPAR", "RSQB", "RBRACE", "SEMICOLON", "LBRACE"}
    if bracket is not None and (token.type == END or (closes and bracket.type != "LBRACE")):
        notes = (Note(f"`{bracket.text}` is open since here", _span(source, bracket)),)
    title = "the file ends too early" if token.type == END else f"unexpected {_described(token)}"
    fits = what_fits(machine)
    help = ""
    if token.type == "SEMICOLON" and index and tokens[index - 1].type == "RBRACE":
        help = "no `;` stands behind a block; leave it out"
    elif token.type == "RBRACE" and bracket is None:
        help = "no `{` is open; leave it out"
    elif token.type == "LET" and bracket is None:
        help = "write `const` at the top of a file"
    elif token.type == "NAME" and (meant := _meant(token.text, machine)):
        help = f"write `{meant}`"
    return Diagnostic(
        "QS002", Severity.ERROR, title, span, "more is needed" if token.type == END else "does not fit here",
        expected=f"expected {fits}" if fits else "", notes=notes, help=help,
    )  # fmt: skip


def missing_semicolon(source: Source, begin: Token, before: Token) -> Diagnostic:
    """QS003, at the end of the token before. `begin` is the first token of the statement."""
    statement = source.text[begin.start : before.end]
    short = begin.start <= before.start and len(statement) <= 60 and "\n" not in statement
    return Diagnostic(
        "QS003", Severity.ERROR, "a `;` is missing", source.span(before.end, before.end), "the statement ends here",
        help=f"write `{statement};`" if short else "write `;`",
    )  # fmt: skip


def reserved(source: Source, token: Token) -> Diagnostic:
    """QS005."""
    why = "is kept for a later version of qsan" if token.type == RESERVED else "is a word of the language"
    return Diagnostic(
        "QS005", Severity.ERROR, f"`{token.text}` cannot be a name", _span(source, token), why,
        help=f"choose another name, such as `{token.text}_`",
    )  # fmt: skip


def too_deep(source: Source, token: Token, deepest: int, *, brackets: bool) -> Diagnostic:
    """QS006."""
    return Diagnostic(
        "QS006", Severity.ERROR, f"nested more than {deepest} deep", _span(source, token),
        "one bracket too many" if brackets else "one operator too many in a row",
        help="name the inner parts with `let`" if brackets else "put parentheses around parts of the long expression",
    )  # fmt: skip


def never_closed(source: Source, tokens: Sequence[Token], index: int, reached: Token) -> Diagnostic:
    """QS002 for a block that is open where the next item or the end of the file comes."""
    where = "the end of the file" if reached.type == END else f"`{reached.text}`"
    note = Note(f"{where} comes here", _span(source, reached))
    return Diagnostic(
        "QS002", Severity.ERROR, f"this block is still open at {where}", _span(source, tokens[index]), "opened here",
        expected="expected `}`", notes=(note,), help="write `}` where the block ends",
    )  # fmt: skip


def what_fits(machine: Machine) -> str:
    """The terminals that can come next, in words: "a name, `[` or `;`"."""
    fits = _fits(machine)
    phrases: list[str] = []
    if "ANSATZ" in fits:
        fits.discard("SEMICOLON")
    if "NUMBER" in fits and "LPAR" in fits:
        phrases.append("an expression")
        fits -= _EXPRESSION | _NAMES | _BEFORE_EXPRESSION
    if fits & _OPERATORS and len(fits & _OPERATORS) > 3:
        phrases.append("an operator")
        fits -= _OPERATORS | _POSTFIX
    if fits >= _TYPES:
        phrases.append("a type")
        fits -= _TYPES
    if "NAME" in fits:
        phrases.append("a name")
        fits -= _NAMES | _EXPRESSION
    if END in fits:
        phrases.append("the end of the file")
        fits.remove(END)
    if "NUMBER" in fits:
        phrases.append("a number")
        fits.remove("NUMBER")
    if "STRING" in fits:
        phrases.append("a string")
        fits.remove("STRING")
    spelled = sorted(
        (f"`{tables().spelling.get(kind, kind.lower())}`" for kind in fits), key=lambda s: (s[1].isalpha(), s)
    )
    phrases = [*phrases, *spelled]
    if len(phrases) > _MOST_NAMED:
        phrases = [*phrases[:_MOST_NAMED], "other words"]
    return (
        phrases[0]
        if len(phrases) == 1
        else ", ".join(phrases[:-1]) + (" or " if phrases else "") + "".join(phrases[-1:])
    )


def _fits(machine: Machine) -> set[str]:
    named = {*tables().spelling, *(name for name, _ in tables().patterns), END}
    return {kind for kind in machine.row if kind in named and machine.accepts(kind)}


def _meant(word: str, machine: Machine) -> str | None:
    """The keyword that fits and is spelled nearly so, or is called so in other languages."""
    from difflib import get_close_matches

    fitting = [text for kind in _fits(machine) if (text := tables().spelling.get(kind, "")).isidentifier()]
    if (meant := _ELSEWHERE.get(word)) in fitting:
        return meant
    return next(iter(get_close_matches(word, sorted(fitting), 1, 0.7)), None)


_ELSEWHERE = {"float": "real", "double": "real", "complex": "real", "uint": "nat", "boolean": "bool"}


def _described(token: Token) -> str:
    if token.type == "STRING":
        return "string"
    text = token.text if len(token.text) <= 40 else token.text[:39] + "…"
    return f"number `{text}`" if token.type in {"NUMBER", "QUANTITY"} else f"`{text}`"


def _span(source: Source, token: Token) -> Span:
    return source.span(token.start, token.end)
