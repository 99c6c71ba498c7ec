"""Settings and readings, and draws that can be repeated anywhere."""

from __future__ import annotations

import numpy as np
from test_conformance import TWO_SEGMENTS

from qsanc.ir.circuit import Pauli
from qsanc.target import Context
from qsanc.target.draws import Draws, numbered
from qsanc.target.sampling import Setting, mean_score, readings


def test_products_that_agree_share_a_setting() -> None:
    """On `query`, Z0 and the probability fit together; X0 Y1, X1 with Z0, and Y0 X1 are other bases."""
    found = readings(TWO_SEGMENTS)
    bases = [(s.segment, " ".join(f"{letter}{wire}" for wire, letter in s.basis.factors)) for s in found.settings]
    assert bases == [(1, "X0 Y1"), (1, "Z0 Z1"), (1, "Y0 X1"), (0, "X0 X1"), (0, "Z0 Z1")]
    assert found.needed([0]) == (1,)
    assert found.needed([5]) == (1, 2)
    assert found.needed([6, 7]) == ()


def test_mean_and_variance_of_scores() -> None:
    """Three of four shots read +1: mean 1/2, sample variance 1, and a quarter of it for the mean."""
    mean, variance = mean_score(np.array([3.0, 1.0]), np.array([1.0, -1.0]), 4)
    assert (float(mean), float(variance)) == (0.5, 0.25)


def test_draws_depend_on_context_and_key_alone() -> None:
    """Fixed numbers: whoever changes the generator changes every recorded run."""
    draws = Draws(Context(seed=1, step=2, purpose="forward"))
    uniform = np.full(4, 0.25)
    first = draws.counts(b"circuit", uniform, 100).tolist()
    assert draws.counts(b"another", uniform, 100).tolist() != first
    assert draws.counts(b"circuit", uniform, 100).tolist() == first == [22, 26, 21, 31]


def test_a_tiny_negative_probability_is_none() -> None:
    counts = Draws(Context()).counts(b"", np.array([1.0, -1e-17]), 10)
    assert counts.tolist() == [10, 0]


def test_copies_are_numbered_among_equals() -> None:
    assert len(set(numbered([b"a", b"b", b"a"]))) == 3
    assert numbered([b"a", b"b", b"a"])[0] == numbered([b"a"])[0]


def test_outcomes_of_a_setting() -> None:
    assert Setting(0, Pauli(((0, "Z"), (2, "X")))).outcomes == 4
