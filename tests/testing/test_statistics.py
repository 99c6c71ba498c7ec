"""Exact tests hold their level, which all possible counts show; and the shots they ask for find what they promise."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from qsanc.testing.statistics import (
    Scored,
    fits,
    law_of,
    mean_fits,
    same_law,
    shots_needed,
    shots_needed_for_mean,
    shots_needed_for_same,
    total_variation,
)

LEVELS = (1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5)
LAWS = [
    [1.0],
    [0.5, 0.5],
    [0.003, 0.997],
    [0.2, 0.3, 0.5],
    [0.0, 0.9, 0.1],
    [0.25] * 4,
    [0.01, 0.02, 0.9, 0.07],
    [0.0, 0.5, 0.0, 0.5],
    [0.1, 0.3, 0.05, 0.25, 0.3],
]


def all_counts(shots: int, outcomes: int) -> Iterator[tuple[int, ...]]:
    if outcomes == 1:
        yield (shots,)
        return
    for first in range(shots + 1):
        for rest in all_counts(shots - first, outcomes - 1):
            yield (first, *rest)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("shots", [1, 2, 7, 11])
def test_no_level_is_exceeded(law: list[float], shots: int) -> None:
    """The chance of a p-value of `level` or less, summed over all counts there can be, is at most `level`."""
    counts = np.array(list(all_counts(shots, len(law))))
    chances = stats.multinomial(shots, law).pmf(counts)
    values = np.array([fits(row, law) for row in counts])
    for level in LEVELS:
        assert chances[values <= level].sum() <= level * (1 + 1e-9)


@pytest.mark.parametrize(("shots", "others"), [(5, 5), (6, 3)])
@pytest.mark.parametrize("law", [[0.5, 0.5], [0.2, 0.3, 0.5], [0.1, 0.9]])
def test_no_level_is_exceeded_between_samples(law: list[float], shots: int, others: int) -> None:
    level = np.zeros(len(LEVELS))
    for one in all_counts(shots, len(law)):
        for other in all_counts(others, len(law)):
            chance = stats.multinomial(shots, law).pmf(one) * stats.multinomial(others, law).pmf(other)
            level += chance * (same_law(one, other) <= np.array(LEVELS))
    assert (level <= np.array(LEVELS) * (1 + 1e-9)).all()


def test_the_level_is_nearly_reached() -> None:
    """Not by being deaf: with many shots the chance of p <= level is close to the level."""
    generator = np.random.default_rng(3)
    law = [0.1, 0.2, 0.3, 0.4]
    values = np.array([fits(row, law) for row in generator.multinomial(5000, law, size=2000)])
    for level in (0.01, 0.05, 0.2, 0.5):
        assert stats.binomtest(int((values <= level).sum()), 2000, level).proportion_ci(0.9999).high >= 0.8 * level


@given(st.integers(1, 400), st.floats(0.001, 0.999), st.data())
def test_two_outcomes_are_the_central_binomial_test(shots: int, chance: float, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, shots))
    sides = [stats.binomtest(hits, shots, chance, alternative=side).pvalue for side in ("less", "greater")]
    assert math.isclose(fits([hits, shots - hits], [chance, 1 - chance]), min(1, 2 * min(sides)), rel_tol=1e-6)


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_two_outcomes_of_two_samples_are_fishers_exact_test(shots: int, others: int, data: st.DataObject) -> None:
    hits, other = data.draw(st.integers(0, shots)), data.draw(st.integers(0, others))
    table = [[hits, shots - hits], [other, others - other]]
    sides = [stats.fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
    expected = min(1, 2 * min(sides))
    assert math.isclose(same_law(table[0], table[1]), expected, rel_tol=1e-6)


def test_three_outcomes_are_two_choices() -> None:
    """By hand: 30 of 100 in the first, and of the other 70, 50 in the second."""
    first = min(1, 2 * stats.binomtest(30, 100, 0.2, alternative="greater").pvalue)
    second = min(1, 2 * stats.binomtest(50, 70, 0.5, alternative="greater").pvalue)
    combined = stats.combine_pvalues([first, second]).pvalue
    assert math.isclose(fits([30, 50, 20], [0.2, 0.4, 0.4]), combined, rel_tol=1e-9)


def test_what_cannot_be_is_seen_at_once() -> None:
    assert fits([999999, 1], [1.0, 0.0]) == 0
    assert fits([50, 50, 1, 0], [0.5, 0.5, 1e-17, 0]) < 1e-12
    assert fits([50, 50, 0, 0], [0.5, 0.5, 0, 0]) > 0.9
    assert fits([0, 0], [0.5, 0.5]) == 1


@pytest.mark.parametrize(
    ("counts", "law", "message"),
    [
        ([1, 2, 3], [0.5, 0.5], "3 counts stand against a law of 2 outcomes"),
        ([1, 2], [0.5, 0.6], "sum to one; these sum to 1.1"),
        ([1, 2], [-0.5, 1.5], "not negative"),
        ([1, 2], [0.5, math.nan], "finite"),
        ([1.5, 2], [0.5, 0.5], "natural numbers"),
        ([-1, 2], [0.5, 0.5], "natural numbers"),
    ],
)
def test_what_are_no_counts_and_no_laws(counts: list[float], law: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fits(counts, law)


def shifted(generator: np.random.Generator, law: np.ndarray, tv: float) -> np.ndarray:
    """Another law, `tv` away in a random direction that there is room for."""
    while True:
        gains = generator.random(len(law)) < 0.5
        if 0 < gains.sum() < len(law) and law[~gains].sum() > tv:
            break
    up = generator.dirichlet(np.ones(len(law))) * gains
    down = np.where(gains, 0, law)
    return law_of(law + tv * up / up.sum() - tv * down / down.sum())


@pytest.mark.parametrize("outcomes", [2, 4, 8, 16])
@pytest.mark.parametrize("spread", [0.3, 1.0, 50.0])
def test_the_shots_needed_are_enough(outcomes: int, spread: float) -> None:
    """Of 60 deviations of total variation 0.05 at least 50 are found: with power 0.95, fewer have chance 3e-4."""
    generator = np.random.default_rng(int(outcomes * spread))
    found = 0
    for _ in range(60):
        law = generator.dirichlet(np.full(outcomes, spread))
        other = shifted(generator, law, 0.05)
        assert math.isclose(total_variation(law, other), 0.05, rel_tol=1e-9)
        shots = shots_needed(law, tv=0.05, alpha=1e-6)
        found += fits(generator.multinomial(shots, other), law) <= 1e-6
    assert found >= 50


@pytest.mark.parametrize("chance", [0.5, 0.9, 0.01, 0.0, 1.0])
@pytest.mark.parametrize("alpha", [1e-3, 1e-6])
def test_the_power_for_two_outcomes_is_computed_exactly(chance: float, alpha: float) -> None:
    """Over all counts, at the two laws that are 0.05 away."""
    law = np.array([chance, 1 - chance])
    shots = shots_needed(law, tv=0.05, alpha=alpha)
    hits = np.arange(shots + 1)
    failing = np.array([fits([k, shots - k], law) <= alpha for k in hits])
    powers = [stats.binom(shots, q).pmf(hits)[failing].sum() for q in (chance - 0.05, chance + 0.05) if 0 <= q <= 1]
    assert min(powers) >= 0.95
    assert chance != 1 or shots == math.ceil(math.log(0.05) / math.log(0.95))


def test_two_samples_are_told_apart() -> None:
    generator = np.random.default_rng(0)
    law = generator.dirichlet(np.ones(4))
    shots = shots_needed_for_same(4, tv=0.1, alpha=1e-6)
    one = generator.multinomial(shots, law)
    assert same_law(one, generator.multinomial(shots, law)) > 1e-6
    missed = sum(same_law(one, generator.multinomial(shots, shifted(generator, law, 0.1))) > 1e-6 for _ in range(40))
    assert missed <= 5


def score(generator: np.random.Generator, law: np.ndarray, scores: np.ndarray, shots: int) -> Scored:
    return Scored(generator.multinomial(shots, law), scores)


def test_means_of_several_settings() -> None:
    """True means stay, and those that are `delta` off are found with the shots that are asked for."""
    generator = np.random.default_rng(1)
    settings = [
        (np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.5, -0.5, 0.5, -1.5])),
        (np.array([0.5, 0.5]), np.array([0.25, -0.25])),
        (np.array([1.0]), np.array([0.7])),
    ]
    for chosen in (settings, settings[:1], settings[1:2], settings[1:]):
        mean = sum(float(law @ scores) for law, scores in chosen)
        ranges = [(scores.min(), scores.max()) for _, scores in chosen]
        shots = shots_needed_for_mean(ranges, delta=0.1, alpha=1e-6)
        drawn = [[score(generator, law, scores, shots) for law, scores in chosen] for _ in range(40)]
        assert all(mean_fits(sample, mean) > 1e-6 for sample in drawn)
        assert sum(mean_fits(sample, mean + 0.1) > 1e-6 for sample in drawn) <= 6
        assert sum(mean_fits(sample, mean - 0.1) > 1e-6 for sample in drawn) <= 6


@pytest.mark.parametrize("shots", [1, 5, 9])
def test_a_mean_holds_its_level_too(shots: int) -> None:
    law, scores = np.array([0.2, 0.3, 0.5]), np.array([-1.0, 0.5, 2.0])
    counts = np.array(list(all_counts(shots, 3)))
    chances = stats.multinomial(shots, law).pmf(counts)
    values = np.array([mean_fits([Scored(row, scores)], float(law @ scores)) for row in counts])
    for level in LEVELS:
        assert chances[values <= level].sum() <= level * (1 + 1e-9)


def test_one_product_of_paulis_is_binomial() -> None:
    sample = Scored(np.array([30, 70]), np.array([1.0, -1.0]))
    assert math.isclose(mean_fits([sample], -0.2), fits([30, 70], [0.4, 0.6]))
    assert mean_fits([sample], 1.2) == 0
    assert mean_fits([Scored(np.array([10]), np.array([1.0]))], 1.0) == 1


def test_what_no_shots_can_find() -> None:
    with pytest.raises(ValueError, match=r"no law on 2 outcomes is 0\.7 away"):
        shots_needed([0.5, 0.5], tv=0.7, alpha=1e-6)
    with pytest.raises(ValueError, match="tv is a positive number, not 0"):
        shots_needed([0.5, 0.5], tv=0, alpha=1e-6)
    with pytest.raises(ValueError, match="alpha and power lie between 0 and 1"):
        shots_needed([0.5, 0.5], tv=0.1, alpha=0)


def test_the_bound_of_several_settings_is_hoeffdings() -> None:
    """2 exp(-2 off^2 / sum of width^2 / shots), by hand."""
    one = Scored(np.array([30, 70]), np.array([1.0, -1.0]))
    other = Scored(np.array([15, 5, 20]), np.array([0.5, 0.0, -1.0]))
    mean = -0.4 + (7.5 - 20) / 40
    expected = 2 * math.exp(-2 * 0.4**2 / (2.0**2 / 100 + 1.5**2 / 40))
    assert math.isclose(mean_fits([one, other], mean + 0.4), expected, rel_tol=1e-9)
    assert math.isclose(mean_fits([one, other], mean - 0.4), expected, rel_tol=1e-9)


def test_the_shots_of_many_outcomes_are_as_the_module_says() -> None:
    """With T half the quantile of Fisher's method and log 2 for each choice."""
    threshold = stats.chi2.isf(1e-6, 6) / 2 + 3 * math.log(2)
    short = math.sqrt(-math.log(0.05) / 2)
    one = (math.sqrt(threshold / 2) + short) / 0.05
    assert shots_needed([0.1, 0.2, 0.3, 0.4], tv=0.05, alpha=1e-6) == math.ceil(one**2)
    two = (math.sqrt(2 * threshold) + math.sqrt(2) * short) / 0.05
    assert shots_needed_for_same(4, tv=0.05, alpha=1e-6) == math.ceil(two**2)


def test_more_shots_than_there_are_are_not_asked_for() -> None:
    for ask in (
        lambda: shots_needed([0.5, 0.5], tv=1e-9, alpha=1e-6),
        lambda: shots_needed([0.2, 0.3, 0.5], tv=1e-9, alpha=1e-6),
        lambda: shots_needed([1.0, 0.0, 0.0], tv=1e-13, alpha=1e-6),
        lambda: shots_needed_for_same(4, tv=1e-9, alpha=1e-6),
        lambda: shots_needed_for_mean([(-1, 1), (0, 1)], delta=1e-9, alpha=1e-6),
    ):
        with pytest.raises(ValueError, match=r"so small a deviation takes .* shots"):
            ask()
    with pytest.raises(ValueError, match="tv is a positive number, not nan"):
        shots_needed([0.5, 0.5], tv=math.nan, alpha=1e-6)
