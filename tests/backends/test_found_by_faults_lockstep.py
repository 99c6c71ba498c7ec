"""Tails that run side by side give what each gives alone, whichever operations each of them lacks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.asking import expected
from test_numpy_plan import Observables

from qsanc.ir.circuit import Angle, CircuitModule, Expectation, Gate, Observable, Pauli, Segment
from qsanc.target import Bindings, Request
from qsanc_numpy.evaluate import Lowered

TEMPLATE = (("rx", (0,)), ("crx", (0, 1)), ("rz", (1,)), ("crz", (1, 0)), ("ry", (0,)))
LACKS = st.sets(st.sampled_from(range(len(TEMPLATE))), max_size=2)
SEEN = Observable(((1.0, Pauli(((0, "Y"),))), (0.5, Pauli(((1, "X"),)))))


def module(lacks: list[set[int]]) -> CircuitModule:
    """An encoder, and behind it for each set a tail of the template less the operations in it, at angles of its own."""
    shared = tuple(f"s{k}" for k in range(len(TEMPLATE) * len(lacks)))
    item = Angle.slot(len(shared))
    encode = Segment("encode", None, (Gate("rx", (0,), (item,)), Gate("ry", (1,), (item,)), Gate("cx", (0, 1))))
    tails = [
        Segment(
            f"tail{number}",
            0,
            tuple(
                Gate(name, wires, (Angle.slot(number * len(TEMPLATE) + k),))
                for k, (name, wires) in enumerate(TEMPLATE)
                if k not in missing
            ),
        )
        for number, missing in enumerate(lacks)
    ]
    results = tuple(Expectation(1 + number, SEEN) for number in range(len(lacks)))
    return CircuitModule("m", 2, shared, ("x",), (encode, *tails), results)


@pytest.mark.parametrize("lacks", [[{2}, set()], [set(), {2}], [{1}, {3}], [{0}, set(), {2}]])
def test_tails_of_one_template_run_side_by_side(lacks: list[set[int]]) -> None:
    (group,) = Lowered.of(module(lacks)).plan.groups
    assert len(group.tails) == len(lacks)


@settings(max_examples=60)
@given(lacks=st.lists(LACKS, min_size=2, max_size=3), seed=st.integers(0, 1 << 32))
def test_each_tail_has_its_own_operations(lacks: list[set[int]], seed: int) -> None:
    made, rng = module(lacks), np.random.default_rng(seed)
    bindings = Bindings(rng.normal(size=len(made.shared)), rng.normal(size=(2, 1)))
    request = Request(bindings, tuple(range(len(lacks))))
    values = Lowered.of(made, Observables()).values(bindings, request.results, None)
    for k, value in zip(request.results, expected(made, request), strict=True):
        np.testing.assert_allclose(values[k], value, atol=1e-10)
