"""Cancelling and merging over a distance, past gates that commute.

    A B = B A        where the matrices say so, on the wires that both act on, at all angles

`rz` passes `cz`, `rzz` and the control of `cx`; `rx` passes the target of `cx`; so `rz(a) 0; cx 0, 1; rz(b) 0` becomes
`rz(a + b) 0; cx 0, 1`. Gates stay where they are unless they are joined with an earlier one, so that the number of
gates falls with each step and the order of what is left is the order of the source.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from qsanc.ir.circuit import CircuitModule, Gate
from qsanc.ir.gates import GATES
from qsanc.ir.unitary import apply_matrix
from qsanc.passes.cancel import inverse_pair
from qsanc.passes.merge import same_axis
from qsanc.passes.rewrite import each_body, join


@dataclass(frozen=True, slots=True)
class Commute:
    """Cancel and merge gates that can be brought together. Unitaries stay the same, phase included.

    `window` is how many instructions on its wires a gate looks back over: it bounds the work for each gate.
    """

    window: int = 64

    def __call__(self, module: CircuitModule) -> CircuitModule:
        return each_body(module, lambda body: join(body, (inverse_pair, same_axis), commutes, self.window))


def commutes(first: Gate, second: Gate) -> bool:
    """Whether the two gates commute at all values of their angles."""
    places = tuple(first.wires.index(wire) if wire in first.wires else -1 for wire in second.wires)
    return all(place == -1 for place in places) or _commute(first.name, second.name, places)


@functools.cache
def _commute(first: str, second: str, places: tuple[int, ...]) -> bool:
    """Whether A B = B A, where wire k of the second gate is wire `places[k]` of the first, or one of its own (-1).

    The commutator is analytic in the angles: if it vanishes at angles without relation it vanishes everywhere.
    """
    a, b = GATES[first], GATES[second]
    own = iter(range(a.wires, a.wires + b.wires))
    wires_a = tuple(range(a.wires))
    wires_b = tuple(next(own) if place == -1 else place for place in places)
    matrix_a = a.matrix(np.sqrt([2.0, 3.0, 5.0])[: len(a.angles)])
    matrix_b = b.matrix(np.sqrt([7.0, 11.0, 13.0])[: len(b.angles)])
    one = np.eye(1 << len({*wires_a, *wires_b}), dtype=np.complex128)
    ab = apply_matrix(matrix_a, wires_a, apply_matrix(matrix_b, wires_b, one))
    ba = apply_matrix(matrix_b, wires_b, apply_matrix(matrix_a, wires_a, one))
    return bool(np.allclose(ab, ba, rtol=0, atol=1e-12))
