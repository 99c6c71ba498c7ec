"""Sums over the wires that a reading does not look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from qsanc_numpy.arrays import Floats

Number = TypeVar("Number", np.float64, np.complex128)


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Sums over all wires but `wires`: an array [2^register, column] becomes [2^len(wires), column], and back."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    order: tuple[int, ...]

    @staticmethod
    def onto(wires: Sequence[int], register: int) -> Fold:
        kept = sorted(wires)
        runs: list[tuple[bool, int]] = []
        for wire in range(register):
            if wire in kept:
                runs.append((True, 1))
            elif runs and not runs[-1][0]:
                runs[-1] = (False, runs[-1][1] + 1)
            else:
                runs.append((False, 1))
        return Fold(
            tuple(1 << length for _, length in runs),
            tuple(axis for axis, (keep, _) in enumerate(runs) if not keep),
            tuple(kept.index(wire) for wire in wires),
        )

    def sum(self, values: Floats) -> Floats:
        columns = values.shape[1]
        kept: Floats = values.reshape(*self.shape, columns)
        if self.axes:
            kept = np.add.reduce(kept, axis=self.axes)
        if self.order != tuple(range(len(self.order))):
            kept = kept.transpose(*self.order, len(self.order))
        return kept.reshape(1 << len(self.order), columns)

    def spread(self, values: NDArray[Number]) -> NDArray[Number]:
        """The transpose of `sum`, as an array that broadcasts against one reshaped to `shape + (column,)`."""
        kept = values.reshape((2,) * len(self.order) + (values.shape[1],))
        inverse = tuple(int(axis) for axis in np.argsort(self.order)) if self.order else ()
        return np.expand_dims(kept.transpose(*inverse, len(self.order)), self.axes)
