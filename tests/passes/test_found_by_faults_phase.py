"""Gates that commute do so exactly: gates that anticommute do not, though only a phase would tell."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from oracle import dense

from qsanc.ir.circuit import Angle, Gate
from qsanc.ir.gates import GATES
from qsanc.passes.commute import commutes

WIRES = 3
SMALL = [name for name, gate in GATES.items() if gate.wires <= 2]
RNG = np.random.default_rng(11)
ANGLES = {(name, side): RNG.uniform(-3, 3, len(GATES[name].angles)) for name in SMALL for side in (0, 1)}


def placed(name: str, wires: tuple[int, ...], side: int) -> tuple[Gate, np.ndarray]:
    gate = Gate(name, wires, tuple(Angle(float(angle)) for angle in ANGLES[name, side]))
    return gate, dense.embed(dense.GATES[name](*ANGLES[name, side]), wires, WIRES)


@pytest.mark.parametrize("name", SMALL)
def test_the_verdict_is_that_of_the_matrices(name: str) -> None:
    """Every gate after this one, on all wires that meet its own, at angles drawn for each."""
    first, a = placed(name, tuple(range(GATES[name].wires)), 0)
    for other in SMALL:
        for wires in permutations(range(WIRES), GATES[other].wires):
            second, b = placed(other, wires, 1)
            assert commutes(first, second) == np.allclose(a @ b, b @ a, rtol=0, atol=1e-10), second
