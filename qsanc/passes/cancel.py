"""Cancellation of inverses.

    g g^-1 = 1        on the same wires, with nothing but gates on other wires between

The inverse is the gate table's: `x x`, `s si`, `rx(a) rx(-a)`, `u3(t, p, l) u3(-t, -l, -p)`. Wires that a gate is
symmetric in may be exchanged: `cz 0, 1` cancels `cz 1, 0`. The gates around a cancelled pair meet, and may cancel too.
"""

from __future__ import annotations

from qsanc.ir.circuit import CircuitModule, Gate
from qsanc.ir.gates import GATES
from qsanc.passes.rewrite import each_body, join, operands


def cancel(module: CircuitModule) -> CircuitModule:
    """`module` without adjacent pairs of inverse gates. Unitaries stay the same, phase included."""
    return each_body(module, lambda body: join(body, (inverse_pair,), lambda other, gate: False, 1))


def inverse_pair(earlier: Gate, later: Gate) -> tuple[Gate, ...] | None:
    """The empty circuit where `later` undoes `earlier`."""
    inverse = GATES[earlier.name].inverse.body
    if len(inverse) != 1 or inverse[0].name != later.name:
        return None
    (undo,) = GATES[earlier.name].inverse.expand(earlier)
    return () if undo.angles == later.angles and operands(undo) == operands(later) else None
