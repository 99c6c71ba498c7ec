"""The gate table proves itself: every column from another one, and the matrices from the oracle's own definitions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from oracle import dense

from qsanc.ir.circuit import Angle
from qsanc.ir.gates import GATES, GateDef

LANGUAGE = """
    i x y z h s si t ti v vi rx ry rz phaseshift u3 cx cy cz ch swap iswap crx cry crz cphaseshift rxx ryy rzz ccx cswap
"""
STDGATES = """
    p x y z h s sdg t tdg sx rx ry rz cx cy cz cp crx cry crz ch swap ccx cswap cu CX phase cphase id u1 u2 u3
"""
BRAKET = """
    i h x y z cv cnot cy cz ecr s si t ti v vi phaseshift cphaseshift cphaseshift00 cphaseshift01 cphaseshift10 rx ry rz
    U swap iswap pswap xy xx yy zz ccnot cswap gpi gpi2 prx ms
"""

every_gate = pytest.mark.parametrize("gate", GATES.values(), ids=lambda gate: gate.name)
every_turn = pytest.mark.parametrize("gate", [g for g in GATES.values() if g.angles], ids=lambda gate: gate.name)


def points(gate: GateDef, count: int = 4) -> np.ndarray:
    """Angles float64[count, k] without relations."""
    return np.random.default_rng(len(gate.name)).uniform(-4, 4, (count, len(gate.angles)))


def at(angle: Angle, values: np.ndarray) -> float:
    return angle.constant + sum(coefficient * values[slot] for slot, coefficient in angle.terms)


def test_the_table_holds_the_gates_of_the_language_and_no_others():
    assert sorted(GATES) == sorted(LANGUAGE.split())
    assert all(name == gate.name for name, gate in GATES.items())


def test_wire_0_is_the_most_significant_bit():
    assert GATES["cx"].matrix()[0b11, 0b10] == 1
    assert GATES["cswap"].matrix()[0b101, 0b110] == 1


@every_gate
def test_the_matrix_is_the_one_in_the_textbook(gate: GateDef):
    for values in points(gate):
        assert np.allclose(gate.matrix(values), dense.GATES[gate.name](*values), rtol=0, atol=1e-14)


@every_gate
def test_the_matrix_is_unitary(gate: GateDef):
    matrices = gate.matrix(points(gate))
    assert matrices.shape == (4, 2**gate.wires, 2**gate.wires)
    assert matrices.dtype == np.complex128
    products = matrices @ matrices.conj().swapaxes(-1, -2)
    assert np.allclose(products, np.eye(2**gate.wires), rtol=0, atol=1e-14)


@every_gate
def test_leading_axes_are_a_batch(gate: GateDef):
    values = points(gate, 6).reshape(2, 3, -1)
    for get in (gate.matrix, gate.derivative):
        batch = get(values)
        for index in np.ndindex(2, 3):
            assert np.array_equal(batch[index], get(values[index]))
    with pytest.raises(ValueError, match=f"{gate.name} takes angles"):
        gate.matrix(np.zeros(len(gate.angles) + 1))


@every_turn
def test_a_gate_with_angles_is_the_product_of_its_generators_exponentials(gate: GateDef):
    assert sorted(index for index, _ in gate.factors) == list(range(len(gate.angles)))
    for values in points(gate):
        product = np.eye(2**gate.wires)
        for index, generator in gate.factors:
            assert np.array_equal(generator.matrix, generator.matrix.conj().T)
            energies, vectors = np.linalg.eigh(generator.matrix)
            assert {round(float(energy), 12) + 0.0 for energy in energies} == set(generator.eigenvalues)
            product = vectors @ np.diag(np.exp(-1j * values[index] * energies)) @ vectors.conj().T @ product
        assert np.allclose(gate.matrix(values), product, rtol=0, atol=1e-14)


@every_turn
def test_the_derivative_is_the_slope_of_the_matrix(gate: GateDef):
    for values in points(gate):
        slopes = dense.finite_difference(gate.matrix, values)
        assert np.allclose(gate.derivative(values), slopes, rtol=0, atol=1e-11)


@every_turn
def test_the_shift_rule_of_the_gaps_gives_the_derivative_of_an_expectation(gate: GateDef):
    """f'(a) = sum_k c_k (f(a + d_k) - f(a - d_k)), where sum_k 2 c_k sin(w d_k) = w for each gap w."""
    d = 2**gate.wires
    generator = np.random.default_rng(7)
    state = generator.normal(size=(d, 2)) @ [1, 1j]
    observable = generator.normal(size=(d, d, 2)) @ [1, 1j]
    observable = observable + observable.conj().T

    def expectation(values: np.ndarray) -> float:
        after = gate.matrix(values) @ state
        return np.vdot(after, observable @ after).real

    for values in points(gate):
        for k, gaps in enumerate(gate.gaps):
            frequencies = np.array(gaps)
            shifts = np.arange(1, len(gaps) + 1) * math.pi / (2 * max(gaps) * len(gaps)) * 0.9
            rule = np.linalg.solve(2 * np.sin(np.outer(frequencies, shifts)), frequencies)
            unit = np.eye(len(values))[k]
            shifted = sum(
                c * (expectation(values + s * unit) - expectation(values - s * unit))
                for c, s in zip(rule, shifts, strict=True)
            )
            slope = 2 * np.vdot(gate.matrix(values) @ state, observable @ gate.derivative(values)[k] @ state).real
            assert math.isclose(shifted, slope, abs_tol=1e-11)


@every_turn
def test_the_gaps_are_those_of_the_language(gate: GateDef):
    two = (0.5, 1.0) if gate.name in ("crx", "cry", "crz") else (1.0,)
    assert gate.gaps == (two,) * len(gate.angles)


@every_gate
def test_the_inverse_undoes_the_gate_exactly(gate: GateDef):
    assert gate.inverse.phase == Angle()
    for values in points(gate):
        undo = dense.unitary(gate.inverse.body, gate.wires, values)
        assert np.allclose(undo @ gate.matrix(values), np.eye(2**gate.wires), rtol=0, atol=1e-14)


@every_gate
def test_each_decomposition_is_the_gate_with_its_phase(gate: GateDef):
    assert gate.decompositions
    for way in gate.decompositions:
        assert gate.name not in {step.name for step in way.body}
        for values in points(gate):
            whole = np.exp(1j * at(way.phase, values)) * dense.unitary(way.body, gate.wires, values)
            assert np.allclose(whole, gate.matrix(values), rtol=0, atol=1e-14)


@every_gate
def test_the_flags_are_true_just_where_the_matrix_says_so(gate: GateDef):
    matrices = gate.matrix(points(gate))
    assert gate.diagonal == np.array_equal(matrices, matrices * np.eye(2**gate.wires))
    assert gate.permutation == bool(np.isin(matrices, [0, 1]).all())
    assert gate.real == (not matrices.imag.any())


@every_gate
def test_symmetric_wires_are_those_that_can_be_exchanged(gate: GateDef):
    for a, b in itertools.combinations(range(gate.wires), 2):
        order = list(range(gate.wires))
        order[a], order[b] = b, a
        matrix = gate.matrix(points(gate)[0])
        exchange = dense.embed(dense.SWAP, (a, b), gate.wires)
        same = np.allclose(exchange @ matrix @ exchange, matrix, rtol=0, atol=1e-14)
        assert same == (a in gate.symmetric and b in gate.symmetric)


@every_gate
def test_controls_leave_the_rest_alone_unless_all_read_1(gate: GateDef):
    base = GATES[gate.base]
    assert base.wires + gate.controls == gate.wires
    for values in points(gate):
        whole = base.matrix(values)
        for _ in range(gate.controls):
            whole = dense.controlled(whole)
        assert np.array_equal(gate.matrix(values), whole)


def test_names_elsewhere_are_names_that_exist_there_and_are_taken_once():
    openqasm = [gate.openqasm for gate in GATES.values() if gate.openqasm]
    braket = [gate.braket for gate in GATES.values() if gate.braket]
    assert {name.removeprefix("inv @ ") for name in openqasm} <= {*STDGATES.split(), "U"}
    assert set(braket) <= set(BRAKET.split())
    assert len(set(openqasm)) == len(openqasm)
    assert len(set(braket)) == len(braket)


@every_gate
def test_every_gate_is_documented(gate: GateDef):
    assert gate.doc.endswith(".")
    assert gate.doc[0].isupper()
