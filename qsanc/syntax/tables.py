"""The grammar as data: what the lexer matches and what the parser does in each state.

`grammar/qsan.lark` is the one description of the language. Lark turns it into LALR tables; `tables.json` beside this
module holds them as plain numbers and strings, so that a run of the compiler neither imports Lark nor analyses the
grammar (0.01 s instead of 0.35 s). The file carries a digest of the grammar: a grammar that was edited since is
analysed anew, and a test says that the file is out of date.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

END = "$END"
_PACKAGED = Path(__file__).with_name("qsan.lark")
_CHECKOUT = Path(__file__).parents[2] / "grammar" / "qsan.lark"
STORED = Path(__file__).with_name("tables.json")
STARTS = ("start", "expression")


@dataclass(frozen=True, slots=True)
class Rule:
    """One production. `picks` says which symbols become arguments of `action`: an index, or None for a part left out.

    A rule without an action hands its single argument on. `splice` marks the lists that repetitions make: their values
    are joined into the arguments of the rule around them.
    """

    origin: str
    size: int
    action: str | None
    picks: tuple[int | None, ...]
    splices: tuple[int, ...]
    is_list: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """`rows[state][symbol]` is the next state (0 or more) or `-1 - rule` for a reduction by that rule."""

    digest: str
    patterns: tuple[tuple[str, str], ...]
    literals: Mapping[str, str]
    keywords: Mapping[str, str]
    ignored: frozenset[str]
    rules: tuple[Rule, ...]
    rows: tuple[Mapping[str, int], ...]
    entries: Mapping[str, int]
    finals: Mapping[str, int]

    @property
    def spelling(self) -> Mapping[str, str]:
        """The text of each terminal that has only one."""
        return {name: text for text, name in (*self.literals.items(), *self.keywords.items())}


def words(line: str) -> frozenset[str]:
    """A set of terminals, written as a line."""
    return frozenset(line.split())


def grammar_text() -> str:
    """The grammar: package data where qsanc is installed, the file of the repository in a checkout."""
    return (_PACKAGED if _PACKAGED.exists() else _CHECKOUT).read_text(encoding="utf-8")


@cache
def tables() -> Tables:
    """The tables of the grammar at hand."""
    grammar = grammar_text()
    if STORED.exists():
        stored = STORED.read_text(encoding="utf-8")
        if digest(grammar) in stored[:200]:
            return read(stored)
    return analyse(grammar)


def digest(grammar: str) -> str:
    return hashlib.sha256(grammar.encode()).hexdigest()[:16]


def analyse(grammar: str) -> Tables:
    """Lark's LALR analysis of a grammar, its states numbered as a walk from the starts meets them."""
    from lark import Lark
    from lark.lexer import PatternStr
    from lark.parsers.lalr_analysis import Shift

    lark = Lark(grammar, parser="lalr", lexer="basic", maybe_placeholders=True, start=list(STARTS))
    terminals = sorted(lark.terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name))
    fixed = {t.pattern.value: t.name for t in terminals if isinstance(t.pattern, PatternStr)}

    table = lark.parser.parser._parse_table
    rules: dict[object, int] = {}
    shapes: list[Rule] = []
    order: dict[int, int] = {state: number for number, state in enumerate(table.start_states[s] for s in STARTS)}
    queue = list(order)
    rows: list[dict[str, int]] = []
    for state in queue:
        row: dict[str, int] = {}
        for symbol, (kind, target) in sorted(table.states[state].items()):
            if kind is Shift:
                if target not in order:
                    order[target] = len(order)
                    queue.append(target)
                row[symbol] = order[target]
            else:
                if target not in rules:
                    rules[target] = len(rules)
                    shapes.append(_shape(target))
                row[symbol] = -1 - rules[target]
        rows.append(row)
    return Tables(
        digest=digest(grammar),
        patterns=tuple((t.name, t.pattern.to_regexp()) for t in terminals if not isinstance(t.pattern, PatternStr)),
        literals={text: name for text, name in fixed.items() if not text.isidentifier()},
        keywords={text: name for text, name in sorted(fixed.items()) if text.isidentifier()},
        ignored=frozenset(lark.ignore_tokens),
        rules=tuple(shapes),
        rows=tuple(rows),
        entries={s: order[table.start_states[s]] for s in STARTS},
        finals={s: order[table.end_states[s]] for s in STARTS},
    )


def _shape(rule: object) -> Rule:
    from lark.grammar import Rule as LarkRule
    from lark.grammar import Terminal

    assert isinstance(rule, LarkRule)
    gaps = "".join("1" if missing else "0" for missing in rule.options.empty_indices).split("0")
    gaps = gaps if len(gaps) > 1 else [""] * (len(rule.expansion) + 1)
    picks: list[int | None] = []
    splices: list[int] = []
    for place, symbol in enumerate(rule.expansion):
        picks += [None] * len(gaps[place])
        if isinstance(symbol, Terminal) and symbol.filter_out and not rule.options.keep_all_tokens:
            continue
        if not symbol.is_term and symbol.name.startswith("_"):
            splices.append(place)
        picks.append(place)
    picks += [None] * len(gaps[len(rule.expansion)])
    origin = str(rule.origin.name)
    passes = rule.options.expand1 and not rule.alias and len(picks) == 1 and not splices
    is_list = origin.startswith("_")
    action = None if passes or is_list else str(rule.alias or origin)
    return Rule(origin, len(rule.expansion), action, tuple(picks), tuple(splices), is_list)


def write(tables: Tables) -> str:
    """The text of `tables.json`: one line for each state and rule, symbols by number."""
    symbols = sorted({symbol for row in tables.rows for symbol in row})
    number = {symbol: i for i, symbol in enumerate(symbols)}
    rules = [[r.origin, r.size, r.action, r.picks, r.splices, int(r.is_list)] for r in tables.rules]
    rows = [[n for symbol, action in row.items() for n in (number[symbol], action)] for row in tables.rows]
    head = {
        "digest": tables.digest,
        "entries": dict(tables.entries),
        "finals": dict(tables.finals),
        "ignored": sorted(tables.ignored),
        "keywords": dict(tables.keywords),
        "literals": dict(tables.literals),
        "patterns": tables.patterns,
        "symbols": symbols,
    }
    parts = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    parts += [f'"rules": [\n{_lines(rules)}\n]', f'"rows": [\n{_lines(rows)}\n]']
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(values: Iterable[object]) -> str:
    return ",\n".join(json.dumps(v, separators=(",", ":")) for v in values)


def read(text: str) -> Tables:
    """The inverse of `write`."""
    data = json.loads(text)
    symbols = data["symbols"]
    return Tables(
        digest=data["digest"],
        patterns=tuple((name, pattern) for name, pattern in data["patterns"]),
        literals=data["literals"],
        keywords=data["keywords"],
        ignored=frozenset(data["ignored"]),
        rules=tuple(Rule(o, n, a, tuple(p), tuple(s), bool(is_list)) for o, n, a, p, s, is_list in data["rules"]),
        rows=tuple({symbols[s]: a for s, a in zip(row[::2], row[1::2], strict=True)} for row in data["rows"]),
        entries=data["entries"],
        finals=data["finals"],
    )
