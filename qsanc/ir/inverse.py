"""The inverse of a circuit.

(A B C)^-1 = C^-1 B^-1 A^-1        each by the gate table's rule
"""

from __future__ import annotations

from collections.abc import Sequence

from qsanc.ir.circuit import Channel, Gate, Instruction
from qsanc.ir.gates import GATES


def inverse(body: Sequence[Instruction]) -> tuple[Gate, ...]:
    """The gates that undo `body`, exactly in phase. Raises ValueError at a channel, which nothing undoes."""
    undone: list[Gate] = []
    for instruction in reversed(body):
        if isinstance(instruction, Channel):
            raise ValueError(f"the channel {instruction.kind} on wires {instruction.wires} has no inverse")
        undone.extend(GATES[instruction.name].inverse.expand(instruction))
    return tuple(undone)
