"""Sums over wires and over pairs in the NumPy backend, by loops; what runs backwards is their transpose."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.asking import requests
from test_numpy_plan import adjoint

from qsanc.grad.shift import gradient
from qsanc.ir.circuit import Angle, CircuitModule, Gate, Probabilities, Segment
from qsanc.target import Bindings, Context, Request
from qsanc.testing.strategies import bindings, circuits
from qsanc_numpy import evaluate, overlaps
from qsanc_numpy.backend import NumpyBackend
from qsanc_numpy.evaluate import Lowered
from qsanc_numpy.folds import Fold


@st.composite
def orders(draw: st.DrawFn) -> tuple[int, tuple[int, ...]]:
    """A register, and some of its wires in any order."""
    register = draw(st.integers(1, 5))
    return register, tuple(draw(st.permutations(range(register)))[: draw(st.integers(0, register))])


@given(orders(), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_a_fold_sums_over_the_other_wires(case: tuple[int, tuple[int, ...]], columns: int, seed: int) -> None:
    register, wires = case
    values = np.random.default_rng(seed).normal(size=(1 << register, columns))
    expected = np.zeros((1 << len(wires), columns))
    for index, bits in enumerate(product((0, 1), repeat=register)):
        expected[int("0" + "".join(str(bits[wire]) for wire in wires), 2)] += values[index]
    np.testing.assert_allclose(Fold.onto(wires, register).sum(values), expected, rtol=0, atol=1e-12)


@given(orders(), st.integers(0, 2**32 - 1))
def test_spreading_is_the_transpose_of_a_fold(case: tuple[int, tuple[int, ...]], seed: int) -> None:
    """<sum v, w> = <v, spread w> for all v and w."""
    register, wires = case
    generator = np.random.default_rng(seed)
    v, w = generator.normal(size=(1 << register, 2)), generator.normal(size=(1 << len(wires), 2))
    fold = Fold.onto(wires, register)
    back = np.sum(v.reshape(*fold.shape, 2) * fold.spread(w))
    assert back == pytest.approx(np.sum(fold.sum(v) * w), abs=1e-10)


def test_gradients_of_distributions_in_every_order_of_their_wires() -> None:
    """Adjoint against shifts, for each order of three wires of four."""
    body = [Gate("ry", (wire,), (Angle.slot(wire),)) for wire in range(4)]
    body += [Gate("cx", (0, 1)), Gate("crx", (2, 3), (Angle.slot(0, 0.5),)), Gate("cx", (3, 1))]
    results = tuple(Probabilities(0, order) for order in permutations(range(4), 3))
    module = CircuitModule("m", 4, tuple("abcd"), (), (Segment("all", None, tuple(body)),), results)
    executable = NumpyBackend().lower(module)
    bound = Bindings(np.array([0.4, 1.1, -0.7, 2.0]), np.zeros((1, 0)))
    for k in range(len(results)):
        cotangents = {k: np.random.default_rng(k).normal(size=(1, 8))}
        request = Request(bound, (k,))
        _, pullback = executable.vjp(request, Context())
        shifted = gradient(executable, request, cotangents, Context())
        np.testing.assert_allclose(pullback(cotangents).shared, shifted.shared, rtol=0, atol=1e-10)


@given(st.data(), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_pairs_are_summed_the_same_in_any_chunks(data: st.DataObject, limit: int, seed: int) -> None:
    """`inner` and `spread` by their definitions: with a table of all columns, and pair by pair in small chunks."""
    generator = np.random.default_rng(seed)
    left_columns, right_columns, dimension = (data.draw(st.integers(1, 4)) for _ in range(3))
    pair = st.tuples(st.integers(0, left_columns - 1), st.integers(0, right_columns - 1))
    pairs = np.array(data.draw(st.lists(pair, max_size=12)), np.int64).reshape(-1, 2)
    left, right = (
        generator.normal(size=(dimension, columns, 2)) @ [1, 1j] for columns in (left_columns, right_columns)
    )
    weights = generator.normal(size=(len(pairs), 2)) @ [1, 1j]
    products = [np.vdot(left[:, i], right[:, j]) for i, j in pairs]
    out = np.zeros((dimension, left_columns), complex)
    for weight, (i, j) in zip(weights, pairs, strict=True):
        out[:, i] += weight * right[:, j]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlaps, "_GATHER_LIMIT", limit)
        for gain in (0, 1 << 40):
            patch.setattr(overlaps, "_GRAM_GAIN", gain)
            np.testing.assert_allclose(overlaps.inner(left, right, pairs), products, rtol=0, atol=1e-10)
        for gram in (False, True):
            found = overlaps.spread(right, weights, pairs[:, 1], pairs[:, 0], left_columns, gram)
            np.testing.assert_allclose(found, out, rtol=0, atol=1e-10)


@settings(max_examples=60)
@given(data=st.data(), shifted=st.booleans())
def test_no_size_of_chunks_changes_anything(data: st.DataObject, shifted: bool) -> None:
    """Values, values at shifts and adjoint gradients with every limit at one row, column or pair."""
    kinds = ("expectation", "probabilities", "probability", "overlap")
    module = data.draw(circuits(max_wires=3, max_gates=6, results=kinds))
    request = data.draw(requests(module, data.draw(bindings(module, max_rows=4)), shifted=shifted))
    lowered = Lowered.of(module)

    def everything() -> list[np.ndarray]:
        if request.shifts is not None:
            values = lowered.values_at_shifts(request.bindings, request.results, request.pairs, request.shifts)
            return [values[number] for number in request.results]
        values = lowered.values(request.bindings, request.results, request.pairs)
        return [*(values[number] for number in request.results), adjoint(lowered, request)]

    whole = everything()
    with pytest.MonkeyPatch.context() as patch:
        for module_, name in ((evaluate, "_ROW_AMPLITUDES"), (evaluate, "_SHIFT_AMPLITUDES")):
            patch.setattr(module_, name, 1)
        patch.setattr(overlaps, "_GATHER_LIMIT", 1)
        patch.setattr(overlaps, "_GRAM_GAIN", 0)
        for one, other in zip(whole, everything(), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
