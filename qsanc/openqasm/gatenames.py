"""What the names of gates mean: the language's own, those of `stdgates.inc`, Braket's, and others that tools write."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from qsanc.ir.circuit import Angle, Gate
from qsanc.ir.gates import GATES, Rewrite
from qsanc.openqasm.modifiers import Stretch, Wires, controlled

Angles = tuple[Angle, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A gate by name: how many angles and wires it takes, and what it is there.

    `rest` are angles that may be left out, at the end of the list, with what they are then.
    """

    angles: int
    wires: int
    stretch: Callable[[Angles, Wires], Stretch]
    rest: Angles = ()


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


def _on(name: str, *operands: int | Angle) -> Gate:
    wires = tuple(operand for operand in operands if isinstance(operand, int))
    return Gate(name, wires, tuple(operand for operand in operands if isinstance(operand, Angle)))


def _defined(angles: int, wires: int, *body: Gate, under: int = 0, rest: Angles = ()) -> Meaning:
    """A gate that is `body` where the first `under` wires read 1. Exact, with its phase."""

    def stretch(given: Angles, on: Wires) -> Stretch:
        gates = Rewrite(body, Angle()).expand(Gate("", on, given))
        return Stretch(tuple(controlled(Stretch(gates), on[:under])))

    return Meaning(angles, wires, stretch, rest)


_A, _B, _C = Angle.slot(0), Angle.slot(1), Angle.slot(2)
_HALF_PI = Angle(math.pi / 2)
_PRX = (_on("rz", -_B, 0), _on("rx", _A, 0), _on("rz", _B, 0))
_RZX = (_on("h", 1), _on("rzz", _A, 0, 1), _on("h", 1))

OTHERS: Mapping[str, Meaning] = MappingProxyType(
    {
        # Braket's, beside those that have a row of the gate table
        "cv": _defined(0, 2, _on("v", 1), under=1),
        "ecr": _defined(0, 2, _on("h", 1), _on("rzz", _HALF_PI, 0, 1), _on("h", 1), _on("x", 0)),
        "xy": _defined(1, 2, _on("rxx", _A.scaled(-0.5), 0, 1), _on("ryy", _A.scaled(-0.5), 0, 1)),
        "pswap": _defined(1, 2, _on("swap", 0, 1), _on("cx", 0, 1), _on("phaseshift", _A, 1), _on("cx", 0, 1)),
        "cphaseshift00": _defined(
            1, 2, _on("x", 0), _on("x", 1), _on("cphaseshift", _A, 0, 1), _on("x", 1), _on("x", 0)
        ),
        "cphaseshift01": _defined(1, 2, _on("x", 0), _on("cphaseshift", _A, 0, 1), _on("x", 0)),
        "cphaseshift10": _defined(1, 2, _on("x", 1), _on("cphaseshift", _A, 0, 1), _on("x", 1)),
        "gpi": _defined(1, 1, _on("x", 0), _on("rz", _A.scaled(2.0), 0)),
        "gpi2": _defined(1, 1, _on("rz", -_A, 0), _on("rx", _HALF_PI, 0), _on("rz", _A, 0)),
        "prx": _defined(2, 1, *_PRX),
        "ms": _defined(
            3, 2, _on("rz", -_A, 0), _on("rz", -_B, 1), _on("rxx", _C, 0, 1), _on("rz", _A, 0), _on("rz", _B, 1),
            rest=(_HALF_PI,),
        ),
        # Qiskit's, beside those of stdgates.inc
        "sxdg": _defined(0, 1, _on("vi", 0)),
        "r": _defined(2, 1, *_PRX),
        "rzx": _defined(1, 2, *_RZX),
        "rxx": _defined(1, 2, _on("rxx", _A, 0, 1)),
        "ryy": _defined(1, 2, _on("ryy", _A, 0, 1)),
        "rzz": _defined(1, 2, _on("rzz", _A, 0, 1)),
        "dcx": _defined(0, 2, _on("cx", 0, 1), _on("cx", 1, 0)),
        "csx": _defined(0, 2, _on("v", 1), under=1),
        "cs": _defined(0, 2, _on("s", 1), under=1),
        "csdg": _defined(0, 2, _on("si", 1), under=1),
        "cu1": _defined(1, 2, _on("cphaseshift", _A, 0, 1)),
        "cu3": _defined(3, 2, _on("u3", _A, _B, _C, 1), under=1),
        "rccx": _defined(
            0, 3, _on("h", 2), _on("t", 2), _on("cx", 1, 2), _on("ti", 2), _on("cx", 0, 2), _on("t", 2),
            _on("cx", 1, 2), _on("ti", 2), _on("h", 2),
        ),
        "c3x": _defined(0, 4, _on("x", 3), under=3),
        "c4x": _defined(0, 5, _on("x", 4), under=4),
        "c3sx": _defined(0, 4, _on("v", 3), under=3),
        "c3sqrtx": _defined(0, 4, _on("v", 3), under=3),
    }
)  # fmt: skip
"""Gates that are known without an include, as gates of the table: equal to the matrices of the tools, phase and all."""

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
