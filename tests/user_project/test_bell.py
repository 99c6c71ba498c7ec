"""Tests of bell.qsan in Python, beside the properties in the file itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given

import qsanc
from qsanc.target import Backend
from qsanc.testing import angles, assert_distribution, assert_gradient, assert_state

FILE = Path(__file__).with_name("bell.qsan")
AGREEMENT = qsanc.compile(FILE, "agreement")


@pytest.fixture(scope="module")
def near_pi(qsan_model: Callable[..., qsanc.Model]) -> qsanc.Model:
    return qsan_model("bell.qsan")


@given(t=angles(min_value=-math.pi, max_value=math.pi))
def test_a_number_is_as_near_as_its_cosine_says(near_pi: qsanc.Model, t: float) -> None:
    assert near_pi.predict_proba([t])[0, 1] == pytest.approx((1 - math.cos(t)) / 2)


@given(t=angles())
def test_the_gradient_is_the_same_by_all_methods(t: float) -> None:
    assert_gradient(AGREEMENT, t)


def test_the_pair_is_a_bell_state() -> None:
    bell = qsanc.compile(FILE, "bell")
    assert_state(bell, [math.sqrt(0.5), 0, 0, math.sqrt(0.5)])
    assert_distribution(bell, {"00": 0.5, "11": 0.5})


def test_the_model_learns(near_pi: qsanc.Model) -> None:
    near_pi.fit([0.0, 0.1, 3.0, 3.1], [0, 0, 1, 1])
    assert list(near_pi.predict([0.2, -3.0])) == [0, 1]


def test_the_backend_is_the_one_of_this_run(qsan_backend: Backend) -> None:
    assert qsan_backend.capabilities.name == "numpy"
