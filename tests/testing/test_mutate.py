"""Mutation of programs: which mistakes are made, which are none, and what the properties of a file are worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qsanc import registry
from qsanc.check.imports import load_text
from qsanc.diagnostics import QsanError
from qsanc.driver import check
from qsanc.ir.gates import GATES
from qsanc.source import Source
from qsanc.syntax.parse import parse
from qsanc.testing.blocks.cases import cases_of
from qsanc.testing.blocks.engine import Engine
from qsanc.testing.mutate.operators import OPERATORS, Operator, mutants, replacement
from qsanc.testing.mutate.same import compare
from qsanc.testing.mutate.suite import Suite, Verdict, score
from qsanc.testing.mutate.trial import first_failure

ANSATZ = "ansatz f[n: nat](th: angle[n]) on q: qubit[n] {{ {} }}"
CIRCUIT = "circuit f[n: nat](th: angle[n]) on q: qubit[n] -> real {{ return {}; }}"
ATTENTION = (
    "attention f[S: dim](x: angle[S, 1]) on q: qubit[1] -> real[S] {{"
    " encode {{ ry(x[0]) q; }} query {{}} -> Z(q[0]); key {{}} -> Z(q[0]); value {{}} -> Z(q[0]); {} }}"
)
MODEL = "model m {{ params {{ w: real[2, 3]; b: real; }} flow {{ predict {}; }} loss {}; }}"

MISTAKES = {
    "gate dropped": (ANSATZ, "h q; x q[0];", ["x q[0];", "h q;"]),
    "gate doubled": (ANSATZ, "h q;", ["h q; h q;"]),
    "gate replaced": (
        ANSATZ,
        "rx(th[0]) q[0]; rz(th[0]) q[0]; cx q[0], q[1]; u3(1, 2, 3) q;",
        [
            "ry(th[0]) q[0]; rz(th[0]) q[0]; cx q[0], q[1]; u3(1, 2, 3) q;",
            "rx(th[0]) q[0]; rx(th[0]) q[0]; cx q[0], q[1]; u3(1, 2, 3) q;",
            "rx(th[0]) q[0]; rz(th[0]) q[0]; cy q[0], q[1]; u3(1, 2, 3) q;",
        ],
    ),
    "operands swapped": (
        ANSATZ,
        "cx q[0], q[1]; cz q[0], q[1]; cswap q[0], q[1], q[2];",
        [
            "cx q[1], q[0]; cz q[0], q[1]; cswap q[0], q[1], q[2];",
            "cx q[0], q[1]; cz q[0], q[1]; cswap q[1], q[0], q[2];",
        ],
    ),
    "inverse dropped": (ANSATZ, "pow(2) @ inv @ s q;", ["pow(2) @ s q;"]),
    "power changed": (ANSATZ, "pow(2) @ inv @ s q;", ["pow(3) @ inv @ s q;"]),
    "angle sign": (
        ANSATZ,
        "rx(th[0]) q; ry(-th[0]) q; rz(2 * th[0]) q;",
        [
            "rx(-th[0]) q; ry(-th[0]) q; rz(2 * th[0]) q;",
            "rx(th[0]) q; ry(th[0]) q; rz(2 * th[0]) q;",
            "rx(th[0]) q; ry(-th[0]) q; rz(-(2 * th[0])) q;",
        ],
    ),
    "loop range": (
        ANSATZ,
        "for i in 0..n - 1 { h q[i]; }",
        ["for i in 1..n - 1 { h q[i]; }", "for i in 0..n { h q[i]; }", "for i in 0..n - 2 { h q[i]; }"],
    ),
    "index": (
        ANSATZ,
        "for i in 0..n { cx q[i], q[(i + 1) % n]; } rx(th[0]) q[1];",
        [
            "for i in 0..n { cx q[i], q[(i + 2) % n]; } rx(th[0]) q[1];",
            "for i in 0..n { cx q[i], q[(i) % n]; } rx(th[0]) q[1];",
            "for i in 0..n { cx q[i], q[(i + 1) % n]; } rx(th[1]) q[1];",
            "for i in 0..n { cx q[i], q[(i + 1) % n]; } rx(th[0]) q[2];",
            "for i in 0..n { cx q[i], q[(i + 1) % n]; } rx(th[0]) q[0];",
        ],
    ),
    "condition negated": (ANSATZ, "if n > 2 { h q; }", ["if not (n > 2) { h q; }"]),
    "observable changed": (
        CIRCUIT,
        "expval(X(q[0]) @ Z(q[1]))",
        ["expval(Y(q[0]) @ Z(q[1]))", "expval(X(q[0]) @ X(q[1]))"],
    ),
    "observable moved": (CIRCUIT, "prob_of(q, 0)", ["prob_of(q, 1)"]),
    "coefficient sign": (
        CIRCUIT,
        "expval(0.5 * Z(q[0]) + X(q[0]) - Y(q[0]))",
        [
            "expval(-0.5 * Z(q[0]) + X(q[0]) - Y(q[0]))",
            "expval(0.5 * Z(q[0]) - X(q[0]) - Y(q[0]))",
            "expval(0.5 * Z(q[0]) + X(q[0]) + Y(q[0]))",
        ],
    ),
    "mask changed": (ATTENTION, "mask causal; score 1;", ["mask none; score 1;"]),
    "normalization changed": (ATTENTION, "score 1; normalize softmax;", ["score 1; normalize none;"]),
    "query and key exchanged": (ATTENTION, "score exp(query - 2 * key);", ["score exp(key - 2 * query);"]),
    "arithmetic": (
        ATTENTION,
        "score exp(-(query + key)^2);",
        ["score exp((query + key)^2);", "score exp(-(query - key)^2);", "score exp(-(query + key)^3);"],
    ),
    "axis": (MODEL, "sum(mean(w, axis = 1)) + b", ["sum(mean(w, axis = 0)) + b"]),
}


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
def test_a_mistake_of_each_kind(operator: Operator) -> None:
    name = operator.name
    around, before, expected = MISTAKES[name]
    text = f"qsan 1.0\n{around.format(before, 'b * b') if around is MODEL else around.format(before)}\n"
    found = [mutant for mutant in mutants(parse(Source("f.qsan", text))) if mutant.operator == name]
    head, tail = text.split(before)
    made = [mutant.text.removeprefix(head).removesuffix(tail) for mutant in found]
    assert [" ".join(each.split()) for each in made] == expected


def test_observables_of_an_attention_block_move_too() -> None:
    text = f"qsan 1.0\n{ATTENTION.format('score 1;')}\n"
    moved = [m for m in mutants(parse(Source("f.qsan", text))) if m.operator == "observable moved"]
    assert [(m.before, m.after) for m in moved] == [("0", "1")] * 3


def test_a_mask_and_a_normalization_can_be_made_where_there_are_none() -> None:
    text = f"qsan 1.0\n{ATTENTION.format('score 1;')}\n"
    made = {m.operator: m.after for m in mutants(parse(Source("f.qsan", text))) if m.before == "score 1;"}
    assert made == {"mask changed": "score 1; mask causal;", "normalization changed": "score 1; normalize rows;"}


@pytest.mark.parametrize("name", GATES)
def test_a_gate_is_replaced_by_another_of_its_shape(name: str) -> None:
    other = replacement(name)
    if other is None:
        assert name == "u3"
        return
    old, new = GATES[name], GATES[other]
    assert (old.wires, old.angles != ()) == (new.wires, new.angles != ())
    angles = np.full(len(old.angles), 0.3)
    assert abs(np.vdot(old.matrix(angles), new.matrix(angles))) < (1 << old.wires) - 1e-3


# ---- equivalence --------------------------------------------------------------------------------------------------


def same(before: str, after: str) -> tuple[bool, str]:
    modules = [load_text(Source("f.qsan", f"qsan 1.0\n{text}\n"), None) for text in (before, after)]
    for module in modules:
        check(module)
    found = compare(*modules, "f", registry.load("numpy"))
    return found.same, found.how


MEASURED = CIRCUIT.replace("return", "ry(th[0]) q[0]; rz(th[1]) q[0]; return").format("expval(Z(q[0]))")
ALIKE = [
    # rz turns about the axis that is measured
    (MEASURED, "rz(th[1])", "rz(-th[1])"),
    # two angles that differ by a turn differ by a phase
    (ANSATZ.format("rx(th[0] + pi) q[0];"), "+ pi", "- pi"),
    # a controlled sign knows no direction
    (ANSATZ.format("cz q[0], q[1]; h q;"), "q[0], q[1]", "q[1], q[0]"),
    # neither does the square of a difference
    (ATTENTION.format("score exp(-(query - key)^2);"), "query - key", "key - query"),
]


@pytest.mark.parametrize(("before", "was", "becomes"), ALIKE)
def test_what_does_the_same_is_recognised(before: str, was: str, becomes: str) -> None:
    assert was in before
    alike, how = same(before, before.replace(was, becomes))
    assert alike
    assert "random bindings" in how


def test_what_differs_is_told_with_the_size() -> None:
    before = ANSATZ.format("if n > 3 { z q[0]; } h q;")
    assert same(before, before.replace("z q[0]", "x q[0]")) == (False, "its unitary is another at n = 4")


def test_an_ansatz_is_more_than_the_state_it_prepares() -> None:
    before = ANSATZ.format("s q[0];")
    assert same(before, before.replace("s q[0]", "t q[0]")) == (False, "its unitary is another at n = 2")


def test_one_size_is_no_evidence() -> None:
    before = ANSATZ.format('require n == 2, "two"; cz q[0], q[1];')
    alike, how = same(before, before.replace("q[0], q[1]", "q[1], q[0]"))
    assert (alike, how) == (False, "it could not be compared at enough sizes")


def test_values_differ_where_a_unitary_does_by_more_than_a_phase() -> None:
    alike, how = same(CIRCUIT.format("expval(Z(q[0]))"), CIRCUIT.format("expval(-Z(q[0]))"))
    assert not alike
    assert how.startswith("its result is 2 away")


# ---- whole files --------------------------------------------------------------------------------------------------

PAIR = """qsan 1.0

circuit answer(a: angle, b: angle) on q: qubit[2] -> real {
  ry(a) q[0];
  cx q[0], q[1];
  ry(b) q[1];
  rz(a) q[1];
  return expval(Z(q[1]));
}
"""
STRONG = "property known(a: angle, b: angle) { assert answer(a, b) ~= cos(a) * cos(b); }\n"
WEAK = "property bounded(a: angle, b: angle) { assert answer(a, b) <= 1 + 1e-9; }\n"


def judged(file: Path, *paths: Path, jobs: int = 1) -> tuple[Suite, list[Verdict]]:
    suite = Suite.of(file, paths, examples=10)
    suite.check_original()
    return suite, list(suite.verdicts(jobs=jobs))


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_property_that_knows_the_answer_notices_all_that_differs(tmp_path: Path) -> None:
    suite, verdicts = judged(written(tmp_path, "pair.qsan", PAIR + STRONG))
    assert score(verdicts) == 1
    alike = {
        (suite.mutants[v.number].operator, suite.mutants[v.number].before) for v in verdicts if v.fate == "equivalent"
    }
    assert ("gate dropped", "rz(a) q[1];") in alike
    killed = next(v for v in verdicts if v.fate == "killed")
    assert (killed.by, killed.how) == ("known", "")
    assert killed.example >= 1


def test_a_property_that_holds_of_anything_notices_nothing(tmp_path: Path) -> None:
    suite, verdicts = judged(written(tmp_path, "pair.qsan", PAIR + WEAK))
    assert score(verdicts) == 0
    survivor = next(v for v in verdicts if v.fate == "survived")
    assert survivor.passed == ("bounded",)
    assert survivor.how.startswith("its result is")
    assert suite.mutants[survivor.number].line == 4


def test_without_properties_everything_survives(tmp_path: Path) -> None:
    _, verdicts = judged(written(tmp_path, "pair.qsan", PAIR))
    assert score(verdicts) == 0
    assert {v.passed for v in verdicts if v.fate == "survived"} == {()}


def test_blocks_of_other_files_see_the_mutant_and_processes_agree(tmp_path: Path) -> None:
    text = "qsan 1.0\ncircuit turned(a: angle) on q: qubit -> real { rx(a) q; return expval(Z(q)); }\n"
    file = written(tmp_path, "turned.qsan", text)
    block = "test known { assert turned(pi / 3) ~= 0.5; }\n"
    tests = written(tmp_path, "tests.qsan", 'qsan 1.0\nfrom "turned.qsan" import turned;\n' + block)
    _, verdicts = judged(file, tests)
    assert [v.by for v in verdicts if v.fate == "killed"] == ["known"] * 4
    assert judged(file, tests, jobs=2)[1] == verdicts
    assert file.read_text(encoding="utf-8") == text


def test_what_never_compiles_does_not_count_and_what_a_block_asks_for_in_vain_does(tmp_path: Path) -> None:
    ring = ANSATZ.format("for i in 0..n { cx q[i], q[(i + 1) % n]; }")
    block = "property norm(n: nat in 2..=3, th: angle[n]) { assert unitary(f[n](th)); }"
    suite, verdicts = judged(written(tmp_path, "ring.qsan", f"qsan 1.0\n{ring}\n{block}\n"))
    found = {suite.mutants[v.number].after: v for v in verdicts}
    assert (found["n + 1"].fate, found["n + 1"].how) == ("invalid", "QS301: qubit 2 is out of range")
    two = found["i + 2"]
    assert (two.fate, two.by, two.example, two.how[:5]) == ("killed", "norm", 0, "QS302")


def test_a_block_is_run_only_where_it_uses_what_was_mutated(tmp_path: Path) -> None:
    other = "circuit other() on q: qubit -> real { x q; return expval(Z(q)); }\n"
    via = "circuit via(a: angle) on q: qubit[2] -> real { inner(a) q; return expval(Z(q[0])); }\n"
    inner = "ansatz inner(a: angle) on q: qubit[2] { ry(a) q[0]; }\n"
    blocks = "test one { assert other() ~= -1; } property two(a: angle) { assert via(a) ~= cos(a); }\n"
    suite = Suite.of(written(tmp_path, "f.qsan", "qsan 1.0\n" + inner + via + other + blocks), ())
    names = {name: [block for _, block in found] for name, found in suite.blocks.items()}
    assert names == {"inner": ["two"], "via": ["two"], "other": ["one"]}


def test_an_ansatz_that_nothing_measures_apart_is_told(tmp_path: Path) -> None:
    inner = "ansatz inner(a: angle) on q: qubit[1] { ry(a) q; rz(a) q; }\n"
    via = "circuit via(a: angle) on q: qubit[1] -> real { inner(a) q; return expval(Z(q[0])); }\n"
    block = "property known(a: angle) { assert via(a) ~= cos(a); }\n"
    suite, verdicts = judged(written(tmp_path, "f.qsan", "qsan 1.0\n" + inner + via + block))
    dropped = next(v for v in verdicts if suite.mutants[v.number].before == "rz(a) q;")
    assert dropped.how == "its unitary is another, but what uses it in this file (via) does the same"


def test_what_fails_already_is_not_mutated(tmp_path: Path) -> None:
    wrong = "property wrong(a: angle) { assert answer(a, 0) ~= 2; }\n"
    suite = Suite.of(written(tmp_path, "pair.qsan", PAIR + wrong), (), examples=5)
    with pytest.raises(QsanError) as raised:
        suite.check_original()
    (found,) = raised.value.diagnostics
    assert found.code == "QS703"
    assert found.notes[-1].text == "nothing was mutated: tests and properties have to pass first"


def test_an_angle_that_is_no_affine_form_is_compared_by_its_values(tmp_path: Path) -> None:
    text = """qsan 1.0
ansatz products(x: angle[2]) on q: qubit[2] { rzz(x[0] * x[1]) q[0], q[1]; rx(sqrt(x[0])) q[0]; }
test nothing { assert true; }
"""
    suite, verdicts = judged(written(tmp_path, "products.qsan", text))
    fates = {(suite.mutants[v.number].operator, v.fate) for v in verdicts}
    assert ("angle sign", "survived") in fates
    alike = [suite.mutants[v.number] for v in verdicts if v.fate == "equivalent"]
    assert {(mutant.operator, mutant.before) for mutant in alike} <= {("operands swapped", "q[0], q[1]")}


def test_a_block_that_no_arguments_satisfy_has_noticed(tmp_path: Path) -> None:
    file = written(tmp_path, "p.qsan", "qsan 1.0\nproperty never(n: nat in 1..=3) { assume n > 3; assert true; }\n")
    (case,) = cases_of(file)
    fall = first_failure(case, Engine(), examples=5, seed=0)
    assert fall is not None
    assert fall.error == "no arguments satisfy what it assumes"


def test_a_gate_that_only_six_qubits_have_is_not_passed_off_as_nothing(tmp_path: Path) -> None:
    text = """qsan 1.0
ansatz late[n: nat](x: angle[n]) on q: qubit[n] { for i in 0..n { ry(x[i]) q[i]; } if n >= 6 { cx q[0], q[5]; } }
property undone(x: angle[2]) { assert late(x) >> inv(late(x)) ~= identity(2); }
"""
    suite, verdicts = judged(written(tmp_path, "late.qsan", text))
    dropped = [v for v in verdicts if suite.mutants[v.number].before == "cx q[0], q[5];"]
    assert dropped
    assert {v.fate for v in dropped} == {"survived"}
