"""Records that fit a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from qsanc.api import Model
from qsanc.ir.program import DataField
from qsanc.ir.program import Model as ProgramModel

_WORDS = ("cook", "food", "code", "runs", "sweet", "new")
_WITHOUT_RANGE = 4
_MOST_WITHOUT_RANGE = 8
_MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class Dataset:
    """Records as `Model.fit` and `Model.predict` take them: `columns` by field, and `labels` where the model has one.

    A token field is a column of lists of word numbers, or of texts where the vocabulary comes from data; an array is a
    column of nested lists of its declared shape. `model.fit(data.columns, data.labels)`.
    """

    columns: dict[str, list[Any]]
    labels: list[int] | list[float] | None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), self.labels or []))


def datasets(
    model: Model | ProgramModel,
    *,
    min_records: int = 3,
    max_records: int = 8,
    max_words: int = _MOST_WORDS,
    words: Sequence[str] = _WORDS,
) -> st.SearchStrategy[Dataset]:
    """Data sets of `min_records` to `max_records` legal records of a model, compiled or as its program describes it.

    Word numbers, numbers and labels lie in the ranges of the `data` block, numbers without one in -4..=4. Sentences
    have at most `max_words` words, or the fewest that their dim allows, and are texts of `words` where the vocabulary
    waits for data; fields of one dim have the same length. Two records or more have two classes at least; with three,
    `fit` can hold one back for validation. Shrinks to fewer records, shorter sentences, zeros and class 0.

    Raises ValueError for a model without data, and for an empty range of sizes.

    >>> model = qsanc.load("models/vqc.qsan")
    >>> @given(datasets(model))
    ... def test_training(data): model.fit(data.columns, data.labels, epochs=1)
    """
    program = model._model if isinstance(model, Model) else model
    if not program.fields:
        raise ValueError(f"the model `{program.name}` has no data block")
    if not 1 <= min_records <= max_records or max_words < 1 or not words:
        raise ValueError(f"no data set has {min_records} to {max_records} records of 1 to {max_words} words")
    waiting = {size.name for size in program.sizes if size.origin == "placeholder"}
    parts: list[st.SearchStrategy[dict[str, Any]]] = []
    for dim in program.dims:
        fields = [field for field in program.fields if field.role == "tokens" and field.type.rows[1] == dim.name]
        low = max(dim.low, 1)
        high = max(low, max_words if dim.high is None else min(max_words, dim.high))
        if fields:
            texts = [field.name for field in fields if field.sized_by in waiting]
            parts.append(_sentences(fields, texts, words, low, high))
    plain = [field for field in program.fields if field.role != "tokens"]
    parts.append(st.fixed_dictionaries({field.name: _cell(field) for field in plain}))
    record = st.tuples(*parts).map(lambda found: {name: cell for part in found for name, cell in part.items()})
    records = st.lists(record, min_size=min_records, max_size=max_records)
    return records.map(lambda drawn: _dataset(program, drawn))


def _sentences(
    fields: list[DataField], texts: list[str], words: Sequence[str], low: int, high: int
) -> st.SearchStrategy[dict[str, Any]]:
    """One cell for each token field of a dim. A place of the sentence is drawn as one word of each field."""
    place = st.tuples(*(st.sampled_from(words) if f.name in texts else _integers(f) for f in fields))

    def cells(places: list[tuple[Any, ...]]) -> dict[str, Any]:
        columns = zip(fields, zip(*places, strict=True), strict=True)
        return {field.name: " ".join(cell) if field.name in texts else list(cell) for field, cell in columns}

    return st.lists(place, min_size=low, max_size=high).map(cells)


def _cell(field: DataField) -> st.SearchStrategy[Any]:
    if field.classes is not None:
        return st.integers(0, field.classes - 1)
    one: st.SearchStrategy[Any] = _integers(field) if field.type.kind == "int" else _reals(field)
    for extent in reversed(field.type.static):
        one = st.lists(one, min_size=extent, max_size=extent)
    return one


def _integers(field: DataField) -> st.SearchStrategy[int]:
    low = 0 if field.low is None else math.ceil(field.low)
    if field.high is None:
        return st.integers(low, low + _MOST_WITHOUT_RANGE)
    return st.integers(low, math.floor(field.high) if field.closed else math.ceil(field.high) - 1)


def _reals(field: DataField) -> st.SearchStrategy[float]:
    low = -_WITHOUT_RANGE if field.low is None else field.low
    high = low + 2 * _WITHOUT_RANGE if field.high is None else field.high
    if not field.closed:
        high = math.nextafter(high, -math.inf)
    return st.floats(low, high, allow_subnormal=False)


def _dataset(program: ProgramModel, records: list[dict[str, Any]]) -> Dataset:
    columns: dict[str, list[Any]] = {name: [record[name] for record in records] for name in records[0]}
    for field in program.fields:
        if field.role == "label":
            labels = columns.pop(field.name)
            if field.classes is not None and field.classes > 1 and len(set(labels)) == 1 < len(labels):
                labels[-1] = (labels[-1] + 1) % field.classes
            return Dataset(columns, labels)
    return Dataset(columns, None)
