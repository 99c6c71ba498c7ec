"""Gates under modifiers: inverses, powers and controls, as gates of the gate table.

A control makes the global phase of what it controls visible. So a stretch of gates carries its phase with it, and every
rule here holds exactly:

    C^k(A B) = C^k(A) C^k(B)        C^k(e^(ia)) is a phase of the controls        C^k(W A W^-1) = W C^k(A) W^-1

The last one leaves the gates W without controls, and all of the table comes down to phases in that way. A phase on many
wires is halved: P(a/2) where the last two read 1, once as they are and once negated with one of them flipped by the
others, and P(a/2) without that one. There are no ancillas; a gate under k controls becomes about 3^k gates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from qsanc.ir.circuit import Angle, Gate
from qsanc.ir.gates import GATES, Rewrite
from qsanc.ir.inverse import inverse

Wires = tuple[int, ...]
MOST_CONTROLS = 12


@dataclass(frozen=True, slots=True)
class Stretch:
    """Gates in the order of time, times e^(i phase)."""

    body: tuple[Gate, ...] = ()
    phase: Angle = Angle()  # noqa: RUF009 - immutable

    def then(self, other: Stretch) -> Stretch:
        return Stretch(self.body + other.body, self.phase + other.phase)

    def inverse(self) -> Stretch:
        return Stretch(inverse(self.body), -self.phase)

    def power(self, exponent: int) -> Stretch:
        """The stretch so many times; a negative exponent inverts."""
        one = self.inverse() if exponent < 0 else self
        return Stretch(one.body * abs(exponent), one.phase.scaled(float(abs(exponent))))


def controlled(stretch: Stretch, controls: Wires) -> Iterator[Gate]:
    """The gates of the stretch where all controls read 1, without any phase left over."""
    for gate in stretch.body:
        yield from _controlled(controls, gate)
    if stretch.phase != Angle():
        yield from _phase(stretch.phase, controls)


def _on(name: str, *operands: int | Angle) -> Gate:
    wires = tuple(operand for operand in operands if isinstance(operand, int))
    return Gate(name, wires, tuple(operand for operand in operands if isinstance(operand, Angle)))


_A, _NONE = Angle.slot(0), Angle()
_H, _V, _VI = _on("h", 0), _on("v", 0), _on("vi", 0)
_DIRECT = {(row.controls, row.base): row.name for row in GATES.values() if row.controls}
_PHASES = {
    "z": math.pi, "s": math.pi / 2, "si": -math.pi / 2, "t": math.pi / 4, "ti": -math.pi / 4,
}  # fmt: skip
_AROUND: dict[str, tuple[tuple[Gate, ...], Gate, tuple[Gate, ...]]] = {
    "x": ((_H,), _on("z", 0), (_H,)),
    "y": ((_on("si", 0),), _on("x", 0), (_on("s", 0),)),
    "h": ((_on("ry", Angle(-math.pi / 4), 0),), _on("z", 0), (_on("ry", Angle(math.pi / 4), 0),)),
    "v": ((_H,), _on("s", 0), (_H,)),
    "vi": ((_H,), _on("si", 0), (_H,)),
    "rx": ((_H,), _on("rz", _A, 0), (_H,)),
    "ry": ((_V,), _on("rz", _A, 0), (_VI,)),
    "rxx": ((_H, _on("h", 1)), _on("rzz", _A, 0, 1), (_H, _on("h", 1))),
    "ryy": ((_V, _on("v", 1)), _on("rzz", _A, 0, 1), (_VI, _on("vi", 1))),
    "rzz": ((_on("cx", 0, 1),), _on("rz", _A, 1), (_on("cx", 0, 1),)),
    "swap": ((_on("cx", 1, 0),), _on("cx", 0, 1), (_on("cx", 1, 0),)),
}
"""A base gate as W, A, W^-1 in the order of time, exactly."""
_INSTEAD: dict[str, tuple[Gate, ...]] = {
    "i": (),
    "u3": (_on("phaseshift", Angle.slot(2), 0), _on("ry", _A, 0), _on("phaseshift", Angle.slot(1), 0)),
    "iswap": (_on("rxx", Angle(-math.pi / 2), 0, 1), _on("ryy", Angle(-math.pi / 2), 0, 1)),
}
"""A base gate as other gates, exactly."""


def _controlled(controls: Wires, gate: Gate) -> Iterator[Gate]:
    row = GATES[gate.name]
    controls, gate = controls + gate.wires[: row.controls], Gate(row.base, gate.wires[row.controls :], gate.angles)
    if not controls:
        yield gate
    elif (len(controls), gate.name) in _DIRECT:
        yield Gate(_DIRECT[len(controls), gate.name], controls + gate.wires, gate.angles)
    elif gate.name in _PHASES:
        yield from _phase(Angle(_PHASES[gate.name]), controls + gate.wires)
    elif gate.name == "phaseshift":
        yield from _phase(gate.angles[0], controls + gate.wires)
    elif gate.name == "rz":
        yield from _phase(gate.angles[0], controls + gate.wires)
        yield from _phase(gate.angles[0].scaled(-0.5), controls)
    elif gate.name in _AROUND:
        before, core, after = _AROUND[gate.name]
        yield from Rewrite(before, _NONE).expand(gate)
        for step in Rewrite((core,), _NONE).expand(gate):
            yield from _controlled(controls, step)
        yield from Rewrite(after, _NONE).expand(gate)
    else:
        for step in Rewrite(_INSTEAD[gate.name], _NONE).expand(gate):
            yield from _controlled(controls, step)


def _phase(angle: Angle, wires: Wires) -> Iterator[Gate]:
    """e^(i angle) where all wires read 1. On no wires it is a global phase, which nobody sees."""
    if len(wires) == 1:
        yield Gate("phaseshift", wires, (angle,))
    elif len(wires) == 2:
        yield Gate("cphaseshift", wires, (angle,))
    elif wires:
        *others, flipped, last = wires
        half = angle.scaled(0.5)
        flip = Gate("x", (flipped,))
        yield Gate("cphaseshift", (flipped, last), (half,))
        yield from _controlled(tuple(others), flip)
        yield Gate("cphaseshift", (flipped, last), (-half,))
        yield from _controlled(tuple(others), flip)
        yield from _phase(half, (*others, last))
