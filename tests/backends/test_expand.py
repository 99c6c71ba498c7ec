"""Requests as plain circuits: run exactly and combined, they give what the module gives."""

from __future__ import annotations

import numpy as np
from fake import GATES, distribution
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle.asking import expected, requests
from test_conformance import PAIRS, ROWS, TWO_SEGMENTS

from qsanc.ir.circuit import Gate
from qsanc.target import Request
from qsanc.target.expand import expand
from qsanc.testing.strategies import bindings, circuits

MEASURABLE = ("expectation", "probabilities", "probability", "overlap")


@settings(max_examples=60)
@given(data=st.data(), shifted=st.booleans(), written=st.booleans())
def test_plain_circuits_give_the_values_of_the_module(data: st.DataObject, shifted: bool, written: bool) -> None:
    module = data.draw(circuits(max_wires=2, max_gates=4, results=MEASURABLE))
    assume(not shifted or any(module.sites()))
    request = data.draw(requests(module, data.draw(bindings(module)), shifted=shifted))
    expansion = expand(module, request, gates=GATES if written else None)
    assert all(not angle.terms for c in expansion.circuits for g in c.body if isinstance(g, Gate) for angle in g.angles)
    found = expansion.combine([distribution(circuit) for circuit in expansion.circuits], shots=None)
    for estimate, value in zip(found.estimates, expected(module, request), strict=True):
        np.testing.assert_allclose(estimate.value, value, atol=1e-10)


def test_equal_circuits_stand_there_once() -> None:
    shared = expand(TWO_SEGMENTS, Request(ROWS, (0, 1, 2)))
    alone = expand(TWO_SEGMENTS, Request(ROWS, (0, 1, 2), independent=True))
    assert (len(shared.circuits), len(alone.circuits)) == (9, 12), "3 settings, 4 rows, 2 of them equal"
    assert len(expand(TWO_SEGMENTS, Request(ROWS, (6,), PAIRS)).circuits) == 3, "4 pairs, 2 of them equal"


def test_only_the_swap_test_needs_a_larger_register() -> None:
    expansion = expand(TWO_SEGMENTS, Request(ROWS, (6, 7), PAIRS[:1]))
    assert [(c.wires, len(c.measured.factors)) for c in expansion.circuits] == [(2, 2), (5, 1)]
