"""Merging of rotations about one axis.

    exp(-i a G) exp(-i b G) = exp(-i (a + b) G)        exp(-i 0 G) = 1

for every gate of the table with one generator, on the same wires with only gates on other wires between: `rz(a) rz(b)`
is `rz(a + b)`, and likewise phaseshift, crx, rzz and the others. Angles are affine in the slots, and so is their sum.
Sums beyond 10 000 rad stay apart: their rounding could be seen in the results.
"""

from __future__ import annotations

from qsanc.ir.circuit import Angle, CircuitModule, Gate
from qsanc.ir.gates import GATES
from qsanc.passes.rewrite import each_body, join, operands

_LARGEST = 1e4


def merge(module: CircuitModule) -> CircuitModule:
    """`module` with adjacent rotations about one axis added up. Unitaries stay the same, phase included."""
    return each_body(module, lambda body: join(body, (same_axis,), lambda other, gate: False, 1))


def same_axis(earlier: Gate, later: Gate) -> tuple[Gate, ...] | None:
    """One rotation by the sum of the angles, or none where the sum is zero."""
    if earlier.name != later.name or GATES[earlier.name].generator is None or operands(earlier) != operands(later):
        return None
    total = earlier.angles[0] + later.angles[0]
    if any(abs(number) > _LARGEST for number in (total.constant, *(c for _, c in total.terms))):
        return None
    return () if total == Angle() else (Gate(earlier.name, earlier.wires, (total,), earlier.span),)
