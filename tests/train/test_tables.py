"""Files to cells: what is written comes back, in each format."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsanc.diagnostics import QsanError
from qsanc.train.tables import Findings, Table, read_table, table_of

CELL = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from(',"\n\r '), max_size=6)


def table(tmp: Path, name: str, content: str) -> Table:
    (tmp / name).write_bytes(content.encode("utf-8"))
    return read_table(tmp / name)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_csv_as_the_csv_module_writes_it(tmp_path_factory: pytest.TempPathFactory, rows: list, newline: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=newline)
    writer.writerow(["a", "b"])
    writer.writerows(rows)
    found = table(tmp_path_factory.getbasetemp(), "d.csv", text.getvalue())
    assert list(zip(found.columns["a"], found.columns["b"], strict=True)) == rows


@given(
    st.lists(st.tuples(CELL, st.integers() | st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=5)
)
def test_jsonl_as_the_json_module_writes_it(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    text = "".join(json.dumps({"a": a, "b": b}) + "\n" for a, b in rows)
    found = table(tmp_path_factory.getbasetemp(), "d.jsonl", text)
    assert list(zip(found.columns["a"], found.columns["b"], strict=True)) == rows


def test_tsv_has_no_quoting_and_ends_lines_with_line_feeds_only(tmp_path: Path) -> None:
    found = table(tmp_path, "d.tsv", '\ufefftext\tlabel\r\na "b\tx\r\nc\u2028d\x0be,\ty\n\n')
    assert found.columns == {"text": ['a "b', "c\u2028d\x0be,"], "label": ["x", "y"]}


def test_every_cell_is_found_again_at_its_place(tmp_path: Path) -> None:
    content = 'a,b\n1,"two\nlines"\n"3",4\n'
    findings = Findings(table(tmp_path, "d.csv", content))
    assert str(findings.place(0, "b")).endswith("d.csv:2:3")
    assert findings.place(0, "b").text == '"two\nlines"'
    assert str(findings.place(1, "b")).endswith("d.csv:4:5")
    assert findings.place(1).text == '"3",4'


def test_data_from_memory_takes_numpy_and_has_no_place() -> None:
    found = table_of({"x": np.array([[1, 2], [3, 4]]), "label": np.array([0.5, 1.5])})
    assert found.columns == {"x": [(1, 2), (3, 4)], "label": [0.5, 1.5]}
    assert Findings(found).place(0, "x") is None


@given(st.binary(max_size=60), st.sampled_from(["tsv", "csv", "jsonl"]))
def test_any_bytes_give_a_table_or_diagnostics(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"d.{kind}"
    path.write_bytes(content)
    with suppress(QsanError):
        found = read_table(path)
        assert found.rows > 0
        assert all(len(column) == found.rows for column in found.columns.values())
