"""The Python interface: what each call returns, and what it refuses."""

from __future__ import annotations

import doctest
import importlib
import math
from pathlib import Path

import numpy as np
import pytest

import qsanc

TEXTS = ["patient chef bakes spicy bread", "quick student tests portable script"] * 12
LABELS = ["food", "computing"] * 12

READER = """qsan 1.0
model m {
  size vocab;
  hyper scale: real in 0..=10 = 1.0;
  data { dim S in 1..=6; tokens: int[S] in 0..vocab; label: bit; }
  params { emb: real[vocab, 2] ~ normal(0, 0.1); w: real[2] ~ normal(0, 0.1); b: real in -1..=1 = 0; }
  flow { predict sigmoid(scale * dot(w, mean(emb[tokens], axis = 0)) + b); }
  loss mse(predict, label);
  train { epochs: 2; batch: 4; }
}
"""

CIRCUIT = """qsan 1.0
ansatz turn[n: nat](t: angle[n]) on q: qubit[n] { for i in 0..n { ry(t[i]) q[i]; } }
circuit both[n: nat](t: angle[n], k: nat = 1) on q: qubit[n] -> real[n] {
  turn(t) q;
  for r in 0..k { z q[0]; }
  return [expval(X(q[i])) for i in 0..n];
}
"""


@pytest.mark.parametrize("name", ["qsanc.api.circuit", "qsanc.api.model", "qsanc.api.parameters", "qsanc"])
def test_examples_in_docstrings_are_true(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_public_names() -> None:
    assert all(getattr(qsanc, name) is not None for name in qsanc.__all__)
    assert len(qsanc.__all__) <= 12
    with pytest.raises(AttributeError, match="nothing"):
        qsanc.nothing  # noqa: B018


def test_fit_learns_vocabulary_and_labels(root: Path) -> None:
    model = qsanc.load(root / "models" / "qsann.qsan", n=2)
    assert "vocab" not in model.sizes
    history = model.fit(TEXTS, LABELS, epochs=8, lr=0.05, seed=3)
    assert model.sizes["vocab"] == 11
    assert model.classes == ("computing", "food")
    assert len(history.epochs) == 8
    assert model.predict(["chef bakes bread", "student tests script"]).tolist() == ["food", "computing"]
    chances = model.predict_proba(TEXTS[:2])
    assert chances.shape == (2, 2)
    np.testing.assert_allclose(chances.sum(axis=1), 1)


def test_a_model_that_waits_for_data_says_so() -> None:
    model = qsanc.load(READER)
    with pytest.raises(qsanc.QsanError, match="`vocab` comes from data"):
        model.params  # noqa: B018
    with pytest.raises(qsanc.QsanError, match="not complete"):
        model.predict(["good"])


def test_a_vocabulary_may_be_given_as_words() -> None:
    model = qsanc.load(READER, vocab=["bad", "good"], scale=2.0)
    model.params["emb"] = [[0, 0], [-1, 0], [1, 0]]
    model.params["w"] = [1, 0]
    model.params["b"] = 0
    expected = [1 / (1 + math.exp(2)), 1 / (1 + math.exp(-2)), 0.5]
    np.testing.assert_allclose(model.predict_proba(["bad", "Good!", "strange"])[:, 1], expected)
    model.fit(["good"] * 6 + ["bad", "odd"] * 3, [1] * 6 + [0] * 6, epochs=1)
    assert model.sizes == {"vocab": 3, "scale": 2.0}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ebm", [0.0], "no parameter `ebm`"),
        ("w", [1.0, 2.0, 3.0], r"shape \[3\]"),
        ("w", [math.nan, 0.0], "nan"),
        ("w", ["a", "b"], "holds <U1"),
        ("b", 3.0, "outside its range"),
    ],
)
def test_parameters_are_checked_when_set(name: str, value: object, message: str) -> None:
    model = qsanc.load(READER, vocab=4)
    before = dict(model.params)
    with pytest.raises(qsanc.QsanError, match=message):
        model.params[name] = value  # type: ignore[assignment]
    for parameter, array in model.params.items():
        np.testing.assert_array_equal(array, before[parameter])


def test_parameters_are_copies() -> None:
    model = qsanc.load(READER, vocab=4)
    model.params["w"][0] = 7.0
    assert model.params["w"][0] != 7.0
    with pytest.raises(TypeError):
        del model.params["w"]


def test_gradient_agrees_with_differences(root: Path) -> None:
    model = qsanc.load(root / "models" / "qsann.qsan", n=2, vocab=4)
    generator = np.random.default_rng(1)
    for name, value in model.params.items():
        model.params[name] = generator.normal(size=value.shape)
    inputs, labels = [[1, 2], [3], [0, 1, 1]], [0, 1, 1]
    exact = model.gradient(inputs, labels)
    shifted = model.gradient(inputs, labels, grad="parameter_shift")

    def loss() -> float:
        from qsanc.train.tables import table_of

        return float(model.evaluate(table_of({"tokens": inputs, "label": labels})).loss or 0.0)

    for name, value in model.params.items():
        np.testing.assert_allclose(exact[name], shifted[name], atol=1e-12)
        place = tuple(size // 2 for size in value.shape)
        step = np.zeros_like(value)
        step[place] = 1e-6
        ends = []
        for sign in (1, -1):
            model.params[name] = value + sign * step
            ends.append(loss())
        model.params[name] = value
        assert exact[name][place] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-8)


def test_inspect_shows_rows_of_weights(root: Path) -> None:
    model = qsanc.load(root / "models" / "qsann_multihead.qsan", n=2, vocab=5)
    probes = model.inspect([1, 2, 3])
    assert probes["gpqsa[0].query"].shape == (3,)
    assert probes["gpqsa[0].value"].shape == (3, 6)
    np.testing.assert_allclose(probes["gpqsa[1].weights"].sum(axis=1), 1)


def test_a_saved_model_comes_back(root: Path, tmp_path: Path) -> None:
    model = qsanc.load(root / "models" / "qsann_multiclass.qsan", n=2)
    texts = [*TEXTS, *(["gardener plants roses"] * 12)]
    model.fit(texts, [*LABELS, *(["garden"] * 12)], epochs=2, seed=1)
    model.save(tmp_path / "run")
    again = qsanc.load_run(tmp_path / "run")
    assert again.classes == model.classes == ("computing", "food", "garden")
    np.testing.assert_array_equal(again.predict_proba(texts), model.predict_proba(texts))
    with pytest.raises(qsanc.QsanError, match="already holds a run"):
        model.save(tmp_path / "run")


def test_a_text_is_saved_too(tmp_path: Path) -> None:
    model = qsanc.load(READER, vocab=4)
    model.save(tmp_path / "run")
    again = qsanc.load_run(tmp_path / "run")
    np.testing.assert_array_equal(again.predict_proba([[1, 2]]), model.predict_proba([[1, 2]]))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("good", "one text where several records belong"),
        (["good"], "no vocabulary"),
        ([[9]], "outside the vocabulary"),
        ([[1, 1.5]], "no word number"),
        ([[]], "no word number"),
        ([], "no records"),
        ({"words": [[1]]}, "no column"),
    ],
)
def test_wrong_inputs_are_told(inputs: object, message: str) -> None:
    with pytest.raises(qsanc.QsanError, match=message):
        qsanc.load(READER, vocab=4).predict_proba(inputs)  # type: ignore[arg-type]


def test_rows_of_numbers(root: Path) -> None:
    model = qsanc.load(root / "models" / "vqc.qsan")
    generator = np.random.default_rng(2)
    points = generator.uniform(-1, 1, size=(40, 2))
    model.fit(points, (points[:, 0] > 0).astype(int), epochs=15, lr=0.1, seed=1)
    accuracy = np.mean(model.predict(points) == (points[:, 0] > 0))
    assert accuracy > 0.9


def test_a_circuit_is_a_function_of_arrays() -> None:
    circuit = qsanc.compile(CIRCUIT, "both")
    angles = np.array([0.3, 1.2, -0.4])
    np.testing.assert_allclose(circuit(angles, k=0), np.sin(angles), atol=1e-12)
    np.testing.assert_allclose(circuit(t=angles), np.sin(angles) * [-1, 1, 1], atol=1e-12)
    np.testing.assert_allclose(circuit(angles[:2]), np.sin(angles[:2]) * [-1, 1], atol=1e-12)
    assert circuit.draw(n=2).startswith("both: 2 wires")


def test_an_ansatz_prepares_a_state() -> None:
    state = qsanc.compile(CIRCUIT, "turn")([math.pi, 0.0])
    np.testing.assert_allclose(state, [0, 0, 1, 0], atol=1e-12)


def test_samples_scatter_about_the_exact_value() -> None:
    circuit = qsanc.compile(CIRCUIT, "both", shots=20_000)
    found = circuit([0.3, 1.2], k=0, seed=4)
    np.testing.assert_allclose(found, np.sin([0.3, 1.2]), atol=0.03)
    np.testing.assert_array_equal(found, circuit([0.3, 1.2], k=0, seed=4))


@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        ((), {}, "needs `t`"),
        (([0.1], 1, 2), {}, "takes 2 arguments"),
        (([0.1],), {"t": [0.2]}, "twice"),
        (([0.1],), {"s": 1}, "no parameter `s`"),
        (([[0.1], [0.2]],), {}, "QS20"),
        (([0.1, math.inf],), {}, "finite"),
        ((["a"],), {}, "numbers"),
        (([0.1],), {"k": 0.5}, "whole number"),
        (([0.1],), {"n": 3}, "QS20"),
    ],
)
def test_arguments_that_do_not_fit_are_told(
    arguments: tuple[object, ...], named: dict[str, object], message: str
) -> None:
    with pytest.raises(qsanc.QsanError, match=message):
        qsanc.compile(CIRCUIT, "both")(*arguments, **named)  # type: ignore[arg-type]


def test_the_choice_among_several_is_the_callers() -> None:
    with pytest.raises(qsanc.QsanError, match="several circuits"):
        qsanc.compile(CIRCUIT)
    with pytest.raises(qsanc.QsanError, match="no model"):
        qsanc.load(CIRCUIT)


def test_circuits_of_a_model_are_at_hand(root: Path) -> None:
    model = qsanc.load(root / "models" / "kernel_attention.qsan", vocab=3)
    point = np.full((3, 2), 0.4)
    assert float(model.circuit("fidelity")(point, point)) == pytest.approx(1.0)
    assert float(model.circuit("swap_test")(point, point + 0.1)) == pytest.approx(
        float(model.circuit("fidelity")(point, point + 0.1))
    )
