"""From tables to records: what the columns mean to a model, learnt from the training part alone.

    divide   tables               -> rows that train, validate and test
    learn    training rows        -> Coding: columns, vocabulary, labels (and with them the sizes that come from data)
    encode   rows, Coding         -> Records, or diagnostics that name the line (`encoding`)

Columns. A token field reads the column `text` (several token fields read those of their own names), the label reads
`label`, a number reads the column of its name, an array x reads x_0, x_1, ... (x_0_0, ... for two axes) or one column x
of lists. `--column FIELD=NAME` replaces the name, and `--column x_0=NAME` that of one column of an array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from qsanc.ir.program import DataField, Model
from qsanc.target import Ints
from qsanc.train import errors, labels, splits
from qsanc.train.labels import Labels
from qsanc.train.tables import Findings, Table
from qsanc.train.words import Vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some rows of a table: int64[record]."""

    table: Table
    rows: Ints

    @classmethod
    def whole(cls, table: Table) -> Part:
        return cls(table, np.arange(table.rows, dtype=np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """The parts of the data. Nothing is ever learnt from `valid` and `test`."""

    train: Part
    valid: Part | None
    test: Part | None


@dataclass(frozen=True, slots=True)
class Coding:
    """What turns cells into numbers, kept in the run.

    `columns` are the names chosen for fields by hand. `vocabulary` is None where no field is text, or all of it is
    word numbers already. `labels` is None where the label is a real number, or there is none. `truncate` cuts long
    sentences.
    """

    columns: tuple[tuple[str, str], ...] = ()
    vocabulary: Vocabulary | None = None
    labels: Labels | None = None
    truncate: bool = False

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes that come from data: `vocab`, `classes`."""
        sizes = {}
        if self.vocabulary is not None:
            sizes["vocab"] = self.vocabulary.size
        if self.labels is not None:
            sizes["classes"] = len(self.labels.names)
        return sizes


def divide(
    model: Model,
    train: Table,
    *,
    valid: Table | None = None,
    test: Table | None = None,
    seed: int = 0,
    valid_share: float = splits.VALID,
    test_share: float = splits.TEST,
    columns: Mapping[str, str] | None = None,
) -> Division:
    """The parts of one table, by seed and stratified by label, except those given as tables of their own.

    The shares are of all records where one table makes all parts. A validation part drawn beside a test table keeps its
    proportion to the training part (16 to 64). A share of 0 leaves its part out.
    """
    valid_share = 0.0 if valid is not None else valid_share
    if test is not None:
        valid_share, test_share = valid_share / (1 - test_share), 0.0
    shares = [share for share in (valid_share, test_share) if share > 0]
    strata = _strata(model, train, columns or {})
    drawn = [Part(train, rows) for rows in splits.cut(strata, shares, seed, train.name)]
    rest = iter(drawn[1:])
    return Division(
        drawn[0],
        next(rest) if valid_share > 0 else Part.whole(valid) if valid is not None else None,
        next(rest) if test_share > 0 else Part.whole(test) if test is not None else None,
    )


def learn(model: Model, part: Part, *, columns: Mapping[str, str] | None = None, truncate: bool = False) -> Coding:
    """The coding of a training part. Sizes of the model that wait for data may hold any value yet.

    Raises QsanError for missing columns and for labels that do not fit the model's classes.
    """
    chosen = dict(columns or {})
    table, findings = part.table, Findings(part.table)
    names = columns_of(model.fields, table, chosen, findings, labelled=True)
    findings.raise_any()
    rows = part.rows.tolist()
    texts = [
        cell
        for field in model.fields
        if field.role == "tokens"
        for row in rows
        if isinstance(cell := table.columns[names[field.name][0]][row], str)
    ]
    found: Labels | None = None
    for field in model.fields:
        if field.role == "label" and field.classes is not None:
            column = names[field.name][0]
            classes = None if _classes_from_data(model, field) else field.classes
            found = labels.learn(table.columns[column], rows, column, classes, findings)
    findings.raise_any()
    vocabulary = Vocabulary.of(texts) if texts else None
    return Coding(tuple(sorted(chosen.items())), vocabulary, found, truncate)


def columns_of(
    fields: Sequence[DataField], table: Table, chosen: Mapping[str, str], findings: Findings, *, labelled: bool
) -> dict[str, tuple[str, ...]]:
    """The columns that each field reads; what is missing goes to `findings`."""
    if labelled:
        known = {field.name for field in fields}.union(*(_spread(field.name, field.type.static) for field in fields))
        for name in chosen:
            if name not in known:
                findings.append(errors.unknown_field(name, [field.name for field in fields]))
    lone = sum(field.role == "tokens" for field in fields) == 1
    names: dict[str, tuple[str, ...]] = {}
    for field in fields:
        wanted = chosen.get(field.name, field.name)
        if field.name not in chosen:
            usual = {"tokens": "text" if lone else field.name, "label": "label", "numbers": field.name}[field.role]
            wanted = usual if usual in table.columns or field.name not in table.columns else field.name
        elements = tuple(_spread(field.name, field.type.static))
        spread = tuple(_spread(wanted, field.type.static))
        if field.type.static and field.role == "numbers":
            spread = tuple(chosen.get(own, usual) for own, usual in zip(elements, spread, strict=True))
        names[field.name] = spread if spread[0] in table.columns or wanted not in table.columns else (wanted,)
        for column in names[field.name]:
            if column not in table.columns:
                present = list(table.columns)
                each = elements if field.type.static and field.role == "numbers" else ()
                header = findings.header()
                findings.append(errors.missing_column(table.name, field.name, column, present, header, each))
                break
    return names


def _spread(name: str, axes: tuple[int, ...]) -> Iterator[str]:
    for index in product(*map(range, axes)):
        yield "_".join([name, *map(str, index)])


def _classes_from_data(model: Model, field: DataField) -> bool:
    return any(
        size.name == "classes" and size.origin == "placeholder" and size.value == field.classes for size in model.sizes
    )


def _strata(model: Model, table: Table, chosen: Mapping[str, str]) -> Ints:
    findings = Findings(table)
    names = columns_of(model.fields, table, chosen, findings, labelled=True)
    findings.raise_any()
    for field in model.fields:
        if field.role == "label" and field.classes is not None:
            spelled = [labels.key_of(cell) for cell in table.columns[names[field.name][0]]]
            order = {text: place for place, text in enumerate(sorted(set(spelled)))}
            return np.array([order[text] for text in spelled], dtype=np.int64)
    return np.zeros(table.rows, dtype=np.int64)
