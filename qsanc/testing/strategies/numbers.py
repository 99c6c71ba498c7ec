"""Angles and coefficients."""

from __future__ import annotations

import math
from typing import overload

import numpy as np
from hypothesis import strategies as st

from qsanc.target import Floats

_EIGHTH = math.pi / 4
_WIDEST = 4 * math.pi
"""Controlled rotations repeat after two turns, as do rotations together with their sign."""
_MULTIPLES = 32
"""So many multiples of pi/4 to either side of the one nearest to 0 are drawn often."""


@overload
def angles(*, shape: None = None, min_value: float = ..., max_value: float = ...) -> st.SearchStrategy[float]: ...


@overload
def angles(*, shape: tuple[int, ...], min_value: float = ..., max_value: float = ...) -> st.SearchStrategy[Floats]: ...


def angles(
    *, shape: tuple[int, ...] | None = None, min_value: float = -_WIDEST, max_value: float = _WIDEST
) -> st.SearchStrategy[float] | st.SearchStrategy[Floats]:
    """Angles in radians, min_value <= angle <= max_value, every other one a multiple of pi/4; two turns either way.

    With a `shape` the values are arrays float64[*shape] of such angles. Shrinks to the multiple of pi/4 nearest to 0.
    Raises ValueError where the range is empty or not finite, or an extent negative.

    >>> @given(theta=angles(), columns=angles(shape=(2, 3)))
    ... def test_rotations(theta, columns): ...
    """
    if not (math.isfinite(min_value) and math.isfinite(max_value) and min_value <= max_value):
        raise ValueError(f"no angle lies in {min_value}..={max_value}")
    if shape is not None and any(extent < 0 for extent in shape):
        raise ValueError(f"an extent of the shape {shape} is negative")
    first, last = math.ceil(min_value / _EIGHTH), math.floor(max_value / _EIGHTH)
    nearest = min(max(first, 0), last)
    first, last = max(first, nearest - _MULTIPLES), min(last, nearest + _MULTIPLES)
    special = sorted(range(first, last + 1), key=lambda k: (abs(k), k < 0))
    numbers = st.floats(min_value, max_value, allow_subnormal=False)
    # The ends come back from the multiplication with an error of their own.
    kept = [min(max(k * _EIGHTH, min_value), max_value) for k in special]
    one = st.sampled_from(kept) | numbers if kept else numbers
    if shape is None:
        return one
    count = math.prod(shape)
    return st.lists(one, min_size=count, max_size=count).map(
        lambda elements: np.array(elements, np.float64).reshape(shape)
    )


def coefficients() -> st.SearchStrategy[float]:
    """Numbers other than zero between -3 and 3, small integers first."""
    return st.sampled_from([1.0, -1.0, 2.0, 0.5, -0.5]) | st.floats(0.01, 3) | st.floats(-3, -0.01)
