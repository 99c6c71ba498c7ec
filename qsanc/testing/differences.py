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
_RESOLVED = 1e-2
"""Derivatives whose steps disagree by more, relative to derivatives above one, are not known at all."""
_ROUNDING = 1e-14
"""Of the sizes of numbers, for a few dozen operations."""


def five_point(values: Callable[[Floats], Floats], point: Floats) -> Floats:
    """The gradient float64[axes...] at `point` float64[axes...], by the five-point rule, which is exact for polynomials
    of degree four; its error is about 1e-12 for functions of angles of order one.

    `values` gives float64[place] for places float64[place, axes...].
    """
    return differences(values, point)[0]


def differences(values: Callable[[Floats], Floats], point: Floats) -> tuple[Floats, Floats]:
    """The gradient as in `five_point`, and float64[axes...] estimates of its errors: infinite where these steps do not
    resolve the function.

    Each derivative is taken with the two successive steps that agree best: with long steps the rule is off for
    functions that turn fast, with short ones rounding is in the way. The estimate is twice the most that it is off from
    any shorter step, beyond what rounding explains there.
    """
    found = [_with_step(values, point, step) for step in _STEPS[:2]]
    (best, _), (fine, _) = found
    if (np.abs(best - fine) <= _AGREED * np.maximum(1.0, np.abs(best))).all():
        return best, 2 * np.abs(best - fine)
    found += [_with_step(values, point, step) for step in _STEPS[2:]]
    slopes, rounding = (np.array(part) for part in zip(*found, strict=True))
    off = np.abs(np.diff(slopes, axis=0))
    chosen = np.where(np.isfinite(off), off, np.inf).argmin(axis=0)[np.newaxis]
    best = np.take_along_axis(slopes, chosen, axis=0)
    steps = np.arange(len(slopes)).reshape(-1, *(1 for _ in point.shape))
    beyond = np.where(steps > chosen, np.abs(best - slopes) - rounding, 0.0)
    errors = 2 * np.maximum(beyond.max(axis=0), np.take_along_axis(off, chosen, axis=0)[0])
    resolved = errors <= _RESOLVED * np.maximum(1.0, np.abs(best[0]))
    return best[0], np.where(resolved, errors, np.inf)


def _with_step(values: Callable[[Floats], Floats], point: Floats, step: float) -> tuple[Floats, Floats]:
    """Derivatives with one step, and how far rounding of values and of places may put each off."""
    moves = np.eye(point.size).reshape(point.size, *point.shape) * step
    found = values(np.concatenate([point + count * moves for count in _WEIGHTS])).reshape(len(_WEIGHTS), point.size)
    slopes = np.asarray(np.array(list(_WEIGHTS.values())) @ found / step).reshape(point.shape)
    return slopes, _ROUNDING * (np.abs(found).max(initial=0.0) + np.abs(point * slopes)) / step
