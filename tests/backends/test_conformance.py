"""The conformance suite: what every backend that is found must do, ours through the same door as a stranger's.

Exact values agree with the dense oracle to 1e-10. With shots, counts lie within exact binomial bounds: each of them may
be as far out as it is with a probability of at least ALPHA.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made import MADE, lowered, named
from oracle.asking import chance, expected, kinds_of, requests

from qsanc.ir.circuit import (
    Angle,
    CircuitModule,
    Expectation,
    Gate,
    Observable,
    Overlap,
    Pauli,
    Probabilities,
    Probability,
    Segment,
)
from qsanc.target import Backend, Bindings, Context, Differentiable, Request, ResultKind, Shifts
from qsanc.testing.strategies import bindings, circuits

ALPHA = 1e-9
SHOTS = 2000


def results_of(backend: Backend) -> list[str]:
    return [kind.value for kind in backend.capabilities.results]


@named()
def test_capabilities_agree_with_themselves(backend: Backend) -> None:
    c = backend.capabilities
    made = MADE[c.name]
    assert (c.exact, c.shots is not None, ResultKind.STATE in c.results) == (made.exact, made.shots, made.states)
    assert c.exact or c.shots is not None
    assert c.max_wires >= 1
    assert (ResultKind.OVERLAP in c.results) == bool(c.overlaps)
    assert (
        ("adjoint" in c.gradients) == made.adjoint == isinstance(lowered(backend, TWO_SEGMENTS, SHOTS), Differentiable)
    )


@named(exact=True, quick=True)
@settings(max_examples=60)
@given(data=st.data())
def test_exact_values_are_those_of_the_oracle(backend: Backend, wires: int, data: st.DataObject) -> None:
    exact_values_are_those_of_the_oracle(backend, wires, data)


@named(exact=True, quick=False)
@settings(max_examples=25)
@given(data=st.data())
def test_exact_values_of_a_service_are_those_of_the_oracle(backend: Backend, wires: int, data: st.DataObject) -> None:
    exact_values_are_those_of_the_oracle(backend, wires, data)


def exact_values_are_those_of_the_oracle(backend: Backend, wires: int, data: st.DataObject) -> None:
    module = data.draw(circuits(max_gates=8, max_wires=wires, results=results_of(backend)))
    request = data.draw(requests(module, data.draw(bindings(module)), shifted=False))
    executable = lowered(backend, module, None)
    found = executable.collect(executable.submit(request, Context()))
    for estimate, value in zip(found.estimates, expected(module, request), strict=True):
        np.testing.assert_allclose(estimate.value, value, atol=1e-10)
        assert estimate.variance is None
        assert estimate.shots is None


@named(exact=True, quick=True)
@settings(max_examples=40)
@given(data=st.data())
def test_exact_values_at_shifts_are_those_of_the_oracle(backend: Backend, data: st.DataObject) -> None:
    exact_values_at_shifts_are_those_of_the_oracle(backend, data)


@named(exact=True, quick=False)
@settings(max_examples=25)
@given(data=st.data())
def test_exact_values_of_a_service_at_shifts_are_those_of_the_oracle(backend: Backend, data: st.DataObject) -> None:
    exact_values_at_shifts_are_those_of_the_oracle(backend, data)


def exact_values_at_shifts_are_those_of_the_oracle(backend: Backend, data: st.DataObject) -> None:
    module = data.draw(
        circuits(max_gates=6, max_wires=3, gates=backend.capabilities.gates, results=results_of(backend))
    )
    assume(any(module.sites()))
    request = data.draw(requests(module, data.draw(bindings(module)), shifted=True))
    executable = lowered(backend, module, None)
    found = executable.collect(executable.submit(request, Context()))
    for estimate, value in zip(found.estimates, expected(module, request), strict=True):
        np.testing.assert_allclose(estimate.value, value, atol=1e-10)


def ry(slot: int, wire: int) -> Gate:
    return Gate("ry", (wire,), (Angle.slot(slot),))


def pauli(text: str) -> Pauli:
    return Pauli(tuple((int(word[1:]), word[0]) for word in text.split()))


TWO_SEGMENTS = CircuitModule(
    "two segments",
    2,
    ("t0", "t1"),
    ("x0", "x1"),
    (
        Segment("encode", None, (Gate("h", (0,)), ry(2, 0), ry(3, 1), Gate("cx", (0, 1)))),
        Segment("query", 0, (ry(0, 0), Gate("crz", (0, 1), (Angle.slot(1, 2.0),)), Gate("h", (1,)))),
    ),
    (
        Expectation(1, Observable(((1.0, pauli("Z0")),))),
        Expectation(1, Observable(((1.0, pauli("X0 Y1")),))),
        Expectation(0, Observable(((1.0, pauli("X0 X1")),))),
        Probability(1, (1, 0), 1),
        Probabilities(0, (1, 0)),
        Expectation(1, Observable(((0.5, pauli("Z0")), (0.25, pauli("X1")), (2.0, Pauli()), (-1.0, pauli("Y0 X1"))))),
        Overlap(1, 1, (0, 1)),
        Overlap(0, 1, (1,)),
        Overlap(0, 1, (1, 0)),
    ),
)
ROWS = Bindings(np.array([0.4, -0.9]), np.array([[0.3, 1.1], [2.0, -0.5], [0.3, 1.1], [-1.2, 0.8]]))
PAIRS = np.array([[0, 1], [1, 1], [2, 3], [0, 1]])


def sampled(backend: Backend, request: Request, context: Context = Context(seed=3)) -> list[np.ndarray]:  # noqa: B008
    executable = lowered(backend, TWO_SEGMENTS, request.shots)
    return [estimate.value for estimate in executable.collect(executable.submit(request, context)).estimates]


@named(shots=True)
def test_counts_lie_within_binomial_bounds(backend: Backend) -> None:
    request = Request(ROWS, (0, 1, 2, 3, 4), shots=SHOTS)
    for k, found, exact in zip(
        request.results, sampled(backend, request), expected(TWO_SEGMENTS, request), strict=True
    ):
        parity = isinstance(TWO_SEGMENTS.results[k], Expectation)
        within_bounds((1 + found) / 2 if parity else found, (1 + exact) / 2 if parity else exact)


@named(shots=True)
def test_overlaps_lie_within_binomial_bounds(backend: Backend) -> None:
    request = Request(ROWS, (6, 7, 8), PAIRS, shots=SHOTS)
    found, exact = sampled(backend, request), expected(TWO_SEGMENTS, request)
    within_bounds(found[0], exact[0])
    within_bounds((1 + found[1]) / 2, (1 + exact[1]) / 2)
    within_bounds(found[2], exact[2])


@named(shots=True)
def test_counts_at_shifts_lie_within_binomial_bounds(backend: Backend) -> None:
    executable = lowered(backend, TWO_SEGMENTS, SHOTS)
    sites = range(len(list(executable.module.sites())))
    row, site = (np.array(a, np.int64) for a in zip(*[(k % 4, s) for k, s in enumerate(sites)], strict=True))
    shifts = Shifts(row, site, np.full(len(row), math.pi / 2), np.zeros_like(row))
    request = Request(ROWS, (0, 2), shifts=shifts, shots=SHOTS)
    found = executable.collect(executable.submit(request, Context(seed=8)))
    for estimate, exact in zip(found.estimates, expected(executable.module, request), strict=True):
        within_bounds((1 + estimate.value) / 2, (1 + exact) / 2)


def within_bounds(found: np.ndarray, exact: np.ndarray) -> None:
    for frequency, p in zip(found.ravel(), exact.ravel(), strict=True):
        assert frequency * SHOTS == pytest.approx(round(frequency * SHOTS), abs=1e-6), "frequencies come from counts"
        assert chance(round(frequency * SHOTS), SHOTS, p) > ALPHA


@named(shots=True, quick=True)
def test_variances_are_those_of_the_mean(backend: Backend) -> None:
    """Over 200 seeds the mean squared error of each estimate is its mean variance, within six standard deviations."""
    executable = lowered(backend, TWO_SEGMENTS, 20)
    for results, pairs in ((0, 3, 4, 5), None), ((6, 7), PAIRS[:1]):
        one_row = Bindings(ROWS.shared, ROWS.items[:2])
        request = Request(one_row, results, pairs, shots=20)
        exact = expected(TWO_SEGMENTS, request)
        runs = [executable.collect(executable.submit(request, Context(seed=s))).estimates for s in range(200)]
        for place, truth in enumerate(exact):
            errors = np.array([(run[place].value - truth) ** 2 for run in runs])
            claimed = np.mean([run[place].variance for run in runs], axis=0)
            slack = 6 * errors.std(axis=0) / math.sqrt(len(runs)) + 1e-12
            assert np.all(np.abs(errors.mean(axis=0) - claimed) <= slack)
            assert all(run[place].shots == 20 for run in runs)


@named(shots=True)
def test_samples_follow_the_seed_and_nothing_else(backend: Backend) -> None:
    request = Request(ROWS, (0, 1, 5), shots=50)
    once = sampled(backend, request)
    np.testing.assert_equal(sampled(backend, request), once)
    for other in (Context(seed=4), Context(seed=3, step=1), Context(seed=3, purpose="gradient")):
        assert any(not np.array_equal(a, b) for a, b in zip(sampled(backend, request, other), once, strict=True))


@named(shots=True, alone=True)
def test_samples_of_a_row_do_not_depend_on_what_else_is_asked(backend: Backend) -> None:
    once = sampled(backend, Request(ROWS, (0, 1, 5), shots=50))
    order = [3, 1, 0]
    some = Request(Bindings(ROWS.shared, ROWS.items[order]), (5, 0), shots=50)
    moved = sampled(backend, some)
    np.testing.assert_equal(moved[0], once[2][order])
    np.testing.assert_equal(moved[1], once[0][order])


@named(shots=True)
def test_equal_rows_share_samples_unless_they_are_to_be_independent(backend: Backend) -> None:
    shared = sampled(backend, Request(ROWS, (0, 1, 5), shots=1000))
    alone = sampled(backend, Request(ROWS, (0, 1, 5), shots=1000, independent=True))
    assert all(value[0] == value[2] for value in shared)
    assert any(value[0] != value[2] for value in alone)
    pairs = sampled(backend, Request(ROWS, (6, 7), PAIRS, shots=1000))
    assert all(value[0] == value[3] for value in pairs)
    pairs = sampled(backend, Request(ROWS, (6, 7), PAIRS, shots=1000, independent=True))
    assert any(value[0] != value[3] for value in pairs)


@named()
def test_no_rows_give_no_values(backend: Backend) -> None:
    shots = None if backend.capabilities.exact else SHOTS
    executable = lowered(backend, TWO_SEGMENTS, shots)
    for results, pairs in zip(kinds_of(TWO_SEGMENTS), (None, np.zeros((0, 2), np.int64)), strict=True):
        request = Request(Bindings(ROWS.shared, np.zeros((0, 2))), results, pairs, shots=shots)
        found = executable.collect(executable.submit(request, Context())).estimates
        shapes = [(0, 4) if isinstance(TWO_SEGMENTS.results[k], Probabilities) else (0,) for k in results]
        assert [estimate.value.shape for estimate in found] == shapes


@named()
def test_a_register_without_a_gate_is_zero(backend: Backend) -> None:
    """Services and simulators leave out qubits that no gate uses; one that is read stays."""
    z0, z0z1 = (Observable(((1.0, pauli(word)),)) for word in ("Z0", "Z0 Z1"))
    turned = Segment("turned", 0, (Gate("x", (1,)),))
    results = (Probabilities(0, (1, 0)), Expectation(0, z0), Probability(1, (1,), 1), Expectation(1, z0z1))
    module = CircuitModule("nothing", 2, (), (), (Segment("empty", None, ()), turned), results)
    shots = None if backend.capabilities.exact else SHOTS
    executable = lowered(backend, module, shots)
    request = Request(Bindings(np.zeros(0), np.zeros((1, 0))), (0, 1, 2, 3), shots=shots)
    found = [estimate.value for estimate in executable.collect(executable.submit(request, Context())).estimates]
    for value, exact in zip(found, ([[1, 0, 0, 0]], [1], [1], [-1]), strict=True):
        np.testing.assert_allclose(value, exact, atol=1e-12)


@named()
def test_a_plan_is_text(backend: Backend) -> None:
    shots = None if backend.capabilities.exact else SHOTS
    assert lowered(backend, TWO_SEGMENTS, shots).plan().endswith("\n")


@named(shots=True, alone=True)
def test_samples_at_shifts_do_not_depend_on_their_order(backend: Backend) -> None:
    executable = lowered(backend, TWO_SEGMENTS, SHOTS)
    row, site = np.array([0, 1, 3, 3]), np.array([0, 1, 1, 0])
    order = [2, 0, 3]

    def at(chosen: list[int]) -> np.ndarray:
        shifts = Shifts(row[chosen], site[chosen], np.full(len(chosen), 0.5), np.zeros(len(chosen), np.int64))
        request = Request(ROWS, (5,), shifts=shifts, shots=100)
        return executable.collect(executable.submit(request, Context(seed=1))).estimates[0].value

    np.testing.assert_equal(at(order), at([0, 1, 2, 3])[order])
