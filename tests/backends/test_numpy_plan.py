"""Plans of the NumPy backend: their text, and that every way to stage the same module gives the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle.asking import expected, requests

from qsanc.grad.shift import gradient
from qsanc.ir.circuit import (
    Angle,
    CircuitModule,
    Expectation,
    Gate,
    Observable,
    Pauli,
    Probability,
    Segment,
    State,
)
from qsanc.ir.text import read_module
from qsanc.ir.unitary import evolve
from qsanc.target import Bindings, Context, Request, Shifts
from qsanc.testing.strategies import bindings, circuits
from qsanc_numpy import evaluate, groups, lowering, paulis
from qsanc_numpy.backend import NumpyBackend
from qsanc_numpy.costs import CostModel
from qsanc_numpy.evaluate import Lowered
from qsanc_numpy.plan import Lockstep, Node, Plan

ATTENTION = """
circuit @gpqsa wires 3
  shared tq[0, 0], tq[0, 1], tv[0, 0], tv[0, 1]
  items x[0, 0], x[0, 1], x[0, 2], x[1, 0]
  segment encode
    h 0
    h 1
    h 2
    rx(s0) 0
    rx(s4) 0
    rx(s5) 1
    rx(s6) 2
    ry(s7) 0
    cx 0, 1
    cx 1, 2
    cx 2, 0
    rz(s4 + s0) 2
  segment query after encode
    ry(s0) 0
    rx(2*s1) 0
    ry(s1) 1
    crz(s0) 0, 2
    rzz(0.5*s1) 0, 2
    cz 0, 1
    swap 1, 2
  segment value after encode
    ry(s2) 0
    u3(s3, s4, 0.1) 1
    ccx 0, 1, 2
  r0 = expectation query: Z0
  r1 = probabilities value: 2, 0
  r2 = state value
"""


def test_the_text_of_a_plan(golden: Callable[[Path, str], None]) -> None:
    """Prefix, stages, fused gates, permutations, and which stretch becomes one matrix."""
    executable = NumpyBackend().lower(read_module(ATTENTION))
    golden(Path(__file__).parent / "attention.plan", executable.plan())


class Gates(CostModel):
    """Every shared stretch gate by gate."""

    def as_matrix(self, plan: Plan, node: Node, columns: int) -> bool:
        return False

    def by_observables(self, plan: Plan, group: Lockstep, columns: int) -> bool:
        return False


class OneMatrix(Gates):
    """Every shared stretch as one matrix, whatever it costs."""

    def as_matrix(self, plan: Plan, node: Node, columns: int) -> bool:
        return True


class Observables(OneMatrix):
    """Every tail by its observables, where they are small enough to be written down."""

    def by_observables(self, plan: Plan, group: Lockstep, columns: int) -> bool:
        return True


def gate_by_gate(module: CircuitModule) -> Lowered:
    return Lowered.of(module, Gates())


def always_as_matrix(module: CircuitModule) -> Lowered:
    return Lowered.of(module, OneMatrix())


def always_by_observables(module: CircuitModule) -> Lowered:
    return Lowered.of(module, Observables())


def ungrouped(module: CircuitModule) -> Lowered:
    """A group for every one-qubit block, also those that tails have side by side."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "GROUP_WIRES", 1)
        return Lowered.of(module, Observables())


def in_pairs(module: CircuitModule) -> Lowered:
    """Groups of two wires at most, shared stretches step by step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "GROUP_WIRES", 2)
        return Lowered.of(module, Gates())


def of_single_gates(module: CircuitModule) -> Lowered:
    """Blocks of one exponential at most."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lowering, "EXPONENTIALS", 1)
        return Lowered.of(module, OneMatrix())


def with_products_of_one(module: CircuitModule) -> Lowered:
    """A product state from one wire on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lowering, "PRODUCT_WIRES", 1)
        return Lowered.of(module)


def without_gathers(module: CircuitModule) -> Lowered:
    """As for registers that are too large for a table of indices."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lowering, "GATHER_WIRES", 0)
        return Lowered.of(module)


def with_small_tables(module: CircuitModule) -> Lowered:
    """As for registers where signs of all products together are too large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paulis, "TABLE_WIRES", 1)
        return Lowered.of(module)


WAYS = [
    Lowered.of,
    gate_by_gate,
    always_as_matrix,
    always_by_observables,
    ungrouped,
    in_pairs,
    of_single_gates,
    with_products_of_one,
    without_gathers,
    with_small_tables,
]


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=40)
@given(data=st.data())
def test_values_are_those_of_the_oracle(way: Callable[[CircuitModule], Lowered], data: st.DataObject) -> None:
    module = data.draw(circuits(max_wires=3, max_gates=8))
    request = data.draw(requests(module, data.draw(bindings(module, max_rows=4)), shifted=False))
    found = way(module).values(request.bindings, request.results, request.pairs)
    for k, value in zip(request.results, expected(module, request), strict=True):
        np.testing.assert_allclose(found[k], value, atol=1e-10)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=60)
@given(data=st.data())
def test_values_at_shifts_are_those_of_the_oracle(way: Callable[[CircuitModule], Lowered], data: st.DataObject) -> None:
    module = data.draw(circuits(max_wires=3, max_gates=8))
    assume(any(module.sites()))
    request = data.draw(requests(module, data.draw(bindings(module, max_rows=4)), shifted=True))
    assert request.shifts is not None
    found = way(module).values_at_shifts(request.bindings, request.results, request.pairs, request.shifts)
    for k, value in zip(request.results, expected(module, request), strict=True):
        np.testing.assert_allclose(found[k], value, atol=1e-10)


@pytest.mark.parametrize("way", WAYS[1:])
@settings(max_examples=60)
@given(data=st.data())
def test_adjoint_gradients_are_the_same(way: Callable[[CircuitModule], Lowered], data: st.DataObject) -> None:
    kinds = ("expectation", "probabilities", "probability", "overlap")
    module = data.draw(circuits(max_wires=3, max_gates=8, results=kinds))
    request = data.draw(requests(module, data.draw(bindings(module, max_rows=4)), shifted=False))
    plain, other = (adjoint(lowered, request) for lowered in (Lowered.of(module), way(module)))
    np.testing.assert_allclose(other, plain, atol=1e-10)


def adjoint(lowered: Lowered, request: Request) -> np.ndarray:
    values, reverse = lowered.values_and_adjoint(request.bindings, request.results, request.pairs)
    gradient = reverse({k: np.cos(np.arange(values[k].size)).reshape(values[k].shape) for k in request.results})
    return np.concatenate([gradient.shared, gradient.items.ravel()])


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    module = read_module(ATTENTION)
    rng = np.random.default_rng(5)
    b = Bindings(rng.normal(size=4), rng.normal(size=(40, 4)))
    sites = len(list(module.sites()))
    shifts = Shifts(
        rng.integers(0, 40, 300), rng.integers(0, sites, 300), rng.normal(size=300).round(), np.zeros(300, np.int64)
    )
    lowered = Lowered.of(module)

    def everything() -> list[np.ndarray]:
        values, shifted = lowered.values(b, (0, 1, 2), None), lowered.values_at_shifts(b, (0, 1, 2), None, shifts)
        return [*values.values(), *shifted.values(), adjoint(lowered, Request(b, (0, 1)))]

    whole = everything()
    monkeypatch.setattr(evaluate, "_ROW_AMPLITUDES", 200)
    monkeypatch.setattr(evaluate, "_SHIFT_AMPLITUDES", 64)
    for one, other in zip(whole, everything(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_eleven_wires() -> None:
    """Beyond the oracle: states against the IR's own dense evolution, and the adjoint method against shifts."""
    rng = np.random.default_rng(11)
    gates = [Gate("ry", (w,), (Angle.slot(w % 3),)) for w in range(11)]
    gates += [Gate("cx", (w, (w + 4) % 11)) for w in range(11)] + [Gate("crx", (9, 2), (Angle.slot(3),))]
    z, zx = Pauli(tuple((w, "Z") for w in range(11))), Pauli(((0, "X"), (1, "Y"), (10, "Z")))
    module = CircuitModule(
        "eleven",
        11,
        ("a", "b"),
        ("x", "y"),
        (Segment("all", None, tuple(gates * 2)),),
        (State(0), Expectation(0, Observable(((1.0, z), (0.5, zx)))), Probability(0, (10, 0), 2)),
    )
    b = Bindings(rng.normal(size=2), rng.normal(size=(3, 2)))
    executable = NumpyBackend().lower(module)
    states = executable.submit(Request(b, (0,)), Context()).results.estimates[0].value
    start = np.eye(1 << 11, 1, dtype=complex)
    for row in range(3):
        slots = np.concatenate([b.shared, b.items[row]])
        np.testing.assert_allclose(states[row], evolve(module.segments[0].body, slots, start)[:, 0], atol=1e-12)
    cotangents = {1: np.array([1.0, 2.0, -1.0]), 2: np.array([0.5, 0.0, 3.0])}
    _, pullback = executable.vjp(Request(b, (1, 2)), Context())
    one, other = pullback(cotangents), gradient(executable, Request(b, (1, 2)), cotangents, Context())
    np.testing.assert_allclose(one.shared, other.shared, atol=1e-10)
    np.testing.assert_allclose(one.items, other.items, atol=1e-10)
