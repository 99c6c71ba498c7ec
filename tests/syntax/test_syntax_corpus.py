"""`grammar/corpus/<rule>/{ok,bad}`: what parses, and what is refused with which code."""

from __future__ import annotations

from pathlib import Path

import pytest

from qsanc.diagnostics.model import QsanError
from qsanc.source import Source
from qsanc.syntax import tables
from qsanc.syntax.parse import parse
from qsanc.syntax.printer import print_file
from qsanc.syntax.read import read_source

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "grammar" / "corpus"
OK = sorted(CORPUS.glob("*/ok/*.qsan"))
BAD = sorted(CORPUS.glob("*/bad/*.qsan"))


def name(path: Path) -> str:
    return f"{path.parts[-3]}/{path.stem}"


@pytest.mark.parametrize("path", OK, ids=name)
def test_parses_and_prints(path: Path) -> None:
    tree = parse(read_source(path))
    printed = print_file(tree)
    again = parse(Source("printed", printed))
    assert again == tree
    assert print_file(again) == printed


@pytest.mark.parametrize("path", BAD, ids=name)
def test_is_refused_with_its_code(path: Path) -> None:
    source = read_source(path)
    expected = source.line(1).removeprefix("// expect ").strip()
    with pytest.raises(QsanError) as refused:
        parse(source)
    codes = [d.code for d in refused.value.diagnostics]
    assert expected in codes
    assert all(d.is_error and d.span is not None for d in refused.value.diagnostics)


def test_every_rule_with_a_keyword_has_a_folder() -> None:
    folders = {path.name for path in CORPUS.iterdir()}
    items = {"ansatz", "circuit", "attention", "noise", "model", "property", "test", "import", "const", "size", "hyper"}
    assert items | {"header", "let", "for", "if", "require", "return", "apply", "expression"} <= folders


@pytest.mark.parametrize("path", OK, ids=name)
def test_lark_reads_the_same_language(path: Path, lark_grammar: object) -> None:
    lark_grammar.parse(path.read_text(encoding="utf-8"), start="start")  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def lark_grammar() -> object:
    from lark import Lark

    return Lark(tables.grammar_text(), parser="lalr", lexer="basic", start=list(tables.STARTS))
