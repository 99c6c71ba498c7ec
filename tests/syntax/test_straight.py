"""The loop that reads a text without mistakes, and the machine that reads one with them, take the same texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from qsanc.source import Source
from qsanc.syntax.automaton import Machine
from qsanc.syntax.lexer import lex
from qsanc.syntax.straight import straight
from qsanc.syntax.tables import tables

NO_ACTIONS = [None if rule.action is None else lambda *parts: parts for rule in tables().rules]


def machine_takes(source: Source) -> bool:
    machine = Machine(tables(), "start")
    for number, token in enumerate(lex(source).tokens):
        if not machine.accepts(token.type):
            return False
        machine.feed(token, number)
    return True


@pytest.mark.parametrize("file", sorted(Path(__file__).parents[2].glob("models/**/*.qsan")), ids=lambda file: file.stem)
def test_both_readers_take_the_same_texts(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for taken in (text, text[: len(text) // 2], text.replace(";", "", 1), text.replace(")", "", 1)):
        source = Source(file.name, taken)
        found = straight(tables(), lex(source).tokens, "start", NO_ACTIONS, 200)
        assert (found is not None) == machine_takes(source)
