"""How blocks are tried: seeds, settings, replayed failures, programs that fail alone, backends that are wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qsanc import registry
from qsanc.cli import main
from qsanc.diagnostics import QsanError
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule
from qsanc.target import Backend, Context, Executable, Gradient, Handle, Pullback, Request, Results
from qsanc.testing.blocks.cases import Case, cases_of, files
from qsanc.testing.blocks.engine import Engine
from qsanc.testing.blocks.search import Options, Outcome, check
from qsanc.testing.failures import examples, kept

TURNED = "qsan 1.0\ncircuit turned(x: angle) on q: qubit -> real { ry(x) q; return expval(Z(q)); }\n"
LAYER = """ansatz layer[n: nat](th: angle[n]) on q: qubit[n] {
  for i in 0..n { ry(th[i]) q[i]; h q[i]; }
  for i in 0..n - 1 { cx q[i], q[i + 1]; }
}
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def case(body: str, *, head: str = TURNED) -> Case:
    """The last block of a program."""
    path = Path("p.qsan")
    path.write_text(head + body, encoding="utf-8")
    return cases_of(path)[-1]


def tried(body: str, *, head: str = TURNED, engine: Engine | None = None, **options: Any) -> Outcome:
    return check(case(body, head=head), engine or Engine(), Options(**{"failures": None, **options}))


# ---- examples and seeds ---------------------------------------------------------------------------------------------


def test_a_property_is_tried_as_often_as_asked_for() -> None:
    body = "property p(x: angle) {{ {} assert turned(x) <= 1; }}"
    assert tried(body.format("")).tried == 100
    assert tried(body.format("examples: 7;")).tried == 7
    assert tried(body.format("examples: 7;"), examples=3).tried == 3
    assert tried("test t { assert true; }", examples=9).tried == 1


def test_few_possible_arguments_are_tried_once_each() -> None:
    assert tried("property p(n: nat in 1..=3, yes: bool) { assert n > 0 or yes; }").tried == 6


def test_the_same_seed_finds_the_same_arguments() -> None:
    body = "property p(x: real[3] in 0..=1) { assert sum(x) < 2.2; }"
    first, again, other = (tried(body, seed=seed) for seed in (1, 1, 2))
    assert first.values == again.values
    assert first.tried == again.tried
    assert not other.passed
    assert "seed 2" in other.diagnostics[0].notes[-1].text


def test_the_smallest_arguments_are_shown() -> None:
    found = tried("property p(n: nat in 1..=9, x: real[n] in 0..=4) { assert sum(x) < 6; }")
    assert found.values["n"] == "2"


def test_assumptions_pass_over_arguments() -> None:
    assert tried("property p(n: nat in 1..=4) { assume n != 3; assert n < 3 or n > 3; }").tried == 3
    assert tried("property p(n: nat in 1..=4) { assume n > 4; assert true; }").diagnostics[0].code == "QS705"


def test_ranges_hold_for_every_argument() -> None:
    body = """property p(a: angle in 0..1, p: prob, r: real[2] in -1..=1, k: int in -2..=2, b: bit, w: nat[3] in 0..2) {
      assert a >= 0 and a < 1 and p >= 0 and p <= 1 and r >= -1 and r <= 1;
      assert k >= -2 and k <= 2 and b * b == b and w >= 0 and w <= 1;
    }"""
    assert tried(body, head="qsan 1.0\n").passed


def test_all_values_of_a_small_range_are_reached() -> None:
    for k in range(-2, 3):
        assert not tried(f"property p(k: int in -2..=2) {{ assert k != 0 + {k}; }}").passed


def test_options_count_for_more_than_settings() -> None:
    drawn = "property p(x: real[3] in 0..=1) {{ {} assert sum(x) < 2.2; }}"
    first, second = (tried(drawn.format(f"seed: {seed};")) for seed in (1, 2))
    option = tried(drawn.format("seed: 2;"), seed=1)
    assert (option.values, option.tried, option.diagnostics[0].notes[-1].text[:6]) == (
        first.values,
        first.tried,
        "seed 1",
    )
    assert second.diagnostics[0].notes[-1].text.startswith("seed 2")


def test_an_error_at_some_arguments_is_said_each_time_with_the_arguments() -> None:
    head = """qsan 1.0
    circuit c[n: nat](x: angle[n]) on q: qubit[n] -> real {
      require n != 3;
      for i in 0..n { ry(x[i]) q[i]; }
      return expval(Z(q[0]));
    }
    """
    engine = Engine()
    for claim in ("c(x) ~= cos(x[0])", "gradient(c(x), wrt = x)", "distribution(c(x), shots = 10)"):
        found = tried(f"property p(n: nat in 1..=5, x: angle[n]) {{ assert {claim}; }}", head=head, engine=engine)
        assert [d.code for d in found.diagnostics] == ["QS204"], claim
        assert "with n = 3" in [note.text for note in found.diagnostics[0].notes]
    found = tried("property p(n: nat in 1..=5) { assert n / (n - 3) <= 9; }")
    assert [note.text for note in found.diagnostics[0].notes] == ["with n = 3"]


def test_arrays_and_ranges_may_be_large() -> None:
    assert tried("property p(x: real[3000] in 0..=1) { examples: 5; assert sum(x) <= 3000; }").tried == 5
    assert not tried("property p(x: nat[3000] in 0..=1) { assert sum(x) < 3000; }").passed
    assert tried("property p(n: int in 0..=9223372036854775807) { assert n >= 0; }").passed


def test_a_let_is_a_function_of_the_arguments() -> None:
    """d/dx cos(2x) is not zero: a derivative that stopped at the `let` would be."""
    body = (
        "property p(x: angle in 1..=1.2) {{ let y = [x, x]; assert gradient(turned(y[0] + y[1]), wrt = {}, tol = 0); }}"
    )
    found = tried(body.format("x"))
    assert "d/dx: -" in found.diagnostics[0].label
    assert "d/dx: 0" not in found.diagnostics[0].label
    assert "d/dy[" in tried(body.format("y")).diagnostics[0].label
    constant = "let y = permute([x, 1], [1, 0]); assert gradient(turned(y[0] + x), wrt = x);"
    assert tried(f"property p(x: angle) {{ {constant} }}").passed


def test_alpha_is_shared_among_results() -> None:
    """At alpha 0.5 a circuit of two results fails for one of them where its p-value is below 0.25."""
    head = "qsan 1.0\ncircuit two on q: qubit[2] -> real[2] { h q; return [expval(Z(q[0])), expval(Z(q[1]))]; }\n"
    failed = 0
    for seed in range(60):
        outcome = tried("test t { assert distribution(two(), shots = 1000, alpha = 0.5); }", head=head, seed=seed)
        if not outcome.passed:
            failed += 1
            assert "alpha 0.25" in outcome.diagnostics[0].label
    assert 10 < failed < 43, "about 44 in 100, and not 75"


# ---- what stays of a failure ----------------------------------------------------------------------------------------


def test_a_failure_is_replayed_first_and_forgotten_when_it_passes() -> None:
    folder = Path(".qsanc/failures")
    broken = "property p(n: nat in 1..=9) { assert n != 7; }"
    first = tried(broken, failures=folder)
    assert first.tried > 1
    again = tried(broken, failures=folder)
    assert (again.passed, again.tried, again.replayed) == (False, 1, 1)
    mended = tried(broken.replace("n != 7", "n < 10"), failures=folder)
    assert mended.passed
    assert mended.replayed == 1
    assert kept(folder) == []
    assert examples(folder, "p.qsan::p") == ([], [])


def test_a_file_is_known_however_its_path_is_typed() -> None:
    folder = Path(".qsanc/failures")
    tried("property p(n: nat in 1..=9) { assert n != 7; }", failures=folder)
    (same,) = cases_of(Path("p.qsan").resolve())
    assert check(same, Engine(), Options(failures=folder)).replayed == 1


def test_kept_arguments_that_no_longer_fit_are_passed_over() -> None:
    folder = Path(".qsanc/failures")
    tried("property p(n: nat in 1..=9) { assert n != 7; }", failures=folder)
    for changed in ("n: nat in 1..=6", "m: nat in 1..=9", "n: real[2] in 0..=1"):
        outcome = tried(f"property p({changed}) {{ assert true; }}", failures=folder)
        assert outcome.passed
        assert outcome.replayed == 0
        tried("property p(n: nat in 1..=9) { assert n != 7; }", failures=folder)


@pytest.mark.parametrize(
    "body",
    [
        "property p(n: nat in 2..=4, th: angle[n]) { assert layer(th) >> inv(layer(th)) >> layer(th) ~= identity(n); }",
        "property p(x: angle, y: angle) { assert turned(x) + turned(y) ~= turned(x + y); }",
        "test p { let x = 0.3; assert turned(x) > turned(0); }",
        "property p(n: nat in 2..=3, x: angle[n]) { assert distribution(turned(x[0]), shots = 10); assert n < 3; }",
    ],
)
def test_what_is_kept_fails_by_itself(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = tried(body, head=TURNED + LAYER, failures=Path(".qsanc/failures"))
    assert outcome.reproduction is not None
    again = [check(c, Engine(), Options(failures=None)) for c in cases_of(outcome.reproduction)]
    assert [o.passed for o in again] == [False]
    assert [d.code for d in again[0].diagnostics] == ["QS703"]
    assert main(["test", str(outcome.reproduction)]) == 1
    assert "1 failed" in capsys.readouterr().out
    assert kept(Path(".qsanc/failures")) == [outcome.reproduction], "a kept program's failure is not kept again"


def test_what_is_kept_shows_its_circuits() -> None:
    outcome = tried("property p(x: angle) { assert turned(x) ~= turned(x + 1); }", failures=Path(".qsanc/failures"))
    assert outcome.reproduction is not None
    head, _, _ = outcome.reproduction.read_text(encoding="utf-8").partition("qsan 1.0")
    assert "// seed: 0" in head
    assert "// 0: ─ry(0)─" in head
    assert "// 0: ─ry(1)─" in head


def test_unitaries_are_reduced_to_the_gates_that_matter() -> None:
    head = """qsan 1.0
    ansatz deep on q: qubit[3] { for i in 0..3 { h q[i]; t q[i]; } for i in 0..2 { cx q[i], q[i + 1]; } s q[1]; }
    ansatz other on q: qubit[3] { for i in 0..3 { h q[i]; t q[i]; } for i in 0..2 { cx q[i], q[i + 1]; } }
    """
    outcome = tried("test same { assert deep() ~= other(); }", head=head, failures=Path(".qsanc/failures"))
    assert outcome.reproduction is not None
    text = outcome.reproduction.read_text(encoding="utf-8")
    assert "ansatz left on q: qubit[1] {\n  s q[0];\n}" in text
    assert "ansatz right on q: qubit[1] {}" in text


def test_gates_that_matter_stay_in_what_is_kept() -> None:
    """A circuit without them fails too, and shows nothing."""
    head = (
        TURNED
        + LAYER
        + """
    circuit alike[n: nat](x: angle[n], y: angle[n]) on q: qubit[n] -> prob {
      layer(x) q;
      layer(-y) q;
      return prob_of(q, 0);
    }
    """
    )
    body = "property p(n: nat in 1..=3, x: angle[n]) { assert alike(x, x) ~= 1; }"
    outcome = tried(body, head=head, failures=Path(".qsanc/failures"))
    assert outcome.reproduction is not None
    text = outcome.reproduction.read_text(encoding="utf-8")
    assert text.count("  layer(") == 2
    (again,) = (check(c, Engine(), Options(failures=None)) for c in cases_of(outcome.reproduction))
    assert again.diagnostics[0].label == outcome.diagnostics[0].label


# ---- backends -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wrong:
    """A backend that hands on to another, and the executables of which spoil something."""

    inner: Backend
    spoilt: type[Spoilt]

    @property
    def capabilities(self) -> Any:
        return self.inner.capabilities

    def check(self, module: CircuitModule, *, shots: int | None) -> Any:
        return self.inner.check(module, shots=shots)

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> Executable:
        return self.spoilt(self.inner.lower(module))


@dataclass(frozen=True)
class Spoilt:
    inner: Any

    @property
    def module(self) -> CircuitModule:
        module: CircuitModule = self.inner.module
        return module

    def submit(self, request: Request, context: Context) -> Handle:
        handle: Handle = self.inner.submit(request, context)
        return handle

    def collect(self, handle: Handle) -> Results:
        results: Results = self.inner.collect(handle)
        return results

    def vjp(self, request: Request, context: Context) -> tuple[Results, Pullback]:
        found: tuple[Results, Pullback] = self.inner.vjp(request, context)
        return found

    def plan(self) -> str:
        return ""


class WrongAdjoint(Spoilt):
    def vjp(self, request: Request, context: Context) -> tuple[Results, Pullback]:
        results, pullback = super().vjp(request, context)

        def negative(cotangents: Mapping[int, Any]) -> Gradient:
            found = pullback(cotangents)
            return Gradient(-found.shared, -found.items)

        return results, negative


class BiasedSamples(Spoilt):
    """Every shot in 20 is read as the first outcome."""

    def submit(self, request: Request, context: Context) -> Handle:
        handle = super().submit(request, context)
        if request.shots is None:
            return handle
        results = self.inner.collect(handle)
        shots = request.shots
        spoilt = [replace(e, value=np.rint((0.95 * e.value + 0.05) * shots) / shots) for e in results.estimates]
        return _Done(Results(tuple(spoilt)))

    def collect(self, handle: Handle) -> Results:
        return handle.results if isinstance(handle, _Done) else super().collect(handle)


@dataclass(frozen=True)
class _Done:
    results: Results
    done: bool = True


class NotUnitary(Spoilt):
    def collect(self, handle: Handle) -> Results:
        return Results(tuple(replace(e, value=1.001 * e.value) for e in super().collect(handle).estimates))


def wrong(monkeypatch: pytest.MonkeyPatch, spoilt: type[Spoilt]) -> Engine:
    backend = Wrong(registry.load("numpy"), spoilt)
    monkeypatch.setattr(registry, "load", lambda name: backend)
    return Engine("wrong")


@pytest.mark.parametrize(
    ("spoilt", "body"),
    [
        (
            WrongAdjoint,
            "property p(x: angle in 0.1..=1) { assert gradient(turned(x), wrt = x, against = finite_difference); }",
        ),
        (BiasedSamples, "property p(x: angle in 2..=3) { assert distribution(turned(x), shots = 20000); }"),
        (NotUnitary, "property p(n: nat in 1..=3, th: angle[n]) { assert unitary(layer(th)); }"),
        (NotUnitary, "property p(x: angle in 0..=1) { assert turned(x) ~= cos(x); }"),
    ],
)
def test_a_wrong_backend_is_found(spoilt: type[Spoilt], body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried(body, head=TURNED + LAYER, examples=20).passed
    found = tried(body, head=TURNED + LAYER, examples=20, engine=wrong(monkeypatch, spoilt))
    assert [d.code for d in found.diagnostics] == ["QS703"]


def test_what_shots_would_have_been_needed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    body = "property p(x: angle in 2..=3) { assert distribution(turned(x), shots = 20000); }"
    found = tried(body, engine=wrong(monkeypatch, BiasedSamples))
    assert "a total variation of 0.05 is found in 95 of 100 runs with" in found.diagnostics[0].label


def test_a_backend_that_costs_money_needs_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = registry.load("numpy")

    class Billed(Wrong):
        @property
        def capabilities(self) -> Any:
            return replace(self.inner.capabilities, billed=True)

    monkeypatch.setattr(registry, "load", lambda name: Billed(backend, Spoilt))
    with pytest.raises(QsanError, match="QS802"):
        Engine("numpy")
    engine = Engine("numpy", cost_limit=5)
    assert engine.context(0).budget_usd == 5
    assert tried("test t { assert turned(0) ~= 1; }", engine=engine).passed


# ---- the command ----------------------------------------------------------------------------------------------------


def test_folders_are_searched(capsys: pytest.CaptureFixture[str]) -> None:
    for name, body in (("a", "test holds { assert 1 == 1; }"), ("b", ""), ("c", "test fails { assert 1 == 2; }")):
        Path("sub").mkdir(exist_ok=True)
        Path(f"sub/{name}.qsan").write_text(f"qsan 1.0\n{body}\n")
    assert main(["test", "sub"]) == 1
    told = capsys.readouterr().out
    assert "ok   holds" in told
    assert "sub/b.qsan has no tests and no properties" in told
    assert "error[QS703]: `1 == 2` does not hold" in told
    assert "1 passed, 1 failed" in told
    assert main(["test", "sub"]) == 1, "what was kept below .qsanc is not collected"
    assert "1 passed, 1 failed" in capsys.readouterr().out
    assert [p.name for p in files([Path(".")])] == ["a.qsan", "b.qsan", "c.qsan"]


def test_json_says_all_there_is_to_know(capsys: pytest.CaptureFixture[str]) -> None:
    Path("p.qsan").write_text(TURNED + "property p(x: angle in 1..=2) {\n  assert turned(x) > 2;\n}\n")
    assert main(["test", "p.qsan", "--json", "--examples", "5", "--seed", "3"]) == 1
    (outcome,) = json.loads(capsys.readouterr().out)["outcomes"]
    assert (outcome["file"], outcome["line"], outcome["name"], outcome["kind"]) == ("p.qsan", 3, "p", "property")
    assert outcome["arguments"] == {"x": "1"}
    assert outcome["diagnostics"][0]["code"] == "QS703"
    assert Path(outcome["reproduction"]).is_file()


def test_a_folder_without_programs_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert main(["test", "empty"]) == 2
    assert "there is no .qsan file in empty" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--alpha", "--cost-limit"])
def test_nan_is_no_number(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("p.qsan").write_text("qsan 1.0\ntest right { assert true; }\n")
    assert main(["test", "p.qsan", option, "nan"]) == 2
    assert "'nan' is no number" in capsys.readouterr().err


def test_a_sample_that_fails_by_a_hair_fails_again_by_itself() -> None:
    """What the run was told about samples stands in the program that is kept. Its samples are its own, since its angles
    are constants: where these do not fail, nothing is kept."""
    kept_ones = 0
    for seed in range(8):
        body = "property p(x: angle in 1..=2) { assert distribution(turned(x)); }"
        given = {"alpha": 0.9, "examples": 1, "shots": 50, "seed": seed}
        outcome = tried(body, failures=Path(".qsanc/failures"), **given)
        if outcome.reproduction is not None:
            kept_ones += 1
            assert main(["test", str(outcome.reproduction)]) == 1
    assert kept_ones > 0


def test_k_chooses_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    Path("p.qsan").write_text("qsan 1.0\ntest right { assert true; }\ntest wrong { assert false; }\n")
    assert main(["test", "p.qsan", "-k", "right"]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out
    assert main(["test", "p.qsan", "-k", "left"]) == 2
    assert "no test and no property has 'left' in its name" in capsys.readouterr().err


def test_what_is_wrong_in_one_file_does_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.qsan").write_text("qsan 1.0\ntest a { assert nothing == 1; }\n")
    Path("b.qsan").write_text("qsan 1.0\ntest b { assert true; }\n")
    assert main(["test", "a.qsan", "b.qsan", "missing.qsan"]) == 1
    captured = capsys.readouterr()
    assert "QS101" in captured.err
    assert "missing.qsan" in captured.err
    assert "1 passed, 0 failed, 2 in files" in captured.out


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("qsanc.testing.packages.find_spec", lambda name: None)
    assert main(["test", "p.qsan"]) == 1
    told = capsys.readouterr().err
    assert "error[QS706]: tests and properties need hypothesis and scipy" in told
    assert "pip install 'qsanc[testing]'" in told
