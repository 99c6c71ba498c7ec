"""The canonical form: `layout/*.qsan` as people write, and beside each the `.fmt` that is printed for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsanc.source import Source
from qsanc.syntax import ast
from qsanc.syntax.lexer import lex
from qsanc.syntax.parse import parse
from qsanc.syntax.printer import WIDTH, print_file
from qsanc.syntax.read import read_source

ROOT = Path(__file__).resolve().parents[2]
LAYOUTS = sorted((Path(__file__).parent / "layout").glob("*.qsan"))
SHIPPED = sorted([*(ROOT / "models").glob("*.qsan"), *(ROOT / "qsanc" / "std").glob("*.qsan")])
TEXTS = [read_source(path).text for path in [*LAYOUTS, *sorted((ROOT / "grammar" / "corpus").glob("*/ok/*.qsan"))]]


@pytest.mark.parametrize("path", LAYOUTS, ids=lambda path: path.stem)
def test_layout(path: Path, golden: Callable[[Path, str], None]) -> None:
    printed = print_file(parse(read_source(path)))
    golden(path.with_suffix(".fmt"), printed)
    assert print_file(parse(Source("printed", printed))) == printed


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_files_print_and_parse_back(path: Path) -> None:
    tree = parse(read_source(path))
    printed = print_file(tree)
    assert parse(Source("printed", printed)) == tree
    assert all(len(line) <= WIDTH for line in printed.splitlines() if "//" not in line)


@given(st.data())
def test_comments_anywhere_change_nothing_and_are_kept(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([text for text in TEXTS if len(text) < 2000]))
    tokens = lex(Source("", text)).tokens
    comment = st.sampled_from(["// c\n", "/* c */", "/* c\nd */", "//// c\n"])
    comments = data.draw(st.lists(st.tuples(st.integers(0, len(tokens) - 2), comment), max_size=6))
    changed = text
    for number, written in sorted(comments, reverse=True):
        at = tokens[number].start
        changed = f"{changed[:at]} {written} {changed[at:]}"
    tree, plain = parse(Source("changed", changed)), parse(Source("plain", text))
    assert tree == plain
    printed = print_file(tree)
    again = parse(Source("printed", printed))
    assert again == tree
    assert len(again.comments) == len(plain.comments) + len(comments)
    assert print_file(again) == printed


def test_windows_line_ends() -> None:
    text = "qsan 1.0\r\n// one\r\n/* two\r\nthree */\r\nconst a = 1; // four\r\n"
    printed = print_file(parse(Source("windows", text)))
    assert printed == "qsan 1.0\n\n// one\n/* two\nthree */\nconst a = 1; // four\n"


def test_a_comment_never_swallows_what_follows() -> None:
    text = "qsan 1.0\nansatz a[n: nat] on q: qubit { if n == 1 { x q; } else if n == // c\n2 { /* d */ y q; } }"
    file = parse(Source("a", text))
    again = parse(Source("b", print_file(file)))
    assert [comment.text for comment in again.comments] == ["// c", "/* d */"]
    assert isinstance(again.items[0], ast.Ansatz)
