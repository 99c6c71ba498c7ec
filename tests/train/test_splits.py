"""Parts of the data: disjoint, complete, of the sizes asked for, with every class in its share, by seed alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from toys import LABEL, TOKENS, model_of

from qsanc.train.data import divide
from qsanc.train.splits import TEST, VALID, cut
from qsanc.train.tables import table_of


@given(st.lists(st.integers(0, 3), min_size=3, max_size=300), st.integers(0, 10))
def test_three_parts(classes: list[int], seed: int) -> None:
    parts = cut(classes, (VALID, TEST), seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(classes)))
    assert [len(part) for part in parts[1:]] == [max(1, round(share * len(classes))) for share in (VALID, TEST)]
    for part in parts:
        for k in set(classes):
            share = len(part) / len(classes) * classes.count(k)
            assert abs(sum(classes[i] == k for i in part) - share) <= 1 + len(set(classes)) / 2


def test_the_seed_alone_decides() -> None:
    classes = [0, 1] * 50
    first, again, other = (cut(classes, (VALID, TEST), seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_a_thousand_records_in_halves_split_exactly() -> None:
    parts = cut([0, 1] * 500, (VALID, TEST), 7)
    assert [len(part) for part in parts] == [640, 160, 200]
    assert [int(np.sum(part % 2)) for part in parts] == [320, 80, 100]


def test_parts_given_as_files_are_not_drawn() -> None:
    model = model_of(TOKENS, LABEL)
    table = table_of({"text": ["a"] * 100, "label": [0, 1] * 50})
    held = table_of({"text": ["b"] * 10, "label": [0, 1] * 5})
    sizes = {
        "none": (64, 16, 20),
        "test": (80, 20, 10),
        "valid": (80, 10, 20),
        "both": (100, 10, 10),
    }
    for given_parts, expected in sizes.items():
        division = divide(
            model,
            table,
            valid=held if given_parts in ("valid", "both") else None,
            test=held if given_parts in ("test", "both") else None,
        )
        assert (len(division.train.rows), len(division.valid.rows), len(division.test.rows)) == expected
    alone = divide(model, table, valid_share=0, test_share=0)
    assert (len(alone.train.rows), alone.valid, alone.test) == (100, None, None)
