"""Differences against derivatives in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsanc.testing.differences import differences, five_point


@given(st.lists(st.floats(-3, 3), min_size=5, max_size=5), st.floats(-2, 2))
def test_exact_for_polynomials_of_degree_four(coefficients: list[float], at: float) -> None:
    polynomial = np.polynomial.Polynomial(coefficients)
    assert float(five_point(polynomial, np.array(at))) == pytest.approx(polynomial.deriv()(at), abs=1e-8)


def test_the_gradient_has_the_shape_of_the_point() -> None:
    point = np.arange(6.0).reshape(2, 3)
    found = five_point(lambda places: np.sin(places).sum(axis=(1, 2)), point)
    np.testing.assert_allclose(found, np.cos(point), atol=1e-11)
    assert five_point(lambda places: np.zeros(len(places)), np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("speed", [1, 50, 1000, 1e4])
@pytest.mark.parametrize("at", [0.3, 1.0, -7.0])
def test_functions_that_turn_fast_are_differentiated_with_shorter_steps(speed: float, at: float) -> None:
    slope, error = differences(lambda places: np.sin(speed * places), np.array(at))
    exact = speed * math.cos(speed * at)
    assert abs(slope - exact) <= error + 1e-11 * max(1, speed)
    assert error <= 1e-4 * speed


@pytest.mark.parametrize("speed", [1e5, 1e7, 1e9, 2 * math.pi * 1e3 * 7, 2 * math.pi * 1e6])
@pytest.mark.parametrize("at", [0.3, 1.0, -7.0])
def test_an_error_is_at_least_what_it_is(speed: float, at: float) -> None:
    """Functions that no step resolves are known to be so, those that repeat with a step included."""
    slope, error = differences(lambda places: np.sin(speed * places), np.array(at))
    assert abs(slope - speed * math.cos(speed * at)) <= error


def test_each_derivative_has_its_own_step_and_error() -> None:
    speeds = np.array([1.0, 300.0, 1e8])
    slopes, errors = differences(lambda places: np.sin(places * speeds).sum(axis=1), np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(slopes[:2], [math.cos(0.1), 300 * math.cos(60)], atol=1e-6)
    assert errors[0] < 1e-6
    assert errors[1] < 1e-3
    assert errors[2] == math.inf
