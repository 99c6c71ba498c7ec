"""A circuit whose angles are numbers: what two programs are compared by, what a counterexample is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsanc.ir.circuit import Angle, CircuitModule, Gate, Instruction, Segment, State
from qsanc.ir.gates import Matrix
from qsanc.ir.inverse import inverse
from qsanc.ir.unitary import Floats, angle_value, evolve

_NO_SLOTS: Floats = np.empty(0)


@dataclass(frozen=True, slots=True)
class Bound:
    """Gates without slots on `wires` wires, one after the other."""

    wires: int
    body: tuple[Gate, ...] = ()

    @staticmethod
    def of(module: CircuitModule, segment: int, slots: Floats) -> Bound:
        """A segment of a module, its ancestors included, for slot values float64[slot].

        Raises ValueError at a channel, which is no gate.
        """
        body = [step for index in module.path(segment) for step in module.segments[index].body]
        return Bound(module.wires, tuple(_at(step, slots) for step in body))

    def unitary(self) -> Matrix:
        """complex128[2^wires, 2^wires], wire 0 the most significant: 16 * 4^wires bytes."""
        return self.applied(np.eye(1 << self.wires, dtype=np.complex128))

    def applied(self, states: Matrix) -> Matrix:
        """Columns complex128[2^wires, column] after the gates."""
        return evolve(self.body, _NO_SLOTS, states)

    def then(self, other: Bound) -> Bound:
        """This circuit and after it `other`, on the larger register of the two."""
        return Bound(max(self.wires, other.wires), self.body + other.body)

    def inverse(self) -> Bound:
        return Bound(self.wires, inverse(self.body))

    def module(self, name: str = "bound") -> CircuitModule:
        """The module without slots whose result is the state that this circuit prepares."""
        return CircuitModule(name, self.wires, (), (), (Segment(name, None, self.body),), (State(0),))


def _at(step: Instruction, slots: Floats) -> Gate:
    if not isinstance(step, Gate):
        raise ValueError(f"the channel {step.kind} has no unitary")
    return Gate(step.name, step.wires, tuple(Angle(float(angle_value(a, slots))) for a in step.angles), step.span)
