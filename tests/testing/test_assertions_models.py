"""Assertions about gradients, attention and round trips: true ones hold, and a fault in what they test is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qsanc
from qsanc.api import Circuit, Model
from qsanc.grad import shift, spectrum
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle, Gate
from qsanc.testing import differences
from qsanc.testing.assertions import assert_attention, assert_gradient, assert_roundtrip, roundtrip
from qsanc.testing.failed import CheckFailed

CURVED = """qsan 1.0
circuit curved[n: nat](x: angle[n], y: real) on q: qubit[n] -> real[2] {
  for i in 0..n { ry(x[i]) q[i]; }
  crx(3 * y * y) q[0], q[1];
  rz(x[0] - y) q[1];
  return [expval(X(q[1])), expval(Z(q[0]) @ Y(q[1]))];
}
circuit fast(x: real, s: real) on q: qubit -> real { rx(s * x) q; return expval(Z(q)); }
circuit faster(x: real) on q: qubit -> real { rx(exp(x)) q; return expval(Z(q)); }
circuit rooted(x: real[2]) on q: qubit -> real { rx(sqrt(x[0]) + sqrt(x[1])) q; return expval(Z(q)); }
circuit fixed on q: qubit -> real { h q; return expval(X(q)); }
ansatz alone(t: angle) on q: qubit { ry(t) q; }
"""
WORDS = "patient chef bakes"


@pytest.fixture(scope="module")
def sentences(root: Path) -> Model:
    model = qsanc.load(root / "models" / "qsann.qsan", n=2, layers=2, vocab=["patient", "chef", "bakes", "bread"])
    generator = np.random.default_rng(0)
    for name, value in model.params.items():
        model.params[name] = generator.normal(size=value.shape)
    return model


def curved() -> Circuit:
    return qsanc.compile(CURVED, "curved")


def test_the_gradient_of_a_circuit() -> None:
    evidence = assert_gradient(curved(), [0.3, 0.4, 0.5], 0.7)
    assert evidence.method == "the circuit `curved`: parameter-shift, adjoint, finite differences"
    assert evidence.deviation is not None
    assert evidence.deviation < 1e-8
    assert_gradient(curved(), [0.3, 0.4], y=0.7, wrt=["y"], tol=1e-7)


@pytest.mark.parametrize("subject", ["vqe_h2", "kernel_attention"])
def test_the_gradient_of_a_loss(root: Path, subject: str) -> None:
    if subject == "vqe_h2":
        assert assert_gradient(qsanc.load(root / "models" / "vqe_h2.qsan")).method.startswith("the loss of `vqe")
        return
    model = qsanc.load(root / "models" / "qsann.qsan", n=2, vocab=4)
    assert_gradient(model, [[0, 1, 2], [3, 1]], [0, 1], wrt=["tq", "w", "b"])


def drops_the_last(terms: Callable[..., Any]) -> Callable[..., Any]:
    return lambda gaps: terms(gaps)[:-1]


def test_a_wrong_shift_rule_is_told_from_the_two_that_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shift, "shift_terms", drops_the_last(spectrum.shift_terms))
    with pytest.raises(CheckFailed) as caught:
        assert_gradient(curved(), [0.3, 0.4], 0.7)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("the gradients of the circuit `curved` disagree by ")
    assert [line.strip().partition(" on ")[0] for line in lines[1:]] == [
        "parameter-shift and adjoint",
        "parameter-shift and finite differences",
    ]


def test_wrong_finite_differences_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "_WEIGHTS", {-1: -1.0, 1: 1.0})
    with pytest.raises(CheckFailed, match="adjoint and finite differences on x"):
        assert_gradient(curved(), [0.3, 0.4], 0.7)


def test_angles_that_turn_fast_raise_no_alarm() -> None:
    fast = qsanc.compile(CURVED, "fast")
    for speed in (50.0, 1000.0):
        assert assert_gradient(fast, 0.3, speed, wrt=["x"]).method.endswith("finite differences")
    assert assert_gradient(fast, 0.3, 1e8, wrt=["x"]).method.endswith("(not on x, which turns too fast for them)")
    assert assert_gradient(fast, 0.3, 1000.0, wrt=["x"], tol=1e-13).method.partition("differences to within ")[2]
    assert_gradient(qsanc.compile(CURVED, "faster"), 4.0)


@pytest.mark.parametrize("way", [0, 1])
def test_what_is_not_finite_is_a_failure_in_whatever_order(way: int) -> None:
    rooted = qsanc.compile(CURVED, "rooted")
    point = np.roll([0.0, 0.3], way)
    with pytest.raises(CheckFailed, match=rf"by parameter-shift is -?inf on x\[{way}\]"):
        assert_gradient(rooted, point)
    with pytest.raises(CheckFailed, match="the circuit `rooted` is nan here, and has no gradient"):
        assert_gradient(rooted, point - 1)
    point = np.roll([1e-7, 0.3], way)
    with pytest.raises(CheckFailed, match=rf"by finite differences is nan on x\[{way}\]"):
        assert_gradient(rooted, point)


def test_the_tolerance_of_gradients_is_the_one_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    larger = {step: weight * (1 + 3e-6) for step, weight in differences._WEIGHTS.items()}
    monkeypatch.setattr(differences, "_WEIGHTS", larger)
    circuit = qsanc.compile(CURVED, "fast")
    off = assert_gradient(circuit, 0.3, 2.0, wrt=["x"]).deviation
    assert off == pytest.approx(3e-6 * 2 * np.sin(0.6) * abs(np.random.default_rng(0).normal()), rel=1e-4)
    assert_gradient(circuit, 0.3, 2.0, wrt=["x"], tol=1.05 * off)
    with pytest.raises(CheckFailed, match=f"tolerance {0.95 * off:.3g}"):
        assert_gradient(circuit, 0.3, 2.0, wrt=["x"], tol=0.95 * off)


def test_what_has_no_gradient() -> None:
    with pytest.raises(ValueError, match="`curved` cannot be differentiated by `z`; there is x, y"):
        assert_gradient(curved(), [0.3, 0.4], 0.7, wrt=["z"])
    with pytest.raises(ValueError, match="wrt names nothing"):
        assert_gradient(curved(), [0.3, 0.4], 0.7, wrt=[])
    with pytest.raises(TypeError, match=r"a NoneType has no gradient here: give a qsanc.Circuit or a qsanc.Model"):
        assert_gradient(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="seed is an integer, not None"):
        assert_gradient(curved(), [0.3, 0.4], 0.7, seed=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tol is a number from 0 on, not nan"):
        assert_gradient(curved(), [0.3, 0.4], 0.7, tol=float("nan"))
    with pytest.raises(ValueError, match="`alone` is an ansatz and has no result"):
        assert_gradient(qsanc.compile(CURVED, "alone"), 0.3)
    with pytest.raises(ValueError, match="`fixed` has nothing to be differentiated by"):
        assert_gradient(qsanc.compile(CURVED, "fixed"))
    with pytest.raises(qsanc.QsanError, match="needs"):
        assert_gradient(curved(), [0.3, 0.4])


def test_a_model_of_records_needs_them(sentences: Model) -> None:
    with pytest.raises(TypeError, match="a mean over records: give records and labels"):
        assert_gradient(sentences)


def test_the_laws_of_attention(sentences: Model) -> None:
    evidence = assert_attention(sentences, WORDS)
    assert evidence.method == (
        "gpqsa[0], gpqsa[1] for 3 words: finite weights, rows sum to one, a word alone attends to itself, "
        "permutations of words"
    )
    assert_attention(sentences, [1, 2, 3, 1])
    assert_attention(sentences, WORDS, order="matters")


def test_positions_make_the_order_matter(root: Path) -> None:
    model = qsanc.load(root / "models" / "qsann_positional.qsan", vocab=4)
    model.params["emb"] = np.random.default_rng(0).normal(size=model.params["emb"].shape)
    for name in ("tq", "tk"):
        model.params[name] = np.random.default_rng(1).normal(size=model.params[name].shape)
    assert_attention(model, [1, 2, 3], order="matters")
    with pytest.raises(CheckFailed, match=r"`weights follow the words` in the order \[1, 2, 0\] is broken"):
        assert_attention(model, [1, 2, 3])


def softmaxed(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores)
    return weights / weights.sum(axis=1, keepdims=True)


def plain(x: np.ndarray) -> np.ndarray:
    return softmaxed(x @ x.T)


def causal(x: np.ndarray) -> np.ndarray:
    weights = np.tril(np.exp(x @ x.T))
    return weights / weights.sum(axis=1, keepdims=True)


RECORD = np.random.default_rng(4).normal(size=(4, 3))


def test_functions_of_records_have_the_laws_too() -> None:
    assert_attention(plain, RECORD)
    assert "causal mask" in assert_attention(causal, RECORD, mask="causal").method
    assert_attention(lambda x: x @ x.T, RECORD, rows="free")


@pytest.mark.parametrize(
    ("weights", "options", "message"),
    [
        (lambda x: plain(x) * 1.01, {}, r"the weights: `rows sum to one` is broken at \[\d\], by 0\.01, tolerance"),
        (plain, {"mask": "causal"}, r"`no word sees a later one` is broken at \[\d, \d\]"),
        (causal, {}, r"`weights follow the words` in the order \[1, 2, 3, 0\] is broken"),
        (lambda x: np.tril(x @ x.T, 1), {"mask": "causal", "rows": "free"}, "`no word sees a later one` is broken"),
        (lambda x: np.roll(plain(x), 1, axis=0), {}, "`weights follow the words`"),
        (lambda x: plain(x) * np.where(len(x) == 1, 0, 1), {}, "`word 0 alone attends to itself` is broken"),
        (lambda x: plain(x) + 0j, {}, "of type complex128, which are no real numbers"),
        (lambda x: plain(x) / 0, {}, r"the weight at \[0, 0\] is inf"),
        (lambda x: plain(x)[1:], {}, r"the weights of 4 words are \[3, 4\], not \[4, 4\]"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_broken_laws_are_named(weights: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckFailed, match=message):
        assert_attention(weights, RECORD, **options)


def test_what_has_no_laws_of_attention(root: Path) -> None:
    with pytest.raises(ValueError, match="a causal mask depends on the order"):
        assert_attention(causal, RECORD, mask="causal", order="equivariant")
    options: list[dict[str, Any]] = [{"rows": "sum"}, {"mask": "padding"}, {"order": "free"}]
    legal = ["'sum_to_one', 'free', not 'sum'", "'none', 'causal', not 'padding'", "'matters', not 'free'"]
    for option, message in zip(options, legal, strict=True):
        with pytest.raises(ValueError, match=f"{next(iter(option))} is one of .*{message}"):
            assert_attention(plain, RECORD, **option)
    with pytest.raises(ValueError, match="without words"):
        assert_attention(plain, [])
    with pytest.raises(ValueError, match="load the model without shots"):
        assert_attention(qsanc.load(root / "models" / "qsann.qsan", n=2, vocab=4, shots=10), [1, 2])
    with pytest.raises(ValueError, match="has no attention block"):
        assert_attention(qsanc.load(root / "models" / "vqc.qsan"), np.array([0.1, 0.2]))


def test_what_is_written_reads_back(root: Path, sentences: Model) -> None:
    for file in sorted((root / "models").glob("*.qsan")):
        assert assert_roundtrip(file).method == "source, parsed, printed and parsed again"
    assert_roundtrip(CURVED)
    program = sentences._compiled.program
    assert assert_roundtrip(program).method == "the text of a program, printed and read"
    assert_roundtrip(program.functions[0])
    for module in program.modules:
        assert_roundtrip(module)
    assert_roundtrip(Bound(2, (Gate("rx", (1,), (Angle(1 / 3),)),)))
    assert assert_roundtrip(sentences).method == "a model, saved and loaded: sizes and parameters"


def test_what_does_not_read_back(monkeypatch: pytest.MonkeyPatch, sentences: Model) -> None:
    bound = Bound(2, (Gate("rx", (1,), (Angle(1 / 3),)),))
    with monkeypatch.context() as broken:
        broken.setattr(roundtrip, "print_module", lambda module: roundtrip_text(module).replace("wires 2", "wires 3"))
        with pytest.raises(CheckFailed, match="the text of a circuit does not read back as what it was:\ncircuit"):
            assert_roundtrip(bound)
        broken.setattr(roundtrip, "print_module", lambda module: "circuit")
        with pytest.raises(CheckFailed, match="the text of a circuit does not read back: line 1"):
            assert_roundtrip(bound)
    with monkeypatch.context() as broken:
        print_file = roundtrip.print_file
        broken.setattr(roundtrip, "print_file", lambda file: print_file(file).replace("ry", "rx"))
        with pytest.raises(CheckFailed, match="<text> does not read back as what it was; it prints as"):
            assert_roundtrip(CURVED)
        broken.setattr(roundtrip, "print_file", lambda file: print_file(file).replace(";", "", 1))
        with pytest.raises(CheckFailed, match="<text> prints as what does not parse"):
            assert_roundtrip(CURVED)
        rising = iter(range(9))
        broken.setattr(roundtrip, "print_file", lambda file: print_file(file) + "\n" * next(rising))
        with pytest.raises(CheckFailed, match="<text> prints in two ways:\n  one of them is longer"):
            assert_roundtrip(CURVED)
    with monkeypatch.context() as broken:
        load_run = roundtrip.load_run

        def rounded(folder: Path) -> Model:
            model = load_run(folder)
            model.params["w"] = model.params["w"].astype(np.float32).astype(np.float64)
            return model

        broken.setattr(roundtrip, "load_run", rounded)
        with pytest.raises(CheckFailed, match="`w` of the model qsann is loaded with other values, off by"):
            assert_roundtrip(sentences)
    with pytest.raises(TypeError, match="a float has no form that is written and read here"):
        assert_roundtrip(0.5)  # type: ignore[arg-type]


def roundtrip_text(module: Any) -> str:
    from qsanc.ir.text import print_module

    return print_module(dataclasses.replace(module))
