"""The table of built-ins, and the search for the nearest name."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsanc.check.builtins import BUILTINS, CHECK_SETTINGS, TRAIN_SETTINGS, builtin, elsewhere, vocabulary
from qsanc.check.channels import CHANNELS
from qsanc.check.nearest import distance, nearest
from qsanc.check.sorts import Context, Sort

WORDS = st.text("abcA", max_size=5)


def test_a_name_means_one_thing_in_one_place() -> None:
    places = Counter((row.name, context) for row in BUILTINS for context in row.contexts)
    assert [place for place, count in places.items() if count > 1] == []


@pytest.mark.parametrize("row", BUILTINS, ids=lambda row: row.name)
def test_rows_read_well(row) -> None:  # type: ignore[no-untyped-def]
    assert row.doc.endswith(".")
    names = [formal.name for formal in row.formals or ()]
    assert len(names) == len(set(names))
    kinds = [(formal.named_only, not formal.required) for formal in row.formals or ()]
    assert kinds == sorted(kinds), "what has a place comes first, what may be left out last"
    for context in row.contexts:
        assert builtin(row.name, context) is row
        assert row.name in vocabulary(context)
        assert context in elsewhere(row.name)


def test_channels_and_their_calls_agree() -> None:
    rows = {row.name: row for row in BUILTINS if row.gives is Sort.CHANNEL}
    assert rows.keys() == CHANNELS.keys()
    for name, channel in CHANNELS.items():
        if channel.largest:
            assert [formal.name for formal in rows[name].formals or ()] == [bound for bound, _ in channel.largest]


def test_settings_have_words_where_they_want_words() -> None:
    for formal, _ in (*TRAIN_SETTINGS.values(), *CHECK_SETTINGS.values()):
        if formal.takes is Sort.WORD:
            assert formal.context is not None
            assert any(formal.context in row.contexts for row in BUILTINS)


def test_numbers_are_known_everywhere() -> None:
    for context in Context:
        assert builtin("cos", context) is builtin("cos", Context.NUMBER)


def edits(a: str, b: str) -> int:
    """The distance by its definition: the cheapest way to spend the last letters."""
    if not a or not b:
        return len(a) + len(b)
    ways = [edits(a[:-1], b) + 1, edits(a, b[:-1]) + 1, edits(a[:-1], b[:-1]) + (a[-1] != b[-1])]
    if a[-2:] == b[-2:][::-1] and len(a) > 1 and len(b) > 1:
        ways.append(edits(a[:-2], b[:-2]) + 1)
    return min(ways)


@given(WORDS, WORDS)
def test_distance_is_the_least_number_of_edits(a: str, b: str) -> None:
    assert distance(a, b) == edits(a, b) == distance(b, a)


@given(WORDS, st.lists(WORDS, max_size=5))
def test_the_nearest_name_is_near_and_another(name: str, known: list[str]) -> None:
    found = nearest(name, known)
    if found is not None:
        assert found in known
        assert found != name
        assert distance(name.lower(), found.lower()) <= max(len(name) // 3, 1)


def test_nearest_by_example() -> None:
    assert nearest("entangelr", ["depth", "entangler"]) == "entangler"
    assert nearest("H", ["x", "h"]) == "h"
    assert nearest("n", ["d", "m"]) is None
    assert nearest("tokens", ["emb"]) is None
