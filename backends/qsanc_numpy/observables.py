"""Reading shared tails in the Heisenberg picture: each observable P as U^T conjugate P U, found once for all states.

A state psi becomes its *features*, the products psi_i psi_j: an expectation is linear in them. For a real state only
the real part of an observable matters, 2^wires (2^wires + 1) / 2 numbers of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qsanc.ir.circuit import Observable
from qsanc_numpy.arrays import Complex, Floats, Ints, Numbers

_LETTERS = {
    "X": np.array([[0, 1], [1, 0]], np.complex128),
    "Y": np.array([[0, -1j], [1j, 0]], np.complex128),
    "Z": np.array([[1, 0], [0, -1]], np.complex128),
}


def dense(observables: Sequence[Observable], register: int) -> Complex:
    """Matrices complex128[observable, 2^register, 2^register] of Pauli sums."""
    total = np.zeros((len(observables), 1 << register, 1 << register), np.complex128)
    for k, observable in enumerate(observables):
        for coefficient, pauli in observable.terms:
            letters = dict(pauli.factors)
            matrix: Numbers = np.full((1, 1), coefficient, np.complex128)
            for wire in range(register):
                matrix = np.kron(matrix, _LETTERS[letters[wire]] if wire in letters else np.eye(2))
            total[k] += matrix
    return total


@dataclass(frozen=True, slots=True, eq=False)
class Triangle:
    """The places (i, j), i <= j, of a symmetric matrix, and each of its entries' place among these."""

    i: Ints
    j: Ints
    diagonal: Floats
    """1 on the diagonal and 2 beside it."""
    place: Ints
    sign: Floats
    """Of an antisymmetric part: [2^wires, 2^wires]."""


@lru_cache(maxsize=16)
def _triangle(dimension: int) -> Triangle:
    i, j = np.triu_indices(dimension)
    place = np.empty((dimension, dimension), np.int64)
    place[i, j] = place[j, i] = np.arange(len(i))
    sign = np.sign(np.arange(dimension)[None, :] - np.arange(dimension)[:, None]).astype(np.float64)
    return Triangle(i.astype(np.int64), j.astype(np.int64), np.where(i == j, 1.0, 2.0), place, sign)


def features(state: Numbers) -> Floats:
    """float64[feature, column]: Re conj(psi_i) psi_j for i <= j, then, for complex states, the imaginary parts."""
    t = _triangle(len(state))
    found: Numbers
    if state.dtype.kind == "f":
        found = state.take(t.i, axis=0)
        found *= state.take(t.j, axis=0)
        return found
    found = state.conj().take(t.i, axis=0)
    found *= state.take(t.j, axis=0)
    return np.concatenate([found.real, found.imag])


def weights(observables: Complex, *, real: bool) -> Floats:
    """float64[observable, feature]: what an observable [.., 2^wires, 2^wires] makes of the features."""
    t = _triangle(observables.shape[-1])
    upper = observables[..., t.i, t.j]
    if real:
        return upper.real * t.diagonal
    return np.concatenate([upper.real * t.diagonal, -upper.imag * t.diagonal], axis=-1)


def outer(of_features: Floats, dimension: int, *, real: bool) -> Numbers:
    """Sums of psi psi^T conjugate, [observable, 2^wires, 2^wires], from such sums of the features."""
    t = _triangle(dimension)
    half = len(t.i)
    if of_features.shape[1] == half:
        return of_features.take(t.place, axis=1)
    symmetric, turned = of_features[:, :half], of_features[:, half:]
    return symmetric[:, t.place] - 1j * t.sign * turned[:, t.place]


def applied(observables: Complex, cotangents: Floats, state: Numbers) -> Numbers:
    """For each column, the sum over observables of cotangents[observable, column] times the observable on the state;
    its real part where the state is real."""
    d = len(state)
    if state.dtype.kind == "f":
        flat = np.ascontiguousarray(observables.real).reshape(len(observables), d * d)
        summed = (flat.T @ cotangents).reshape(d, d, -1)
        real: Floats = np.einsum("ijc,jc->ic", summed, state)
        return real
    both = observables.reshape(len(observables), d * d)
    parts = [(part.T @ cotangents).reshape(d, d, -1) for part in (both.real, both.imag)]
    total: Complex = np.einsum("ijc,jc->ic", parts[0], state) + 1j * np.einsum("ijc,jc->ic", parts[1], state)
    return total
