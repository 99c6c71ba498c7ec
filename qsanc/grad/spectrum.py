"""Shift rules from eigenvalue gaps: the derivative of a trigonometric function as a sum of its values elsewhere.

As a function of one gate's angle x, every result is linear in the state and so a constant plus a sum of a cos(w x) +
b sin(w x) over the gaps w of the generator's eigenvalues. Its slope at 0 is the sum of c f(delta) over a rule's terms.

    gaps w, 2w, ..., Rw   2R shifts (2m - 1) pi / (2Rw) with weights (-1)^(m-1) w / (4R sin^2((2m - 1) pi / (4R)))
    others                pairs f(delta) - f(-delta), one a gap, with weights from sum_k c_k 2 sin(w_j delta_k) = w_j

The first, with equidistant shifts, is from Wierichs, Izaac, Wang and Lin (2022), Quantum 6, 677: two terms for a Pauli
rotation, and the four terms of controlled rotations. In the second the shifts are chosen one by one, each where the
sines are the furthest from those of the shifts before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

_GRID = 512


@dataclass(frozen=True, slots=True)
class Term:
    """`weight` times the value at an angle shifted by `delta` radians."""

    delta: float
    weight: float


@cache
def shift_terms(gaps: tuple[float, ...]) -> tuple[Term, ...]:
    """The rule for distinct positive gaps, rising; no terms for no gaps. Raises ValueError where gaps are not that."""
    if any(gap <= 0 for gap in gaps) or list(gaps) != sorted(set(gaps)):
        raise ValueError(f"gaps must be positive and rise: {gaps}")
    if not gaps:
        return ()
    if all(math.isclose(gap, (k + 1) * gaps[0], rel_tol=1e-12) for k, gap in enumerate(gaps)):
        return _equidistant(gaps[0], len(gaps))
    return _solved(gaps)


def _equidistant(gap: float, count: int) -> tuple[Term, ...]:
    """Shifts beyond half a period stand on its other side: the period is 2 pi / gap."""
    terms = []
    for m in range(1, 2 * count + 1):
        angle = (2 * m - 1) * math.pi / (2 * count)
        weight = (-1) ** (m - 1) * gap / (4 * count * math.sin(angle / 2) ** 2)
        terms.append(Term((angle if m <= count else angle - 2 * math.pi) / gap, weight))
    return tuple(terms)


def _solved(gaps: tuple[float, ...]) -> tuple[Term, ...]:
    frequencies = np.array(gaps)
    grid = np.linspace(0, math.pi / gaps[0], _GRID + 1)[1:]
    sines = 2 * np.sin(np.outer(frequencies, grid))
    left, chosen = sines.copy(), []
    for _ in gaps:
        norms = np.linalg.norm(left, axis=0)
        best = int(np.argmax(norms))
        chosen.append(best)
        direction = left[:, best] / norms[best]
        left = left - np.outer(direction, direction @ left)
    weights = np.linalg.solve(sines[:, chosen], frequencies)
    deltas = grid[chosen]
    return tuple(
        Term(sign * float(d), sign * float(c)) for d, c in zip(deltas, weights, strict=True) for sign in (1, -1)
    )
