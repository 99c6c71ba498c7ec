"""The oracle: circuit modules executed with full Kronecker products and density matrices, as in a textbook.

It shares nothing with the product but the IR: gates are written down once more, from their definitions. Slow on purpose
in every way that keeps it obvious; for up to about six wires.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial, reduce

import numpy as np
from numpy.typing import NDArray

from qsanc.ir.circuit import (
    Channel,
    CircuitModule,
    Expectation,
    Instruction,
    Overlap,
    Probabilities,
    Probability,
    Result,
    State,
)
from qsanc.target.protocol import Bindings

Array = NDArray[np.complex128]
Floats = NDArray[np.float64]

ONE, X, Y = np.eye(2, dtype=complex), np.array([[0, 1], [1, 0]], complex), np.array([[0, -1j], [1j, 0]])
Z = np.diag([1, -1 + 0j])
H = (X + Z) / np.sqrt(2)
SWAP = (np.kron(ONE, ONE) + np.kron(X, X) + np.kron(Y, Y) + np.kron(Z, Z)) / 2
PAULIS = {"X": X, "Y": Y, "Z": Z}


def turn(pauli: Array, theta: float) -> Array:
    """exp(-i theta P / 2) for P^2 = 1."""
    return np.cos(theta / 2) * np.eye(len(pauli)) - 1j * np.sin(theta / 2) * pauli


def phase(theta: float) -> Array:
    return np.diag([1, np.exp(1j * theta)])


def controlled(u: Array) -> Array:
    zero = np.zeros_like(u)
    return np.block([[np.eye(len(u)), zero], [zero, u]])


GATES: dict[str, Callable[..., Array]] = {
    "i": lambda: ONE,
    "x": lambda: X,
    "y": lambda: Y,
    "z": lambda: Z,
    "h": lambda: H,
    "s": lambda: phase(np.pi / 2),
    "si": lambda: phase(-np.pi / 2),
    "t": lambda: phase(np.pi / 4),
    "ti": lambda: phase(-np.pi / 4),
    "v": lambda: np.exp(1j * np.pi / 4) * turn(X, np.pi / 2),
    "vi": lambda: np.exp(-1j * np.pi / 4) * turn(X, -np.pi / 2),
    "rx": lambda a: turn(X, a),
    "ry": lambda a: turn(Y, a),
    "rz": lambda a: turn(Z, a),
    "phaseshift": phase,
    "u3": lambda t, p, l: np.array(  # noqa: E741
        [
            [np.cos(t / 2), -np.exp(1j * l) * np.sin(t / 2)],
            [np.exp(1j * p) * np.sin(t / 2), np.exp(1j * (p + l)) * np.cos(t / 2)],
        ]
    ),
    "cx": lambda: controlled(X),
    "cy": lambda: controlled(Y),
    "cz": lambda: controlled(Z),
    "ch": lambda: controlled(H),
    "swap": lambda: SWAP,
    "iswap": lambda: SWAP @ np.diag([1, 1j, 1j, 1]),
    "crx": lambda a: controlled(turn(X, a)),
    "cry": lambda a: controlled(turn(Y, a)),
    "crz": lambda a: controlled(turn(Z, a)),
    "cphaseshift": lambda a: controlled(phase(a)),
    "rxx": lambda a: turn(np.kron(X, X), a),
    "ryy": lambda a: turn(np.kron(Y, Y), a),
    "rzz": lambda a: turn(np.kron(Z, Z), a),
    "ccx": lambda: controlled(controlled(X)),
    "cswap": lambda: controlled(SWAP),
}

# Kraus operators by channel and strength, as in Amazon Braket.
KRAUS: dict[str, Callable[[float], list[Array]]] = {
    "bit_flip": lambda p: [np.sqrt(1 - p) * ONE, np.sqrt(p) * X],
    "phase_flip": lambda p: [np.sqrt(1 - p) * ONE, np.sqrt(p) * Z],
    "depolarizing": lambda p: [np.sqrt(1 - p) * ONE, *(np.sqrt(p / 3) * P for P in (X, Y, Z))],
    "amplitude_damping": lambda g: [np.diag([1, np.sqrt(1 - g)]), np.sqrt(g) * (X + 1j * Y) / 2],
    "phase_damping": lambda g: [np.diag([1, np.sqrt(1 - g)]), np.diag([0, np.sqrt(g)])],
    "two_qubit_depolarizing": lambda p: [
        np.sqrt(1 - p if P is ONE and Q is ONE else p / 15) * np.kron(P, Q)
        for P in (ONE, X, Y, Z)
        for Q in (ONE, X, Y, Z)
    ],
}


def embed(matrix: Array, wires: tuple[int, ...], n: int) -> Array:
    """The matrix on `wires` as one on n wires: a sum of Kronecker products of |a><b| on those and 1 on the others."""
    total = np.zeros((2**n, 2**n), complex)
    for row, column in zip(*np.nonzero(matrix), strict=True):
        factors = [ONE] * n
        for place, wire in enumerate(wires):
            bit = len(wires) - 1 - place
            factors[wire] = np.outer(ONE[row >> bit & 1], ONE[column >> bit & 1])
        total += matrix[row, column] * reduce(np.kron, factors)
    return total


def angles(step: Instruction, slots: Floats) -> list[float]:
    return [a.constant + sum(c * slots[k] for k, c in a.terms) for a in getattr(step, "angles", ())]


def unitary(body: tuple[Instruction, ...], n: int, slots: Floats) -> Array:
    """The unitary of gates, the first one applied first."""
    whole = np.eye(2**n, dtype=complex)
    for gate in body:
        whole = embed(GATES[gate.name](*angles(gate, slots)), gate.wires, n) @ whole
    return whole


def evolve(module: CircuitModule, segment: int, slots: Floats) -> tuple[Array, Array]:
    """The state vector (without meaning after a channel) and the density matrix at the end of a segment."""
    n = module.wires
    psi = np.eye(2**n)[0].astype(complex)
    rho = np.outer(psi, psi)
    for step in (step for s in module.path(segment) for step in module.segments[s].body):
        if isinstance(step, Channel):
            kraus = [embed(k, step.wires, n) for k in KRAUS[step.kind](*step.strength)]
            rho = sum(k @ rho @ k.conj().T for k in kraus)
        else:
            u = embed(GATES[step.name](*angles(step, slots)), step.wires, n)
            psi, rho = u @ psi, u @ rho @ u.conj().T
    return psi, rho


def reduced(rho: Array, wires: tuple[int, ...], n: int) -> Array:
    """The density matrix of `wires`, in that order, as the sum over basis states of the others."""
    rest = [wire for wire in range(n) if wire not in wires]
    split = rho.reshape((2,) * (2 * n))
    axes = [*wires, *rest, *(n + wire for wire in wires), *(n + wire for wire in rest)]
    blocks = split.transpose(axes).reshape(2 ** len(wires), 2 ** len(rest), 2 ** len(wires), 2 ** len(rest))
    return np.einsum("arbr->ab", blocks)


States = Callable[[int], tuple[Array, Array]]


def value(result: Result, n: int, left: States, right: States) -> float | Floats | Array:
    """One result, where `left(segment)` gives the states; `right` gives those of an overlap's second side."""
    if isinstance(result, Overlap):
        one = reduced(left(result.left)[1], result.wires, n)
        other = reduced(right(result.right)[1], result.wires, n)
        return float(np.trace(one @ other).real)
    psi, rho = left(result.segment)
    match result:
        case State():
            return psi
        case Probabilities(_, wires):
            return np.diag(reduced(rho, wires, n)).real
        case Probability(_, wires, index):
            return float(reduced(rho, wires, n)[index, index].real)
        case Expectation(_, observable):
            total = 0.0
            for coefficient, pauli in observable.terms:
                factors = [ONE] * n
                for wire, letter in pauli.factors:
                    factors[wire] = PAULIS[letter]
                total += coefficient * float(np.trace(rho @ reduce(np.kron, factors)).real)
            return total


def results(module: CircuitModule, bindings: Bindings, pairs: NDArray[np.int64] | None = None) -> tuple[NDArray, ...]:
    """Every result: [row, ...], and [pair] for overlaps. Without `pairs` each row is paired with itself."""

    @cache
    def states(row: int, segment: int) -> tuple[Array, Array]:
        return evolve(module, segment, np.concatenate([bindings.shared, bindings.items[row]]))

    rows = [(row, row) for row in range(bindings.rows)]
    paired = rows if pairs is None else [(int(a), int(b)) for a, b in pairs]
    return tuple(
        np.array(
            [
                value(result, module.wires, partial(states, a), partial(states, b))
                for a, b in (paired if isinstance(result, Overlap) else rows)
            ]
        )
        for result in module.results
    )


def finite_difference(function: Callable[[Floats], NDArray], point: Floats, step: float = 1e-3) -> NDArray:
    """d function / d point by the five-point rule, error about 1e-12: [point axes..., value axes...]."""
    slopes = []
    for k in range(point.size):
        unit = np.zeros(point.size)
        unit[k] = step
        near, far = (
            np.asarray(function(point + m * unit.reshape(point.shape)))
            - np.asarray(function(point - m * unit.reshape(point.shape)))
            for m in (1, 2)
        )
        slopes.append((8 * near - far) / (12 * step))
    return np.array(slopes).reshape(point.shape + (slopes[0].shape if slopes else ()))
