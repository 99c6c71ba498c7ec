"""Cells to numbers: the records of a part, or a diagnostic for every cell that cannot be one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from qsanc.ir.program import DataField, DimBounds, Model
from qsanc.target import Floats, Ints
from qsanc.train import errors
from qsanc.train.data import Coding, Part, columns_of
from qsanc.train.labels import number
from qsanc.train.records import Records
from qsanc.train.tables import Cell, Findings, Table


def encode(model: Model, part: Part, coding: Coding, *, labelled: bool = True) -> Records:
    """The records of a part. Without `labelled` the label column is neither needed nor read.

    Raises QsanError with a diagnostic for each cell that is missing, is no number, lies outside its declared range,
    is an unseen label, holds no word, or is a sentence that the dim has no room for.
    """
    table, findings = part.table, Findings(part.table)
    fields = [field for field in model.fields if labelled or field.role != "label"]
    names = columns_of(fields, table, dict(coding.columns), findings, labelled=labelled)
    findings.raise_any()
    rows = part.rows.tolist()
    bounds = {dim.name: dim for dim in model.dims}
    columns: dict[str, Ints | Floats] = {}
    dims: dict[str, str] = {}
    lengths: dict[str, Ints] = {}
    for field in fields:
        if field.role == "tokens":
            dim = field.type.rows[1]
            ids = _sentences(field, bounds[dim], table, names[field.name][0], rows, coding, findings)
            length = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
            for row, here, there in zip(rows, length, lengths.get(dim, length), strict=True):
                if here != there:
                    title = f"`{field.name}` has {here} words, another field of the same dim {dim} has {there}"
                    findings.add("QS919", title, row, names[field.name][0])
            lengths[dim], dims[field.name] = length, dim
            columns[field.name] = np.fromiter((i for sentence in ids for i in sentence), dtype=np.int64)
        elif field.role == "label" and field.classes is not None:
            columns[field.name] = _classes(field, table, names[field.name][0], rows, coding, findings)
        else:
            columns[field.name] = _numbers(field, table, names[field.name], rows, findings)
    findings.raise_any()
    return Records.of(len(rows), columns, dims, lengths)


def _sentences(
    field: DataField,
    dim: DimBounds,
    table: Table,
    column: str,
    rows: Sequence[int],
    coding: Coding,
    findings: Findings,
) -> list[Sequence[int]]:
    cells = table.columns[column]
    vocabulary = coding.vocabulary
    high = math.inf if field.high is None else field.high + (1 if field.closed else 0)
    if vocabulary is not None and vocabulary.size > high:
        findings.append(errors.vocabulary_size(vocabulary.size, int(high), field.name))
        findings.raise_any()
    sentences: list[Sequence[int]] = []
    for row in rows:
        cell = cells[row]
        ids: Sequence[int] = ()
        if cell is None:
            findings.add("QS914", f"the text in column `{column}` is missing", row, column)
        elif isinstance(cell, tuple):
            ids = _word_numbers(cell, field.low or 0, high, row, column, findings)
        elif not isinstance(cell, str):
            title = f"{errors.shown(cell)} in column `{column}` is no text"
            findings.add("QS909", title, row, column, expected="a text, or a list of word numbers")
        elif vocabulary is None:
            findings.append(errors.no_vocabulary(field.name, findings.place(row, column)))
        else:
            ids = vocabulary.numbers(cell)
            if not ids and dim.low > 0:
                findings.add("QS910", "no word in this text", row, column, help="a word is made of a-z, 0-9 and '")
        if len(ids) > 0:
            ids = _fitted(ids, dim, row, column, coding.truncate, findings)
        sentences.append(ids)
    return sentences


def _fitted(
    ids: Sequence[int], dim: DimBounds, row: int, column: str, truncate: bool, findings: Findings
) -> Sequence[int]:
    if dim.high is not None and len(ids) > dim.high:
        if truncate:
            return ids[: dim.high]
        title = f"a sentence of {len(ids)} words"
        expected = f"at most {dim.high}: {dim.name} in {dim.low}..={dim.high}"
        findings.add("QS911", title, row, column, expected=expected, help="--truncate cuts long sentences")
    elif len(ids) < dim.low:
        bounds = f"{dim.low}..={dim.high}" if dim.high is not None else f"{dim.low}.."
        words = "word" if len(ids) == 1 else "words"
        title = f"a sentence of {len(ids)} {words}"
        findings.add("QS911", title, row, column, expected=f"at least {dim.low}: {dim.name} in {bounds}")
    return ids


def _word_numbers(
    cell: tuple[Cell, ...], low: float, high: float, row: int, column: str, findings: Findings
) -> Sequence[int]:
    ids: list[int] = []
    for value in cell:
        if isinstance(value, bool) or not isinstance(value, int):
            findings.add("QS917", f"{errors.shown(value)} is no word number", row, column, expected="whole numbers")
            return ()
        if not low <= value < high:
            expected = f"numbers in {int(low)}..{high:.0f}" if high < math.inf else f"numbers from {int(low)}"
            findings.add("QS917", f"the word number {value} is outside the vocabulary", row, column, expected=expected)
            return ()
        ids.append(value)
    if not ids:
        findings.add("QS910", "this list has no word number", row, column)
    return ids


def _classes(
    field: DataField, table: Table, column: str, rows: Sequence[int], coding: Coding, findings: Findings
) -> Ints:
    known = coding.labels
    if known is None:
        raise errors.fail(errors.data_mismatch(field.name, needs=True))
    if field.classes is not None and len(known.names) != field.classes:
        findings.append(errors.label_count("the training data", known.names, field.classes, None, ""))
        findings.raise_any()
    cells = table.columns[column]
    found = np.zeros(len(rows), dtype=np.int64)
    for place, row in enumerate(rows):
        class_ = known.find(cells[row])
        if class_ is not None:
            found[place] = class_
        elif cells[row] is None or cells[row] == "":
            findings.add("QS914", f"the label in column `{column}` is missing", row, column)
        else:
            expected = f"one of {errors.listed(known.names)}"
            title = f"the label {errors.shown(cells[row])} does not occur in the training data"
            findings.add("QS915", title, row, column, expected=expected)
    return found


def _numbers(
    field: DataField, table: Table, columns: tuple[str, ...], rows: Sequence[int], findings: Findings
) -> Ints | Floats:
    axes = field.type.static
    size = math.prod(axes)
    accepts = _range(field)
    values = np.zeros((len(rows), size))
    whole = field.type.kind == "int"
    for place, row in enumerate(rows):
        cells = [table.columns[column][row] for column in columns]
        if len(columns) == 1 and isinstance(cells[0], tuple):
            cells = _flattened(cells[0])
        if len(cells) != size:
            title = f"{len(cells)} number{'s' if len(cells) != 1 else ''} for `{field.name}`"
            findings.add("QS912", title, row, columns[0], expected=f"{size}: {field.type.kind}{list(axes)}")
            continue
        for index, cell in enumerate(cells):
            column = columns[index] if len(columns) == size else columns[0]
            value = number(cell)
            if cell is None or cell == "":
                findings.add("QS914", f"the number in column `{column}` is missing", row, column)
            elif value is None or (whole and not value.is_integer()):
                kind = "whole number" if whole and value is not None and math.isfinite(value) else "number"
                findings.add("QS912", f"{errors.shown(cell)} is no {kind}", row, column)
            elif not math.isfinite(value):
                findings.add("QS912", f"{errors.shown(cell)} is not a finite number", row, column)
            elif not accepts(value):
                title = f"{errors.shown(cell)} is outside the range of `{field.name}`"
                findings.add("QS913", title, row, column, expected=_bounds(field))
            else:
                values[place, index] = value
    shaped = values.reshape(len(rows), *axes)
    return shaped.astype(np.int64) if whole else shaped


def _flattened(cells: tuple[Cell, ...]) -> list[Cell]:
    flat: list[Cell] = []
    for cell in cells:
        flat.extend(_flattened(cell) if isinstance(cell, tuple) else [cell])
    return flat


def _range(field: DataField) -> Callable[[float], bool]:
    low = -math.inf if field.low is None else field.low
    high = math.inf if field.high is None else field.high
    if field.closed or field.high is None:
        return lambda value: low <= value <= high
    return lambda value: low <= value < high


def _bounds(field: DataField) -> str:
    if field.low is None or field.high is None:
        return f"at least {field.low:g}" if field.low is not None else f"at most {field.high:g}"
    return f"a number in {field.low:g}..{'=' if field.closed else ''}{field.high:g}"
