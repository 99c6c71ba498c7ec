"""QS004: what one writes out of habit from Python or OpenQASM, and how the same is said in qsan."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qsanc.diagnostics.model import Diagnostic, Severity
from qsanc.source import Source, Span
from qsanc.syntax.automaton import Machine
from qsanc.syntax.lexer import Token
from qsanc.syntax.tables import END, words

MEANT_AS = {
    "def": "ANSATZ",
    "fn": "ANSATZ",
    "func": "ANSATZ",
    "function": "ANSATZ",
    "gate": "ANSATZ",
    "while": "FOR",
    "elif": "IF",
}
"""Words of other languages that begin a block, and the keyword whose head they stand for."""

_TEMPLATE = "write `ansatz layer[n: nat](th: angle[n]) on q: qubit[n] { ... }`"
_AT_START = {
    "def": ("`def` is not a word of qsan", _TEMPLATE),
    "fn": ("`fn` is not a word of qsan", _TEMPLATE),
    "func": ("`func` is not a word of qsan", _TEMPLATE),
    "function": ("`function` is not a word of qsan", _TEMPLATE),
    "class": ("`class` is not a word of qsan", "write `model NAME { ... }`"),
    "gate": ("gates are not declared one by one", _TEMPLATE),
    "extern": ("there are no external functions", _TEMPLATE),
    "measure": ("measurement is what a circuit returns", "write `return expval(Z(q[0]));` or `return probs(q);`"),
    "while": ("repetition is static", "write `for i in 0..n { ... }`"),
    "include": ("other files are imported by name", 'write `from "FILE.qsan" import NAME;`'),
    "elif": ("`elif` is not a word of qsan", "write `else if`"),
    "qubit": ("registers stand in the signature", "write `on q: qubit[n]` behind the parameters"),
    "bit": ("there are no classical registers", "write `return expval(Z(q[0]));` or `return probs(q);`"),
}
_DECLARES = words("var int float double uint auto mut real angle bool nat const final bit complex")
_COMPARE = words("EQUALS DIFFERS AT_MOST AT_LEAST LESSTHAN MORETHAN")
_ARITHMETIC = words("PLUS MINUS STAR SLASH PERCENT CARET")
_OPENING = words("LPAR LSQB LBRACE")
_CLOSING = words("RPAR RSQB RBRACE")
_UNITS = words("deg rad turn ns us ms")
_PYTHON_WORDS = {"True": "true", "False": "false", "None": "none"}


def in_tokens(source: Source, tokens: Sequence[Token]) -> dict[int, Diagnostic]:
    """The habits that are seen in the tokens alone, by the number of the token, whether or not the parser objects."""
    found: dict[int, Diagnostic] = {}
    for i, token in enumerate(tokens):
        if token.type != "NAME":
            continue
        after = tokens[i + 1]
        if token.text == "range" and after.type == "LPAR" and (i == 0 or tokens[i - 1].type == "IN"):
            span = source.span(token.start, tokens[_partner(tokens, i + 1)].end)
            found[i] = _at(span, "there is no `range`", _range_help(source, tokens, i))
        elif token.text in _PYTHON_WORDS and after.type not in {"EQUAL", "COLON"}:
            meant = _PYTHON_WORDS[token.text]
            found[i] = _say(source, token, f"`{token.text}` is not a word of qsan", f"write `{meant}`")
        elif token.text in {"qreg", "creg"} and after.type == "NAME":
            found[i] = _register(source, tokens, i)
        elif token.text in {"ctrl", "negctrl"} and after.type == "AT":
            found[i] = _say(
                source, token, f"there is no `{token.text} @`", "name the controlled gate: `cx`, `cz`, `crx`, `ccx`"
            )
    return found


def at_error(
    source: Source, tokens: Sequence[Token], index: int, begin: int, machine: Machine, innermost: str | None
) -> Diagnostic | None:
    """The habit behind a token that does not fit. `begin` is the token with which its statement begins."""
    token = tokens[index]
    before = tokens[index - 1] if index else token
    first = tokens[begin]
    if (found := _word_at_start(source, tokens, index, begin)) is not None:
        return found
    match token.type:
        case "EQUAL":
            return _equal(source, tokens, index, begin, machine)
        case kind if kind in _ARITHMETIC and tokens[index + 1].type == "EQUAL" and token.end == tokens[index + 1].start:
            return _augmented(source, tokens, index)
        case "COLON" if innermost == "LSQB":
            return _say(
                source, token, "slices are not written with `:`", "write `a..b` for a part, `..` for a whole axis"
            )
        case "COLON" if first.type in {"FOR", "IF", "REPEAT", "ELSE"} or first.text in MEANT_AS:
            return _say(source, token, "blocks stand in braces", "write `{ ... }` instead of `:` and indentation")
        case "LPAR" if before.type == "FOR":
            return _say(source, token, "the head of a loop has no parentheses", "write `for i in 0..n { ... }`")
        case "SEMICOLON" if machine.accepts("NAME") and before.type == "RPAR" and innermost == "LBRACE":
            return _say(
                source, before, "the qubits of a gate stand behind it", _gate_help(source, tokens, begin, index)
            )
        case "COMMA" if first.type == "RETURN" and innermost == "LBRACE":
            return _say(source, token, "a circuit returns one value", "write `return [a, b];`")
        case "INT" | "NAT" | "REAL" if before.type == "FOR":
            return _say(source, token, "a loop variable has no type", "write `for i in 0..n { ... }`")
        case kind if kind in _COMPARE:
            return _chained(source, tokens, index, begin)
        case _:
            pass
    return _after_number(source, before, token)


def _word_at_start(source: Source, tokens: Sequence[Token], index: int, begin: int) -> Diagnostic | None:
    first = tokens[begin]
    if first.type not in {"NAME", "RESERVED", "QUBIT", "BIT"} or index - begin > 3:
        return None
    following = tokens[index + 1].type if index + 1 < len(tokens) else END
    if first.text not in _AT_START or following in {"EQUAL", "COLON"}:
        return None
    if first.type == "NAME" and tokens[begin + 1].type not in {"NAME", "STRING", "LPAR"}:
        return None
    title, help = _AT_START[first.text]
    return _say(source, first, title, help)


def _augmented(source: Source, tokens: Sequence[Token], index: int) -> Diagnostic:
    """`x += 1`, at the `+`."""
    sign, name = tokens[index].text, tokens[index - 1].text
    span = source.span(tokens[index].start, tokens[index + 1].end)
    title = f"`{sign}=` is not an operator"
    return Diagnostic(
        "QS004",
        Severity.ERROR,
        title,
        span,
        "not in qsan",
        help=f"write `{name} = {name} {sign} {_rest(source, tokens, index + 2)};`",
    )


def _equal(source: Source, tokens: Sequence[Token], index: int, begin: int, machine: Machine) -> Diagnostic | None:
    token, before, first = tokens[index], tokens[index - 1], tokens[begin]
    if before.type in _ARITHMETIC and before.end == token.start:
        return _augmented(source, tokens, index - 1)
    if first.type == "FOR":
        return _say(source, token, "a loop runs over a range", "write `for i in 0..n { ... }`")
    if begin == index - 1 and before.type == "NAME":
        return _say(
            source,
            token,
            "a value is named with let",
            f"write `let {before.text} = {_rest(source, tokens, index + 1)};`",
        )
    if begin == index - 2 and first.text in _DECLARES:
        return _say(
            source,
            token,
            "a value is named with let",
            f"write `let {before.text} = {_rest(source, tokens, index + 1)};`",
        )
    compares = machine.accepts("EQUALS") and not any(t.type == "TILDE" for t in tokens[begin:index])
    return _say(source, token, "`=` does not compare", "write `==`") if compares else None


def _chained(source: Source, tokens: Sequence[Token], index: int, begin: int) -> Diagnostic | None:
    """`1 < n < 3`, at the second `<`."""
    depth = 0
    for place in range(index - 1, begin - 1, -1):
        kind = tokens[place].type
        depth += (kind in _CLOSING) - (kind in _OPENING)
        if depth < 0 or (depth == 0 and kind in {"AND", "OR", "COMMA", "SEMICOLON", "EQUAL"}):
            return None
        if depth == 0 and kind in _COMPARE:
            left, middle, right = tokens[place - 1], tokens[place + 1 : index], tokens[index + 1]
            text = source.text[middle[0].start : middle[-1].end] if middle else "b"
            written = f"{left.text} {tokens[place].text} {text} and {text} {tokens[index].text} {right.text}"
            return _at(source.span(left.start, right.end), "comparisons do not chain", f"write `{written}`")
    return None


def _after_number(source: Source, before: Token, token: Token) -> Diagnostic | None:
    """A name right behind a number: a unit with a blank before it, a digit separator, or an unknown unit."""
    if before.type not in {"NUMBER", "QUANTITY"} or token.type != "NAME":
        return None
    if before.end < token.start:
        if token.text not in _UNITS or "\n" in source.text[before.end : token.start]:
            return None
        help = f"write `{before.text}{token.text}`"
        return _say(source, token, "a unit stands directly behind its number", help)
    span = source.span(before.start, token.end)
    if grouped := re.fullmatch(r"(_[0-9_]+)([a-z]*)", token.text):
        help = f"write `{before.text}{grouped.group(1).replace('_', '')}{grouped.group(2)}`"
        return Diagnostic("QS004", Severity.ERROR, "digits are not grouped", span, "not a number", help=help)
    return Diagnostic(
        "QS002", Severity.ERROR, f"`{span.text}` is not a number", span, f"`{token.text}` is not a unit",
        expected="expected one of the units deg, rad, turn, ns, us, ms",
        help=f"write `{before.text} * {token.text}` for a product",
    )  # fmt: skip


def _range_help(source: Source, tokens: Sequence[Token], index: int) -> str:
    inner = _inside(source, tokens, index + 1)
    parts = [part.strip() for part in inner.split(",")] if inner is not None and "(" not in inner else []
    match parts:
        case [end] if end:
            return f"write `0..{end}`"
        case [start, end] if start and end:
            return f"write `{start}..{end}`"
        case _:
            return "write `a..b` for the numbers from a to b - 1"


def _register(source: Source, tokens: Sequence[Token], index: int) -> Diagnostic:
    name = tokens[index + 1].text
    if tokens[index].text == "creg":
        title, help = _AT_START["bit"]
        return _say(source, tokens[index], title, help)
    size = _inside(source, tokens, index + 2)
    sized = f"[{size}]" if size else ""
    return _say(
        source,
        tokens[index],
        "registers stand in the signature",
        f"write `on {name}: qubit{sized}` behind the parameters",
    )


def _gate_help(source: Source, tokens: Sequence[Token], begin: int, index: int) -> str:
    inner = _inside(source, tokens, begin + 1)
    simple = inner and all(t.type in {"NAME", "LSQB", "RSQB", "NUMBER", "COMMA"} for t in tokens[begin + 2 : index - 1])
    if tokens[begin + 1].type == "LPAR" and simple and tokens[begin + 2].type == "NAME":
        return f"write `{tokens[begin].text} {inner};`"
    return f"write the angles in parentheses and the qubits behind them: `{tokens[begin].text}(...) q[0];`"


def _rest(source: Source, tokens: Sequence[Token], index: int) -> str:
    """The text from a token to the end of its statement, where that is on the same line."""
    stop = next((t for t in tokens[index:] if t.type in {"SEMICOLON", "RBRACE", END}), tokens[-1])
    text = source.text[tokens[index].start : stop.start].strip()
    return text if text and "\n" not in text and len(text) <= 60 else "..."


def _inside(source: Source, tokens: Sequence[Token], index: int) -> str | None:
    """The text between the bracket at `index` and its partner."""
    if tokens[index].type not in _OPENING:
        return None
    partner = tokens[_partner(tokens, index)]
    return " ".join(source.text[tokens[index].end : partner.start].split()) if partner.type in _CLOSING else None


def _partner(tokens: Sequence[Token], index: int) -> int:
    """The number of the bracket that closes the one at `index`; its own where none does."""
    depth = 0
    for place in range(index, len(tokens)):
        depth += (tokens[place].type in _OPENING) - (tokens[place].type in _CLOSING)
        if depth == 0:
            return place
    return index


def _at(span: Span, title: str, help: str) -> Diagnostic:
    return Diagnostic("QS004", Severity.ERROR, title, span, "not in qsan", help=help)


def _say(source: Source, token: Token, title: str, help: str) -> Diagnostic:
    return _at(source.span(token.start, token.end), title, help)
