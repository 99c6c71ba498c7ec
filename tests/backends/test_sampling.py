"""Settings and readings, and draws that can be repeated anywhere."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made import lowered, named
from oracle import dense
from oracle.asking import chance
from test_conformance import ALPHA, SHOTS, TWO_SEGMENTS

from qsanc.ir.circuit import Angle, CircuitModule, Gate, Pauli, Probabilities, Segment
from qsanc.target import Backend, Bindings, Context, Request
from qsanc.target.draws import Draws, numbered
from qsanc.target.sampling import Setting, mean_score, measured_module, readings
from qsanc.testing.strategies import bindings, circuits


def test_products_that_agree_share_a_setting() -> None:
    """On `query`, Z0 and the probability fit together; X0 Y1, X1 with Z0, and Y0 X1 are other bases."""
    found = readings(TWO_SEGMENTS)
    bases = [(s.segment, " ".join(f"{letter}{wire}" for wire, letter in s.basis.factors)) for s in found.settings]
    assert bases == [(1, "X0 Y1"), (1, "Z0 Z1"), (1, "Y0 X1"), (0, "X0 X1"), (0, "Z0 Z1")]
    assert found.needed([0]) == (1,)
    assert found.needed([5]) == (1, 2)
    assert found.needed([6, 7]) == ()


def test_mean_and_variance_of_scores() -> None:
    """Three of four shots read +1: mean 1/2, sample variance 1, and a quarter of it for the mean."""
    mean, variance = mean_score(np.array([3.0, 1.0]), np.array([1.0, -1.0]), 4)
    assert (float(mean), float(variance)) == (0.5, 0.25)


def test_draws_depend_on_context_and_key_alone() -> None:
    """Fixed numbers: whoever changes the generator changes every recorded run."""
    draws = Draws(Context(seed=1, step=2, purpose="forward"))
    uniform = np.full(4, 0.25)
    first = draws.counts(b"circuit", uniform, 100).tolist()
    assert draws.counts(b"another", uniform, 100).tolist() != first
    assert draws.counts(b"circuit", uniform, 100).tolist() == first == [22, 26, 21, 31]


def test_a_tiny_negative_probability_is_none() -> None:
    counts = Draws(Context()).counts(b"", np.array([1.0, -1e-17]), 10)
    assert counts.tolist() == [10, 0]


def test_copies_are_numbered_among_equals() -> None:
    assert len(set(numbered([b"a", b"b", b"a"]))) == 3
    assert numbered([b"a", b"b", b"a"])[0] == numbered([b"a"])[0]


def test_outcomes_of_a_setting() -> None:
    assert Setting(0, Pauli(((0, "Z"), (2, "X")))).outcomes == 4


@settings(max_examples=80)
@given(st.data())
def test_every_result_is_read_from_the_outcomes_of_its_settings(data: st.DataObject) -> None:
    """Outcomes as likely as the oracle says they are give each result the value that the oracle gives it."""
    kinds = ("expectation", "probabilities", "probability")
    module = data.draw(circuits(max_wires=4, max_gates=6, results=kinds))
    bound = data.draw(bindings(module))
    reading = readings(module)
    outcomes = dense.results(measured_module(module, reading.settings), bound)
    for k, value in enumerate(dense.results(module, bound)):
        found = reading.estimate(k, outcomes.__getitem__, bound.rows, None)
        np.testing.assert_allclose(found.value, value, rtol=0, atol=1e-10)


@named(shots=True)
def test_sampled_distributions_follow_the_order_of_their_wires(backend: Backend) -> None:
    """Qubit k reads 1 with chance p_k; outcome b of the wires w has the product of the chances of its bits."""
    chances = (0.1, 0.45, 0.8)
    orders = tuple(permutations(range(3)))
    body = tuple(Gate("ry", (k,), (Angle(2 * math.asin(math.sqrt(p))),)) for k, p in enumerate(chances))
    results = tuple(Probabilities(0, order) for order in orders)
    module = CircuitModule("product", 3, (), (), (Segment("all", None, body),), results)
    executable = lowered(backend, module, SHOTS)
    bound = Bindings(np.zeros(0), np.zeros((1, 0)))
    request = Request(bound, tuple(range(6)), shots=SHOTS)
    found = executable.collect(executable.submit(request, Context(seed=2))).estimates
    for order, estimate in zip(orders, found, strict=True):
        for outcome, frequency in enumerate(estimate.value[0]):
            bits = [outcome >> (2 - place) & 1 for place in range(3)]
            exact = math.prod(chances[w] if bit else 1 - chances[w] for w, bit in zip(order, bits, strict=True))
            assert chance(round(frequency * SHOTS), SHOTS, exact) > ALPHA
