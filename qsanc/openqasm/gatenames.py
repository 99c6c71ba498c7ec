"""What the names of gates mean: the language's own, those of `stdgates.inc`, and Braket's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from qsanc.ir.circuit import Angle, Gate
from qsanc.ir.gates import GATES
from qsanc.openqasm.modifiers import Stretch, Wires, controlled

Angles = tuple[Angle, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A gate by name: how many angles and wires it takes, and what it is there."""

    angles: int
    wires: int
    stretch: Callable[[Angles, Wires], Stretch]


def _row(name: str) -> Meaning:
    row = GATES[name]
    return Meaning(len(row.angles), row.wires, lambda angles, wires: Stretch((Gate(name, wires, angles),)))


def _u(angles: Angles, wires: Wires) -> Stretch:
    """The U of OpenQASM 3: that of the gate table times e^(i theta/2)."""
    return Stretch((Gate("u3", wires, angles),), angles[0].scaled(0.5))


def _u3(angles: Angles, wires: Wires) -> Stretch:
    """U, freed of the phase (theta + phi + lambda)/2."""
    return Stretch((Gate("u3", wires, angles),), (angles[1] + angles[2]).scaled(-0.5))


def _u2(angles: Angles, wires: Wires) -> Stretch:
    return _u3((Angle(math.pi / 2), *angles), wires)


def _cu(angles: Angles, wires: Wires) -> Stretch:
    """p(gamma - theta/2) on the control, then U under it: the phases of theta cancel."""
    theta, phi, lam, gamma = angles
    turned = Stretch((Gate("u3", wires[1:], (theta, phi, lam)),), gamma)
    return Stretch(tuple(controlled(turned, wires[:1])))


BUILT_IN: Mapping[str, Meaning] = MappingProxyType(
    {"U": Meaning(3, 1, _u), "gphase": Meaning(1, 0, lambda angles, wires: Stretch((), angles[0]))}
)
STDGATES: Mapping[str, Meaning] = MappingProxyType(
    {
        **{row.openqasm: _row(row.name) for row in GATES.values() if row.openqasm and row.openqasm.isidentifier()},
        **{other: _row(name) for other, name in (("CX", "cx"), ("phase", "phaseshift"), ("u1", "phaseshift"))},
        "cphase": _row("cphaseshift"),
        "u2": Meaning(2, 1, _u2),
        "u3": Meaning(3, 1, _u3),
        "cu": Meaning(4, 2, _cu),
    }
)
BRAKET: Mapping[str, Meaning] = MappingProxyType({row.braket: _row(row.name) for row in GATES.values() if row.braket})
