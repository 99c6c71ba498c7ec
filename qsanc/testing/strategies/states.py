"""State vectors."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from qsanc.ir.gates import Matrix
from qsanc.testing.strategies.numbers import angles

_MOST_TERMS = 4
_SEED = 32
"""Numbers of a seed: more than a sum of basis states takes, because Hypothesis holds fewer choices to be simpler."""


def states(*, wires: int) -> st.SearchStrategy[Matrix]:
    """Normalised states complex128[2^wires], wire 0 the most significant.

    Basis states come first, then products of one-qubit states, sums of a few basis states, and states drawn uniformly
    from all. Shrinks to |0...0>. Raises ValueError for fewer than one wire or more than 20.

    >>> @given(states(wires=3))
    ... def test_norm(state): assert np.isclose(np.linalg.norm(state), 1)
    """
    if not 1 <= wires <= 20:
        raise ValueError(f"states of 1 to 20 wires can be drawn, not of {wires}")
    size = 1 << wires
    basis = st.integers(0, size - 1)
    amplitude = st.tuples(st.just(1.0) | st.floats(0.1, 1), angles(min_value=-math.pi, max_value=math.pi))
    turns = st.tuples(angles(min_value=-math.pi, max_value=math.pi), angles(min_value=-math.pi, max_value=math.pi))
    return st.one_of(
        basis.map(lambda index: _superposed(size, {index: (1.0, 0.0)})),
        st.lists(turns, min_size=wires, max_size=wires).map(_product),
        st.lists(st.tuples(basis, amplitude), min_size=1, max_size=_MOST_TERMS).map(
            lambda terms: _superposed(size, dict(terms))
        ),
        st.lists(st.integers(0, 15), min_size=_SEED, max_size=_SEED).map(lambda seed: _uniform(size, seed)),
    )


def _superposed(size: int, terms: dict[int, tuple[float, float]]) -> Matrix:
    """A sum of basis states by index, with the size and the phase of each amplitude."""
    state = np.zeros(size, np.complex128)
    for index, (length, phase) in terms.items():
        state[index] = length * np.exp(1j * phase)
    return _normalised(state)


def _product(turns: list[tuple[float, float]]) -> Matrix:
    """Polar and azimuthal angle of each qubit on its Bloch sphere."""
    state: Matrix = np.ones(1, np.complex128)
    for polar, around in turns:
        qubit = np.array([math.cos(polar / 2), np.exp(1j * around) * math.sin(polar / 2)], np.complex128)
        state = np.kron(state, qubit).astype(np.complex128)
    return _normalised(state)


def _uniform(size: int, seed: list[int]) -> Matrix:
    """Uniform on the sphere: independent normal amplitudes, normalised."""
    generator = np.random.default_rng(seed)
    return _normalised(generator.normal(size=size) + 1j * generator.normal(size=size))


def _normalised(state: Matrix) -> Matrix:
    normal: Matrix = state / np.linalg.norm(state)
    return normal
