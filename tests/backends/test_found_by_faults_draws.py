"""Entries with equal keys are one sample, whatever rounding made of their probabilities."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qsanc.target import Context
from qsanc.target.draws import Draws, draw_counts

ENTRIES = st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.floats(0.05, 0.95)), min_size=1, max_size=8)


@given(ENTRIES, st.integers(0, 100))
def test_equal_keys_share_the_sample_of_the_first(entries: list[tuple[bytes, float]], seed: int) -> None:
    """An entry is drawn as the first one of its key is drawn alone."""
    context = Context(seed=seed)
    chances = np.array([[p, 1 - p] for _, p in entries])
    counts = draw_counts(Draws(context), [key for key, _ in entries], chances, 1000)
    first = {key: place for place, (key, _) in reversed(list(enumerate(entries)))}
    for (key, _), found in zip(entries, counts, strict=True):
        assert found.tolist() == Draws(context).counts(key, chances[first[key]], 1000).tolist()
