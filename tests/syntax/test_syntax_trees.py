"""What the tree says, and where: spans, documentation, values of literals."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest

from qsanc.diagnostics.model import QsanError
from qsanc.source import Source, Span
from qsanc.syntax import ast
from qsanc.syntax.parse import parse, parse_expression
from qsanc.syntax.read import read_source

CORPUS = Path(__file__).resolve().parents[2] / "grammar" / "corpus"


def nodes(value: object) -> list[ast.Node]:
    found: list[ast.Node] = []
    if isinstance(value, ast.Node):
        found.append(value)
        for field in dataclasses.fields(value):
            found += nodes(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            found += nodes(item)
    return found


def expression(text: str) -> ast.Expr:
    return parse_expression(Source("expression", text))


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*/ok/*.qsan")), ids=lambda p: f"{p.parts[-3]}/{p.stem}")
def test_spans_hold_what_they_name(path: Path) -> None:
    for node in nodes(parse(read_source(path))):
        text = node.span.text
        assert isinstance(node, ast.File) or text == text.strip()
        assert text or isinstance(node, ast.File)
        match node:
            case ast.Number(text=written) | ast.Quantity(text=written) | ast.Comment(text=written):
                assert text == written
            case ast.Name(name=written) | ast.Operand(name=written, index=()):
                assert text == written
            case ast.Block(body=body) if not (len(body) == 1 and body[0].span == node.span):
                assert (text[0], text[-1]) == ("{", "}")
            case ast.Apply(callee=callee, callee_span=where):
                assert where.text == callee
                assert text.endswith(";")
            case ast.Import(target_span=where, is_file=is_file, target=target):
                assert where.text.strip('"') == target
                assert where.text.startswith('"') == is_file
            case _:
                pass
        if isinstance(node, ast.Named):
            assert node.name_span.text == getattr(node, "name")  # noqa: B009
            assert node.span.start <= node.name_span.start < node.name_span.end <= node.span.end


def test_spans_of_operators_take_in_their_operands() -> None:
    tree = expression("1 + (2 * f(x)[0]) ^ 2")
    assert isinstance(tree, ast.Binary)
    assert tree.span.text == "1 + (2 * f(x)[0]) ^ 2"
    assert isinstance(tree.right, ast.Binary)
    assert tree.right.span.text == "(2 * f(x)[0]) ^ 2"
    assert tree.right.left.span.text == "2 * f(x)[0]"


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a + b * c ^ d ^ e", "a + (b * (c ^ (d ^ e)))"),
        ("-a ^ b", "-(a ^ b)"),
        ("a ^ -b", "a ^ (-b)"),
        ("-a * b", "(-a) * b"),
        ("a - b - c", "(a - b) - c"),
        ("a / b * c", "(a / b) * c"),
        ("2 * X(q[0]) @ Y(q[1]) + Z(q[0])", "((2 * X(q[0])) @ Y(q[1])) + Z(q[0])"),
        ("a + b >> c ~= d tol 1e-9", "((a + b) >> c) ~= d tol 1e-9"),
        ("not a == b and c or d", "((not (a == b)) and c) or d"),
        ("a or b..c and d", "(a or b)..(c and d)"),
        ("-pi..pi", "(-pi)..pi"),
        ("0..n - 1", "0..(n - 1)"),
        ("a.b(c)[d].e", "(((a.b)(c))[d]).e"),
    ],
)
def test_precedence(text: str, grouped: str) -> None:
    assert expression(text) == expression(grouped)


def test_literals() -> None:
    at: Span = Source("", "").span(0, 0)
    assert expression("007") == ast.Number(7, "007", span=at)
    assert expression("1.") == ast.Number(1.0, "1.", span=at)
    assert expression(".5") == ast.Number(0.5, ".5", span=at)
    assert isinstance(expression("3"), ast.Number)
    assert isinstance(getattr(expression("3"), "value"), int)  # noqa: B009
    assert expression("1e-3ms") == ast.Quantity(1e-3, "ms", "1e-3ms", span=at)
    assert expression(r'"a\"\\\n\tb"') == ast.String('a"\\\n\tb', span=at)
    assert expression("th[0, ..]") == ast.Index(
        ast.Name("th", span=at),
        (ast.Arg(None, ast.Number(0, "0", span=at), span=at), ast.Arg(None, ast.Whole(span=at), span=at)),
        span=at,
    )


def test_documentation_belongs_to_the_next_item() -> None:
    text = """qsan 1.0
/// One.
///   Two.
// no
const a = 1; /// not this
/// not this either
import std.ring;
const b = 2;
/// A size.
size n;
model m {
  /// Inner.
  size k = 1;
}
//// four
const c = 3;
"""
    file = parse(Source("doc", text))
    docs = {item.name: item.doc for item in file.items if isinstance(item, ast.Item)}  # type: ignore[attr-defined]
    assert docs == {"a": "One.\n  Two.", "b": None, "n": "A size.", "m": None, "c": None}
    model = next(item for item in file.items if isinstance(item, ast.Model))
    assert isinstance(model.parts[0], ast.Size)
    assert model.parts[0].doc == "Inner."
    assert len(file.comments) == 8


def test_an_expression_alone() -> None:
    assert expression(" 2 + 2 // four\n") == expression("2+2")
    for text in ("", "1;", "1 2", "let x = 1", "qsan 1.0"):
        with pytest.raises(QsanError):
            expression(text)


def test_several_mistakes_are_reported_in_one_go() -> None:
    text = """qsan 1.0
circuit a(x: float) on q: qubit[2] -> real {
  let a = 3
  for i in range(2) { h(q[i]); }
  rx(x y) q[0];
  return expval(Z(q[0]);
}
const b = 2 ** 3
model m { params { w: real ~ } loss w }
"""
    with pytest.raises(QsanError) as refused:
        parse(Source("m.qsan", text))
    found = [(d.code, d.span.source.position(d.span.start)[0]) for d in refused.value.diagnostics if d.span]
    assert found == [
        ("QS002", 2),
        ("QS003", 3),
        ("QS004", 4),
        ("QS004", 4),
        ("QS002", 5),
        ("QS002", 6),
        ("QS004", 8),
        ("QS003", 8),
        ("QS002", 9),
        ("QS003", 9),
    ]


def test_a_file_of_two_hundred_lines_parses_at_once() -> None:
    body = """
circuit c{0}[n: nat](x: angle[n, 3]) on q: qubit[n] -> real {{
  for i in 0..n {{ rx(x[i, 0] + 2 * pi) q[i]; }}
  cx q[0], q[1];
  return expval(0.5 * Z(q[0]) @ Z(q[1]));
}}
"""
    source = Source("big", "qsan 1.0\n" + "".join(body.format(i) for i in range(40)))
    parse(source)
    start = time.perf_counter()
    parse(source)
    assert time.perf_counter() - start < 0.5
