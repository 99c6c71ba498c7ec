"""Data files as columns of cells, each with its place: TSV, CSV (RFC 4180) and JSONL, in UTF-8.

TSV and CSV begin with a header line of column names; the keys of all objects are the columns of a JSONL file. TSV has
no quoting and its lines end with "\\n" only, so a cell may hold anything but tabs. Empty lines at the end are no rows.
What a cell means is not known here (see `data`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from qsanc.diagnostics import Diagnostic, Note, QsanError
from qsanc.source import Source, Span
from qsanc.train import errors

Cell: TypeAlias = "str | int | float | bool | tuple[Cell, ...] | Nested | None"
Format: TypeAlias = Literal["tsv", "csv", "jsonl"]

LARGEST = 512 * 2**20
"""The most bytes read from one data file."""

SHOWN = 20
"""The most findings reported of one data file."""

_FIELD = re.compile(r'"(?:[^"]++|"")*+"|[^",\r\n]*+')
_CSV_NEWLINE = re.compile(r"\r?\n")


@dataclass(frozen=True, slots=True, repr=False)
class Nested:
    """A JSON object as a cell, which no field reads: its text, for messages."""

    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of equal length. `starts` and `ends` bound each row in `text`; both are empty for data from memory.

    `digest` is the SHA-256 of the file.
    """

    name: str
    columns: Mapping[str, Sequence[Cell]]
    rows: int
    text: str | None = None
    starts: Sequence[int] = ()
    ends: Sequence[int] = ()
    format: Format | None = None
    digest: str | None = None


class Findings:
    """The diagnostics of one table, each at its cell; raised together."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._source: Source | None = None
        self._found: list[Diagnostic] = []
        self._count = 0

    @property
    def name(self) -> str:
        return self._table.name

    def place(self, row: int, column: str | None = None) -> Span | None:
        """Where a cell stands (the whole row where its cells cannot be told apart), None for data from memory."""
        table = self._table
        if table.text is None:
            return None
        source = self._text()
        start, end = table.starts[row], table.ends[row]
        if column is None or table.format not in ("tsv", "csv"):
            return source.span(start, end)
        cells = _tsv_spans(table.text, start, end) if table.format == "tsv" else _csv_spans(table.text, start)[0]
        return source.span(*cells[list(table.columns).index(column)])

    def header(self) -> Span | None:
        table = self._table
        if table.text is None or table.format == "jsonl":
            return None
        end = table.text.find("\n")
        return self._text().span(0, len(table.text) if end < 0 else end)

    def add(
        self, code: str, title: str, row: int, column: str | None = None, *, expected: str = "", help: str = ""
    ) -> None:
        """Report something at a record (from 0). In data from memory the title names the record."""
        self._count += 1
        if len(self._found) < SHOWN:
            span = self.place(row, column)
            title = title if span else f"record {row}: {title}"
            self._found.append(errors.error(code, title, span, expected=expected, help=help))

    def append(self, diagnostic: Diagnostic) -> None:
        self._count += 1
        if len(self._found) < SHOWN:
            self._found.append(diagnostic)

    def raise_any(self) -> None:
        if not self._found:
            return
        if self._count > len(self._found):
            last = self._found[-1]
            more = Note(f"and {self._count - len(self._found)} more in {self._table.name}")
            self._found[-1] = Diagnostic(
                last.code,
                last.severity,
                last.title,
                last.span,
                last.label,
                last.expected,
                (*last.notes, more),
                last.help,
            )
        raise QsanError(self._found)

    def _text(self) -> Source:
        if self._source is None:
            self._source = Source(self._table.name, self._table.text or "")
        return self._source


def read_table(path: Path, *, name: str | None = None) -> Table:
    """The table in a file, its format taken from the extension. Raises QsanError with line numbers.

    `name` stands for the file in messages (its path if left out).
    """
    name = name or str(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise errors.fail(errors.unknown_format(name))
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise errors.fail(errors.too_large(name, size, LARGEST))
        raw = path.read_bytes()
    except OSError as failure:
        raise errors.fail(errors.unreadable(name, failure.strerror or type(failure).__name__)) from None
    zero = raw.find(b"\0")
    if zero >= 0:
        raise errors.fail(errors.binary(name, raw.count(b"\n", 0, zero) + 1))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as failure:
        start = len(raw[: failure.start].decode("utf-8"))
        span = Source(name, raw.decode("utf-8", "replace")).span(start, start + 1)
        raise errors.fail(errors.not_utf8(name, span, raw[failure.start])) from None
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise errors.fail(errors.empty(name, "text"))
    table = reader(name, text, hashlib.sha256(raw).hexdigest())
    if not table.rows:
        raise errors.fail(errors.empty(name, "records"))
    return table


def table_of(columns: Mapping[str, Sequence[object]], *, name: str = "the data") -> Table:
    """A table from memory: cells are texts, numbers, or sequences of numbers (rows of arrays included)."""
    cells = {key: [_cell(value, key) for value in column] for key, column in columns.items()}
    lengths = {len(column) for column in cells.values()}
    if len(lengths) > 1:
        found = errors.listed(f"{key}: {len(column)}" for key, column in cells.items())
        raise errors.fail(errors.error("QS908", f"the columns of {name} differ in length", notes=(found,)))
    rows = lengths.pop() if lengths else 0
    if not rows:
        raise errors.fail(errors.empty(name, "records"))
    return Table(name, cells, rows)


def _cell(value: object, column: str) -> Cell:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return _cell(value.tolist(), column)
    if isinstance(value, Sequence):
        return tuple(_cell(item, column) for item in value)
    kind = type(value).__name__
    raise errors.fail(errors.error("QS912", f"a cell of the column `{column}` is a {kind}", expected="text or numbers"))


def _tsv(name: str, text: str, digest: str) -> Table:
    lines = text.split("\n")
    while not lines[-1].strip("\r"):
        lines.pop()
    starts, ends, cells = [], [], []
    offset = 0
    for line in lines:
        content = line.removesuffix("\r")
        starts.append(offset)
        ends.append(offset + len(content))
        cells.append(content.split("\t"))
        offset += len(line) + 1
    return _rectangular(
        name, text, digest, "tsv", cells, starts, ends, "cells are divided by tabs; a cell holds no line break"
    )


def _tsv_spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans = []
    for cell in text[start:end].split("\t"):
        spans.append((start, start + len(cell)))
        start += len(cell) + 1
    return spans


def _csv(name: str, text: str, digest: str) -> Table:
    starts, ends, cells = [], [], []
    offset, last = 0, len(text.rstrip("\r\n"))
    while offset < last:
        spans, after = _csv_spans(text, offset)
        end = spans[-1][1]
        if after < 0:
            span = Source(name, text).span(end, end + 1)
            if text[end] == '"' and spans[-1][0] == end:
                raise errors.fail(
                    errors.malformed(
                        "this quoted cell has no closing quote", span, 'a quote within quotes is doubled: ""'
                    )
                )
            raise errors.fail(
                errors.malformed(
                    f"{errors.shown(text[end])} cannot follow here",
                    span,
                    'put the whole cell in quotes, and double the quotes inside it: "say ""yes"""',
                )
            )
        starts.append(offset)
        ends.append(end)
        cells.append([_unquoted(text[a:b]) for a, b in spans])
        offset = after
    return _rectangular(
        name, text, digest, "csv", cells, starts, ends, "put a cell that holds a comma or a line break in quotes"
    )


def _csv_spans(text: str, offset: int) -> tuple[list[tuple[int, int]], int]:
    """The cells of the row at `offset`, quotes included, and where the next row begins (-1: malformed at the end)."""
    spans = []
    while True:
        match = _FIELD.match(text, offset)
        end = match.end() if match else offset
        spans.append((offset, end))
        if end == len(text):
            return spans, end
        if text[end] == ",":
            offset = end + 1
            continue
        newline = _CSV_NEWLINE.match(text, end)
        return spans, newline.end() if newline else -1


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


def _rectangular(
    name: str,
    text: str,
    digest: str,
    format: Format,
    cells: list[list[str]],
    starts: list[int],
    ends: list[int],
    help: str,
) -> Table:
    header, rows = [column.strip() for column in cells[0]], cells[1:]
    table = Table(name, dict.fromkeys(header, ()), len(rows), text, starts[1:], ends[1:], format, digest)
    findings = Findings(table)
    spans = _tsv_spans(text, starts[0], ends[0]) if format == "tsv" else _csv_spans(text, starts[0])[0]
    for place, column in enumerate(header):
        if column in header[:place]:
            findings.append(errors.duplicate_column(column, Source(name, text).span(*spans[place])))
    for row, found in enumerate(rows):
        if len(found) != len(header):
            span = findings.place(row)
            if span is not None:
                findings.append(errors.ragged(len(found), len(header), span, help))
    findings.raise_any()
    columns = {column: [row[place] for row in rows] for place, column in enumerate(header)}
    return Table(name, columns, len(rows), text, starts[1:], ends[1:], format, digest)


class _DuplicateKeyError(ValueError):
    pass


class _NotFiniteError(ValueError):
    pass


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = [key for key, _ in pairs]
    for place, key in enumerate(keys):
        if key in keys[:place]:
            raise _DuplicateKeyError(key)
    return dict(pairs)


def _constant(text: str) -> float:
    raise _NotFiniteError(text)


def _jsonl(name: str, text: str, digest: str) -> Table:
    starts, ends, records = [], [], []
    decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
    findings = Findings(Table(name, {}, 0, text))
    source: Source | None = None
    offset = 0
    for line in text.split("\n"):
        if line.strip():
            reason = ""
            code = "QS909"
            record: object = None
            try:
                record = decoder.decode(line)
                if "\\u" in line:
                    json.dumps(record, ensure_ascii=False).encode("utf-8")
            except _DuplicateKeyError as failure:
                code, reason = "QS907", f"the column `{failure}` occurs twice"
            except _NotFiniteError as failure:
                code, reason = "QS912", f"{failure} is no number of JSON, and no number of data"
            except json.JSONDecodeError as failure:
                reason = f"this line is not JSON: {failure.msg} at column {failure.colno}"
            except UnicodeEncodeError:
                reason = "this line holds half a character (an unpaired surrogate)"
            except RecursionError:
                reason = "this line is nested too deeply"
            except ValueError:
                reason = "this line holds a number of too many digits"
            if not reason and not isinstance(record, dict):
                reason = f"this line is not a JSON object but {_kind(record)}"
            if reason:
                source = source or Source(name, text)
                span = source.span(offset, offset + len(line.rstrip("\r")))
                findings.append(
                    errors.error(code, reason, span, help='write one object a line: {"text": "...", "label": 1}')
                )
            elif isinstance(record, dict):
                starts.append(offset)
                ends.append(offset + len(line.rstrip("\r")))
                records.append(record)
        offset += len(line) + 1
    findings.raise_any()
    names = dict.fromkeys(key for record in records for key in record)
    columns = {key: [_cell_of_json(record.get(key)) for record in records] for key in names}
    return Table(name, columns, len(records), text, starts, ends, "jsonl", digest)


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        return "a text"
    return json.dumps(value) if value is None or isinstance(value, bool) else "a number"


def _cell_of_json(value: object) -> Cell:
    if isinstance(value, list):
        return tuple(_cell_of_json(item) for item in value)
    if isinstance(value, dict):
        return Nested(json.dumps(value, ensure_ascii=False))
    return value if isinstance(value, str | bool | int | float) else None


_READERS = {".tsv": _tsv, ".csv": _csv, ".jsonl": _jsonl}
