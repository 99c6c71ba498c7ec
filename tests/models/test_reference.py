"""The models of the paper and of the authors' program against values that another program took from dense matrices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qsanc

PHASES = {"emb": 0.1, "tq": 0.2, "tk": 0.3, "tv": 0.4, "w": 0.5}


def waves(shape: tuple[int, ...], phase: float) -> np.ndarray:
    """sin(0.7 k + phase) over the flat index k."""
    return np.sin(0.7 * np.arange(np.prod(shape)) + phase).reshape(shape)


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared_data / "reference" / "qsann.json").read_text())
    return found


@pytest.mark.parametrize("number", range(5))
def test_values_of_the_reference(number: int, cases: list[dict[str, Any]], root: Path) -> None:
    case = cases[number]
    sizes = {name: case[name] for name in ("n", "d_enc", "d", "layers", "depth", "vocab") if name in case}
    model = qsanc.load(root / "models" / f"{case['model']}.qsan", **sizes)
    for name, phase in PHASES.items():
        model.params[name] = waves(model.params[name].shape, phase)
    model.params["b"] = 0.25
    assert model.predict_proba([case["tokens"]])[0, 1] == pytest.approx(case["predict"], abs=1e-10)
    block = {"qsann": "gpqsa[0]", "qsann_blocks": "block_attention"}[case["model"]]
    probes = model.inspect(case["tokens"])
    for name, expected in case["first_layer"].items():
        found = probes[f"{block}.{name}"].reshape(np.shape(expected))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    assert len(cases) == 5


def test_foreign_weights_of_the_blocks_load_by_name(root: Path) -> None:
    """All parameters set by name from arrays of the shapes of the published program; word numbers, no vocabulary."""
    generator = np.random.default_rng(3)
    model = qsanc.load(root / "models" / "qsann_blocks.qsan", n=4, depth=2, vocab=11)
    angles = 4 * (2 * 2 + 1)
    shapes = {
        "emb": (11, angles, 2),
        "tq": (angles, 2),
        "tk": (angles, 2),
        "tv": (angles, 2),
        "w": (2 * angles,),
        "b": (),
    }
    assert {name: value.shape for name, value in model.params.items()} == shapes
    for name, shape in shapes.items():
        model.params[name] = generator.normal(size=shape)
    found = model.predict_proba([[1, 2, 3], [10], [0, 0, 5, 7, 7]])
    assert found.shape == (3, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    np.testing.assert_array_equal(model.predict([[1, 2, 3], [10]]), found[:2].argmax(axis=1))
