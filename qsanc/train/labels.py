"""Labels as classes. Labels that are all numbers are ordered as numbers, else as text; their place is their class.

A number has one name, however it is spelled: `0`, `0.0` and `-0` are the label `0`.

Where fewer labels occur than there are classes, and all are whole numbers 0 <= k < classes, label k is class k.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from qsanc.diagnostics import Diagnostic
from qsanc.train import errors
from qsanc.train.tables import Cell, Findings, Nested


def number(cell: Cell) -> float | None:
    """The number a cell holds or spells, None if it is none. May be nan or infinite."""
    if isinstance(cell, bool):
        return float(cell)
    try:
        if isinstance(cell, int | float):
            return float(cell)
        if isinstance(cell, str) and "_" not in cell:
            return float(cell)
    except OverflowError:
        return math.inf
    except ValueError:
        return None
    return None


def _spelled(cell: Cell) -> str | None:
    """The text of a label, None where it is missing or is no label at all."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if cell is None or isinstance(cell, tuple | Nested):
        return None
    return name_of(float(cell)) if isinstance(cell, float) else str(cell).strip() or None


def name_of(value: float) -> str:
    """The one name of a number: without a point where it is whole."""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def key_of(cell: Cell) -> str:
    """The same for all spellings of one label."""
    value = None if isinstance(cell, bool) else number(cell)
    return str(_spelled(cell)) if value is None else name_of(value)


@dataclass(frozen=True, slots=True)
class Labels:
    """`names[c]` is the label of class c. `numeric` labels are compared as numbers: `1`, `1.0`, `01` are one label."""

    names: tuple[str, ...]
    numeric: bool
    _classes: dict[str | float, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        keys = [float(name) if self.numeric else name for name in self.names]
        object.__setattr__(self, "_classes", {key: place for place, key in enumerate(keys)})

    @classmethod
    def checked(cls, names: tuple[str, ...], numeric: bool) -> Labels | None:
        """Labels of unknown origin; None unless they are distinct, and finite numbers where they are numbers."""
        values = [number(name) for name in names] if numeric else list(names)
        finite = all(isinstance(value, str) or (value is not None and math.isfinite(value)) for value in values)
        return cls(names, numeric) if finite and len(set(values)) == len(names) else None

    def find(self, cell: Cell) -> int | None:
        """The class of a label, None where it is none of these."""
        if self.numeric:
            value = number(cell)
            return None if value is None else self._classes.get(value)
        text = _spelled(cell)
        return None if text is None else self._classes.get(text)


def learn(cells: Sequence[Cell], rows: Sequence[int], column: str, classes: int | None, findings: Findings) -> Labels:
    """The labels of the training rows. `classes` None takes as many as there are; otherwise they must fit.

    What is wrong goes to `findings`, and the labels returned are then of no use.
    """
    first: dict[str, int] = {}
    wrong = 0
    for row in rows:
        text = _spelled(cells[row])
        if text is None:
            wrong += 1
            cell = cells[row]
            if isinstance(cell, tuple | Nested):
                title = f"{errors.shown(cell)} in column `{column}` is no label"
                findings.add("QS909", title, row, column, expected="a text, a number, true or false")
            else:
                findings.add("QS914", f"the label in column `{column}` is missing", row, column)
        else:
            first.setdefault(text, row)
    values = {text: number(text) for text in first}
    numeric = bool(values) and all(value is not None for value in values.values())
    if numeric:
        for text, value in values.items():
            if value is None or not math.isfinite(value):
                wrong += 1
                findings.add("QS912", f"the label {text} is not finite", first[text], column)
    if wrong:
        return Labels(tuple(first), False)
    if numeric:
        spelled, first = first, {}
        for text, row in spelled.items():
            first.setdefault(key_of(text), row)
        values = {text: number(text) for text in first}
        names = sorted(first, key=float)
    else:
        names = sorted(first)
    whole = numeric and classes is not None and all(_is_class(values[name], classes) for name in names)
    if classes is not None and classes > len(names) > 1 and whole:
        return Labels(tuple(str(k) for k in range(classes)), True)
    if len(names) < 2 or (classes is not None and len(names) != classes):
        findings.append(_misfit(names, first, values, numeric, 2 if classes is None else classes, column, findings))
    return Labels(tuple(names), numeric)


def _is_class(value: float | None, classes: int) -> bool:
    return value is not None and value.is_integer() and 0 <= value < classes


def _misfit(
    names: list[str],
    first: dict[str, int],
    values: dict[str, float | None],
    numeric: bool,
    classes: int,
    column: str,
    findings: Findings,
) -> Diagnostic:
    """Points at the first label outside 0..classes, or else at the first one too many in the order of the file."""
    if len(names) <= classes:
        return errors.label_count(findings.name, names, classes, None, "")
    outside = [name for name in names if numeric and not _is_class(values[name], classes)]
    culprit = min(outside, key=first.__getitem__) if outside else sorted(names, key=first.__getitem__)[classes]
    label = f"not in 0..{classes}" if outside else f"label number {classes + 1}"
    return errors.label_count(findings.name, names, classes, findings.place(first[culprit], column), label)
