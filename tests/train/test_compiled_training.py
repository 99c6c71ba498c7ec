"""Compiled models through the loop: circuits on the NumPy backend, and the controls that stand beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import qsanc
from qsanc.check.imports import load
from qsanc.driver import compile_entry
from qsanc.grad.circuit import Method
from qsanc.ir.program import Model, Recipe
from qsanc.registry import load as load_backend
from qsanc.target import Context
from qsanc.train.compiled import Compiled
from qsanc.train.controls import as_control, control, majority, width_of
from qsanc.train.data import Coding, Part, divide, learn
from qsanc.train.encoding import encode
from qsanc.train.loop import fit
from qsanc.train.records import Records
from qsanc.train.tables import read_table, table_of

CONTROLS = Path(qsanc.__file__).parent / "std" / "controls.qsan"


def compiled(
    file: Path, entry: str, coding: Coding | None = None, method: Method = "adjoint", **sizes: float
) -> tuple[Model, Compiled]:
    data_sizes = coding.sizes if coding is not None else {}
    found = compile_entry(load(file), entry, load_backend("numpy"), sizes=sizes, data_sizes=data_sizes)
    model = found.program.models[0]
    function = found.program.function(model.name)
    return model, Compiled(function, found.program.modules, found.executables, method=method)


def parts_of(model: Model, file: Path, seed: int = 1) -> tuple[Coding, Records, Records, Records]:
    division = divide(model, read_table(file), seed=seed)
    coding = learn(model, division.train)
    return coding, *(encode(model, part, coding) for part in (division.train, division.valid, division.test))


def test_one_epoch_by_either_gradient_gives_the_same_weights(root: Path) -> None:
    weights = []
    for method in ("adjoint", "parameter_shift"):
        model, objective = compiled(root / "models" / "vqc.qsan", "vqc", method=method)
        _, train, valid, _ = parts_of(model, root / "models" / "data" / "two_moons.csv")
        weights.append(
            fit(model, objective, train=train, valid=valid, recipe=replace(model.recipe, epochs=1)).parameters
        )
    for name, value in weights[0].items():
        assert weights[1][name] == pytest.approx(value, abs=1e-9)


def test_a_variational_classifier_learns_two_moons(root: Path) -> None:
    model, objective = compiled(root / "models" / "vqc.qsan", "vqc")
    _, train, valid, test = parts_of(model, root / "models" / "data" / "two_moons.csv")
    history = fit(model, objective, train=train, valid=valid, test=test, recipe=replace(model.recipe, epochs=8))
    assert history.test.metrics["accuracy"] > 0.85


def test_a_model_without_data_finds_the_ground_state(root: Path) -> None:
    model, objective = compiled(root / "models" / "vqe_h2.qsan", "vqe_h2")
    history = fit(model, objective)
    assert history.epochs[-1].valid_loss < history.epochs[0].valid_loss
    assert history.test is None


def test_the_controls_are_trained_by_the_same_protocol(root: Path) -> None:
    file = root / "models" / "data" / "food_or_computing.tsv"
    model, _ = compiled(root / "models" / "qsann.qsan", "qsann", n=2)
    coding, train, valid, test = parts_of(model, file)
    plain, objective = compiled(CONTROLS, "mean_embedding", coding, width=6)
    report = control(plain, objective, model, train=train, valid=valid, test=test, recipe=Recipe(epochs=20, seed=1))
    assert report.records == test.count == 26
    assert report.metrics["accuracy"] > 0.9
    assert majority(model, train, test).metrics["accuracy"] == 0.5


def test_several_classes_and_the_same_rows_for_a_control(root: Path) -> None:
    file = root / "models" / "data" / "three_topics.tsv"
    model, _ = compiled(root / "models" / "qsann_multiclass.qsan", "qsann_multiclass", n=2)
    coding, train, valid, test = parts_of(model, file)
    assert coding.labels.names == ("computing", "food", "gardening")
    plain, objective = compiled(CONTROLS, "mean_embedding_multiclass", coding, width=6)
    recipe = Recipe(epochs=3, seed=1)
    report = control(plain, objective, model, train=train, valid=valid, test=test, recipe=recipe)
    assert len(report.metrics.confusion) == 3
    same = as_control(plain, model, test)
    assert np.array_equal(same.columns["tokens"], test.columns["tokens"])


def test_numbers_side_by_side_for_the_linear_control(root: Path) -> None:
    file = root / "models" / "data" / "two_moons.csv"
    model, _ = compiled(root / "models" / "vqc.qsan", "vqc")
    assert width_of(model) == 2
    _, train, valid, test = parts_of(model, file)
    plain, objective = compiled(CONTROLS, "linear", width=2)
    report = control(plain, objective, model, train=train, valid=valid, test=test, recipe=Recipe(epochs=10, seed=1))
    assert 0.6 < report.metrics["accuracy"] < 1


def test_predictions_need_no_label_and_do_not_depend_on_the_batch(root: Path) -> None:
    model, _ = compiled(root / "models" / "qsann.qsan", "qsann", n=2)
    table = table_of({"text": [f"a{'b ' * (k % 5)} c" for k in range(600)], "label": [k % 2 for k in range(600)]})
    coding = learn(model, Part.whole(table))
    model, objective = compiled(root / "models" / "qsann.qsan", "qsann", coding, n=2)
    records = encode(model, Part.whole(table), coding)
    bare = encode(model, Part.whole(table), coding, labelled=False)
    parameters = {p.name: np.full(p.shape, 0.3) for p in model.parameters}
    whole = objective.predict(parameters, bare, context=Context())
    assert whole.shape == (600,)
    assert whole == pytest.approx(objective.outputs(parameters, records, context=Context()).predict, abs=1e-12)
    assert whole[7] == pytest.approx(objective.predict(parameters, bare.slice(7, 8), context=Context())[0], abs=1e-12)
