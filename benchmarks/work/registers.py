"""Question B: one expectation value on a large register, and its gradient.

Ten times a column of RX, a column of RY and a ring of CNOT on |0...0>; <Z_0>, Z on the most significant qubit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from benchmarks.work.sentences import Floats

LAYERS = 10


@dataclass(frozen=True, slots=True)
class Register:
    """`angles` [layer, 2, qubit]: row 0 of a layer turns by RX, row 1 by RY."""

    n: int
    angles: Floats = field(repr=False)

    @property
    def layers(self) -> int:
        return len(self.angles)


def register(*, n: int, layers: int = LAYERS) -> Register:
    return Register(n, np.random.default_rng(n).uniform(-np.pi, np.pi, (layers, 2, n)))
