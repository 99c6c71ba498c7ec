"""Derivatives by differences, to hold other derivatives to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qsanc.target import Floats

_STEPS = (1e-3, 1.3e-4, 1.7e-5, 2.3e-6)
"""No step divides another: what repeats with one of them does not with the next."""
_WEIGHTS = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
_AGREED = 1e-9
"""Steps that agree this well, relative to derivatives above one, need no finer one."""


def five_point(values: Callable[[Floats], Floats], point: Floats) -> Floats:
    """The gradient float64[axes...] at `point` float64[axes...], by the five-point rule, which is exact for polynomials
    of degree four; its error is about 1e-12 for functions of angles of order one.

    `values` gives float64[place] for places float64[place, axes...].
    """
    return differences(values, point)[0]


def differences(values: Callable[[Floats], Floats], point: Floats) -> tuple[Floats, Floats]:
    """The gradient as in `five_point`, and float64[axes...] estimates of its errors.

    Each derivative is taken with the two successive steps that agree best: with long steps the rule is off for
    functions that turn fast, with short ones rounding is in the way. What the two differ by is the estimate.
    """
    coarse, fine = _with_step(values, point, _STEPS[0]), _with_step(values, point, _STEPS[1])
    best, errors = coarse, np.abs(coarse - fine)
    for step in _STEPS[2:]:
        if (errors <= _AGREED * np.maximum(1.0, np.abs(best))).all() or not np.isfinite(errors).all():
            break
        coarse, fine = fine, _with_step(values, point, step)
        off = np.abs(coarse - fine)
        best, errors = np.where(off < errors, coarse, best), np.minimum(off, errors)
    return best, errors


def _with_step(values: Callable[[Floats], Floats], point: Floats, step: float) -> Floats:
    moves = np.eye(point.size).reshape(point.size, *point.shape) * step
    found = values(np.concatenate([point + count * moves for count in _WEIGHTS])).reshape(len(_WEIGHTS), point.size)
    return np.asarray(np.array(list(_WEIGHTS.values())) @ found / step).reshape(point.shape)
