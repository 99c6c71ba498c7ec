"""Compiled kernels give what NumPy gives: on every kind of plan, with every strategy, forwards and back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.asking import expected, requests
from test_numpy_plan import Gates, Observables, OneMatrix

from qsanc.fast import Tier
from qsanc.fast.tier import Kernels
from qsanc.grad.shift import gradient as by_shifts
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.text import read_module
from qsanc.target import Bindings, Context, Request
from qsanc.testing.strategies import bindings, circuits
from qsanc_numpy import native
from qsanc_numpy.backend import NumpyBackend
from qsanc_numpy.compiled import COSTS, CompiledAdjoint, CompiledPlan, CompiledRun, CompiledShared
from qsanc_numpy.costs import CostModel
from qsanc_numpy.engine import Engine
from qsanc_numpy.evaluate import Lowered
from qsanc_numpy.program import compilable
from qsanc_numpy.register import RegisterPlan

WAYS = {"as it costs": COSTS, "gates": Gates(), "matrices": OneMatrix(), "observables": Observables()}


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    pytest.importorskip("numba", reason="numba is not installed: pip install 'qsanc[fast]'")
    found = Tier("on").kernels(native.LIBRARY)
    assert found is not None
    return found


def engine(lowered: Lowered, kernels: Kernels, costs: CostModel) -> Engine | None:
    if not compilable(lowered.plan):
        return None
    plan = CompiledPlan(lowered.module, lowered.plan, costs)
    return Engine(partial(CompiledShared, plan, kernels), CompiledRun, CompiledAdjoint)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=80)
@given(data=st.data())
def test_values_are_those_of_the_oracle(way: str, data: st.DataObject, kernels: Kernels) -> None:
    module = data.draw(circuits(max_wires=3, max_gates=8))
    request = data.draw(requests(module, data.draw(bindings(module, max_rows=4)), shifted=False))
    lowered = Lowered.of(module)
    found = lowered.values(request.bindings, request.results, request.pairs, engine(lowered, kernels, WAYS[way]))
    for k, value in zip(request.results, expected(module, request), strict=True):
        np.testing.assert_allclose(found[k], value, atol=1e-10)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=80)
@given(data=st.data())
def test_gradients_are_those_of_numpy(way: str, data: st.DataObject, kernels: Kernels) -> None:
    kinds = ("expectation", "probabilities", "probability", "overlap")
    module = data.draw(circuits(max_wires=4, max_gates=12, results=kinds))
    request = data.draw(requests(module, data.draw(bindings(module, max_rows=20)), shifted=False))
    lowered = Lowered.of(module)
    one = gradient(lowered, request, None)
    np.testing.assert_allclose(gradient(lowered, request, engine(lowered, kernels, WAYS[way])), one, atol=1e-10)


def gradient(lowered: Lowered, request: Request, engine: Engine | None) -> np.ndarray:
    values, reverse = lowered.values_and_adjoint(request.bindings, request.results, request.pairs, engine)
    found = reverse({k: np.cos(np.arange(values[k].size)).reshape(values[k].shape) for k in request.results})
    return np.concatenate([found.shared, found.items.ravel()])


@settings(max_examples=60)
@given(values=st.lists(st.floats(), min_size=1, max_size=40))
def test_waves_are_cosine_and_sine(values: list[float], kernels: Kernels) -> None:
    """Of any angle: small, large, infinite or no number."""
    blocks, factors, numbers = one_rotation()
    angles = np.array([values])
    out, work = np.empty((4, len(values))), np.empty((native.WORK_ROWS, 16))
    kernels["matrices"](blocks, factors, numbers, angles, work, out)
    with np.errstate(invalid="ignore"):
        half = angles[0] / 2
        wanted = np.stack([np.cos(half), -np.sin(half), np.sin(half), np.cos(half)])
    np.testing.assert_allclose(out, wanted, atol=5e-16)


def one_rotation() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The tables of one ry."""
    one, turn = [1.0, 0.0, 0.0, 1.0], [0.0, -1.0, 1.0, 0.0]
    nothing = [0.0] * 4
    numbers = [0.5, *nothing, *nothing, *one, *nothing, *turn, *nothing, *[x / 2 for x in turn], *nothing]
    blocks = np.array([[2, 0, 1, 0, 1, 1]], np.int64)
    return blocks, np.array([[1, 0, 1, 0]], np.int64), np.array(numbers)


def test_kernels_are_plain_functions_too() -> None:
    """Without a compiler they compute the same, slowly."""
    blocks, factors, numbers = one_rotation()
    angles = np.linspace(-7, 7, 19)[None]
    out, work = np.empty((4, 19)), np.empty((native.WORK_ROWS, 16))
    native.matrices(blocks, factors, numbers, angles, work, out)
    np.testing.assert_allclose(out[0], np.cos(angles[0] / 2), atol=5e-16)


REAL = """
circuit @real wires 3
  shared a, b, c
  items x, y
  segment encode
    ry(s3) 0
    ry(s4) 1
    ry(s3) 2
    cx 0, 1
    cx 1, 2
    ry(s4 + s0) 1
  segment query after encode
    rx(s0) 0
    rz(s1) 1
    cz 0, 2
    crx(s2) 1, 2
  segment key after encode
    rx(s1) 0
    cz 0, 2
    crx(s0) 1, 2
  r0 = expectation query: Z0 + 0.5*Y1 X2
  r1 = expectation query: Y0 Y1 Y2
  r2 = expectation key: X0 Y1 Y2 - 2*Z1
  r3 = expectation key: 0.25*Y0 + 3*I
"""


FIXED_TAILS = """
circuit @fixed wires 3
  items x
  segment encode
    ry(s0) 0
    cry(s0) 0, 1
  segment one after encode
    vi 2
    cx 0, 1
  segment other after encode
    h 1
    z 2
  r0 = expectation one: Z0
  r1 = expectation other: X1 Z2
"""
"""Tails without any angle, behind real states."""


@pytest.mark.parametrize("text", ["complex", "real", "fixed tails"])
def test_a_plan_of_many_rows(text: str, kernels: Kernels) -> None:
    """Several chunks, a last block of columns that is not full, and the sums over all of them."""
    module = {"complex": _module(), "real": read_module(REAL), "fixed tails": read_module(FIXED_TAILS)}[text]
    rng = np.random.default_rng(3)
    rows = 5000
    b = Bindings(rng.normal(size=len(module.shared)), rng.normal(size=(rows, len(module.items))))
    lowered = Lowered.of(module)
    request = Request(b, tuple(range(len(module.results))))
    exact = lowered.values(b, request.results, None)
    for costs in WAYS.values():
        found = lowered.values(b, request.results, None, engine(lowered, kernels, costs))
        for k in request.results:
            np.testing.assert_allclose(found[k], exact[k], atol=1e-12)
    for costs in WAYS.values():
        one, other = gradient(lowered, request, None), gradient(lowered, request, engine(lowered, kernels, costs))
        np.testing.assert_allclose(other, one, atol=1e-9)


def _module() -> CircuitModule:
    from test_numpy_plan import ATTENTION

    text = ATTENTION.replace("    ccx 0, 1, 2\n", "").replace("  r2 = state value\n", "")
    return read_module(text)


TWO_ENDS = """
circuit @ends wires 2
  shared t
  items x
  segment a
    ry(s0) 0
    ry(s1) 1
    cx 0, 1
  segment b after a
  r0 = expectation a: Z0
  r1 = expectation b: X1
  r2 = probabilities b: 0
"""

BEHIND_X = """
circuit @fused wires 2
  shared t
  items x
  segment a
    h 0
    h 1
  segment b after a
    x 0
    rz(s0) 0
    y 1
    phaseshift(s1) 1
  r0 = expectation b: X0
  r1 = expectation b: X1
  r2 = expectation b: Y1
"""


@pytest.mark.parametrize("text", [TWO_ENDS, BEHIND_X], ids=["segments that end alike", "a diagonal behind x"])
@pytest.mark.parametrize("kind", ["numpy", "compiled", "large", "single"])
def test_gradients_are_those_of_shifts(text: str, kind: str, kernels: Kernels) -> None:
    module = read_module(text)
    lowered = Lowered.of(module)
    engines = {"numpy": lowered.numpy, "compiled": engine(lowered, kernels, Gates())}
    chosen = engines.get(kind) or RegisterPlan(lowered.plan, single=kind == "single").engine(None)
    request = Request(Bindings(np.array([0.3]), np.array([[0.4], [1.1]])), (0, 1, 2))
    executable = NumpyBackend().lower(module)
    values, reverse = lowered.values_and_adjoint(request.bindings, request.results, None, chosen)
    cotangents = {k: np.cos(np.arange(value.size)).reshape(value.shape) for k, value in values.items()}
    found, exact = reverse(cotangents), by_shifts(executable, request, cotangents, Context())
    np.testing.assert_allclose(found.shared, exact.shared, atol=1e-5 if kind == "single" else 1e-10)
    np.testing.assert_allclose(found.items, exact.items, atol=1e-5 if kind == "single" else 1e-10)


def test_a_pullback_in_several_threads() -> None:
    """One after the other: the way back works in memory of its own run."""
    executable = NumpyBackend().lower(read_module(REAL), tier=Tier("on"))
    rng = np.random.default_rng(7)
    bindings = Bindings(rng.normal(size=3), rng.normal(size=(3000, 2)))
    _, pullback = executable.vjp(Request(bindings, (0, 1)), Context())
    cotangents = {k: rng.normal(size=3000) for k in (0, 1)}
    once = pullback(cotangents)
    with ThreadPoolExecutor(4) as pool:
        for again in pool.map(lambda _: pullback(cotangents), range(12)):
            np.testing.assert_array_equal(again.shared, once.shared)
            np.testing.assert_array_equal(again.items, once.items)
