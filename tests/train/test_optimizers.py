"""Optimisers against their formulas, ranges and frozen parameters, and the settings that make no sense."""

from __future__ import annotations

import numpy as np
import pytest
from toys import Bowl, bowl_model, text_model

from qsanc.diagnostics import QsanError
from qsanc.ir.program import Distribution, Model, Optimizer, Parameter, Recipe
from qsanc.target import Context
from qsanc.train import spsa
from qsanc.train.loop import fit
from qsanc.train.optimizers import Adam, Sgd, Spsa, advance, rule_of
from qsanc.train.parameters import fitted, initial
from qsanc.train.records import ONE

X = {"x": np.array([1.0, -2.0])}
G = ({"x": np.array([0.5, 4.0])}, {"x": np.array([-1.0, 2.0])})


def test_adam_by_its_formula() -> None:
    rule = Adam(0.1, 0.9, 0.99, 1e-8)
    values, state = X, rule.start(X)
    m = v = np.zeros(2)
    expected = X["x"]
    for t, gradient in enumerate(G, start=1):
        values, state = rule.step(values, gradient, state)
        m, v = 0.9 * m + 0.1 * gradient["x"], 0.99 * v + 0.01 * gradient["x"] ** 2
        expected = expected - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
    assert values["x"] == pytest.approx(expected, rel=1e-14)
    assert int(state["count"]) == 2
    assert X["x"].tolist() == [1.0, -2.0]


def test_momentum_by_its_formula() -> None:
    rule = Sgd(0.1, 0.5)
    values, state = rule.step(X, G[0], rule.start(X))
    values, state = rule.step(values, G[1], state)
    velocity = 0.5 * G[0]["x"] + G[1]["x"]
    assert values["x"] == pytest.approx(X["x"] - 0.1 * G[0]["x"] - 0.1 * velocity, rel=1e-14)


def test_the_gains_of_spsa() -> None:
    rule = Spsa(a=0.2, A=10, alpha=0.5)
    values, state = rule.step(X, G[0], rule.start(X))
    assert values["x"] == pytest.approx(X["x"] - 0.2 / np.sqrt(11) * G[0]["x"])
    again, _ = rule.step(values, G[0], state)
    assert again["x"] == pytest.approx(values["x"] - 0.2 / np.sqrt(12) * G[0]["x"])


def test_the_spsa_estimate_is_a_difference_quotient_along_random_signs() -> None:
    model, x = bowl_model(Recipe()), np.array([0.5, -1.0, 2.0])
    context = Context(seed=3, step=4)
    _, gradient = spsa.estimate(Bowl(), model, {"x": x}, ONE, c=0.1, gamma=0.101, context=context)
    directional = gradient["x"][0] * np.sign(gradient["x"]) / np.sign(gradient["x"][0])
    assert np.allclose(np.abs(gradient["x"]), np.abs(gradient["x"][0]))
    exact = 2 * (x - Bowl.target)
    signs = np.sign(gradient["x"])
    assert abs(gradient["x"][0]) == pytest.approx(abs(float(exact @ signs)))
    assert directional.shape == (3,)
    _, other = spsa.estimate(Bowl(), model, {"x": x}, ONE, c=0.1, gamma=0.101, context=Context(seed=3, step=5))
    assert not np.array_equal(other["x"], gradient["x"])


def test_the_spsa_estimate_stays_within_the_ranges() -> None:
    seen = []

    class Watched(Bowl):
        def outputs(self, parameters, records, *, context):  # type: ignore[no-untyped-def]
            seen.append(parameters["x"])
            return super().outputs(parameters, records, context=context)

    model = Model("m", (Parameter("x", "real", (3,), 2.0, low=2.0, high=2.0),), (), (), (), Recipe())
    _, gradient = spsa.estimate(Watched(), model, {"x": np.full(3, 2.0)}, ONE, c=0.1, gamma=0.1, context=Context())
    assert all(np.array_equal(x, np.full(3, 2.0)) for x in seen)
    assert not gradient["x"].any()


@pytest.mark.parametrize(
    ("optimizer", "grad", "epochs"),
    [
        (Optimizer("adam", (("lr", 0.1),)), "auto", 200),
        (Optimizer("sgd", (("lr", 0.05), ("momentum", 0.5))), "auto", 100),
        (Optimizer("spsa", (("a", 0.5), ("c", 0.01))), "auto", 600),
        (Optimizer("adam", (("lr", 0.05),)), "spsa", 600),
    ],
)
def test_each_finds_the_bottom_of_a_bowl(optimizer: Optimizer, grad: str, epochs: int) -> None:
    history = fit(bowl_model(Recipe(optimizer, epochs=epochs, grad=grad)), Bowl())
    assert history.parameters["x"] == pytest.approx(Bowl.target, abs=0.02)
    assert history.steps == epochs


def test_steps_are_projected_and_leave_frozen_parameters_alone() -> None:
    model = text_model()
    start = initial(model, 0)
    rule = Sgd(100.0)
    gradient = {name: np.ones_like(start[name]) for name in ("emb", "w", "b")}
    moved, _ = advance(model, rule, start, gradient, rule.start({k: start[k] for k in gradient}))
    assert moved["w"].tolist() == [-1.5] * 3
    assert moved["still"].tolist() == [3.0, 4.0]
    assert moved["b"] == pytest.approx(0.25 - 100)


def test_initial_values_follow_from_seed_and_name() -> None:
    model = text_model()
    first, again, other = initial(model, 5), initial(model, 5), initial(model, 6)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["emb"], other["emb"])
    assert float(first["b"]) == 0.25
    assert np.abs(first["w"]).max() <= 1
    alone = Model("m", model.parameters[1:2], (), (), (), Recipe())
    assert np.array_equal(initial(alone, 5)["w"], first["w"])


def test_distributions_have_their_moments() -> None:
    parameters = (
        Parameter("n", "angle", (100, 100), Distribution("normal", (1.0, 0.5))),
        Parameter("g", "real", (100, 200), Distribution("glorot", ())),
        Parameter("p", "prob", (1000,), Distribution("normal", (0.5, 1.0))),
    )
    values = initial(Model("m", parameters, (), (), (), Recipe()), 1)
    assert values["n"].mean() == pytest.approx(1.0, abs=0.02)
    assert values["n"].std() == pytest.approx(0.5, abs=0.02)
    assert np.abs(values["g"]).max() == pytest.approx(np.sqrt(6 / 300), rel=1e-3)
    assert values["p"].min() == 0
    assert values["p"].max() == 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adam", (("lr", 0.0),)),
        ("adam", (("beta1", 1.0),)),
        ("sgd", (("momentom", 0.5),)),
        ("sgd", (("lr", float("nan")),)),
        ("spsa", (("A", -1.0),)),
        ("newton", ()),
    ],
)
def test_settings_that_make_no_sense(name: str, options: tuple[tuple[str, float], ...]) -> None:
    with pytest.raises(QsanError, match="QS922"):
        rule_of(Optimizer(name, options))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"w": np.zeros(4)}, "has shape"),
        ({"w": np.array([0.0, np.nan, 0.0])}, "holds nan at"),
        ({"w": np.full(3, 1.6)}, "outside its range"),
        ({"w": np.zeros(3, dtype=complex)}, "holds complex128"),
        ({"ww": np.zeros(3)}, "no parameter `ww`"),
        ({"w": None}, "`w` is missing"),
    ],
)
def test_foreign_weights_that_do_not_fit(change: dict, says: str) -> None:
    model = text_model()
    arrays = {k: v for k, v in {**initial(model, 0), **change}.items() if v is not None}
    with pytest.raises(QsanError, match=says):
        fitted(model, arrays, origin="there")


def test_a_step_too_large_is_not_finite_and_warns_of_nothing(recwarn: pytest.WarningsRecorder) -> None:
    model = bowl_model(Recipe())
    values = {parameter.name: np.full(parameter.shape, 1e10) for parameter in model.parameters}
    rule = Sgd(lr=1e300)
    moved, _ = advance(model, rule, values, {name: value * 10 for name, value in values.items()}, rule.start(values))
    assert not all(np.isfinite(value).all() for value in moved.values())
    assert not recwarn.list
