"""Sentences: word numbers or texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from hypothesis import strategies as st


@overload
def sentences(*, vocab: int, min_length: int = ..., max_length: int = ...) -> st.SearchStrategy[list[int]]: ...


@overload
def sentences(*, vocab: Sequence[str], min_length: int = ..., max_length: int = ...) -> st.SearchStrategy[str]: ...


def sentences(
    *, vocab: int | Sequence[str], min_length: int = 1, max_length: int = 6
) -> st.SearchStrategy[list[int]] | st.SearchStrategy[str]:
    """Sentences of `min_length` to `max_length` words. `vocab` is what `qsanc.load` takes under this name.

    A number: lists of word numbers, int[word] in 0..vocab. A list of words: texts of these words with spaces between.
    Shrinks to fewer words, and to the first ones. Raises ValueError for an empty vocabulary or range of lengths.

    >>> @given(sentences(vocab=5), sentences(vocab=["patient", "chef", "bakes"]))
    ... def test_reader(numbers, text): ...
    """
    if not 0 <= min_length <= max_length:
        raise ValueError(f"no sentence has {min_length} to {max_length} words")
    if (vocab if isinstance(vocab, int) else len(vocab)) < 1:
        raise ValueError("the vocabulary is empty")
    if isinstance(vocab, int):
        return st.lists(st.integers(0, vocab - 1), min_size=min_length, max_size=max_length)
    return st.lists(st.sampled_from(vocab), min_size=min_length, max_size=max_length).map(" ".join)
