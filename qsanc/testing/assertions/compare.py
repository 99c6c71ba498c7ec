"""How far apart two operators are, and an input that shows it."""

from __future__ import annotations

import cmath
import math

import numpy as np

from qsanc.ir.gates import Matrix
from qsanc.testing.convert import Operator

EXACT_WIRES = 10
"""Up to here all inputs are compared: whole unitaries."""
STATE_WIRES = 20
"""Up to here random states are."""
RANDOM_STATES = 3


def random_states(wires: int, count: int, seed: int) -> Matrix:
    """Unit columns complex128[2^wires, column], uniformly distributed."""
    generator = np.random.default_rng(seed)
    shape = (1 << wires, count)
    states = generator.normal(size=shape) + 1j * generator.normal(size=shape)
    return np.asarray(states / np.linalg.norm(states, axis=0))


def inputs(wires: int, seed: int) -> Matrix:
    """The columns that are compared: all basis states, or random ones where there are too many."""
    if wires <= EXACT_WIRES:
        return np.eye(1 << wires, dtype=np.complex128)
    return random_states(wires, RANDOM_STATES, seed)


def method(wires: int, *, strict: bool) -> str:
    """How `inputs` compare two operators, in words."""
    plural = "" if wires == 1 else "s"
    kind = "whole unitaries" if wires <= EXACT_WIRES else f"{RANDOM_STATES} random states"
    return f"{kind} on {wires} wire{plural}, {'global phase included' if strict else 'up to a global phase'}"


def aligned(one: Matrix, other: Matrix, *, strict: bool) -> Matrix:
    """`one`, turned by the global phase that brings it nearest to `other`, unless that counts."""
    overlap = complex(np.vdot(one, other))
    return one if strict or not overlap else one * (overlap / abs(overlap))


def deviation(a: Operator, b: Operator, *, strict: bool, seed: int) -> float:
    """The largest difference of entries of the two unitaries, or the largest distance of two random states."""
    states = inputs(a.wires, seed)
    one, other = a.applied(states), b.applied(states)
    return apart(aligned(one, other, strict=strict), other, a.wires)


def apart(one: Matrix, other: Matrix, wires: int) -> float:
    if wires <= EXACT_WIRES:
        return float(np.abs(one - other).max())
    return float(np.linalg.norm(one - other, axis=0).max())


def telling_input(a: Operator, b: Operator, *, strict: bool, seed: int, tol: float) -> str:
    """An input on which operators that are not equal differ, and by how much the outputs do."""
    states = inputs(a.wires, seed)
    one, other = a.applied(states), b.applied(states)
    overlaps = (one.conj() * other).sum(axis=0)
    phases = np.where(np.abs(overlaps) > 0, overlaps / np.maximum(np.abs(overlaps), 1e-300), 1)
    distances = np.linalg.norm(one * phases - other, axis=0)
    worst = int(np.argmax(distances))
    if distances[worst] > tol:
        name = f"|{worst:0{a.wires}b}>" if a.wires <= EXACT_WIRES else f"random state {worst} of seed {seed}"
        return f"on {name} the outputs overlap by {abs(overlaps[worst]) ** 2:.6g} in probability"
    turned = phases / phases[0]
    worst = int(np.argmax(np.abs(turned - 1)))
    if a.wires <= EXACT_WIRES and abs(turned[worst] - 1) > tol:
        left, right = f"|{0:0{a.wires}b}>", f"|{worst:0{a.wires}b}>"
        seen = abs((overlaps[0] + overlaps[worst]) / 2) ** 2
        return f"on ({left} + {right}) / sqrt(2) the outputs overlap by {seen:.6g} in probability"
    total = cmath.phase(complex(np.vdot(one, other)))
    return f"they differ by a global phase of {total:.6g}, {total / math.pi:.4g} pi"
