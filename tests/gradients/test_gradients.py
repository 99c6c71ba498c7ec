"""Parameter-shift, the adjoint method and finite differences of the oracle give the same gradients to 1e-8.

On random modules: repeated and affine parameters, controlled rotations, encoder angles, overlaps of pairs of rows, on
the whole register and on part of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle import dense
from oracle.asking import kinds_of

from qsanc.diagnostics import CompilerBug
from qsanc.grad.shift import gradient
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.text import read_module
from qsanc.target import Bindings, Context, Executable, Gradient, Handle, Request, Results
from qsanc.testing.strategies import bindings, circuits
from qsanc_numpy.backend import NumpyBackend

KINDS = ("expectation", "probabilities", "probability", "overlap")


@st.composite
def questions(draw: st.DrawFn, module: CircuitModule) -> tuple[Request, dict[int, np.ndarray]]:
    """A request for results of one kind, with cotangents, some of them zero."""
    bound = draw(bindings(module))
    results = draw(st.sampled_from([group for group in kinds_of(module) if group]))
    pairs = None
    if results == kinds_of(module)[1]:
        rows = st.integers(0, bound.rows - 1)
        pairs = np.array(draw(st.lists(st.tuples(rows, rows), min_size=1, max_size=3)), np.int64)
    request = Request(bound, results, pairs)
    executable = NumpyBackend().lower(module)
    values = executable.collect(executable.submit(request, Context())).estimates
    cotangents = {}
    for k, estimate in zip(results, values, strict=True):
        size = estimate.value.size
        numbers = draw(st.lists(st.sampled_from([0.0, 1.0, -0.5, 2.0]), min_size=size, max_size=size))
        cotangents[k] = np.array(numbers).reshape(estimate.value.shape)
    return request, cotangents


def flat(gradient: Gradient) -> np.ndarray:
    return np.concatenate([gradient.shared, gradient.items.ravel()])


def by_shift(module: CircuitModule, request: Request, cotangents: dict[int, np.ndarray]) -> np.ndarray:
    return flat(gradient(NumpyBackend().lower(module), request, cotangents, Context()))


def by_adjoint(module: CircuitModule, request: Request, cotangents: dict[int, np.ndarray]) -> np.ndarray:
    _, pullback = NumpyBackend().lower(module).vjp(request, Context())
    return flat(pullback(cotangents))


def by_differences(module: CircuitModule, request: Request, cotangents: dict[int, np.ndarray]) -> np.ndarray:
    shared, rows = len(module.shared), request.bindings.rows

    def total(point: np.ndarray) -> np.ndarray:
        bound = Bindings(point[:shared], point[shared:].reshape(rows, len(module.items)))
        values = dense.results(module, bound, request.pairs)
        return np.array(sum(float(np.sum(c * values[k])) for k, c in cotangents.items()))

    point = np.concatenate([request.bindings.shared, request.bindings.items.ravel()])
    return dense.finite_difference(total, point, step=2e-4)


@settings(max_examples=30)
@given(data=st.data())
def test_all_methods_agree(data: st.DataObject) -> None:
    module = data.draw(circuits(max_wires=3, max_gates=4, max_slots=3, results=KINDS))
    assume(module.slots)
    request, cotangents = data.draw(questions(module))
    shifted = by_shift(module, request, cotangents)
    np.testing.assert_allclose(by_adjoint(module, request, cotangents), shifted, atol=1e-10)
    np.testing.assert_allclose(by_differences(module, request, cotangents), shifted, atol=1e-8)


@settings(max_examples=120)
@given(data=st.data())
def test_shifts_and_the_adjoint_method_agree_on_larger_modules(data: st.DataObject) -> None:
    module = data.draw(circuits(max_wires=4, max_gates=12, results=KINDS))
    request, cotangents = data.draw(questions(module))
    shifted = by_shift(module, request, cotangents)
    np.testing.assert_allclose(by_adjoint(module, request, cotangents), shifted, atol=1e-9)


EVERYTHING = read_module("""
circuit @everything wires 3
  shared a, b
  items x, y
  segment encode
    h 0
    ry(s2 + s0) 0
    crx(2*s3 - 0.3) 0, 1
    ry(s2) 2
    cx 1, 2
  segment query after encode
    crz(s0) 1, 0
    u3(s0, -s1, 0.5*s3) 2
    rxx(s1) 0, 2
    ry(s0) 1
  segment key after encode
    cphaseshift(s1) 2, 0
    ryy(1.5*s1 + s0) 1, 2
  r0 = expectation query: Z0 + 0.5*X1 Y2 - 2*I
  r1 = probabilities key: 2, 0
  r2 = probability query: 1, 2 is 2
  r3 = overlap query, key: 0, 1, 2
  r4 = overlap query, key: 2, 0
  r5 = overlap encode, encode: 1
  r6 = expectation encode: I
""")
POINT = Bindings(np.array([0.3, -1.1]), np.array([[0.2, 0.9], [1.4, -0.6], [-0.8, 2.2]]))
PAIRS = np.array([[0, 1], [1, 0], [2, 2], [0, 1]])


@pytest.mark.parametrize(
    "results",
    [(0,), (1,), (2,), (0, 1, 2, 6), (6,)],
    ids=["expectation", "probabilities", "probability", "all", "constant"],
)
def test_rows(results: tuple[int, ...]) -> None:
    check(Request(POINT, results), {0: (3,), 1: (3, 4), 2: (3,), 6: (3,)})


@pytest.mark.parametrize("results", [(3,), (4,), (5,), (3, 4, 5)], ids=["whole", "part", "same segment", "all"])
def test_pairs(results: tuple[int, ...]) -> None:
    check(Request(POINT, results, PAIRS), dict.fromkeys(results, (4,)))


def check(request: Request, shapes: dict[int, tuple[int, ...]]) -> None:
    cotangents = {k: np.random.default_rng(k).normal(size=shapes[k]) for k in request.results}
    shifted = by_shift(EVERYTHING, request, cotangents)
    np.testing.assert_allclose(by_adjoint(EVERYTHING, request, cotangents), shifted, atol=1e-10)
    np.testing.assert_allclose(by_differences(EVERYTHING, request, cotangents), shifted, atol=1e-8)


@dataclass(eq=False)
class Spy:
    """An executable that remembers what it was asked."""

    inner: Executable
    asked: list[Request]

    @property
    def module(self) -> CircuitModule:
        return self.inner.module

    def submit(self, request: Request, context: Context) -> Handle:
        self.asked.append(request)
        return self.inner.submit(request, context)

    def collect(self, handle: Handle) -> Results:
        return self.inner.collect(handle)

    def plan(self) -> str:
        return self.inner.plan()


def test_only_what_matters_is_shifted() -> None:
    """With a cotangent for row 1 of the query alone, neither key's sites nor other rows are run."""
    spy = Spy(NumpyBackend().lower(EVERYTHING), [])
    cotangents = {0: np.array([0.0, 1.0, 0.0]), 1: np.zeros((3, 4))}
    gradient(spy, Request(POINT, (0, 1)), cotangents, Context())
    (request,) = spy.asked
    assert request.results == (0,)
    assert request.shifts is not None
    assert set(request.shifts.row.tolist()) == {1}
    segments = {site.segment for k, site in enumerate(EVERYTHING.sites()) if k in request.shifts.site.tolist()}
    assert segments == {0, 1}


def test_nothing_is_run_for_no_cotangents() -> None:
    spy = Spy(NumpyBackend().lower(EVERYTHING), [])
    found = gradient(spy, Request(POINT, (0, 1)), {0: np.zeros(3)}, Context())
    assert spy.asked == []
    assert not flat(found).any()


def test_gradients_from_shots_come_near() -> None:
    """With many shots the mean of the sampled gradient is the exact one within six standard deviations."""
    executable = NumpyBackend().lower(EVERYTHING)
    cotangents = {0: np.array([1.0, -1.0, 0.5])}
    exact = by_shift(EVERYTHING, Request(POINT, (0,)), cotangents)
    runs = np.array(
        [flat(gradient(executable, Request(POINT, (0,), shots=500), cotangents, Context(seed=s))) for s in range(20)]
    )
    slack = 6 * runs.std(axis=0, ddof=1) / np.sqrt(len(runs)) + 1e-12
    assert np.all(np.abs(runs.mean(axis=0) - exact) <= slack)


def test_the_adjoint_method_refuses_states_and_shots() -> None:
    module = read_module("circuit @m wires 1\n  shared a\n  segment s\n    rx(s0) 0\n  r0 = state s\n")
    executable = NumpyBackend().lower(module)
    bound = Bindings(np.zeros(1), np.zeros((1, 0)))
    with pytest.raises(CompilerBug):
        executable.vjp(Request(bound, (0,), shots=3), Context())
    _, pullback = executable.vjp(Request(bound, (0,)), Context())
    with pytest.raises(CompilerBug):
        pullback({0: np.zeros((1, 2))})
