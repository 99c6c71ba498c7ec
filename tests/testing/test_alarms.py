"""A small run of `benchmarks/alarms.py`: assertions with shots neither cry wolf nor sleep."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from qsanc.testing.statistics import total_variation


@pytest.fixture(scope="module")
def script(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("alarms", root / "benchmarks" / "alarms.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_true_assertions_hold(script: ModuleType) -> None:
    """At one in ten, so that alarms are seen at all: they are within the band, and there are some."""
    loud = script.alarms(96, 0.1, seed=3)
    assert loud["within"]
    assert 0 < loud["failed"] <= stats.binom.ppf(0.999, 96, 0.1)
    assert script.alarms(64, 1e-6, seed=1)["failed"] == 0


def test_false_assertions_are_found(script: ModuleType) -> None:
    """Of 40, all but two are expected at least; fewer than 33 have chance 3e-4."""
    assert script.power(40, 1e-6, 0.05, seed=2)["found"] >= 33


def test_a_shifted_law_is_exactly_that_far_away(script: ModuleType) -> None:
    generator = np.random.default_rng(0)
    for shape in script.SHAPES:
        law = script.law_of(script.circuit(shape, generator))
        assert total_variation(law, script.shifted(law, 0.05, generator)) == pytest.approx(0.05)
        assert script.shifted(law, 0.05, generator).min() >= 0
