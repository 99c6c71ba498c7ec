"""Exact tests of counts, and the shots they need: none is an approximation for large numbers.

A distribution over k outcomes is a binary tree of k - 1 choices, each between two halves of the outcomes. Given how
often a choice was reached, how often it went left is binomial under a law, and hypergeometric where two samples are
compared. Each choice gives an exact two-sided p-value (twice the smaller tail), and Fisher's method combines them:
with each at least uniform given the choices before, -2 sum log p is at most chi-squared with 2(k - 1) degrees of
freedom. So the level holds for every number of shots, and two outcomes are the plain binomial or Fisher exact test.

How many shots find a deviation follows from the chain rule: twice a tail is at most 2 exp(-n KL), so with T half the
quantile of Fisher's method plus (k - 1) log 2, the test fails as soon as n KL(observed, law) >= T. KL is at least
2 tv^2 (Pinsker), and the observed distance falls short of the true one by s with probability exp(-2 n s^2) at most
(Hoeffding). For two outcomes the power is computed from binomials instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_Number = TypeVar("_Number", np.float64, np.int64)

IMPOSSIBLE = 1e-12
"""An outcome of this probability or less never happens: a law computed in floating point has no sharper zero."""
MOST_SHOTS = 10**12
"""What is asked for in more is asked for by mistake."""


def fits(counts: ArrayLike, probabilities: ArrayLike) -> float:
    """The p-value of counts int[outcome] under the law float[outcome]; 1 for no shots.

    A count in an outcome that is impossible is tested by itself. Raises ValueError where the law is none.
    """
    observed, law = _counts(counts), law_of(probabilities)
    if observed.shape != law.shape:
        raise ValueError(f"{len(observed)} counts stand against a law of {len(law)} outcomes")
    possible = law > IMPOSSIBLE
    strays = int(observed[~possible].sum())
    if strays:
        return float(stats.binom.sf(strays - 1, observed.sum(), law[~possible].sum()))
    law, observed = law[possible], observed[possible]

    left, reached = _split(observed)
    expected, whole = _split(law)
    return _combined(stats.binom, left, reached, np.minimum(expected / whole, 1.0))


def same_law(one: ArrayLike, other: ArrayLike) -> float:
    """The p-value of two samples, counts int[outcome] each, if one law is behind both: given their sum, for any law."""
    first, second = _counts(one), _counts(other)
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} counts stand against {len(second)}")
    seen = first + second > 0
    first, total = first[seen], (first + second)[seen]

    (left, reached), (pooled, whole) = _split(first), _split(total)
    return _combined(stats.hypergeom, left, whole, pooled, reached)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What was measured in one setting: counts int[outcome], and the score float[outcome] that each outcome adds."""

    counts: Ints
    scores: Floats

    @property
    def shots(self) -> int:
        return int(self.counts.sum())

    @property
    def range(self) -> tuple[float, float]:
        return float(self.scores.min()), float(self.scores.max())

    @property
    def mean(self) -> float:
        return float(self.counts @ self.scores) / self.shots


def mean_fits(settings: Sequence[Scored], expected: float) -> float:
    """The p-value of the summed mean scores of independent settings, if `expected` is the true sum.

    Exact binomial for one setting with two scores (a product of Paulis). Otherwise twice Hoeffding's bound of the tail
    (1963): with the relative entropy for one setting (his theorem 1), with the ranges for several (theorem 2).
    """
    low = sum(setting.range[0] for setting in settings)
    high = sum(setting.range[1] for setting in settings)
    room = 1e-9 * max(1.0, abs(low), abs(high))
    if not low - room <= expected <= high + room:
        return 0.0
    if high - low <= room:
        return 1.0
    varied = [setting for setting in settings if setting.range[0] < setting.range[1]]
    rest = sum(setting.range[0] for setting in settings if setting.range[0] == setting.range[1])
    if len(varied) > 1:
        off = sum(setting.mean for setting in settings) - expected
        spread = sum((s.range[1] - s.range[0]) ** 2 / s.shots for s in varied)
        return min(1.0, 2 * math.exp(-2 * off**2 / spread))
    (setting,) = varied
    bottom, top = setting.range
    chance = min(max((expected - rest - bottom) / (top - bottom), 0.0), 1.0)
    if np.isin(setting.scores, (bottom, top)).all():
        hits = int(setting.counts[setting.scores == top].sum())
        return fits([hits, setting.shots - hits], [chance, 1 - chance])
    found = (setting.mean - bottom) / (top - bottom)
    return min(1.0, 2 * math.exp(-setting.shots * _entropy(found, chance)))


def shots_needed(probabilities: ArrayLike, *, tv: float, alpha: float, power: float = 0.95) -> int:
    """Shots with which `fits` at level `alpha` finds every law that is `tv` or more away, with probability `power`.

    `tv` is the total variation distance, half the sum of absolute differences. Raises ValueError where no law is that
    far away, and where it takes more than `MOST_SHOTS`.
    """
    law = law_of(probabilities)
    _sensible(tv, alpha, power)
    possible = law[law > IMPOSSIBLE]
    if tv > 1 - law.min():
        raise ValueError(f"no law on {len(law)} outcomes is {tv:g} away from this one in total variation")
    if len(law) == 2:
        return _binary_shots(float(law[0]), tv, alpha, power)
    if len(possible) == 1:
        return _first(lambda n: 1 - (1 - tv) ** n >= power)
    return _chained_shots(len(possible), tv, alpha, power)


def shots_needed_for_same(outcomes: int, *, tv: float, alpha: float, power: float = 0.95) -> int:
    """Shots of each of two samples with which `same_law` tells laws `tv` apart, with probability `power`."""
    _sensible(tv, alpha, power)
    root = math.sqrt(2 * _threshold(outcomes, alpha)) + math.sqrt(-math.log1p(-power))
    return _payable((root / tv) ** 2)


def shots_needed_for_mean(
    ranges: Sequence[tuple[float, float]],
    *,
    delta: float,
    alpha: float,
    power: float = 0.95,
    expected: float | None = None,
) -> int:
    """Shots of each setting with which `mean_fits` finds a mean that is `delta` off, with probability `power`.

    `ranges` are the least and the greatest score of each setting. `expected` sharpens the answer for one setting that
    has these two scores alone.
    """
    _sensible(delta / 2, alpha, power, "delta / 2")
    widths = [high - low for low, high in ranges if high > low]
    if not widths:
        return 1
    if len(widths) == 1 and expected is not None:
        ((low, high),) = [r for r in ranges if r[1] > r[0]]
        rest = sum(r[0] for r in ranges if r[1] == r[0])
        chance = min(max((expected - rest - low) / (high - low), 0.0), 1.0)
        if delta / (high - low) <= max(chance, 1 - chance):
            return _binary_shots(chance, delta / (high - low), alpha, power)
    root = math.sqrt(math.log(2 / alpha) / 2) + math.sqrt(-math.log1p(-power) / 2)
    return _payable(sum(width**2 for width in widths) * (root / delta) ** 2)


def total_variation(one: ArrayLike, other: ArrayLike) -> float:
    """Half the sum of absolute differences of two laws: the most that any event's probabilities differ by."""
    return float(np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)).sum() / 2)


def law_of(probabilities: ArrayLike) -> Floats:
    """A law float64[outcome] that sums to one exactly. Raises ValueError where these numbers are none within 1e-9."""
    law = np.asarray(probabilities, np.float64)
    if law.ndim != 1 or not len(law) or not np.isfinite(law).all():
        raise ValueError("probabilities are finite numbers in one row")
    if law.min() < -1e-9 or abs(law.sum() - 1) > 1e-9 * max(1, len(law)):
        raise ValueError(f"probabilities are not negative and sum to one; these sum to {law.sum():.9g}")
    law = np.maximum(law, 0.0)
    return np.asarray(law / law.sum())


def _counts(counts: ArrayLike) -> Ints:
    found = np.asarray(counts)
    whole = found.astype(np.int64)
    if found.ndim != 1 or (whole != found).any() or (whole < 0).any():
        raise ValueError("counts are natural numbers in one row")
    return whole


def _split(weights: NDArray[_Number]) -> tuple[NDArray[_Number], NDArray[_Number]]:
    """For each choice of the tree over these outcomes, what is left of it, and what is on both of its sides."""
    places, open_ = [], [(0, len(weights))]
    while open_:
        start, stop = open_.pop()
        if stop - start > 1:
            middle = (start + stop) // 2
            places.append((start, middle, stop))
            open_ += [(start, middle), (middle, stop)]
    sums = np.concatenate([np.zeros(1, weights.dtype), np.cumsum(weights)])
    start_, middle_, stop_ = np.array(places, np.int64).reshape(-1, 3).T
    return sums[middle_] - sums[start_], sums[stop_] - sums[start_]


def _combined(family: stats.rv_discrete, left: Ints, *parameters: Ints | Floats) -> float:
    """Fisher's method over the choices, each of a law of the family; itself the p-value of one choice."""
    tails = np.minimum(family.cdf(left, *parameters), family.sf(left - 1, *parameters))
    found = np.minimum(1.0, 2 * tails)
    if len(found) < 2:
        return float(found[0]) if len(found) else 1.0
    with np.errstate(divide="ignore"):
        return float(stats.chi2.sf(-2 * np.log(found).sum(), 2 * len(found)))


def _threshold(outcomes: int, alpha: float) -> float:
    """T: the samples are told apart as soon as their relative entropy times the shots is this large."""
    choices = max(outcomes - 1, 1)
    return float(stats.chi2.isf(alpha, 2 * choices) / 2 + choices * math.log(2))


def _chained_shots(outcomes: int, tv: float, alpha: float, power: float) -> int:
    root = math.sqrt(_threshold(outcomes, alpha) / 2) + math.sqrt(-math.log1p(-power) / 2)
    return _payable((root / tv) ** 2)


def _payable(shots: float) -> int:
    if shots > MOST_SHOTS:
        raise ValueError(f"so small a deviation takes {shots:.2g} shots, and no more than {MOST_SHOTS:.0e} are run")
    return math.ceil(shots)


def _binary_shots(chance: float, tv: float, alpha: float, power: float) -> int:
    """For two outcomes of probabilities `chance` and 1 - chance: the power of the very test, in both directions."""
    chance = min(chance, 1 - chance) if min(chance, 1 - chance) > IMPOSSIBLE else 0.0

    others = np.array([other for other in (chance - tv, chance + tv) if 0 <= other <= 1])

    def rejected(shots: int, p: float) -> int:
        """The largest count that is too small, or -1."""
        few = int(stats.binom.ppf(alpha / 2, shots, p))
        return few - bool(stats.binom.cdf(few, shots, p) > alpha / 2)

    def found(shots: int) -> bool:
        few, many = rejected(shots, chance), shots - rejected(shots, 1 - chance)
        powers = stats.binom.cdf(few, shots, others) + stats.binom.sf(many - 1, shots, others)
        return bool(powers.min() >= power)

    return _first(found)


def _first(enough: Callable[[int], bool]) -> int:
    """A number of shots that is enough, by doubling and halving: the least one where more is never worse."""
    high = 1
    while not enough(high):
        high = _payable(2 * high)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _entropy(found: float, chance: float) -> float:
    """Relative entropy of two chances, in nats."""
    terms = [(found, chance), (1 - found, 1 - chance)]
    return math.inf if any(p > 0 and q <= 0 for p, q in terms) else sum(p * math.log(p / q) for p, q in terms if p > 0)


def _sensible(distance: float, alpha: float, power: float, name: str = "tv") -> None:
    if not 0 < distance < math.inf:
        raise ValueError(f"{name} is a positive number, not {distance:g}")
    if not (0 < alpha < 1 and 0 < power < 1):
        raise ValueError(f"alpha and power lie between 0 and 1, not {alpha:g} and {power:g}")
