"""Every shipped model trains a little, and its two exact gradients lead to the same weights."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qsanc

TEXT = "food_or_computing.tsv"
MODELS: dict[str, tuple[str | None, dict[str, Any]]] = {
    "qsann": (TEXT, {"n": 2}),
    "qsann_blocks": (TEXT, {"n": 2}),
    "qsann_multihead": (TEXT, {"n": 2}),
    "qsann_positional": (TEXT, {"n": 2}),
    "qsann_multiclass": ("three_topics.tsv", {"n": 2}),
    "kernel_attention": (TEXT, {"n": 2}),
    "vqc": ("two_moons.csv", {}),
    "vqe_h2": (None, {}),
}


def records(root: Path, name: str | None) -> tuple[Any, Any]:
    """The records of a data set and their labels; None and None for no data."""
    if name is None:
        return None, None
    with (root / "models" / "data" / name).open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t" if name.endswith(".tsv") else ","))
    labels = [row["label"] for row in rows]
    if "text" in rows[0]:
        return [row["text"] for row in rows], labels
    return np.array([[float(row["x_0"]), float(row["x_1"])] for row in rows]), labels


def test_every_model_is_trained_here(root: Path) -> None:
    assert {path.stem for path in (root / "models").glob("*.qsan")} == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_falls(name: str, root: Path) -> None:
    data, sizes = MODELS[name]
    model = qsanc.load(root / "models" / f"{name}.qsan", **sizes)
    inputs, labels = records(root, data)
    history = model.fit(inputs, labels, epochs=4, lr=0.05, seed=1) if data else model.fit()
    losses = [epoch.valid_loss for epoch in history.epochs]
    assert losses[-1] < losses[0] - 1e-3
    if data is not None:
        accuracy = np.mean(model.predict(inputs).astype(str) == np.array(labels))
        assert accuracy > 0.6
    else:
        assert losses[-1] == pytest.approx(-1.857275, abs=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_parameter_shift_and_adjoint_lead_to_the_same_weights(name: str, root: Path) -> None:
    data, sizes = MODELS[name]
    inputs, labels = records(root, data)
    weights = []
    for grad in ("parameter_shift", "adjoint"):
        model = qsanc.load(root / "models" / f"{name}.qsan", **sizes)
        few = slice(0, 24)
        model.fit(
            None if inputs is None else inputs[few],
            None if labels is None else labels[few],
            epochs=1,
            seed=2,
            grad=grad,
        )
        weights.append(dict(model.params))
    for parameter, value in weights[0].items():
        np.testing.assert_allclose(value, weights[1][parameter], rtol=0, atol=1e-9, err_msg=parameter)
