"""Any text whatever gives a tree or diagnostics, and what is accepted prints and parses back."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark import Lark

from qsanc.diagnostics.model import Diagnostic, QsanError
from qsanc.diagnostics.render import render, to_json
from qsanc.source import Source
from qsanc.syntax import ast
from qsanc.syntax.lexer import is_doc, lex
from qsanc.syntax.parse import parse, parse_expression
from qsanc.syntax.printer import print_expression, print_file
from qsanc.syntax.read import read_source
from qsanc.syntax.tables import grammar_text

CORPUS = Path(__file__).resolve().parents[2] / "grammar" / "corpus"
FILES = [read_source(path).text for path in sorted(CORPUS.glob("*/*/*.qsan"))]
SMALL = [text for text in FILES if len(text) < 900]

WORDS = {
    "NAME": st.sampled_from(["a ", "q ", "th ", "rows "]),
    "NUMBER": st.sampled_from(["1.0 ", "0 ", "2. ", ".5 ", "1e-3 "]),
    "QUANTITY": st.sampled_from(["2us ", ".5turn ", "90deg "]),
    "STRING": st.sampled_from(['"" ', '"a\\"b" ', '"\\n" ']),
    "WS": st.sampled_from([" ", "\n", "\n\n"]),
    "LINE_COMMENT": st.sampled_from(["// c\n", "/// doc\n", "//// d\n"]),
    "BLOCK_COMMENT": st.sampled_from(["/* c */", "/* c\n d */"]),
}


def texts_of(start: str) -> st.SearchStrategy[str]:
    """Texts that the grammar makes from a start symbol, with blanks behind the words."""
    lark = Lark(grammar_text(), parser="lalr", lexer="basic", start=start)
    spelled = {t.name: st.just(t.pattern.value + " ") for t in lark.terminals if t.pattern.type == "str"}
    return from_lark(lark, start=start, explicit=spelled | WORDS)


def expressions() -> st.SearchStrategy[ast.Expr]:
    """Trees of expressions, most of which need parentheses somewhere."""
    at = Source("", "").span(0, 0)
    names = st.sampled_from(["a", "tol", "query", "pow"])
    leaves = st.one_of(
        names.map(lambda name: ast.Name(name, span=at)),
        st.integers(0, 2**63 - 1).map(lambda n: ast.Number(n, str(n), span=at)),
        st.sampled_from(["1.", ".5", "2e3", "1.5E-3"]).map(lambda text: ast.Number(float(text), text, span=at)),
        st.sampled_from([".5", "2."]).map(lambda text: ast.Quantity(float(text), "us", f"{text}us", span=at)),
        st.booleans().map(lambda value: ast.Bool(value, span=at)),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from('\n\t\\"')).map(
            lambda value: ast.String(value, span=at)
        ),
    )

    def larger(inner: st.SearchStrategy[ast.Expr]) -> st.SearchStrategy[ast.Expr]:
        args = st.builds(ast.Arg, st.none() | names, inner, span=st.just(at))
        slices = st.builds(ast.Arg, st.none(), st.just(ast.Whole(span=at)), span=st.just(at))
        lists = st.lists(inner, max_size=3).map(tuple)
        span = st.just(at)
        return st.one_of(
            st.builds(
                ast.Binary,
                st.sampled_from(["+", "-", "*", "/", "%", "^", "@", ">>", "and", "or"]),
                inner,
                inner,
                span=span,
            ),
            st.builds(ast.Unary, st.sampled_from(["-", "not"]), inner, span=span),
            st.builds(ast.Compare, st.sampled_from(["==", "!=", "<=", ">=", "<", ">"]), inner, inner, span=span),
            st.builds(ast.Approx, inner, inner, st.none() | inner, st.booleans(), span=span),
            st.builds(ast.Range, inner, inner, st.booleans(), span=span),
            st.builds(ast.ListOf, lists, span=span),
            st.builds(ast.Comprehension, inner, names.filter(lambda n: n in "a tol"), inner, span=span, name_span=span),
            st.builds(ast.Index, inner, st.lists(args | slices, min_size=1, max_size=3).map(tuple), span=span),
            st.builds(ast.Call, inner, st.lists(args, max_size=3).map(tuple), span=span),
            st.builds(ast.Attr, inner, names, span=span),
        )

    return st.recursive(leaves, larger, max_leaves=12)


def refusal(text: str) -> tuple[Diagnostic, ...]:
    """The diagnostics of a text, after checking that they can be shown; none for a text that is accepted."""
    try:
        parse(Source("fuzz.qsan", text))
    except QsanError as refused:
        found = refused.diagnostics
    else:
        return ()
    shown = render(found)
    assert found
    assert all(d.code.startswith("QS00") and d.span is not None for d in found)
    assert all(c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"} for c in shown)
    assert len(to_json(found)) == len(found)
    return found


def outcome(text: str) -> ast.File | None:
    """The tree of a text, after checking that it prints and parses back; None where it was refused in good form."""
    if refusal(text):
        return None
    tree = parse(Source("fuzz.qsan", text))
    printed = print_file(tree)
    again = parse(Source("printed", printed))
    assert again == tree
    assert print_file(again) == printed
    assert [plain(c.text) for c in again.comments] == [plain(c.text) for c in tree.comments]
    return tree


def plain(comment: str) -> str:
    """A comment as it is in canonical text, whether it documents something or not."""
    return ("//" + comment[3:] if is_doc(comment) else comment).replace("\r\n", "\n")


@given(st.text())
def test_any_text(text: str) -> None:
    outcome(text)
    outcome("qsan 1.0\n" + text)


@given(st.text(st.sampled_from("()[]{};,=.+-*/@^<>!~:\"'\n \\019aqe#_$&|")))
def test_any_punctuation(text: str) -> None:
    outcome("qsan 1.0\n" + text)


@given(st.lists(st.sampled_from(sorted({token.text for text in FILES for token in lex(Source("", text)).tokens}))))
def test_any_words_of_the_language(words: list[str]) -> None:
    outcome("qsan 1.0\n" + " ".join(words))


@settings(max_examples=100)
@given(texts_of("start"))
def test_texts_of_the_grammar(text: str) -> None:
    outcome(re.sub(r"^(qsan\s+)[0-9.e-]+", r"\g<1>1.0", text))


@settings(max_examples=300)
@given(expressions())
def test_expressions_print_and_parse_back(expr: ast.Expr) -> None:
    printed = print_expression(expr)
    assert "\n" not in printed
    again = parse_expression(Source("printed", printed))
    assert again == expr
    assert print_expression(again) == printed


@settings(max_examples=200)
@given(st.data())
def test_mutated_characters(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SMALL))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        upto = data.draw(st.integers(at, min(len(text), at + 8)))
        match data.draw(st.sampled_from(["delete", "insert", "duplicate", "swap"])):
            case "delete":
                text = text[:at] + text[upto:]
            case "insert":
                text = text[:at] + data.draw(st.text(max_size=3)) + text[at:]
            case "duplicate":
                text = text[:upto] + text[at:upto] + text[upto:]
            case _:
                text = text[:at] + text[at:upto][::-1] + text[upto:]
    outcome(text)


@settings(max_examples=200)
@given(st.data())
def test_mutated_tokens(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SMALL))
    words = [token.text for token in lex(Source("", text)).tokens]
    for _ in range(data.draw(st.integers(1, 3))):
        at, other = (data.draw(st.integers(0, len(words) - 1)) for _ in range(2))
        match data.draw(st.sampled_from(["delete", "insert", "duplicate", "swap"])):
            case "delete" if len(words) > 1:
                del words[at]
            case "insert":
                words.insert(at, words[other])
            case "duplicate":
                words[at:at] = words[at : at + 5]
            case _:
                words[at], words[other] = words[other], words[at]
    outcome("\n".join(words) if data.draw(st.booleans()) else " ".join(words))


@given(st.sampled_from(SMALL), st.data())
def test_truncated_files(text: str, data: st.DataObject) -> None:
    outcome(text[: data.draw(st.integers(0, len(text)))])


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = Path(tmp_path_factory.getbasetemp()) / "bytes.qsan"
    path.write_bytes(data)
    if b"\0" in data or data.decode(errors="replace").encode() != data:
        with pytest.raises(QsanError) as refused:
            read_source(path)
        assert [d.code for d in refused.value.diagnostics] == ["QS007"]
        assert render(refused.value.diagnostics)
    else:
        outcome(read_source(path).text)


def test_long_and_deep_texts() -> None:
    for text in (
        "(" * 100_000,
        "-" * 100_000,
        "x." * 50_000,
        "not " * 20_000,
        "a^" * 50_000 + "a",
        "[" * 500 + "]" * 500,
    ):
        assert outcome(f"qsan 1.0\nconst a = {text};") is None
    assert outcome("qsan 1.0\nansatz a on q: qubit { " + "if true { } else " * 5_000 + "{ } }") is None
    assert outcome("qsan 1.0\nansatz a on q: qubit " + "{" * 10_000) is None
    assert outcome("qsan 1.0\nconst a = " + " + ".join(["1"] * 150) + ";") is not None
