"""The stored tables are those of the grammar."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from qsanc.source import Source
from qsanc.syntax.lexer import lex
from qsanc.syntax.tables import STORED, analyse, grammar_text, read, tables, write


def test_tables_belong_to_the_grammar(golden: Callable[[Path, str], None]) -> None:
    golden(STORED, write(analyse(grammar_text())))


def test_tables_read_back() -> None:
    analysed = analyse(grammar_text())
    assert read(write(analysed)) == analysed


def test_the_grammar_has_no_conflicts() -> None:
    """Lark settles a conflict of shift and reduce in silence; its log tells."""
    script = (
        "import logging, sys; from lark import Lark, logger; from qsanc.syntax.tables import grammar_text;"
        "logger.setLevel(logging.DEBUG); Lark(grammar_text(), parser='lalr', lexer='basic', debug=True,"
        "start=['start', 'expression'])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "conflict" not in run.stderr.lower()


def test_parsing_does_not_import_lark() -> None:
    script = (
        "import sys; from qsanc.source import Source; from qsanc.syntax.parse import parse;"
        "parse(Source('a', 'qsan 1.0')); sys.exit('lark' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_every_keyword_is_read_as_a_whole_word() -> None:
    for word, terminal in tables().keywords.items():
        assert [t.type for t in lex(Source("", word)).tokens] == [terminal, "$END"]
        assert [t.type for t in lex(Source("", f"{word}a")).tokens] == ["NAME", "$END"]
        assert [t.type for t in lex(Source("", f"a{word}")).tokens] == ["NAME", "$END"]
