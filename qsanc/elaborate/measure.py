"""What circuits return: observables become expectation values, lists of measurements become results of a segment."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.observables import multiple_of_identity
from qsanc.elaborate.values import Measured, Observed, Unknown, Value, describe, is_number
from qsanc.ir.circuit import Expectation, Observable, Overlap, Result
from qsanc.source import Span

Measurement: TypeAlias = "Measured | tuple[Measurement, ...]"


def expectation(observed: Observed) -> Measured:
    return Measured(Expectation(0, Observable(observed.terms)))


def as_measured(ev: Evaluator, value: Value, span: Span, *, observables: bool) -> Measurement | None:
    """A returned value as measurements; with `observables`, one alone stands for its expectation value."""
    if isinstance(value, Measured):
        return value
    if isinstance(value, Observed) and observables:
        return expectation(value)
    if is_number(value) and observables:
        return expectation(multiple_of_identity(value))  # type: ignore[arg-type]
    if isinstance(value, tuple) and value:
        parts = [as_measured(ev, item, span, observables=observables) for item in value]
        return None if any(part is None for part in parts) else tuple(part for part in parts if part is not None)
    if not isinstance(value, Unknown):
        ev.report.error(
            "QS108",
            "a circuit returns expectation values or probabilities",
            span,
            label=describe(value),
            help=f"write `expval({span.text})`" if isinstance(value, Observed) else "",
        )
    return None


def flattened(measured: Measurement) -> tuple[Measured, ...]:
    """All measurements of a nested list, in order."""
    if isinstance(measured, Measured):
        return (measured,)
    return tuple(m for part in measured for m in flattened(part))


def placed(result: Result, segment: int) -> Result:
    """The result, read from `segment`."""
    assert not isinstance(result, Overlap)
    return replace(result, segment=segment)
