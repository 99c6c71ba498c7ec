"""The default simulator's own state-vector and density-matrix simulations, fed with operations directly.

Its kernels for more than a thousand numbers run on Numba's `workqueue` threads, which abort the interpreter when two
threads enter them at once: `LOCK` is held around every evolution in this process. This is the only module of the local
backends that imports the SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
from braket.default_simulator import (
    DensityMatrixSimulation,
    StateVectorSimulation,
    gate_operations,
    noise_operations,
)
from braket.default_simulator.operation import GateOperation
from numpy.typing import NDArray

from qsanc.ir.circuit import Channel, Gate, Instruction
from qsanc.ir.gates import GATES

LOCK = Lock()
"""Whoever else runs the default simulator in this process holds it too."""

State: TypeAlias = NDArray[np.complex128]
"""complex128[2^wires], or complex128[2^wires, 2^wires] of a density matrix."""

Operation: TypeAlias = Any
"""What `evolve` takes."""

CLASSES: Mapping[str, Any] = {
    "i": gate_operations.Identity,
    "x": gate_operations.PauliX,
    "y": gate_operations.PauliY,
    "z": gate_operations.PauliZ,
    "h": gate_operations.Hadamard,
    "s": gate_operations.S,
    "si": gate_operations.Si,
    "t": gate_operations.T,
    "ti": gate_operations.Ti,
    "v": gate_operations.V,
    "vi": gate_operations.Vi,
    "rx": gate_operations.RotX,
    "ry": gate_operations.RotY,
    "rz": gate_operations.RotZ,
    "phaseshift": gate_operations.PhaseShift,
    "u3": gate_operations.U,
    "cx": gate_operations.CX,
    "cy": gate_operations.CY,
    "cz": gate_operations.CZ,
    "swap": gate_operations.Swap,
    "iswap": gate_operations.ISwap,
    "cphaseshift": gate_operations.CPhaseShift,
    "rxx": gate_operations.XX,
    "ryy": gate_operations.YY,
    "rzz": gate_operations.ZZ,
    "ccx": gate_operations.CCNot,
    "cswap": gate_operations.CSwap,
}
"""Gates by name. Those of the table that are not here run as the simulator's `Unitary`."""

_CHANNELS: Mapping[str, Callable[..., Operation]] = {
    "bit_flip": noise_operations.BitFlip,
    "phase_flip": noise_operations.PhaseFlip,
    "bit_phase_flip": lambda wires, p: noise_operations.PauliChannel(wires, 0.0, p, 0.0),
    "depolarizing": noise_operations.Depolarizing,
    "two_qubit_depolarizing": noise_operations.TwoQubitDepolarizing,
    "two_qubit_dephasing": noise_operations.TwoQubitDephasing,
    "amplitude_damping": noise_operations.AmplitudeDamping,
    "generalized_amplitude_damping": noise_operations.GeneralizedAmplitudeDamping,
    "phase_damping": noise_operations.PhaseDamping,
    "pauli_channel": noise_operations.PauliChannel,
}


class _Kept(GateOperation):  # type: ignore[misc]
    """An operation of the simulator whose matrix is computed once, and not each time it is applied."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(targets=operation.targets)
        self._matrix, self._type = operation.matrix, operation.gate_type

    @property
    def _base_matrix(self) -> State:
        return self._matrix  # type: ignore[no-any-return]

    @property
    def matrix(self) -> State:
        return self._matrix  # type: ignore[no-any-return]

    @property
    def gate_type(self) -> str:
        return self._type  # type: ignore[no-any-return]


def operation(step: Instruction, angles: Sequence[float]) -> Operation:
    """A gate at these angles in radians, or a channel, as the simulator has it."""
    if isinstance(step, Channel):
        return _CHANNELS[step.kind](step.wires, *step.strength)
    assert isinstance(step, Gate)
    made = CLASSES.get(step.name)
    if made is None:
        return _Kept(gate_operations.Unitary(step.wires, GATES[step.name].matrix(angles)))
    return _Kept(made(step.wires, *angles))


class Simulation:
    """States of so many wires: pure, or `mixed`. Any thread may use it."""

    def __init__(self, wires: int, *, mixed: bool) -> None:
        self._wires, self._mixed = wires, mixed
        self._simulation: Any = None

    def start(self) -> State:
        """|0...0>."""
        state = np.zeros((1 << self._wires,) * (2 if self._mixed else 1), np.complex128)
        state.flat[0] = 1
        return state

    def evolve(self, state: State, operations: Sequence[Operation]) -> State:
        """The state behind `operations`, as an array of its own."""
        if not operations:
            return state
        with LOCK:
            held = self._held()
            held[...] = state
            self._simulation.evolve(list(operations))
            return self._held().copy()

    def _held(self) -> State:
        """The array that the simulation works on, which its documentation says may be written to."""
        if self._simulation is None:
            self._simulation = (
                DensityMatrixSimulation(self._wires, 0) if self._mixed else StateVectorSimulation(self._wires, 0, 1)
            )
        held: State = self._simulation.density_matrix if self._mixed else self._simulation.state_vector
        return held
