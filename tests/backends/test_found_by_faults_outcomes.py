"""Each wire of a setting is read from its own bit of the outcomes."""

from __future__ import annotations

import math

import numpy as np
from oracle import dense

from qsanc.ir.circuit import Angle, CircuitModule, Expectation, Gate, Observable, Pauli, Segment
from qsanc.target import Bindings
from qsanc.target.sampling import measured_module, readings

CHANCES = (0.1, 0.45, 0.8)


def test_wires_of_one_setting_are_told_apart() -> None:
    """Qubit k reads 1 with chance p_k: Z is 1 - 2 p_k, and the product of several that of theirs."""
    body = tuple(Gate("ry", (k,), (Angle(2 * math.asin(math.sqrt(p))),)) for k, p in enumerate(CHANCES))
    wires = ((0,), (1,), (2,), (0, 1), (1, 2), (0, 2))
    results = tuple(Expectation(0, Observable(((1.0, Pauli(tuple((w, "Z") for w in on))),))) for on in wires)
    module = CircuitModule("product", 3, (), (), (Segment("all", None, body),), results)
    bound = Bindings(np.zeros(0), np.zeros((1, 0)))
    reading = readings(module)
    assert len(reading.settings) == 1
    outcomes = dense.results(measured_module(module, reading.settings), bound)
    for k, on in enumerate(wires):
        found = reading.estimate(k, outcomes.__getitem__, bound.rows, None)
        np.testing.assert_allclose(found.value, math.prod(1 - 2 * CHANCES[w] for w in on), atol=1e-12)
