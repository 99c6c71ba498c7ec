"""Shift rules: exact for every trigonometric function with the gaps they are made for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsanc.grad.shift import ShiftCost, shift_cost, shift_rule, without_rule
from qsanc.grad.spectrum import Term, shift_terms
from qsanc.ir.gates import GATES
from qsanc.ir.text import read_module

GAPS = [(1.0,), (0.5, 1.0), (2.0,), (1.0, 2.0, 3.0), (1.0, 3.0), (0.5, 1.2, 3.1), (0.3, 1.0, 1.1, 2.5)]


@pytest.mark.parametrize("gaps", GAPS)
@given(data=st.data())
def test_the_slope_of_every_function_with_these_gaps(gaps: tuple[float, ...], data: st.DataObject) -> None:
    numbers = st.lists(st.floats(-2, 2), min_size=len(gaps), max_size=len(gaps)).map(np.array)
    a, b, w, x = data.draw(numbers), data.draw(numbers), np.array(gaps), data.draw(st.floats(-5, 5))

    def value(at: float) -> float:
        return float(0.7 + a @ np.cos(w * at) + b @ np.sin(w * at))

    slope = float(-a @ (w * np.sin(w * x)) + b @ (w * np.cos(w * x)))
    found = sum(term.weight * value(x + term.delta) for term in shift_terms(gaps))
    assert found == pytest.approx(slope, abs=1e-9)


def test_the_two_term_rule() -> None:
    """f'(x) = (f(x + pi/2) - f(x - pi/2)) / 2"""
    assert shift_terms((1.0,)) == (
        Term(pytest.approx(math.pi / 2), pytest.approx(0.5)),
        Term(pytest.approx(-math.pi / 2), pytest.approx(-0.5)),
    )


def test_the_four_term_rule() -> None:
    """Of controlled rotations: shifts pi/2 and 3 pi/2 with weights (sqrt(2) +- 1) / (4 sqrt(2))."""
    near, far = ((math.sqrt(2) + s) / (4 * math.sqrt(2)) for s in (1, -1))
    found = sorted((term.delta, term.weight) for term in shift_terms((0.5, 1.0)))
    half = math.pi / 2
    assert np.allclose(found, [(-3 * half, far), (-half, -near), (half, near), (3 * half, -far)])


@pytest.mark.parametrize("gaps", GAPS)
def test_weights_stay_small(gaps: tuple[float, ...]) -> None:
    """The noise of a slope is that of a value times the root of the sum of squared weights."""
    assert sum(abs(term.weight) for term in shift_terms(gaps)) <= 2 * max(gaps)


@pytest.mark.parametrize("gaps", [(0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (-1.0,)])
def test_gaps_are_positive_and_rise(gaps: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rise"):
        shift_terms(gaps)


def test_no_gaps_no_terms() -> None:
    assert shift_terms(()) == ()


def test_every_gate_of_the_table_has_rules() -> None:
    for gate in GATES.values():
        assert all(shift_terms(gaps) for gaps in gate.gaps)


MODULE = read_module("""
circuit @m wires 2
  shared a, b
  items x
  segment encode
    rx(s2) 0
    ry(0.5) 1
  segment left after encode
    crx(s0) 0, 1
  segment right after encode
    ry(s1 + s2) 0
  r0 = expectation left: Z0
  r1 = expectation right: Z0 + X0
  r2 = overlap left, right: 0, 1
""")


def test_only_sites_with_slots_have_rules() -> None:
    assert [(rule.site, len(rule.terms)) for rule in shift_rule(MODULE)] == [(0, 2), (2, 4), (3, 2)]
    assert without_rule(MODULE) == ()


def test_costs_are_bound_circuits_in_settings() -> None:
    """r0: crx (4). r1: ry (2) in two settings. Both: rx (2) in three settings. Overlap: 2 + 4 left, 2 + 2 right."""
    assert shift_cost(MODULE, rows=10, results=[0]) == ShiftCost(10, 60)
    assert shift_cost(MODULE, rows=10, results=[0, 1]) == ShiftCost(30, 10 * (2 * 3 + 4 * 1 + 2 * 2))
    assert shift_cost(MODULE, rows=0, pairs=7, results=[2]) == ShiftCost(7, 7 * 10)
    assert shift_cost(MODULE, rows=10, pairs=7) == ShiftCost(37, 140 + 70)
