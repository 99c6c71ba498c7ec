"""What a data file says does not depend on how it is written: format, quotes, line ends, order of rows and columns."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import LABEL, TOKENS, model_of, numbers

from qsanc.train.data import Part, learn
from qsanc.train.encoding import encode
from qsanc.train.records import Records
from qsanc.train.tables import Findings, Table, read_table, table_of

Rows = list[tuple[str, str]]

PLAIN = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\t\n\r"), max_size=6)
"""What a cell of every format can hold: separators of Unicode, quotes, commas and controls among them."""
ANY = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0") | st.sampled_from('",\r\n'), max_size=6
)
NEWLINES = st.sampled_from(["\n", "\r\n"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def read(folder: Path, name: str, text: str) -> Table:
    content = text.encode("utf-8")
    (folder / name).write_bytes(content)
    table = read_table(folder / name)
    assert table.digest == sha256(content).hexdigest()
    return table


def as_tsv(rows: Rows, newline: str) -> str:
    return "".join("\t".join(row) + newline for row in [("a", "b"), *rows])


def as_csv(rows: Rows, newline: str, quoting: int) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator=newline).writerows([("a", "b"), *rows])
    return text.getvalue()


def as_jsonl(rows: Rows, newline: str, *, ascii_only: bool) -> str:
    return "".join(json.dumps({"a": a, "b": b}, ensure_ascii=ascii_only) + newline for a, b in rows)


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=4),
    newline=NEWLINES,
    mark=st.sampled_from(["", "\ufeff"]),
    ascii_only=st.booleans(),
)
def test_all_formats_say_the_same(folder: Path, rows: Rows, newline: str, mark: str, ascii_only: bool) -> None:
    expected = {"a": [a for a, _ in rows], "b": [b for _, b in rows]}
    tables = [
        read(folder, "d.tsv", mark + as_tsv(rows, newline)),
        read(folder, "d.csv", mark + as_csv(rows, newline, csv.QUOTE_ALL)),
        read(folder, "d.jsonl", mark + as_jsonl(rows, newline, ascii_only=ascii_only)),
    ]
    assert [dict(table.columns) for table in tables] == [expected] * 3
    for k, row in enumerate(rows):
        cells = [Findings(tables[0]).place(k, column) for column in "ab"]
        assert tuple(span.text for span in cells if span is not None) == row


@settings(max_examples=60)
@given(rows=st.lists(st.tuples(ANY, ANY), min_size=1, max_size=4), newline=NEWLINES)
def test_quotes_stand_only_where_they_must(folder: Path, rows: Rows, newline: str) -> None:
    """As the csv module writes it with as few quotes as it can, without its last line end too."""
    text = as_csv(rows, newline, csv.QUOTE_MINIMAL)
    for written in (text, text.removesuffix(newline)):
        found = read(folder, "d.csv", written)
        assert list(zip(found.columns["a"], found.columns["b"], strict=True)) == rows


MODEL = model_of(replace(TOKENS, high=99), numbers("x"), LABEL)
TEXTS = st.lists(st.sampled_from(["tea", "rice", "it's", "Ada", "42"]), min_size=1, max_size=5).map(" ".join)
ROWS = st.lists(st.tuples(TEXTS, st.floats(-9, 9), st.booleans()), min_size=2, max_size=6).map(
    lambda rows: [(text, x, "yes" if k == 1 or (k > 1 and up) else "no") for k, (text, x, up) in enumerate(rows)]
)
"""Both labels occur."""


def sentences(records: Records) -> list[tuple[list[int], float, int]]:
    bounds = records.offsets["S"]
    return [
        (records.columns["tokens"][bounds[k] : bounds[k + 1]].tolist(), float(x), int(label))
        for k, (x, label) in enumerate(zip(records.columns["x"], records.columns["label"], strict=True))
    ]


def columns_of(rows: list[tuple[str, float, str]]) -> dict[str, list[object]]:
    return dict(zip(("text", "x", "label"), map(list, zip(*rows, strict=True)), strict=True))


@given(rows=ROWS, data=st.data())
def test_the_order_of_rows_moves_records_and_teaches_the_same(
    rows: list[tuple[str, float, str]], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(rows))))
    one, other = table_of(columns_of(rows)), table_of(columns_of([rows[k] for k in order]))
    coding = learn(MODEL, Part.whole(one))
    assert learn(MODEL, Part.whole(other)) == coding
    records = sentences(encode(MODEL, Part.whole(one), coding))
    assert sentences(encode(MODEL, Part.whole(other), coding)) == [records[k] for k in order]
    chosen = Part(one, np.array(order[:2], np.int64))
    assert sentences(encode(MODEL, chosen, coding)) == [records[k] for k in order[:2]]


@given(rows=ROWS, data=st.data())
def test_columns_come_in_any_order_and_among_others(rows: list[tuple[str, float, str]], data: st.DataObject) -> None:
    columns = columns_of(rows)
    others = {"note": ["!"] * len(rows), "y": [None] * len(rows), "labels": [0] * len(rows)}
    some = {name: others[name] for name in data.draw(st.sets(st.sampled_from(sorted(others))))}
    order = data.draw(st.permutations([*columns, *some]))
    one, other = table_of(columns), table_of({name: {**columns, **some}[name] for name in order})
    coding = learn(MODEL, Part.whole(one))
    assert learn(MODEL, Part.whole(other)) == coding
    assert sentences(encode(MODEL, Part.whole(other), coding)) == sentences(encode(MODEL, Part.whole(one), coding))
    expected = [(text.lower().split(), x) for text, x, _ in rows]
    words = coding.vocabulary.words if coding.vocabulary is not None else ()
    found = sentences(encode(MODEL, Part.whole(one), coding))
    assert [([words[k - 1] for k in tokens], x) for tokens, x, _ in found] == expected
