"""Large registers on small ones: every way to group and block gives what dense matrices give, forwards and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import dense

from qsanc.diagnostics import CompilerBug
from qsanc.testing.strategies import angles
from qsanc_numpy.large import Diagonal, LargePlan, Linear, Matrix, Operation, prepare
from qsanc_numpy.large_layout import Affine

LINEAR = ("x", "cx", "swap")
PHASES = ("z", "s", "t", "cz")
REAL = ("x", "cx", "swap", "z", "cz", "h", "ry", "cry", "ch", "ccx", "cswap")
WIDTH = {name: len(gate(*[0.0] * gate.__code__.co_argcount)).bit_length() - 1 for name, gate in dense.GATES.items()}


@dataclass(frozen=True)
class Stretch:
    """Operations on a register, their matrices, and each of them as a matrix on all wires."""

    wires: int
    operations: tuple[Operation, ...]
    matrices: tuple[np.ndarray, ...]
    whole: tuple[np.ndarray, ...]


@st.composite
def stretches(draw: st.DrawFn, *, max_wires: int = 5, max_gates: int = 16, real: bool = False) -> Stretch:
    wires = draw(st.integers(1, max_wires))
    known = [name for name, width in WIDTH.items() if width <= wires and (not real or name in REAL)]
    names = draw(st.lists(st.sampled_from(known), max_size=max_gates))
    operations: list[Operation] = []
    matrices, whole = [], []
    for name in names:
        on = tuple(draw(st.permutations(range(wires)))[: WIDTH[name]])
        gate = dense.GATES[name]
        matrix = gate(*(draw(angles()) for _ in range(gate.__code__.co_argcount)))
        step = dense.embed(matrix, on, wires)
        last = operations[-1] if operations else None
        if name in LINEAR and isinstance(last, Linear) and draw(st.booleans()):
            operations[-1] = Linear((*last.gates, (name, on)))
            whole[-1] = step @ whole[-1]
            continue
        if name in LINEAR:
            operations.append(Linear(((name, on),)))
        elif name in PHASES:
            operations.append(Diagonal(on, np.diag(matrix).astype(complex)))
        else:
            operations.append(Matrix(on, len(matrices)))
            matrices.append(matrix.real.copy() if real else np.asarray(matrix, complex))
        whole.append(step)
    return Stretch(wires, tuple(operations), tuple(matrices), tuple(whole))


def vector(seed: int, wires: int, real: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=1 << wires) + (0 if real else 1j * rng.normal(size=1 << wires))
    return values / np.linalg.norm(values)


def by_definition(
    stretch: Stretch, state: np.ndarray, costate: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
    """The state after everything, the costate before everything, and K[a, b] of every matrix."""
    states = [state]
    for step in stretch.whole:
        states.append(step @ states[-1])
    bra, small = costate.conj(), {}
    for at in reversed(range(len(stretch.operations))):
        operation = stretch.operations[at]
        if isinstance(operation, Matrix):
            front = range(len(operation.wires))
            split = [v.reshape((2,) * stretch.wires) for v in (bra, states[at])]
            left, right = (np.moveaxis(v, operation.wires, front).reshape(1 << len(front), -1) for v in split)
            small[operation.index] = left @ right.T
        bra = stretch.whole[at].T @ bra
    return states[-1], bra, small


def assert_follows(plan: LargePlan, stretch: Stretch, seed: int, real: bool, tolerance: float = 1e-10) -> None:
    state, costate = vector(seed, stretch.wires, real), vector(seed + 1, stretch.wires, real)
    end, start, small = by_definition(stretch, state, costate)
    final = plan.forward(stretch.matrices, state.copy())
    assert final.dtype == state.dtype
    np.testing.assert_allclose(final, end, atol=tolerance)
    wanted = frozenset(range(0, len(stretch.matrices), 2))
    ket, bra, found = plan.backward(stretch.matrices, final, costate.conj(), wanted=wanted)
    np.testing.assert_allclose(ket, state, atol=tolerance)
    np.testing.assert_allclose(bra, start, atol=tolerance)
    assert found.keys() == wanted
    for index in wanted:
        np.testing.assert_allclose(found[index], small[index], atol=tolerance)


@given(stretches(), st.integers(1, 5), st.integers(4, 7), st.integers(0, 99))
def test_every_grouping_and_blocking(stretch: Stretch, group: int, block: int, seed: int) -> None:
    plan = prepare(stretch.wires, stretch.operations, group=group, block=max(block, group))
    assert_follows(plan, stretch, seed, real=False)


@settings(max_examples=25)
@given(stretches(max_wires=7, max_gates=8), st.integers(1, 3), st.integers(0, 99))
def test_blocks_smaller_than_the_register(stretch: Stretch, group: int, seed: int) -> None:
    assert_follows(prepare(stretch.wires, stretch.operations, group=group, block=5), stretch, seed, real=False)


@given(stretches(real=True), st.integers(1, 4), st.integers(0, 99))
def test_real_states_stay_real(stretch: Stretch, group: int, seed: int) -> None:
    assert_follows(prepare(stretch.wires, stretch.operations, group=group), stretch, seed, real=True)


def test_a_real_state_refuses_a_matrix_that_is_not() -> None:
    plan = prepare(1, (Matrix((0,), 0),))
    with pytest.raises(CompilerBug):
        plan.forward([dense.GATES["rx"](0.3)], np.array([1.0, 0.0]))


@given(stretches(), st.integers(0, 99))
def test_single_precision(stretch: Stretch, seed: int) -> None:
    """A product of a group errs by at most 2^-18 of the norm: 2^-24 a rounding, at most sixteen terms, two parts."""
    plan = prepare(stretch.wires, stretch.operations)
    state, costate = vector(seed, stretch.wires, False), vector(seed + 1, stretch.wires, False)
    bound = 2.0**-18 * (1 + len(stretch.operations))
    end, start, small = by_definition(stretch, state, costate)
    final = plan.forward(stretch.matrices, state.astype(np.complex64))
    assert final.dtype == np.complex64
    assert np.linalg.norm(final - end) <= bound
    wanted = frozenset(range(len(stretch.matrices)))
    ket, bra, found = plan.backward(stretch.matrices, final, costate.conj().astype(np.complex64), wanted=wanted)
    assert np.linalg.norm(ket - state) <= 2 * bound
    assert np.linalg.norm(bra - start) <= bound
    assert all(np.abs(found[k] - small[k]).max() <= 3 * bound for k in wanted)


@given(stretches(max_gates=6), st.integers(0, 99))
def test_columns_one_by_one(stretch: Stretch, seed: int) -> None:
    plan = prepare(stretch.wires, stretch.operations)
    kets = [vector(seed + k, stretch.wires, False) for k in range(3)]
    bras = [vector(seed + 3 + k, stretch.wires, False) for k in range(3)]
    together = plan.forward(stretch.matrices, np.stack(kets, axis=1))
    alone = [plan.forward(stretch.matrices, ket.copy()) for ket in kets]
    np.testing.assert_array_equal(together, np.stack(alone, axis=1))
    wanted = frozenset(range(len(stretch.matrices)))
    _, _, summed = plan.backward(stretch.matrices, together, np.stack(bras, axis=1), wanted=wanted)
    each = [plan.backward(stretch.matrices, ket, bra, wanted=wanted)[2] for ket, bra in zip(alone, bras, strict=True)]
    for index in wanted:
        np.testing.assert_allclose(summed[index], sum(small[index] for small in each), atol=1e-12)


@given(stretches(max_wires=4).filter(lambda s: any(isinstance(o, Linear) for o in s.operations)))
def test_maps_of_basis_states(stretch: Stretch) -> None:
    """What `Affine` says of a permutation is its matrix; it has an inverse, composes, and tables agree with it."""
    before = Affine.identity(stretch.wires)
    for operation, whole in zip(stretch.operations, stretch.whole, strict=True):
        if not isinstance(operation, Linear):
            continue
        moved = Affine.of(operation.gates, stretch.wires)
        for x in range(1 << stretch.wires):
            assert whole[moved(x), x] == 1
            assert moved.inverse()(moved(x)) == x
            assert before.then(moved)(x) == moved(before(x))
        bits = list(reversed(range(stretch.wires)))
        assert (moved.table(bits) ^ moved.constant).tolist() == [moved(x) for x in range(1 << stretch.wires)]
        before = before.then(moved)


def test_maps_that_are_not_one_to_one() -> None:
    with pytest.raises(CompilerBug):
        Affine((1, 1)).inverse()
    with pytest.raises(CompilerBug):
        Affine.of([("ccx", (0, 1, 2))], 3)
