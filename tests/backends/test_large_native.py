"""Columns on large registers in native code: the same as NumPy's products, which `test_large_laws` holds to truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from qsanc.fast import Tier
from qsanc_numpy import large_kernels
from qsanc_numpy.large import Diagonal, LargePlan, Linear, Matrix, Operation, prepare
from qsanc_numpy.large_native import taken_apart

Kernels = Mapping[str, Callable[..., None]]
PLAIN: Kernels = {name: getattr(large_kernels, name) for name in large_kernels.LIBRARY.kernels}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    pytest.importorskip("numba")
    kernels = Tier("on", tmp_path_factory.mktemp("native")).kernels(large_kernels.LIBRARY)
    assert kernels is not None
    return kernels


def unitary(rng: np.random.Generator) -> np.ndarray:
    """Any, real, diagonal, exchanging, or diagonal up to rounding."""
    matrix, _ = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))
    phases = np.diag(np.exp(1j * rng.uniform(0, 6, 2)))
    turn = rng.uniform(0, 6) * 10.0 ** rng.integers(-18, 1)
    real = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return [matrix, real, phases, phases[::-1], real @ phases][rng.integers(5)]


def columns(seed: int, wires: int, most: int) -> tuple[list[Operation], list[np.ndarray]]:
    """Columns with permutations of any kind between them, and now and then a gate on two wires."""
    rng = np.random.default_rng(seed)
    operations: list[Operation] = []
    matrices: list[np.ndarray] = []
    for _ in range(rng.integers(1, most + 1)):
        gates = []
        for _ in range(rng.integers(0, 2 * wires)):
            name = ("x", "cx", "swap")[rng.integers(3)]
            gates.append((name, tuple(rng.permutation(wires)[: 1 if name == "x" else 2].tolist())))
        operations.append(Linear(tuple(gates)))
        for wire in rng.permutation(wires)[: rng.integers(wires + 1)].tolist():
            operations.append(Matrix((wire,), len(matrices)))
            matrices.append(unitary(rng))
        if rng.integers(3) == 0:
            wire = int(rng.integers(wires))
            operations.append(Diagonal((wire,), np.exp(1j * rng.uniform(0, 6, 2))))
        if rng.integers(3) == 0:
            operations.append(Matrix(tuple(rng.permutation(wires)[:2].tolist()), len(matrices)))
            matrices.append(np.kron(unitary(rng), unitary(rng)))
    return operations, matrices


def ring(wires: int, layers: int, seed: int) -> tuple[list[Operation], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    operations: list[Operation] = []
    for layer in range(layers):
        operations += [Matrix((wire,), layer * wires + wire) for wire in range(wires)]
        operations.append(Linear(tuple(("cx", (wire, (wire + 1) % wires)) for wire in range(wires))))
    return operations, [unitary(rng) for _ in range(layers * wires)]


def vector(seed: int, wires: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=1 << wires) + 1j * rng.normal(size=1 << wires)
    return values / np.linalg.norm(values)


def assert_alike(plan: LargePlan, matrices: list[np.ndarray], kernels: Kernels, seed: int) -> None:
    state, bra = vector(seed, plan.wires), vector(seed + 1, plan.wires)
    wanted = frozenset(range(len(matrices)))
    final = plan.forward(matrices, state.copy())
    np.testing.assert_allclose(plan.forward(matrices, state.copy(), kernels), final, atol=1e-13)
    expected = plan.backward(matrices, final.copy(), bra.copy(), wanted=wanted)
    found = plan.backward(matrices, final.copy(), bra.copy(), kernels, wanted=wanted)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-13)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-13)
    assert found[2].keys() == wanted
    for index in wanted:
        np.testing.assert_allclose(found[2][index], expected[2][index], atol=1e-13)


@pytest.mark.parametrize("seed", range(25))
def test_native_code_and_products_agree(compiled: Kernels, seed: int) -> None:
    wires = 12 + seed % 5
    operations, matrices = columns(seed, wires, most=4)
    assert_alike(prepare(wires, operations), matrices, compiled, seed)


def test_the_plain_functions_of_the_kernels() -> None:
    """As Python runs them: no test above depends on what the compiler makes of them alone."""
    operations, matrices = ring(13, 1, seed=5)
    assert_alike(prepare(13, operations), matrices, PLAIN, 5)


def test_threads_change_no_bit(compiled: Kernels) -> None:
    operations, matrices = ring(18, 2, seed=3)
    plan = prepare(18, operations)
    state, bra = vector(3, 18), vector(4, 18)
    wanted = frozenset(range(len(matrices)))
    for kernels in (None, compiled):
        runs = []
        for threads in (1, 2, 3):
            final = plan.forward(matrices, state.copy(), kernels, threads=threads)
            runs.append(
                (final.copy(), plan.backward(matrices, final, bra.copy(), kernels, wanted=wanted, threads=threads))
            )
        for final, (ket, before, small) in runs[1:]:
            np.testing.assert_array_equal(final, runs[0][0])
            np.testing.assert_array_equal(ket, runs[0][1][0])
            np.testing.assert_array_equal(before, runs[0][1][1])
            assert all((small[index] == runs[0][1][2][index]).all() for index in wanted)


def test_undoing_comes_back_to_the_state(compiled: Kernels) -> None:
    operations, matrices = ring(14, 60, seed=8)
    plan, state = prepare(14, operations), vector(8, 14)
    final = plan.forward(matrices, state.copy(), compiled)
    assert abs(np.linalg.norm(final) - 1) < 1e-12
    ket, bra, _ = plan.backward(matrices, final, final.conj(), compiled, wanted=frozenset())
    np.testing.assert_allclose(ket, state, atol=1e-12)
    np.testing.assert_allclose(bra, state.conj(), atol=1e-12)


def test_taking_apart() -> None:
    """diag(left) (1 -t; t 1) diag(1, right) x^flip is the matrix again, and no tangent is above 1."""
    rng = np.random.default_rng(0)
    matrices = np.array([unitary(rng) for _ in range(500)])
    left, right, tangent, flip = taken_apart(matrices)
    assert (tangent <= 1).all()
    assert flip.any()
    for k, matrix in enumerate(matrices):
        core = np.array([[1, -tangent[k]], [tangent[k], 1]])
        again = np.diag(left[k]) @ core @ np.diag([1, right[k]])
        np.testing.assert_allclose(again[:, ::-1] if flip[k] else again, matrix, atol=1e-14)


def test_what_native_code_leaves_to_numpy() -> None:
    """Other numbers than complex128, registers smaller than a block: the kernels are not asked."""
    operations, matrices = ring(12, 1, seed=1)
    none: Kernels = {}
    plan, state = prepare(12, operations), vector(1, 12)
    single = plan.forward(matrices, state.astype(np.complex64), none)
    np.testing.assert_allclose(single, plan.forward(matrices, state.copy()), atol=1e-6)
    small = prepare(3, [Matrix((0,), 0)])
    assert small.native is None
    small.forward(matrices, vector(1, 3), none)


def test_a_plan_says_what_it_does() -> None:
    operations, _ = ring(18, 1, seed=0)
    assert str(prepare(18, operations)) == PLAN


PLAN = """\
large register: 18 wires, 3 sweeps, 6 groups, 0.101 Gflop, 0.0252 GB
  blocks of 2^15: products on (0, 1, 2) (3, 4, 5) (6, 7, 8) (12, 13, 14) (15, 16, 17)
  blocks of 2^15: products on (9, 10, 11)
  blocks of 2^15: permute, products on nothing
with native code: 3 sweeps
  blocks of 2^12: native column on 0, 1, 2, 3, 4, 5, 6, 7, 8
  blocks of 2^12: native column on 9, 10, 11, 12, 13, 14, 15, 16, 17
  blocks of 2^12: permute, native column on nothing
"""
