"""Dense matrices and states of circuits: plain, for checking passes and for pictures of small circuits."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from qsanc.ir.circuit import Angle, Channel, CircuitModule, Gate, Instruction
from qsanc.ir.gates import GATES, Matrix

Floats = NDArray[np.float64]


def angle_value(angle: Angle, slots: Floats) -> Floats:
    """The angle in radians for slot values float64[..., slot], as float64[...]."""
    value = np.full(slots.shape[:-1], angle.constant)
    for slot, coefficient in angle.terms:
        value = value + coefficient * slots[..., slot]
    return value


def gate_matrix(gate: Gate, slots: Floats) -> Matrix:
    """The gate's unitary complex128[..., d, d] for slot values float64[..., slot], its first wire most significant."""
    values = [angle_value(angle, slots) for angle in gate.angles]
    return GATES[gate.name].matrix(np.stack(values, axis=-1) if values else np.empty((*slots.shape[:-1], 0)))


def apply_matrix(matrix: Matrix, wires: tuple[int, ...], states: Matrix) -> Matrix:
    """`matrix` (complex128[d, d]) on `wires` of columns complex128[2^n, column]."""
    n = states.shape[0].bit_length() - 1
    k = len(wires)
    split = states.reshape((2,) * n + (-1,))
    moved = np.tensordot(matrix.reshape((2,) * (2 * k)), split, axes=(tuple(range(k, 2 * k)), wires))
    return np.moveaxis(moved, tuple(range(k)), wires).reshape(states.shape)


def evolve(body: Iterable[Instruction], slots: Floats, states: Matrix) -> Matrix:
    """The columns complex128[2^n, column] after `body`, for slot values float64[slot].

    Raises ValueError at a channel, which has no unitary.
    """
    for instruction in body:
        if isinstance(instruction, Channel):
            raise ValueError(f"the channel {instruction.kind} has no unitary")
        states = apply_matrix(gate_matrix(instruction, slots), instruction.wires, states)
    return states


def segment_unitary(module: CircuitModule, segment: int, slots: Floats) -> Matrix:
    """The unitary complex128[2^n, 2^n] from |0...0> to the end of `segment`, its ancestors included.

    `slots` are float64[slot]. Memory is 16 * 4^n bytes: for up to about ten wires. Raises ValueError at a channel.
    """
    states = np.eye(1 << module.wires, dtype=np.complex128)
    for index in module.path(segment):
        states = evolve(module.segments[index].body, slots, states)
    return states
