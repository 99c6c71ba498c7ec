"""Differences against derivatives in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsanc.testing.differences import five_point


@given(st.lists(st.floats(-3, 3), min_size=5, max_size=5), st.floats(-2, 2))
def test_exact_for_polynomials_of_degree_four(coefficients: list[float], at: float) -> None:
    polynomial = np.polynomial.Polynomial(coefficients)
    assert float(five_point(polynomial, np.array(at))) == pytest.approx(polynomial.deriv()(at), abs=1e-8)


def test_the_gradient_has_the_shape_of_the_point() -> None:
    point = np.arange(6.0).reshape(2, 3)
    found = five_point(lambda places: np.sin(places).sum(axis=(1, 2)), point)
    np.testing.assert_allclose(found, np.cos(point), atol=1e-11)
    assert five_point(lambda places: np.zeros(len(places)), np.zeros((0, 2))).shape == (0, 2)
