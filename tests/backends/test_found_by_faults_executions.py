"""What an executable gives depends on what it is asked alone, not on what it was asked before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import lowered, named

from qsanc.ir.circuit import Angle, CircuitModule, Expectation, Gate, Observable, Pauli, Segment
from qsanc.target import Backend, Bindings, Context, Request, Shifts

Z0, Z1 = (Observable(((1.0, Pauli(((wire, "Z"),))),)) for wire in (0, 1))
MODULE = CircuitModule(
    "m",
    2,
    ("a",),
    ("x",),
    (
        Segment("shared", None, (Gate("ry", (0,), (Angle.slot(0),)),)),
        Segment("row", 0, (Gate("cx", (0, 1)), Gate("rx", (0,), (Angle.slot(1),)))),
    ),
    (Expectation(0, Z0), Expectation(1, Z0), Expectation(1, Z1)),
)
"""Without items: cos a. With them: cos a cos x on wire 0, cos a on wire 1."""
ANGLES = st.floats(-3, 3)


@named(exact=True)
@settings(max_examples=30)
@given(asked=st.lists(st.tuples(ANGLES, st.lists(ANGLES, min_size=1, max_size=3)), min_size=2, max_size=3))
def test_an_execution_forgets_the_one_before(backend: Backend, asked: list[tuple[float, list[float]]]) -> None:
    executable = lowered(backend, MODULE, None)
    for a, rows in asked:
        request = Request(Bindings(np.array([a]), np.array(rows)[:, None]), (0, 1, 2))
        found = executable.collect(executable.submit(request, Context())).estimates
        for estimate, expected in zip(found, (np.cos(a), np.cos(a) * np.cos(rows), np.cos(a)), strict=True):
            assert estimate.value == pytest.approx(np.broadcast_to(expected, len(rows)), abs=1e-10)


@named(exact=True)
@settings(max_examples=30)
@given(asked=st.lists(ANGLES, min_size=2, max_size=3), rows=st.lists(ANGLES, min_size=2, max_size=3), delta=ANGLES)
def test_an_execution_at_shifts_forgets_the_one_before(
    backend: Backend, asked: list[float], rows: list[float], delta: float
) -> None:
    """At as many shifts: it is this number that decides what may be kept."""
    executable = lowered(backend, MODULE, None)
    row, site = (table.ravel() for table in np.meshgrid(np.arange(len(rows)), np.arange(2)))
    shifts = Shifts(row, site, np.full(len(row), delta), np.zeros_like(row))
    for a in asked:
        request = Request(Bindings(np.array([a]), np.array(rows)[:, None]), (0, 1, 2), shifts=shifts)
        found = executable.collect(executable.submit(request, Context())).estimates
        before = np.cos(a + delta * (site == 0))
        turned = np.cos(np.array(rows)[row] + delta * (site == 1))
        for estimate, expected in zip(found, (before, before * turned, before), strict=True):
            assert estimate.value == pytest.approx(expected, abs=1e-10)
