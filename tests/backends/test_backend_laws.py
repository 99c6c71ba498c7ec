"""What holds for the values of every exact backend, whatever the circuit: nothing here knows the right number."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made import lowered, named
from oracle.asking import kinds_of, requests

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
    State,
)
from qsanc.target import Backend, Bindings, Context, Differentiable, Gradient, Request
from qsanc.testing.strategies import bindings, circuits, observables
from qsanc.testing.strategies.numbers import coefficients

KINDS = ("expectation", "probabilities", "probability", "overlap")
exact = named(exact=True, states=True)


def values(
    backend: Backend, module: CircuitModule, bound: Bindings, results: tuple[int, ...], pairs: np.ndarray | None = None
) -> list[np.ndarray]:
    executable = lowered(backend, module, None)
    found = executable.collect(executable.submit(Request(bound, results, pairs), Context()))
    return [estimate.value for estimate in found.estimates]


def same(one: object, other: object) -> None:
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)


def all_pairs(bound: Bindings) -> np.ndarray:
    return np.array([(i, j) for i in range(bound.rows) for j in range(bound.rows)], np.int64)


@exact
@settings(max_examples=40)
@given(data=st.data())
def test_states_have_norm_1_and_chances_sum_to_1(backend: Backend, data: st.DataObject) -> None:
    """Also their types. Overlaps lie between 0 and 1, and the whole one of a state with itself is 1."""
    module = data.draw(circuits(max_gates=8, max_results=1, results=("state",)))
    wires = tuple(data.draw(st.permutations(range(module.wires))))
    kept = wires[: data.draw(st.integers(1, module.wires))]
    results = (State(0), Probabilities(0, kept), Overlap(0, 0, wires), Overlap(0, 0, kept))
    bound = data.draw(bindings(module))
    module = replace(module, results=results)
    state, chances = values(backend, module, bound, (0, 1))
    assert (state.dtype, chances.dtype) == (np.complex128, np.float64)
    assert state.shape == (bound.rows, 2**module.wires)
    same(np.sum(np.abs(state) ** 2, axis=1), np.ones(bound.rows))
    same(chances.sum(axis=1), np.ones(bound.rows))
    assert chances.min() >= -1e-12
    whole, part = values(backend, module, bound, (2, 3), all_pairs(bound))
    assert all(
        found.dtype == np.float64 and found.min() > -1e-10 and found.max() < 1 + 1e-10 for found in (whole, part)
    )
    same(whole.reshape(bound.rows, bound.rows).diagonal(), np.ones(bound.rows))
    same(part.reshape(bound.rows, bound.rows), part.reshape(bound.rows, bound.rows).T)


@exact
@settings(max_examples=40)
@given(data=st.data())
def test_expectations_are_linear_in_the_observable(backend: Backend, data: st.DataObject) -> None:
    """<a A + b B> = a <A> + b <B>; a Pauli product lies between -1 and 1, and the identity is 1."""
    module = data.draw(circuits(max_gates=8, max_results=1, results=("state",)))
    one, other = data.draw(observables(wires=module.wires)), data.draw(observables(wires=module.wires))
    a, b = data.draw(coefficients()), data.draw(coefficients())
    sums: dict[Pauli, float] = {}
    for factor, observable in ((a, one), (b, other)):
        for coefficient, pauli in observable.terms:
            sums[pauli] = sums.get(pauli, 0.0) + factor * coefficient
    both = Observable(tuple((c, pauli) for pauli, c in sums.items() if c))
    products = [Observable(((1.0, pauli),)) for pauli in (Pauli(), *sums)]
    bound = data.draw(bindings(module))
    module = replace(module, results=tuple(Expectation(0, o) for o in (one, other, both, *products)))
    first, second, total, identity, *each = values(backend, module, bound, tuple(range(len(module.results))))
    same(a * first + b * second, total)
    same(identity, np.ones(bound.rows))
    assert all(np.abs(found).max() < 1 + 1e-10 for found in each)


@exact
@settings(max_examples=40)
@given(data=st.data())
def test_rows_are_independent_of_each_other(backend: Backend, data: st.DataObject) -> None:
    """Rows moved, dropped and doubled take their values with them, and so do pairs of rows."""
    module = data.draw(circuits(max_gates=8, results=(*KINDS, "state")))
    bound = data.draw(bindings(module, max_rows=4))
    order = data.draw(st.lists(st.integers(0, bound.rows - 1), min_size=1, max_size=6))
    others, overlaps = kinds_of(module)
    moved = Bindings(bound.shared, bound.items[order])
    for found, whole in zip(
        values(backend, module, moved, others), values(backend, module, bound, others), strict=True
    ):
        same(found, whole[order])
    if overlaps:
        whole_pairs = values(backend, module, bound, overlaps, all_pairs(bound))
        for found, whole in zip(values(backend, module, moved, overlaps, all_pairs(moved)), whole_pairs, strict=True):
            same(found.reshape(len(order), -1), whole.reshape(bound.rows, -1)[np.ix_(order, order)])


@exact
@settings(max_examples=40)
@given(data=st.data())
def test_results_are_independent_of_each_other(backend: Backend, data: st.DataObject) -> None:
    """Asked for alone, or in another order, a result is the same."""
    module = data.draw(circuits(max_gates=8, max_results=4, results=KINDS))
    bound = data.draw(bindings(module))
    for results, pairs in zip(kinds_of(module), (None, all_pairs(bound)), strict=True):
        if results:
            whole = dict(zip(results, values(backend, module, bound, results, pairs), strict=True))
            order = tuple(data.draw(st.permutations(results)))
            for k, found in zip(order, values(backend, module, bound, order, pairs), strict=True):
                same(found, whole[k])
                same(values(backend, module, bound, (k,), pairs)[0], whole[k])


@exact
@settings(max_examples=40)
@given(data=st.data())
def test_wires_are_only_names(backend: Backend, data: st.DataObject) -> None:
    """A register with its wires exchanged, in gates and results alike, gives the same values."""
    module = data.draw(circuits(max_gates=8, results=KINDS))
    to = data.draw(st.permutations(range(module.wires)))

    def moved(wires: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(to[wire] for wire in wires)

    def renamed(observable: Observable) -> Observable:
        terms = observable.terms
        return Observable(
            tuple((c, Pauli(tuple(sorted((to[w], letter) for w, letter in p.factors)))) for c, p in terms)
        )

    segments = tuple(
        replace(s, body=tuple(replace(step, wires=moved(step.wires)) for step in s.body)) for s in module.segments
    )
    results = tuple(
        replace(r, observable=renamed(r.observable)) if isinstance(r, Expectation) else replace(r, wires=moved(r.wires))
        for r in module.results
    )
    other = replace(module, segments=segments, results=results)
    bound = data.draw(bindings(module))
    for numbers, pairs in zip(kinds_of(module), (None, all_pairs(bound)), strict=True):
        for one, two in zip(
            values(backend, module, bound, numbers, pairs), values(backend, other, bound, numbers, pairs), strict=True
        ):
            same(one, two)


@exact
@settings(max_examples=30)
@given(data=st.data())
def test_distributions_follow_their_wires(backend: Backend, data: st.DataObject) -> None:
    """In each order of the wires the axes are exchanged; summed over the last wire it is that of the others; and each
    outcome alone has its chance."""
    module = data.draw(circuits(max_wires=3, max_gates=8, max_results=1, results=("state",)))
    n = module.wires
    orders = list(permutations(range(n)))
    asked = [Probabilities(0, order) for order in orders]
    asked += [Probabilities(0, order[: n - 1]) for order in orders if n > 1]
    singles = [Probability(0, orders[-1], outcome) for outcome in range(2**n)]
    bound = data.draw(bindings(module))
    module = replace(module, results=(*asked, *singles))
    found = values(backend, module, bound, tuple(range(len(module.results))))
    plain = found[0].reshape(-1, *(2,) * n)
    for order, chances in zip(orders, found, strict=False):
        same(chances.reshape(plain.shape), plain.transpose(0, *(1 + wire for wire in order)))
    for whole, part in zip(found, found[len(orders) : len(asked)], strict=False):
        same(whole.reshape(bound.rows, -1, 2).sum(axis=2), part)
    same(np.stack(found[len(asked) :], axis=1), found[len(orders) - 1])


@exact
@settings(max_examples=40)
@given(data=st.data())
def test_two_turns_of_any_angle_change_nothing(backend: Backend, data: st.DataObject) -> None:
    """4 pi at one place of one gate: half-angle rotations are back with their sign, all others twice."""
    module = data.draw(circuits(max_gates=8, results=(*KINDS, "state")))
    sites = list(module.sites())
    assume(sites)
    at = data.draw(st.sampled_from(sites))
    body = list(module.segments[at.segment].body)
    gate = body[at.position]
    assert isinstance(gate, Gate)
    turned = tuple(a + Angle(4 * math.pi) if k == at.angle else a for k, a in enumerate(gate.angles))
    body[at.position] = replace(gate, angles=turned)
    segments = list(module.segments)
    segments[at.segment] = replace(segments[at.segment], body=tuple(body))
    other = replace(module, segments=tuple(segments))
    bound = data.draw(bindings(module))
    for numbers, pairs in zip(kinds_of(module), (None, all_pairs(bound)), strict=True):
        for one, two in zip(
            values(backend, module, bound, numbers, pairs), values(backend, other, bound, numbers, pairs), strict=True
        ):
            same(one, two)


offering = named(adjoint=True, quick=True)


@offering
@settings(max_examples=40)
@given(data=st.data(), factor=coefficients())
def test_gradients_are_linear_in_the_cotangents(backend: Backend, data: st.DataObject, factor: float) -> None:
    """Several calls of one pullback do not disturb each other; zeros give zeros; and the sum of all chances, which is 1
    whatever the angles are, has no slope."""
    module = data.draw(circuits(max_wires=3, max_gates=8, results=KINDS))
    request = data.draw(requests(module, data.draw(bindings(module)), shifted=False))
    executable = lowered(backend, module, None)
    assert isinstance(executable, Differentiable)
    found, pullback = executable.vjp(request, Context())
    shapes = [estimate.value.shape for estimate in found.estimates]
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    u, v = (
        {k: generator.normal(size=shape) for k, shape in zip(request.results, shapes, strict=True)} for _ in range(2)
    )
    both = {k: u[k] + factor * v[k] for k in u}
    same(flat(pullback(both)), flat(pullback(u)) + factor * flat(pullback(v)))
    same(flat(pullback({k: 0 * u[k] for k in u})), 0)
    ones = {k: np.full_like(u[k], isinstance(module.results[k], Probabilities)) for k in u}
    same(flat(pullback(ones)), 0)


def flat(gradient: Gradient) -> np.ndarray:
    return np.concatenate([gradient.shared, gradient.items.ravel()])
