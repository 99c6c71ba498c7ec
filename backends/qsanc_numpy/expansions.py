"""Products of exponentials as sums of fixed matrices, whose coefficients are products of cosines and sines.

exp(-i t G) = P_0 + sum over w of (cos(w t) C_w + sin(w t) S_w) for the eigenvalues w of G. A product of such factors
and of fixed matrices is the sum over *terms* of a fixed matrix times a function of each angle, so that all matrices of
a kind are one product [entry, term] @ [term, place], and the slopes by their angles come back through its transpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsanc.ir.gatedef import Generator
from qsanc_numpy.arrays import Complex, Floats, Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Harmonics:
    """The functions of one angle: 1 where `constant`, then the cosines, then the sines of its frequencies [w, 1]."""

    frequencies: Floats
    constant: bool

    def at(self, angles: Floats) -> Floats:
        """float64[function, ...] at angles float64[...] in radians."""
        w, c = len(self.frequencies), int(self.constant)
        values = np.empty((c + 2 * w, *angles.shape))
        flat = values.reshape(len(values), -1)
        turned = self.frequencies * angles.reshape(1, -1)
        np.cos(turned, out=flat[c : c + w])
        np.sin(turned, out=flat[c + w :])
        if c:
            flat[0] = 1.0
        return values

    def slope(self, values: Floats) -> Floats:
        """Their derivatives by the angle, from their values."""
        w, c = len(self.frequencies), int(self.constant)
        found = np.empty_like(values)
        flat, known = found.reshape(len(found), -1), values.reshape(len(values), -1)
        np.multiply(-self.frequencies, known[c + w :], out=flat[c : c + w])
        np.multiply(self.frequencies, known[c : c + w], out=flat[c + w :])
        if c:
            flat[0] = 0.0
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """`forward` is [entry, term] with the entries X[x, a] = M[a, a ^ x] of matrices, `backward` that of inverses."""

    dimension: int
    harmonics: tuple[Harmonics, ...]
    forward: Numbers
    backward: Numbers

    @staticmethod
    def of(factors: Sequence[Generator | Complex], dimension: int, *, real: bool) -> Expansion:
        harmonics: list[Harmonics] = []
        terms: Complex = np.eye(dimension, dtype=np.complex128)[None]
        for factor in factors:
            if isinstance(factor, Generator):
                functions, parts = _harmonics(factor)
                harmonics.append(functions)
                terms = np.einsum("fab,tbc->tfac", parts, terms).reshape(-1, dimension, dimension)
            else:
                terms = factor @ terms
        a = np.arange(dimension)
        x = a[:, None]
        inverses = terms.conj().swapaxes(1, 2)
        forward, backward = (m[:, a, a ^ x].reshape(len(m), -1).T for m in (terms, inverses))
        return Expansion(dimension, tuple(harmonics), _kept(forward, real=real), _kept(backward, real=real))

    def functions(self, angles: Floats) -> list[Floats]:
        """For each exponential its functions, [function, ...], at angles float64[exponential, ...]."""
        return [harmonics.at(angle) for harmonics, angle in zip(self.harmonics, angles, strict=True)]

    def matrices(self, functions: Sequence[Floats], batch: tuple[int, ...], *, inverse: bool = False) -> Numbers:
        """X[x, a, ...] for functions [function, ...] of such a batch."""
        fixed = self.backward if inverse else self.forward
        coefficients = _products(functions) if functions else np.ones((1, *batch))
        found: Numbers = fixed @ coefficients.reshape(len(coefficients), -1)
        return found.reshape(self.dimension, self.dimension, *batch)

    def slopes(self, functions: Sequence[Floats], entries: Numbers) -> list[Floats]:
        """For each exponential 2 Re sum K[x, a] dX[x, a] / d angle, float64[...], for K [x, a, ...]."""
        batch = entries.shape[2:]
        by_term = (self.forward.T @ entries.reshape(len(self.forward), -1)).real
        by_term = (2 * by_term).reshape(-1, *batch)
        found = []
        for k, harmonics in enumerate(self.harmonics):
            moved = [*functions[:k], harmonics.slope(functions[k]), *functions[k + 1 :]]
            slope: Floats = np.einsum("t...,t...->...", by_term, _products(moved))
            found.append(slope)
        return found


def waves(generator: Generator) -> tuple[list[float], Complex, list[Complex], list[Complex]]:
    """The frequencies of exp(-i t G), and the matrices that 1, the cosines and the sines of these are multiplied by."""
    constant: Complex = np.zeros_like(generator.matrix)
    cosines: dict[float, Complex] = {}
    sines: dict[float, Complex] = {}
    for value, projector in zip(generator.eigenvalues, generator.projectors, strict=True):
        if value == 0:
            constant = constant + projector
        else:
            w = abs(value)
            cosines[w] = cosines.get(w, 0) + projector
            sines[w] = sines.get(w, 0) - 1j * np.sign(value) * projector
    return list(cosines), constant, list(cosines.values()), list(sines.values())


def _harmonics(generator: Generator) -> tuple[Harmonics, Complex]:
    """The functions of an exponential's angle, and the matrices [function, d, d] whose sum with them it is."""
    frequencies, constant, cosines, sines = waves(generator)
    has_constant = bool(constant.any())
    parts = [*([constant] if has_constant else []), *cosines, *sines]
    return Harmonics(np.array(frequencies, np.float64)[:, None], has_constant), np.stack(parts)


def _products(functions: Sequence[Floats]) -> Floats:
    """float64[term, ...]: the functions of the first exponential vary slowest."""
    total = functions[0]
    for values in functions[1:]:
        both = total[:, None] * values
        total = both.reshape(-1, *both.shape[2:])
    return total


def _kept(matrix: Complex, *, real: bool) -> Numbers:
    return np.ascontiguousarray(matrix.real if real else matrix)
