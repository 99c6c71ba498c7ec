"""Whole modules on large registers: every row for itself, nodes that are kept and nodes that are found again."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.asking import expected, requests

from qsanc.diagnostics import QsanError
from qsanc.fast import Tier
from qsanc.ir.circuit import Expectation
from qsanc.ir.text import read_module
from qsanc.target import Bindings, Context, Request
from qsanc.testing.strategies import bindings, circuits
from qsanc_numpy.backend import NumpyBackend
from qsanc_numpy.engine import Engine
from qsanc_numpy.evaluate import Lowered
from qsanc_numpy.register import RegisterPlan

KINDS = ("expectation", "probabilities", "probability", "overlap")


def large_engine(lowered: Lowered) -> Engine:
    return RegisterPlan(lowered.plan).engine(None)


@settings(max_examples=80)
@given(data=st.data())
def test_values_are_those_of_the_oracle(data: st.DataObject) -> None:
    module = data.draw(circuits(max_wires=4, max_gates=10))
    request = data.draw(requests(module, data.draw(bindings(module, max_rows=4)), shifted=False))
    lowered = Lowered.of(module)
    found = lowered.values(request.bindings, request.results, request.pairs, large_engine(lowered))
    for k, value in zip(request.results, expected(module, request), strict=True):
        np.testing.assert_allclose(found[k], value, atol=1e-10)


@settings(max_examples=120)
@given(data=st.data())
def test_gradients_are_those_of_small_registers(data: st.DataObject) -> None:
    module = data.draw(circuits(max_wires=4, max_gates=12, results=KINDS))
    request = data.draw(requests(module, data.draw(bindings(module, max_rows=4)), shifted=False))
    lowered = Lowered.of(module)
    one, other = (gradient(lowered, request, engine) for engine in (lowered.numpy, large_engine(lowered)))
    np.testing.assert_allclose(other, one, atol=1e-10)


def gradient(lowered: Lowered, request: Request, engine: Engine, atol: float = 1e-12) -> np.ndarray:
    """By a way back that is gone twice."""
    values, reverse = lowered.values_and_adjoint(request.bindings, request.results, request.pairs, engine)
    cotangents = {k: np.cos(np.arange(values[k].size)).reshape(values[k].shape) for k in request.results}
    first, second = reverse(cotangents), reverse(cotangents)
    np.testing.assert_allclose(first.shared, second.shared, atol=atol)
    np.testing.assert_allclose(first.items, second.items, atol=atol)
    return np.concatenate([first.shared, first.items.ravel()])


@settings(max_examples=60)
@given(data=st.data())
def test_single_precision_is_off_by_no_more_than_it_says(data: st.DataObject) -> None:
    module = data.draw(circuits(max_wires=4, max_gates=12, results=KINDS))
    request = data.draw(requests(module, data.draw(bindings(module, max_rows=3)), shifted=False))
    lowered = Lowered.of(module)
    single = RegisterPlan(lowered.plan, single=True).engine(None)
    exact = lowered.values(request.bindings, request.results, request.pairs)
    found = lowered.values(request.bindings, request.results, request.pairs, single)
    for k in request.results:
        assert found[k].dtype == np.float64
        result = module.results[k]
        scale = sum(abs(c) for c, _ in result.observable.terms) if isinstance(result, Expectation) else 1.0
        np.testing.assert_allclose(found[k], exact[k], atol=max(scale, 1.0) * 12 * 2.0**-17)
    one, other = gradient(lowered, request, lowered.numpy), gradient(lowered, request, single, atol=1e-5)
    np.testing.assert_allclose(other, one, atol=1e-3)


def test_single_precision_is_for_large_registers() -> None:
    for wires, expected_type in ((10, np.complex128), (11, np.complex64)):
        gates = "".join(f"\n    rx(s0) {w}" for w in range(wires))
        module = read_module(f"circuit @many wires {wires}\n  shared t\n  segment a{gates}\n  r0 = expectation a: Z0\n")
        lowered = Lowered.of(module, single=True)
        assert lowered.single == (expected_type is np.complex64)


TREE = """
circuit @tree wires 12
  shared a, b, c
  items x, y
  segment encode
    h 0
    ry(s3) 1
    ry(s4) 5
    cx 1, 5
    cx 5, 11
    s 11
  segment left after encode
    rx(s0) 11
    crz(s1) 3, 11
    swap 2, 11
    cz 2, 1
  segment right after encode
    ry(s2) 4
    rx(s3) 4
    ccx 4, 5, 6
    ry(s0) 6
  r0 = expectation left: Z2 + 0.5*X1 Y11
  r1 = expectation right: Z6
  r2 = probabilities right: 4, 6
"""


def test_a_gradient_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beforehand, with the number: a forward pass needs less."""
    executable = NumpyBackend().lower(read_module(TREE))
    monkeypatch.setattr("qsanc_numpy.executable.available", lambda: 16 << 20)
    with pytest.raises(QsanError) as raised:
        executable.vjp(Request(Bindings(np.zeros(3), np.zeros((1, 2))), (0, 1)), Context())
    (found,) = raised.value.diagnostics
    assert found.code == "QS307"
    assert "12 qubits need" in found.title


def test_states_of_many_rows_are_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory of a gradient does not grow with the rows."""
    lowered = Lowered.of(read_module(TREE))
    rng = np.random.default_rng(4)
    request = Request(Bindings(rng.normal(size=3), rng.normal(size=(5, 2))), (0, 1, 2))
    kept = gradient(lowered, request, large_engine(lowered))
    monkeypatch.setattr("qsanc_numpy.evaluate.KEPT_AMPLITUDES", 0)
    np.testing.assert_allclose(gradient(lowered, request, large_engine(lowered)), kept, atol=1e-12)


@pytest.mark.parametrize("mode", ["off", "on"])
def test_a_tree_on_twelve_wires(mode: str) -> None:
    """The gradient of the executable is that of finite differences."""
    if mode == "on":
        pytest.importorskip("numba", reason="numba is not installed: pip install 'qsanc[fast]'")
    executable = NumpyBackend().lower(read_module(TREE), tier=Tier("on" if mode == "on" else "off"))
    rng = np.random.default_rng(2)
    shared, items = rng.normal(size=3), rng.normal(size=(2, 2))
    weights = {0: rng.normal(size=2), 1: rng.normal(size=2), 2: rng.normal(size=(2, 4))}

    def scalar(shared: np.ndarray, items: np.ndarray) -> float:
        found = executable.submit(Request(Bindings(shared, items), (0, 1, 2)), Context()).results.estimates
        return float(sum(np.sum(weights[k] * np.real(found[k].value)) for k in weights))

    _, pullback = executable.vjp(Request(Bindings(shared, items), (0, 1, 2)), Context())
    found = pullback(weights)
    step = 1e-6
    for k in range(3):
        moved = step * np.eye(3)[k]
        slope = (scalar(shared + moved, items) - scalar(shared - moved, items)) / (2 * step)
        assert found.shared[k] == pytest.approx(slope, abs=1e-8)
    for row in range(2):
        for k in range(2):
            moved = np.zeros((2, 2))
            moved[row, k] = step
            slope = (scalar(shared, items + moved) - scalar(shared, items - moved)) / (2 * step)
            assert found.items[row, k] == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize(("gate", "single", "native"), [("rx", False, True), ("rx", True, False), ("ry", False, False)])
def test_native_code_is_asked_for_only_where_it_runs(gate: str, single: bool, native: bool) -> None:
    """Its kernels serve complex128: not single precision, and not states that stay real."""
    text = f"circuit @c wires 12\n  shared t\n  segment a\n    {gate}(s0) 0\n  r0 = expectation a: Z0\n"
    lowered = Lowered.of(read_module(text))
    assert RegisterPlan(lowered.plan, single=single).native == native


OVERLAPS = """
circuit @pairs wires 12
  shared a
  items x
  segment encode
    h 0
    ry(s1) 1
    cx 0, 1
  segment query after encode
    rx(s0) 2
  segment key after encode
    rx(s1) 3
  r0 = overlap query, key: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""


@pytest.mark.parametrize("gradient", [False, True])
def test_overlaps_are_counted_for_all_rows(gradient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted bounds what is taken, within a factor of two; and what does not fit is refused beforehand."""
    module = read_module(OVERLAPS)
    rows, executable = 200, NumpyBackend().lower(module)
    pairs = np.stack(np.meshgrid(np.arange(rows), np.arange(rows)), axis=-1).reshape(-1, 2)
    request = Request(Bindings(np.full(1, 0.3), np.linspace(0, 1, rows)[:, None]), (0,), pairs)
    need = executable.need(request, gradient=gradient)
    assert need > 5 * rows * 16 * 2**12
    executable.submit(request, Context())
    tracemalloc.start()
    if gradient:
        _, back = executable.vjp(request, Context())
        back({0: np.ones(len(pairs))})
    else:
        executable.submit(request, Context())
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert need / 2 < taken < need
    monkeypatch.setattr("qsanc_numpy.executable.available", lambda: need - 1)
    with pytest.raises(QsanError) as raised:
        (executable.vjp if gradient else executable.submit)(request, Context())
    (found,) = raised.value.diagnostics
    assert found.code == "QS307"
    assert f"of {rows} rows of `pairs`" in found.title
