"""Laws that hold for every gate with an angle, at every angle: periods, sums of angles, slopes from shifts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import dense

from qsanc.grad.spectrum import shift_terms
from qsanc.ir.circuit import Angle, Gate
from qsanc.ir.gates import GATES, GateDef
from qsanc.ir.inverse import inverse
from qsanc.testing.strategies import angles

TURNS = [gate for gate in GATES.values() if gate.angles]
PERIODS = {
    **dict.fromkeys(["rx", "ry", "rz", "rxx", "ryy", "rzz", "crx", "cry", "crz"], (2,)),
    **dict.fromkeys(["phaseshift", "cphaseshift"], (1,)),
    "u3": (2, 1, 1),
}
"""The smallest number of whole turns after which each angle gives the same matrix, signs included."""
UP_TO_SIGN = {(name, 0) for name in ("rx", "ry", "rz", "rxx", "ryy", "rzz", "u3")}
"""One turn of these angles is a minus sign, which no result shows; a control makes it a phase between two halves."""

every_turn = pytest.mark.parametrize("gate", TURNS, ids=lambda gate: gate.name)
every_rotation = pytest.mark.parametrize("gate", [g for g in TURNS if len(g.angles) == 1], ids=lambda gate: gate.name)


def some_angles(gate: GateDef) -> st.SearchStrategy[np.ndarray]:
    return angles(shape=(len(gate.angles),))


def close(one: np.ndarray, other: np.ndarray) -> bool:
    return np.allclose(one, other, rtol=0, atol=1e-12)


@every_turn
@given(data=st.data())
@settings(max_examples=15)
def test_each_angle_has_its_period_and_none_shorter(gate: GateDef, data: st.DataObject) -> None:
    values = data.draw(some_angles(gate))
    for k, turns in enumerate(PERIODS[gate.name]):
        once = gate.matrix(values + 2 * math.pi * np.eye(len(values))[k])
        twice = gate.matrix(values + 4 * math.pi * np.eye(len(values))[k])
        assert close(twice, gate.matrix(values))
        assert close(once, gate.matrix(values)) == (turns == 1)
        assert close(once, -gate.matrix(values)) == ((gate.name, k) in UP_TO_SIGN)
        half = gate.matrix(values + turns * math.pi * np.eye(len(values))[k])
        assert not close(half, gate.matrix(values))


@every_turn
def test_the_period_is_that_of_the_eigenvalues(gate: GateDef) -> None:
    """exp(-i T g) = 1 for each eigenvalue g of the generator and T the period in radians."""
    for k, generator in gate.factors:
        phases = np.exp(-2j * math.pi * PERIODS[gate.name][k] * np.array(generator.eigenvalues))
        assert close(phases, np.ones_like(phases))


@every_rotation
@given(st.data())
@settings(max_examples=15)
def test_angles_add_and_zero_is_nothing(gate: GateDef, data: st.DataObject) -> None:
    a, b = data.draw(some_angles(gate)), data.draw(some_angles(gate))
    assert close(gate.matrix(a) @ gate.matrix(b), gate.matrix(a + b))
    assert close(gate.matrix(-a), gate.matrix(a).conj().T)
    assert close(gate.matrix(0 * a), np.eye(2**gate.wires))


@pytest.mark.parametrize("gate", GATES.values(), ids=lambda gate: gate.name)
@given(data=st.data())
@settings(max_examples=15)
def test_the_inverse_of_the_inverse_is_the_gate(gate: GateDef, data: st.DataObject) -> None:
    """Written in affine angles of slots, and undone on any wires."""
    slots = data.draw(angles(shape=(3,)))
    wires = tuple(data.draw(st.permutations(range(3)))[: gate.wires])
    body = (Gate(gate.name, wires, tuple(Angle(0.3, ((k, -1.5),)) for k in range(len(gate.angles)))),)
    whole = dense.unitary(body, 3, slots)
    assert close(dense.unitary(inverse(body), 3, slots), whole.conj().T)
    assert close(dense.unitary(inverse(inverse(body)), 3, slots), whole)


@every_turn
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_the_terms_of_the_shift_rule_give_finite_differences(gate: GateDef, data: st.DataObject, seed: int) -> None:
    """For each angle, any state and any observable, with the shifts that gradients are made of."""
    values = data.draw(some_angles(gate))
    generator, d = np.random.default_rng(seed), 2**gate.wires
    state = generator.normal(size=(d, 2)) @ [1, 1j] / math.sqrt(2 * d)
    observable = generator.normal(size=(d, d, 2)) @ [1, 1j]
    observable = observable + observable.conj().T

    def expectation(at: np.ndarray) -> float:
        after = dense.GATES[gate.name](*at) @ state
        return float(np.vdot(after, observable @ after).real)

    slopes = dense.finite_difference(expectation, values)
    for k, gaps in enumerate(gate.gaps):
        unit = np.eye(len(values))[k]
        shifted = sum(term.weight * expectation(values + term.delta * unit) for term in shift_terms(gaps))
        assert shifted == pytest.approx(slopes[k], abs=1e-8)


def test_every_gate_with_an_angle_has_a_period_here() -> None:
    assert {gate.name: len(gate.angles) for gate in TURNS} == {name: len(turns) for name, turns in PERIODS.items()}
