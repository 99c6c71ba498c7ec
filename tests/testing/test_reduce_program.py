"""Programs are made minimal, and blocks are taken out of their files without changing what they mean."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from block_runs import fails as fails_when_run
from hypothesis import given
from hypothesis import strategies as st

from qsanc.check.imports import load, load_text
from qsanc.check.module import Module
from qsanc.diagnostics import QsanError
from qsanc.driver import check
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sizes import Sizes
from qsanc.source import Source
from qsanc.syntax import ast
from qsanc.syntax.parse import parse
from qsanc.syntax.printer import print_expression, print_file
from qsanc.syntax.walk import walk
from qsanc.testing.reduce import reduce_file, reduce_program, self_contained, written_program
from qsanc.testing.reduce.alone import literal

AMPLE = 60.0

MODELS = sorted((Path(__file__).resolve().parents[2] / "models").glob("*.qsan"))


def tree(text: str) -> ast.File:
    return parse(Source("program.qsan", text))


def checked(file: ast.File) -> bool:
    """Whether a program has no errors."""
    try:
        check(load_text(Source("reduced.qsan", file.source.text), None))
    except QsanError:
        return False
    return True


def block(module: Module, name: str) -> ast.Property | ast.Test:
    definition = module.lookup(name)
    assert definition is not None
    assert isinstance(definition.item, (ast.Property, ast.Test))
    return definition.item


# ---- reducing -------------------------------------------------------------------------------------------------------

LONG = """\
qsan 1.0
/// What nobody needs.
const unused = 3;
from std.ring import ring;

ansatz layer[n: nat](x: angle[n]) on q: qubit[n] {
  let double = 2;
  for i in 0..n { rx(double * x[i]) q[i]; }
  if n > 1 { cx q[0], q[1]; } else { z q[0]; }
  h q[0];
}

ansatz other[n: nat](x: angle[n]) on q: qubit[n] { ry(x[0]) q[0]; }

test holds { assert 1 + 1 == 2; }

test fails {
  tol: 1e-9;
  let n = 4;
  let x = [0.123456, 1.5, -2.25, 0.75];
  assert unitary(other(x));
  assert layer[n](x) >> inv(layer(x)) ~= identity(n);
  assert layer[n](x) ~= identity(n) tol 1e-6 strict;
}
"""


def test_what_the_failure_does_not_need_goes() -> None:
    file = tree(LONG)
    small = reduce_file(file, lambda candidate: fails_when_run(candidate.source.text), seconds=AMPLE)
    assert fails_when_run(small.source.text)
    assert (
        print_file(small)
        == """\
qsan 1.0

ansatz layer[n: nat](x: angle[n]) on q: qubit[n] {
  h q[0];
}

test fails {
  tol: 1e-9;
  let n = 1;
  let x = [0];
  assert layer[n](x) ~= identity(n) tol 1e-6 strict;
}
"""
    )


def test_the_same_program_is_reduced_to_the_same() -> None:
    def fails(file: ast.File) -> bool:
        return checked(file) and any(isinstance(n, ast.Apply) and n.callee == "cx" for n in walk(file))

    first, second = (reduce_file(tree(LONG), fails, seconds=AMPLE) for _ in range(2))
    assert (
        first.source.text
        == second.source.text
        == """\
qsan 1.0

ansatz layer[n: nat](x: angle[n]) on q: qubit[n] {
  cx q[0], q[1];
}
"""
    )


def test_a_loop_becomes_its_body_and_a_number_rounder() -> None:
    text = "qsan 1.0\nansatz a on q: qubit[5] { for i in 2..4 { for j in 0..i { ry(0.987654) q[j + i - 1]; } } }\n"

    def fails(file: ast.File) -> bool:
        return checked(file) and any(isinstance(n, ast.Apply) and n.callee == "ry" for n in walk(file))

    small = reduce_file(tree(text), fails, seconds=AMPLE)
    assert not [n for n in walk(small) if isinstance(n, ast.For)]
    assert "ry(0)" in small.source.text


def test_a_size_shrinks_with_what_has_its_length() -> None:
    text = """qsan 1.0
ansatz a[n: nat, depth: nat](th: angle[depth + 2, n]) on q: qubit[n] {
  require n >= 2;
  for i in 0..n { rx(th[0, i]) q[i]; ry(th[1, i]) q[i]; }
}
test t {
  let n = 4;
  let depth = 1;
  let th = [[0.5, 0.6, 0.7, 0.8], [1.5, 1.6, 1.7, 1.8], [2.5, 2.6, 2.7, 2.8]];
  assert a[n, depth](th) ~= identity(n);
}
"""

    def fails(file: ast.File) -> bool:
        kept = "(th: angle[depth + 2, n])" in file.source.text and "require n >= 2;" in file.source.text
        return kept and fails_when_run(file.source.text)

    small = reduce_file(tree(text), fails, seconds=AMPLE)
    values = {n.name: print_expression(n.value) for n in walk(small) if isinstance(n, ast.Let)}
    assert (values["n"], values["depth"]) == ("2", "0")
    assert values["th"].count("[") == 3, "two rows"
    assert values["th"].count(",") == 3, "of two"


@pytest.mark.parametrize("name", ["vqc", "vqe_h2"])
def test_a_model_loses_what_may_go_and_stays_a_program(name: str) -> None:
    """A failure that every model has: there is a flow. Nothing the predicate sees has syntax the language lacks."""
    seen: list[str] = []

    def fails(file: ast.File) -> bool:
        seen.append(file.source.text)
        return checked(file) and any(isinstance(n, ast.Flow) for n in walk(file))

    file = load(next(path for path in MODELS if path.stem == name)).file
    small = reduce_file(file, fails, seconds=AMPLE)
    assert checked(small)
    assert len(walk(small)) < 60
    assert len(small.items) <= 2
    for text in seen:
        assert print_file(tree(text)) == text, "each candidate is the canonical text of its tree"


def test_assertions_assumptions_and_settings_stay_as_they_are() -> None:
    text = """qsan 1.0
test t {
  shots: 100;
  let x = 4.25;
  assume x > 1.5;
  assert x + 2.75 ~= 0.125 tol 0.5;
}
"""
    small = reduce_file(tree(text), lambda file: fails_when_run(file.source.text), seconds=AMPLE)
    assert small.source.text == text.replace("qsan 1.0\n", "qsan 1.0\n\n").replace("4.25", "2")


def test_what_does_not_fail_is_not_reduced() -> None:
    with pytest.raises(ValueError, match="does not fail"):
        reduce_file(tree(LONG), lambda file: False)


def test_a_program_is_reduced_as_text() -> None:
    """The text that comes back is one of those that were seen to fail."""
    seen: list[str] = []

    def fails(text: str) -> bool:
        seen.append(text)
        return fails_when_run(text)

    small = reduce_program(LONG, fails, seconds=AMPLE)
    assert small == reduce_file(tree(LONG), lambda file: fails_when_run(file.source.text), seconds=AMPLE).source.text
    assert small in seen
    assert all(text == print_file(tree(text)) for text in seen), "each parses and is canonical"


def test_what_is_no_program_to_reduce_is_said() -> None:
    with pytest.raises(TypeError, match="a program to reduce is its text, not File"):
        reduce_program(tree(LONG), lambda text: True)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`fails` is a function of a program's text, not bool"):
        reduce_program(LONG, True)  # type: ignore[arg-type]
    with pytest.raises(QsanError, match="QS"):
        reduce_program("test {", lambda text: True)
    with pytest.raises(ValueError, match="does not fail"):
        reduce_program(LONG, lambda text: False)


def test_without_time_the_program_comes_back_in_canonical_form() -> None:
    small = reduce_file(tree(LONG), lambda file: True, seconds=0)
    assert small.items == tuple(print_and_read(LONG))


def print_and_read(text: str) -> tuple[ast.TopLevel, ...]:
    return tree("\n".join(line for line in text.splitlines() if not line.startswith("///"))).items


def test_a_written_program_has_a_head_and_runs() -> None:
    text = written_program(tree(LONG), title="it fails", seed=3, drawings=["0: ─h─"])
    assert text.startswith("// it fails\n//\n// seed: 3\n//\n// 0: ─h─\nqsan 1.0\n")
    assert fails_when_run(text)
    assert print_file(tree(text)) == text


# ---- literals -------------------------------------------------------------------------------------------------------


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63) + 1, 2**63 - 1) | st.booleans())
def test_a_literal_evaluates_to_the_same_value(value: float) -> None:
    text = f"qsan 1.0\nconst a = {print_expression(literal(value))};\n"
    module = load_text(Source("literal.qsan", text), None)
    report = Report()
    found = Evaluator(report, Sizes({}, {}), Graph()).entry(ast.Name("a", span=module.file.span), Scope(module)).value
    assert not report.diagnostics
    assert type(found) is type(value)
    assert found == value
    assert math.copysign(1, found) == math.copysign(1, value) or value == 0


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 2**63, np.array([1.0, np.inf])])
def test_what_the_language_cannot_write_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="the language has no"):
        literal(value)


# ---- taking a block out of its files --------------------------------------------------------------------------------


def files(folder: Path, **texts: str) -> Module:
    for name, text in texts.items():
        (folder / f"{name}.qsan").write_text(f"qsan 1.0\n{text}\n", encoding="utf-8")
    return load(folder / "main.qsan")


def test_all_that_a_block_reaches_comes_along_and_nothing_else(tmp_path: Path) -> None:
    module = files(
        tmp_path,
        low="const depth = 2;\nansatz turn[n: nat](x: angle) on q: qubit[n] { rx(depth * x) q; }\nconst idle = 1;",
        main='import "low.qsan" as l;\nfrom std.chain import chain_of_cx as links;\n'
        "const other = 5;\nansatz both[n: nat](x: angle) on q: qubit[n] { l.turn(x) q; links q; }\n"
        "property p(n: nat in 2..4, x: angle) { examples: 9; alpha: 0.01; tol: 1e-7;\n"
        "  assert both[n](x) ~= l.turn[n](x); assert l.depth == 2; }",
    )
    file = self_contained(module, block(module, "p"), {"n": 2, "x": 0.1})
    assert (
        file.source.text
        == """\
qsan 1.0

from std.chain import chain_of_cx;

const depth = 2;

ansatz turn[n: nat](x: angle) on q: qubit[n] {
  rx(depth * x) q;
}

ansatz both[n: nat](x: angle) on q: qubit[n] {
  turn(x) q;
  chain_of_cx q;
}

test p {
  alpha: 0.01;
  tol: 1e-7;
  let n = 2;
  let x = 0.1;
  assume n >= 2;
  assume n < 4;
  assert both[n](x) ~= turn[n](x);
  assert depth == 2;
}
"""
    )
    assert fails_when_run(file.source.text)


def test_names_that_collide_are_told_apart(tmp_path: Path) -> None:
    """Two files' `a` and `f`, a name of the language hidden in one file only, and an alias that hides nothing."""
    module = files(
        tmp_path,
        left="const a = 1;\nconst tau = 5;\nansatz f on q: qubit { rx(a + tau) q; }",
        right="const a = 2;\nansatz f on q: qubit { rx(a + 4) q; }",
        main='from "left.qsan" import f as g, a as outer;\nfrom "right.qsan" import f;\n'
        "property p(a: real in 0..1) { let b = tau + outer;\n"
        "  assert g() ~= f() tol 1e-9 strict; assert b ~= 1 + 2 * pi + a tol 1e-9; }",
    )
    file = self_contained(module, block(module, "p"), {"a": 0.0})
    assert not fails_when_run(file.source.text)
    shifted = self_contained(module, block(module, "p"), {"a": 0.5})
    assert fails_when_run(shifted.source.text)
    names = [item.name for item in file.items if not isinstance(item, ast.Import)]
    assert len(set(names)) == len(names) == 6


def test_a_local_name_hides_a_definition_and_keeps_its_own(tmp_path: Path) -> None:
    """Both files have a `k`, so one is renamed; the variables called `k` are not."""
    module = files(
        tmp_path,
        low="const k = 7;\nansatz f on q: qubit[3] { rx(k) q[0]; for k in 1..3 { rx(k) q[k]; } rx(k) q[0]; }",
        main='from "low.qsan" import f;\nconst k = 7;\n'
        "ansatz g on q: qubit[3] { rx(k * 2) q[0]; rx(1) q[1]; rx(2) q[2]; }\n"
        "test t { let list = [k for k in 0..k]; assert sum(list) ~= 21; assert f() ~= g() tol 1e-9 strict; }",
    )
    file = self_contained(module, block(module, "t"), {})
    assert "const k_2 = 7;" in file.source.text
    assert file.source.text.count("for k in") == 2
    assert checked(file)
    assert not fails_when_run(file.source.text)


def test_sizes_that_were_set_are_written_down(tmp_path: Path) -> None:
    module = files(tmp_path, main="size n = 2;\nhyper h: real = 0.5;\ntest t { assert n * h == 1; }")
    assert not fails_when_run(self_contained(module, block(module, "t"), {}).source.text)
    file = self_contained(module, block(module, "t"), {}, sizes={"n": 3})
    assert "size n = 3;" in file.source.text
    assert fails_when_run(file.source.text)


def test_arguments_of_every_kind_keep_their_values(tmp_path: Path) -> None:
    module = files(
        tmp_path,
        main="ansatz f[n: nat](x: angle[n]) on q: qubit[n] { for i in 0..n { rx(x[i]) q[i]; } }\n"
        "property p(n: nat in 1..9, b: bool, x: angle[n], k: int in -5..5, order: nat[n] in 0..9) {\n"
        "  assume b;\n  assert sum(x) ~= 0.30000000000000004 tol 0;\n  assert k == -3;\n"
        "  assert unitary(f[n](x)); assert sum(order) ~= 3 tol 0; }",
    )
    values = {"n": 2, "b": True, "x": np.array([0.1, 0.2]), "k": np.int64(-3), "order": [1, 2]}
    file = self_contained(module, block(module, "p"), values)
    assert checked(file)
    assert not fails_when_run(file.source.text)
    assert fails_when_run(self_contained(module, block(module, "p"), {**values, "k": -2}).source.text)


def test_an_array_without_elements_stays_a_parameter(tmp_path: Path) -> None:
    """No list of the language has a shape when it is empty; a property has one way to draw an empty array."""
    module = files(
        tmp_path,
        main="ansatz f[n: nat, d: nat](x: angle[d, n]) on q: qubit[n] { for l in 0..d { rx(x[l, 0]) q[0]; } }\n"
        "property p(n: nat in 1..4, d: nat in 0..3, x: angle[d, n], y: angle[d + 1, n]) {\n"
        "  assert sum(y) ~= 0 tol 1e-9; }",
    )
    file = self_contained(module, block(module, "p"), {"n": 2, "d": 0, "x": np.empty((0, 2)), "y": [[0.5, 0.25]]})
    (written,) = (item for item in file.items if isinstance(item, ast.Property))
    assert [print_expression(dim) for dim in written.params[0].type.dims] == ["0", "2"]
    assert checked(file)
    assert fails_when_run(file.source.text)


def test_arguments_are_those_of_the_block(tmp_path: Path) -> None:
    module = files(tmp_path, main="property p(n: nat in 1..4) { assert n > 0; }")
    for values in ({}, {"m": 1}, {"n": 1, "m": 1}):
        with pytest.raises(ValueError, match="`p` takes n"):
            self_contained(module, block(module, "p"), values)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_blocks_of_the_models_stand_by_themselves(path: Path, tmp_path: Path) -> None:
    """A block that calls every model and circuit of a file takes along what they need."""
    text = path.read_text(encoding="utf-8")
    called = [f"{m.name}({_missing(m)})" for m in load(path).file.items if isinstance(m, ast.Model)]
    for name in path.parent.glob("*.qsan"):
        (tmp_path / name.name).write_text(name.read_text(encoding="utf-8"), encoding="utf-8")
    asserts = " ".join(f"let m{k} = {name};" for k, name in enumerate(called))
    (tmp_path / path.name).write_text(f"{text}\ntest of_all {{ {asserts} assert true; }}\n", encoding="utf-8")
    module = load(tmp_path / path.name)
    file = self_contained(module, block(module, "of_all"), {})
    assert checked(file)


def _missing(model: ast.Model) -> str:
    """Values for the sizes that only data would tell."""
    return ", ".join(f"{part.name} = 3" for part in model.parts if isinstance(part, ast.Size) and part.value is None)
