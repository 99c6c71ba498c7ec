"""Cells to records: words, labels, numbers, and batches of ragged sentences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import LABEL, TOKENS, model_of, numbers, text_records

from qsanc.diagnostics import QsanError
from qsanc.ir.model import Type
from qsanc.ir.program import DataField, Model, SizeValue
from qsanc.train.data import Coding, Part, divide, learn
from qsanc.train.encoding import encode
from qsanc.train.labels import Labels
from qsanc.train.records import Records
from qsanc.train.tables import Table, table_of
from qsanc.train.words import Vocabulary, tokenise

TEXT = model_of(TOKENS, LABEL)


def coded(model: Model, table: Table, **options: bool) -> tuple[Coding, Records]:
    coding = learn(model, Part.whole(table), **options)
    return coding, encode(model, Part.whole(table), coding)


def test_words_are_lower_case_letters_digits_and_apostrophes() -> None:
    assert tokenise("Don't PANIC -- it's 42nd_street, naïve!") == [
        "don't",
        "panic",
        "it's",
        "42nd",
        "street",
        "na",
        "ve",
    ]


def test_word_numbers_are_sorted_and_begin_after_the_unknown_word() -> None:
    coding, records = coded(TEXT, table_of({"text": ["b a", "c", "a b c"], "label": ["1", "0", "1"]}))
    assert coding.vocabulary == Vocabulary(("a", "b", "c"))
    assert coding.sizes == {"vocab": 4, "classes": 2}
    assert records.columns["tokens"].tolist() == [2, 1, 3, 1, 2, 3]
    assert records.lengths["S"].tolist() == [2, 1, 3]
    unseen = encode(TEXT, Part.whole(table_of({"text": ["a z"]})), coding, labelled=False)
    assert unseen.columns["tokens"].tolist() == [1, 0]


def test_the_vocabulary_is_that_of_the_training_part() -> None:
    texts = [f"word{k}" for k in range(20)]
    division = divide(TEXT, table_of({"text": texts, "label": [k % 2 for k in range(20)]}), seed=3)
    coding = learn(TEXT, division.train)
    assert set(coding.vocabulary.words) == {texts[k] for k in division.train.rows}
    test = encode(
        model_of(TOKENS.__class__("tokens", "tokens", TOKENS.type, 0, 30, False), LABEL), division.test, coding
    )
    assert not test.columns["tokens"].any()


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (["no", "yes", "no"], 2, [0, 1, 0]),
        (["-1", "1", "1.0"], 2, [0, 1, 1]),
        (["10", "9", "11"], 3, [1, 0, 2]),
        ([True, False, True], 2, [1, 0, 1]),
        ([2, 0, 2], 3, [2, 0, 2]),
    ],
)
def test_labels_become_classes_in_sorted_order(labels: list, classes: int, expected: list[int]) -> None:
    field = DataField("label", "label", Type("int", ("record",)), 0, classes, False, classes)
    _, records = coded(model_of(TOKENS, field), table_of({"text": ["a"] * 3, "label": labels}))
    assert records.columns["label"].tolist() == expected


def test_the_number_of_classes_comes_from_the_data_where_the_model_leaves_it_open() -> None:
    field = DataField("label", "label", Type("int", ("record",)), 0, 2, False, 2)
    model = Model(
        "m", (), (TOKENS, field), model_of(TOKENS).dims, (SizeValue("classes", 2, "placeholder"),), TEXT.recipe
    )
    coding = learn(model, Part.whole(table_of({"text": ["a"] * 3, "label": ["x", "y", "z"]})))
    assert coding.sizes["classes"] == 3
    assert coding.labels == Labels(("x", "y", "z"), False)


def test_numbers_come_from_numbered_columns_or_from_lists() -> None:
    model = model_of(
        numbers("x", 2), numbers("m", 2, 1), numbers("t"), DataField("label", "label", Type("real", ("record",)))
    )
    columns = {
        "x_0": ["1", "3"],
        "x_1": ["2", "4"],
        "m": [[[5], [6]], [[7], [8]]],
        "t": [0.5, "1e-1"],
        "label": [1, "2.5"],
    }
    _, records = coded(model, table_of(columns))
    assert records.columns["x"].tolist() == [[1, 2], [3, 4]]
    assert records.columns["m"].tolist() == [[[5], [6]], [[7], [8]]]
    assert records.columns["t"].tolist() == [0.5, 0.1]
    assert records.columns["label"].tolist() == [1.0, 2.5]


def test_columns_can_be_chosen_and_several_texts_have_their_own() -> None:
    second = DataField("other", "tokens", Type("int", ("record", "T")), 0, 9, False)
    model = Model(
        "m", (), (TOKENS, second, LABEL), (*model_of(TOKENS).dims, TEXT.dims[0].__class__("T", 1, 5)), (), TEXT.recipe
    )
    table = table_of({"tokens": ["a b", "a"], "o": ["c", "a c"], "label": [0, 1]})
    coding = learn(model, Part.whole(table), columns={"other": "o"})
    records = encode(model, Part.whole(table), coding)
    assert coding.vocabulary.words == ("a", "b", "c")
    assert records.columns["other"].tolist() == [3, 1, 3]
    assert records.lengths["T"].tolist() == [1, 2]


def test_long_sentences_are_cut_only_if_asked() -> None:
    table = table_of({"text": ["a b c d e f g", "a"], "label": [0, 1]})
    _, records = coded(TEXT, table, truncate=True)
    assert records.lengths["S"].tolist() == [5, 1]


@given(st.integers(1, 12), st.data())
def test_batches_hold_the_same_sentences(count: int, data: st.DataObject) -> None:
    records = text_records(count, seed=count)

    def sentences(some: Records) -> list[tuple[list[int], int]]:
        bounds = some.offsets["S"]
        tokens, labels = some.columns["tokens"], some.columns["label"]
        return [(tokens[bounds[k] : bounds[k + 1]].tolist(), int(labels[k])) for k in range(some.count)]

    known = sentences(records)
    order = data.draw(st.lists(st.integers(0, count - 1), min_size=1))
    taken = records.take(np.array(order))
    assert sentences(taken) == [known[k] for k in order]
    start = data.draw(st.integers(0, len(order) - 1))
    stop = data.draw(st.integers(start, len(order) + 3))
    assert sentences(taken.slice(start, stop)) == sentences(taken)[start:stop]


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        ([0.0, 1, 0], ("0", "1")),
        ([1, 0, 0.0], ("0", "1")),
        (["0.0", "1", "-0"], ("0", "1")),
        ([0.5, "0.50", 1e300], ("0.5", "1e+300")),
        ([True, False, True], ("false", "true")),
        (["a", 1.0, "1"], ("1", "a")),
    ],
)
def test_a_number_is_one_label_however_it_is_spelled(cells: list, names: tuple[str, ...]) -> None:
    for order in (cells, cells[::-1]):
        part = Part.whole(table_of({"text": ["a"] * 3, "label": order}))
        coding = learn(TEXT, part)
        assert coding.labels is not None
        assert coding.labels.names == names
        assert encode(TEXT, part, coding).columns["label"].tolist() == [coding.labels.find(cell) for cell in order]


def test_each_column_of_an_array_may_be_named_by_hand() -> None:
    model = model_of(numbers("x", 2), LABEL)
    part = Part.whole(table_of({"a": [1, 2], "b": [3, 4], "label": [0, 1]}))
    coding = learn(model, part, columns={"x_0": "b", "x_1": "a"})
    assert encode(model, part, coding).columns["x"].tolist() == [[3, 1], [4, 2]]
    with pytest.raises(QsanError) as caught:
        learn(model, part)
    assert "--column x_0=NAME --column x_1=NAME, or" in caught.value.diagnostics[0].help
    with pytest.raises(QsanError, match="QS920"):
        learn(model, part, columns={"x_0": "b", "x_1": "a", "x_2": "a"})
