"""Random programs on every backend of `made.py` at once: the oracle is left out, each answers to all others.

Exact values agree with NumPy's to 1e-9, and so do gradients, by parameter-shift everywhere and by the adjoint method
where a backend has it. With shots, each estimate lies within bounds around NumPy's exact value that a right one leaves
with a probability of at most ALPHA: exact binomial ones for chances, Hoeffding's for sums of Pauli words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import MADE, lowered, names
from oracle.asking import chance, requests

from qsanc.grad.shift import gradient
from qsanc.ir.circuit import CircuitModule, Expectation, Overlap
from qsanc.target import Backend, Context, Differentiable, Gradient, Request
from qsanc.target.sampling import overlap_chance, overlap_method
from qsanc.testing.strategies import bindings, circuits

ALPHA = 1e-9
"""Of one number. There are fewer than 10^4 in all: a false alarm in 10^5 suites, were the seeds not fixed."""
SHOTS = 1000
READ = ("expectation", "probabilities", "probability", "overlap")
SHIFTED = ("rx", "ry", "rz", "cx", "h", "crz", "phaseshift", "rzz", "swap")
"""Gates with shift rules, one of them with four shifts."""


@pytest.fixture(scope="module")
def every() -> Iterator[dict[str, Backend]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(made.make()) for name, made in MADE.items()}


def values(backend: Backend, module: CircuitModule, request: Request) -> list[tuple[np.ndarray, np.ndarray | None]]:
    executable = lowered(backend, module, request.shots)
    found = executable.collect(executable.submit(request, Context(seed=7)))
    return [(np.asarray(estimate.value), estimate.variance) for estimate in found.estimates]


@settings(max_examples=60)
@given(data=st.data())
def test_exact_values_agree(every: dict[str, Backend], data: st.DataObject) -> None:
    module = data.draw(circuits(max_gates=6, max_wires=3, results=READ))
    request = data.draw(requests(module, data.draw(bindings(module, max_rows=2)), shifted=False))
    truth = values(every["numpy"], module, request)
    for name in names(exact=True):
        for (found, _), (value, _) in zip(values(every[name], module, request), truth, strict=True):
            np.testing.assert_allclose(found, value, atol=1e-9, err_msg=name)


@settings(max_examples=60)
@given(data=st.data())
def test_samples_are_of_the_same_distributions(every: dict[str, Backend], data: st.DataObject) -> None:
    module = data.draw(circuits(max_gates=6, max_wires=2, max_results=2, results=READ))
    request = data.draw(requests(module, data.draw(bindings(module, max_rows=2)), shifted=False))
    truth = values(every["numpy"], module, request)
    sampled = replace(request, shots=SHOTS)
    for name in names(shots=True):
        for number, (found, variance), (value, _) in zip(
            request.results, values(every[name], module, sampled), truth, strict=True
        ):
            assert variance is not None
            result = module.results[number]
            if isinstance(result, Expectation):
                spread = 2 * sum(abs(c) for c, word in result.observable.terms if word.factors)
                bound = spread * math.sqrt(math.log(2 / ALPHA) / (2 * SHOTS))
                assert np.all(np.abs(found - value) <= bound + 1e-12), name
                assert np.all(variance <= (spread / 2) ** 2 / (SHOTS - 1) + 1e-12), name
            else:
                method = overlap_method(module, result) if isinstance(result, Overlap) else "compute_uncompute"
                for frequency, p in zip(
                    overlap_chance(method, found).ravel(), overlap_chance(method, value).ravel(), strict=True
                ):
                    assert chance(round(frequency * SHOTS), SHOTS, p) > ALPHA, name
                share = 1.0 if method == "compute_uncompute" else 4.0
                counted = overlap_chance(method, found)
                np.testing.assert_allclose(variance, share * counted * (1 - counted) / (SHOTS - 1), atol=1e-12)


@settings(max_examples=40)
@given(data=st.data())
def test_gradients_agree(every: dict[str, Backend], data: st.DataObject) -> None:
    kinds = ("expectation", "probabilities", "probability")
    module = data.draw(
        circuits(max_gates=3, max_segments=2, max_wires=2, max_slots=3, max_results=2, gates=SHIFTED, results=kinds)
    )
    bound = data.draw(bindings(module, max_rows=2))
    request = Request(bound, tuple(range(len(module.results))))
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    shapes = [value.shape for value, _ in values(every["numpy"], module, request)]
    cotangents = {k: generator.normal(size=shape) for k, shape in enumerate(shapes)}
    local = lowered(every["numpy"], module, None)
    assert isinstance(local, Differentiable)
    truth = flat(local.vjp(request, Context())[1](cotangents))
    for name in names(exact=True):
        executable = lowered(every[name], module, None)
        np.testing.assert_allclose(
            flat(gradient(executable, request, cotangents, Context(purpose="gradient"))), truth, atol=1e-9, err_msg=name
        )
        if MADE[name].adjoint:
            assert isinstance(executable, Differentiable)
            found = flat(executable.vjp(request, Context())[1](cotangents))
            np.testing.assert_allclose(found, truth, atol=1e-8, err_msg=name)


def flat(found: Gradient) -> np.ndarray:
    return np.concatenate([found.shared, found.items.ravel()])
