"""Whether an operation is unitary, and whether a circuit prepares a state."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Number

import numpy as np
from numpy.typing import NDArray

from qsanc.ir.gates import Matrix
from qsanc.testing.assertions import compare
from qsanc.testing.assertions.evidence import Evidence
from qsanc.testing.assertions.options import seeded, tolerance
from qsanc.testing.convert import MOST_WIRES, Operator, as_operator, as_operators
from qsanc.testing.failed import CheckFailed


def assert_unitary(
    candidate: object, *, wires: Sequence[Hashable] | None = None, tol: float = 1e-9, seed: int = 0
) -> Evidence:
    """A matrix, or whatever is a circuit, keeps all inner products.

    Of all basis states up to 10 wires, of random states beyond. `wires` names the labels of a circuit from elsewhere.
    Raises CheckFailed.
    """
    tolerance(tol)
    seeded(seed)
    operator = as_operator(candidate, wires=wires)
    _held(operator)
    states = compare.inputs(operator.wires, seed)
    after = operator.applied(states)
    off = np.abs(after.conj().T @ after - states.conj().T @ states)
    kind = "all basis states" if operator.wires <= compare.EXACT_WIRES else f"{len(off)} random states"
    method = f"inner products of {kind} on {operator.wires} wires"
    if off.max() <= tol:
        return Evidence(method, float(off.max()), tol)
    i, j = np.unravel_index(int(np.argmax(off)), off.shape)
    where = f"the norm of column {i}" if i == j else f"the inner product of columns {i} and {j}"
    raise CheckFailed(f"this is not unitary ({method}): {where} is off by {off.max():.3g}, tolerance {tol:.3g}")


def assert_state(
    circuit: object,
    expected: object,
    *,
    wires: Sequence[Hashable] | None = None,
    strict: bool = False,
    tol: float = 1e-9,
) -> Evidence:
    """A circuit prepares from |0...0> the state `expected`, up to a global phase unless `strict`.

    `expected` is complex[2^wires] amplitudes, normalised, or another circuit. `wires` names the labels of circuits from
    elsewhere in order; see `assert_equivalent` for two without. Raises CheckFailed; ValueError where the amplitudes are
    no state, and where a state is too large to be held.
    """
    tolerance(tol)
    if (amplitudes := _amplitudes(expected)) is not None:
        operator, wanted = as_operator(circuit, wires=wires), amplitudes
    else:
        operator, other, _ = as_operators(circuit, expected, wires=wires)
        wanted = prepared(other)
    state = prepared(operator)
    if len(wanted) != len(state):
        others = len(wanted).bit_length() - 1
        raise CheckFailed(f"the circuit prepares a state of {operator.wires} wires, and {others} are expected")
    ours = compare.aligned(state, wanted, strict=strict)
    off = np.abs(ours - wanted)
    method = f"the state of {operator.wires} wires, {'global phase included' if strict else 'up to a global phase'}"
    if off.max() <= tol:
        return Evidence(method, float(off.max()), tol)
    worst = int(np.argmax(off))
    overlap = abs(np.vdot(state, wanted)) ** 2
    raise CheckFailed(
        f"the circuit prepares another state ({method}): amplitudes differ by {off.max():.3g}, tolerance {tol:.3g}\n"
        f"  |{worst:0{operator.wires}b}> has amplitude {_number(ours[worst])}, expected {_number(wanted[worst])}; "
        f"the states overlap by {overlap:.6g} in probability"
    )


def prepared(operator: Operator) -> Matrix:
    """The state complex128[2^wires] from |0...0>. Raises ValueError beyond `MOST_WIRES`."""
    _held(operator)
    start = np.zeros((1 << operator.wires, 1), np.complex128)
    start[0] = 1
    return np.asarray(operator.applied(start)[:, 0])


def _held(operator: Operator) -> None:
    if operator.wires > MOST_WIRES:
        raise ValueError(f"a state of {operator.wires} wires is too large: states are held up to {MOST_WIRES} wires")


def _amplitudes(expected: object) -> Matrix | None:
    """None where these are no numbers in a row."""
    if isinstance(expected, list | tuple) and all(isinstance(x, Number) for x in expected):
        expected = np.array(expected)
    if not isinstance(expected, np.ndarray) or expected.ndim != 1:
        return None
    found: NDArray[np.complex128] = expected.astype(np.complex128)
    if len(found) & (len(found) - 1) or not len(found) or not abs(np.linalg.norm(found) - 1) <= 1e-6:
        raise ValueError(f"a state has 2^n amplitudes of norm 1; these are {len(found)}, {np.linalg.norm(found):.6g}")
    return found


def _number(amplitude: complex) -> str:
    return f"{amplitude.real:.6g}{amplitude.imag:+.6g}i"
