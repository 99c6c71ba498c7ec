"""Compiled kernels undo a product of one-qubit states whose amplitudes are complex, each in another way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_numpy_compiled import WAYS, engine, gradient

from qsanc.fast import Tier
from qsanc.fast.tier import Kernels
from qsanc.ir.circuit import Angle, CircuitModule, Expectation, Gate, Observable, Pauli, Segment
from qsanc.target import Bindings, Request
from qsanc_numpy import native
from qsanc_numpy.evaluate import Lowered
from qsanc_numpy.plan import Product

TURNS = st.lists(st.permutations(["rx", "ry", "rz"]).map(tuple), min_size=2, max_size=4)
"""By wire the rotations that it starts with."""


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    pytest.importorskip("numba", reason="numba is not installed: pip install 'qsanc[fast]'")
    found = Tier("on").kernels(native.LIBRARY)
    assert found is not None
    return found


def module(turns: Sequence[tuple[str, ...]]) -> CircuitModule:
    wires = len(turns)
    items = tuple(f"x{k}" for k in range(3 * wires))
    first = [Gate(name, (w,), (Angle.slot(1 + 3 * w + k),)) for w in range(wires) for k, name in enumerate(turns[w])]
    then = [Gate("crx", (w, (w + 1) % wires), (Angle.slot(0),)) for w in range(wires)]
    seen = (Observable(((1.0, Pauli(((w, "Y"),))), (0.5, Pauli(((w, "Z"),))))) for w in range(wires))
    segment = Segment("state", None, (*first, *then))
    return CircuitModule("m", wires, ("a",), items, (segment,), tuple(Expectation(0, one) for one in seen))


@settings(max_examples=30)
@given(turns=TURNS, rows=st.integers(1, 20), seed=st.integers(0, 1 << 32))
def test_complex_products_are_undone(turns: list[tuple[str, ...]], rows: int, seed: int, kernels: Kernels) -> None:
    made, rng = module(turns), np.random.default_rng(seed)
    lowered = Lowered.of(made)
    assert any(isinstance(operation, Product) for node in lowered.plan.nodes for operation in node.operations)
    bindings = Bindings(rng.normal(size=1), rng.normal(size=(rows, len(made.items))))
    request = Request(bindings, tuple(range(len(made.results))))
    found = gradient(lowered, request, engine(lowered, kernels, WAYS["gates"]))
    np.testing.assert_allclose(found, gradient(lowered, request, None), atol=1e-10)
