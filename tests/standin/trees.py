"""Syntax trees of programs, by the default simulator's parser, which is slow: programs that differ in nothing but the
numbers in them are parsed once."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from typing import Any

NUMBER = re.compile(r"(?<![\w.])(?:\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)")
REMEMBERED = 500

_PARSING = threading.Lock()
_PARSED: OrderedDict[str, Any] = OrderedDict()


def shape(source: str) -> tuple[str, list[float]]:
    """A program with its numbers taken out, and the numbers; the whole program where that cannot be done safely, as in
    pragmas, whose text nobody has parsed yet."""
    version, semicolon, rest = source.partition(";")
    pragmas = (line for line in rest.splitlines() if line.lstrip().startswith("#"))
    if any(NUMBER.search(line) for line in pragmas):
        return source, []
    return version + semicolon + NUMBER.sub("#", rest), [float(n) for n in NUMBER.findall(rest)]


def _copied(node: Any, literals: list[Any]) -> Any:
    """A copy of a tree; appends the numbers in it, in the order of the text."""
    if isinstance(node, list):
        return [_copied(part, literals) for part in node]
    if not hasattr(node, "span"):
        return node
    copy = object.__new__(type(node))
    if type(node).__name__ == "FloatLiteral":
        literals.append(copy)
    for name, part in node.__dict__.items():
        copy.__dict__[name] = None if name == "span" else _copied(part, literals)
    return copy


def tree_of(source: str) -> Any:
    """The syntax tree of a program, the caller's to spoil; raises ValueError where there is none."""
    from braket.default_simulator.openqasm.parser.openqasm_parser import QASM3ParsingError, parse

    key, numbers = shape(source)
    with _PARSING:
        literals: list[Any] = []
        for known in dict.fromkeys((key, source)):
            if known in _PARSED:
                _PARSED.move_to_end(known)
                tree = _copied(_PARSED[known], literals)
                if known != source:
                    for literal, number in zip(literals, numbers, strict=True):
                        literal.value = number
                return tree
        try:
            tree = parse(source)
        except (QASM3ParsingError, ValueError, TypeError, AttributeError, KeyError) as problem:
            raise ValueError(f"the program is not OpenQASM 3: {problem or 'it cannot be read'}") from None
        kept = _copied(tree, literals)
        _PARSED[key if [literal.value for literal in literals] == numbers else source] = kept
        while len(_PARSED) > REMEMBERED:
            _PARSED.popitem(last=False)
        return tree
