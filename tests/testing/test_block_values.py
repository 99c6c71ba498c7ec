"""What blocks compute, against closed forms: each test runs a block that holds, and one beside it that does not."""

from __future__ import annotations

import pytest

from qsanc.check.imports import load_text
from qsanc.diagnostics import QsanError
from qsanc.driver import check
from qsanc.source import Source
from qsanc.syntax import ast
from qsanc.testing.blocks.engine import Engine
from qsanc.testing.blocks.once import Level, execute
from qsanc.testing.blocks.verdict import Failure

ENGINE = Engine()
CIRCUITS = """qsan 1.0
circuit turned(x: angle) on q: qubit -> real { ry(x) q; return expval(Z(q)); }
circuit pair(x: angle[2]) on q: qubit[2] -> real[2] {
  for i in 0..2 { ry(x[i]) q[i]; }
  return [expval(Z(q[0])), expval(X(q[1]) + 0.5 * Z(q[0]))];
}
circuit law(x: angle) on q: qubit[2] -> prob[4] { ry(x) q[1]; cx q[1], q[0]; return probs(q); }
ansatz bell on q: qubit[2] { h q[0]; cx q[0], q[1]; }
ansatz turn[n: nat](th: angle[n]) on q: qubit[n] { for i in 0..n { rx(th[i] * th[i]) q[i]; } }
attention look[S: dim](x: angle[S], t: angle) on q: qubit -> real[S] {
  encode { ry(x) q; }
  query { ry(t) q; } -> Z(q);
  key {} -> Z(q);
  value {} -> X(q);
  mask causal;
  score exp(query * key);
  normalize rows;
}
model reader {
  size vocab;
  data { dim S; tokens: int[S] in 0..vocab; label: bit; }
  params { emb: angle[vocab] = 0; t: angle = 0; w: real = 2; }
  flow { predict sigmoid(w * mean(look(emb[tokens], t))); }
  loss mse(predict, label);
}
"""


def verdict(body: str, *, seed: int = 0) -> Failure | None:
    module = load_text(Source("block.qsan", f"{CIRCUITS}test block {{ {body} }}"), None)
    check(module)
    block = module.file.items[-1]
    assert isinstance(block, ast.Test)
    return execute(module, block, {}, ENGINE, Level(seed=seed))


def holds(body: str) -> bool:
    return verdict(body) is None


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("assert turned(0.3) ~= cos(0.3) tol 1e-12;", "assert turned(0.3) ~= cos(0.3) + 2e-12 tol 1e-12;"),
        ("tol: 0.2; assert turned(0.3) ~= 0.8;", "tol: 0.1; assert turned(0.3) ~= 0.8;"),
        ("tol: 0.1; assert turned(0.3) ~= 0.8 tol 0.2;", "tol: 0.2; assert turned(0.3) ~= 0.8 tol 0.1;"),
        ("assert pair([0, pi / 2]) ~= [1, 1.5];", "assert pair([0, pi / 2]) ~= [1.5, 1];"),
        ("let x = [0.1, 0.2]; assert pair(x)[0] ~= cos(x[0]);", "let x = [0.1, 0.2]; assert pair(x)[0] ~= cos(x[1]);"),
        ("assert law(pi / 2) ~= [0.5, 0, 0, 0.5];", "assert law(pi / 2) ~= [0.5, 0.5, 0, 0];"),
        ("assert sum(law(0.7)) ~= 1 and max(law(0.7)) < 1;", "assert sum(law(0.7)) ~= 1 and max(law(0)) < 1;"),
        ("assert law(0.7) >= 0;", "assert law(0.7) > 0;"),
        ("assert [1, 2] != [1, 3] and [1, 2] == [1, 2];", "assert [1, 2] != [1, 2] or [1, 2] == [1, 3];"),
        ("assert min(law(0.7), -1) == -1;", "assert min(law(0.7), 1) == 1;"),
        ("assert not (turned(0) < 1 or turned(pi) > 0);", "assert not (turned(0) < 1 or turned(pi) < 0);"),
        ("assert permute([1, 2, 3], [2, 0, 1]) ~= [3, 1, 2];", "assert permute([1, 2, 3], [2, 0, 1]) ~= [2, 3, 1];"),
        (
            "assert permute(law(0.7), [3, 1, 2, 0])[0] ~= law(0.7)[3];",
            "assert permute(law(0.7), [3, 1, 2, 0]) ~= law(0.7);",
        ),
    ],
)
def test_numbers(true: str, false: str) -> None:
    assert holds(true)
    assert not holds(false)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("assert unitary(bell()) and unitary(turn([0.5, 2]));", "assert unitary(bell()) and turned(0) < 0;"),
        ("assert bell() >> inv(bell()) ~= identity(2) strict;", "assert bell() >> bell() ~= identity(2);"),
        ("assert turn([2, 3]) >> turn([1, 1]) ~= turn([sqrt(5), sqrt(10)]);", "assert turn([2, 3]) ~= turn([3, 2]);"),
        ("assert turn([sqrt(2 * pi), 0]) ~= identity(2);", "assert turn([sqrt(2 * pi), 0]) ~= identity(2) strict;"),
        ("assert inv(turn([1, 2])) >> turn([1, 2]) ~= identity(2);", "assert inv(turn([1, 2])) ~= turn([1, 2]);"),
    ],
)
def test_unitaries(true: str, false: str) -> None:
    assert holds(true)
    assert not holds(false)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        # <Z> of each token is cos(x), that of a query cos(x + t); the first token sees itself alone
        (
            "let e = exp(-2); assert weights(look, [0, pi], 0) ~= [[1, 0], [e / (e + 1), 1 / (e + 1)]];",
            "assert weights(look, [0, pi], 0) ~= [[0.5, 0.5], [0, 1]];",
        ),
        ("assert look([0.3, 0.4], 0.1)[0] ~= sin(0.3);", "assert look([0.3, 0.4], 0.1)[1] ~= sin(0.4);"),
        ("assert look([0.3], 0.1) ~= [sin(0.3)];", "assert look([0.3], 0.1) ~= [cos(0.3)];"),
        ("assert sum(weights(look, [0.3, 1, 2], 0.4), axis = 1) ~= 1;", "assert weights(look, [0, 1], 0) ~= 0.5;"),
    ],
)
def test_attention_on_a_sentence(true: str, false: str) -> None:
    assert holds(true)
    assert not holds(false)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("assert reader(vocab = 3).predict([0, 1]) ~= 0.5;", "assert reader(vocab = 3).predict([0, 1]) ~= 0.6;"),
        # the value of a word is sin(emb), and w is 2
        (
            "let m = reader(vocab = 2, emb = [0.3, 0]); assert m.predict([0]) ~= 1 / (1 + exp(-2 * sin(0.3)));",
            "let m = reader(vocab = 2, emb = [0.3, 0]); assert m.predict([1]) ~= 1 / (1 + exp(-2 * sin(0.3)));",
        ),
        (
            "let m = reader(vocab = 2, w = 0); assert m.loss([1], label = 1) ~= 0.25;",
            "assert reader(vocab = 2).w ~= 1;",
        ),
        ('assert reader(vocab = 2).predict("any words at all") ~= 0.5;', "assert reader(vocab = 2).vocab == 3;"),
        (
            "let m = reader(vocab = 2, emb = 1); assert m.emb ~= [1, 1] and m.t == 0;",
            "assert reader(vocab = 2).emb > 0;",
        ),
    ],
)
def test_models(true: str, false: str) -> None:
    assert holds(true)
    assert not holds(false)


def test_a_step_by_parameter_shift_costs_what_is_counted_by_hand() -> None:
    """Two words: encoder, query, key and value are read at 3 ends, of 2 rows. The encoder's angle is shifted twice for
    each row and read at all ends; the query's for the second word alone, since the first sees but itself."""
    forward, encoder, query = 2 * 3, 2 * 2 * 3, 2
    given = "cost(reader(vocab = 3, emb = [0.1, 0.2, 0.3]), method = {}, tokens = [0, 1], shots = 10)"
    by_shift = given.format("parameter_shift")
    assert holds(f"assert {by_shift}.circuits == {forward + encoder + query};")
    assert holds(f"assert {by_shift}.shots == 10 * {by_shift}.circuits;")
    assert holds(f"assert {given.format('adjoint')}.circuits == {forward};")
    assert holds(f"assert {given.format('spsa')}.circuits == {2 * forward};")
    assert holds(f"assert {given.format('finite_difference')}.circuits == {(1 + 2 * 5) * forward};")
    assert holds(f"assert {by_shift}.usd == 0 and {by_shift}.tasks == 0;")


def test_gradients_agree_and_a_tolerance_no_method_can_meet_is_not_met() -> None:
    slope = "let x = [0.3, 0.4]; assert gradient(pair(x), wrt = x, against = {}, tol = {});"
    for method in ("finite_difference", "parameter_shift", "adjoint", "auto"):
        assert holds(slope.format(method, "1e-9"))
    failure = verdict(slope.format("finite_difference", "0"))
    assert failure is not None
    assert "by finite_difference" in failure.evidence[0].found


def test_samples_follow_the_law() -> None:
    for call in ("law(0.7)", "turned(1)", "pair([0.3, 0.4])"):
        assert holds(f"assert distribution({call}, shots = 200, alpha = 1e-3);")


def test_what_is_no_permutation_is_said() -> None:
    with pytest.raises(QsanError, match="QS203"):
        verdict("assert permute([1, 2], [1, 1]) ~= [1, 2];")


def test_the_first_failing_assertion_ends_the_block() -> None:
    failure = verdict("assert 1 == 1; assert 1 == 2; assert 1 == 3;")
    assert failure is not None
    assert failure.assertion.condition.span.text == "1 == 2"
    assert [e.found for e in failure.evidence] == ["1 == 2"]


def test_the_first_comparison_that_fails_decides() -> None:
    failure = verdict("assert 1 == 1 and 1 == 2 and 1 == 3;")
    assert failure is not None
    assert failure.decisive is not None
    assert failure.decisive.found == "1 == 2"
