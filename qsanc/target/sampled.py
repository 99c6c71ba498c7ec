"""Samples from exact values: what a simulator answers when it is asked for shots.

Whoever knows the distribution of a setting's outcomes, or an overlap, draws from it here. What is drawn follows from
the context and from what is run (see `draws`), so that simulators which agree on probabilities agree on every sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qsanc.ir.circuit import CircuitModule, Overlap
from qsanc.target.draws import Draws, circuit_key, draw_counts, numbered, row_keys, shift_keys
from qsanc.target.protocol import Context, Floats, Request, Results
from qsanc.target.sampling import Readings, overlap_chance, overlap_estimate, overlap_method, readings

Exact = Callable[[tuple[int, ...]], Mapping[int, Floats]]
"""For settings or overlaps by number, their distributions float64[entry, outcome] or values float64[pair | shift]."""


@dataclass(frozen=True)
class Sampler:
    """Estimates for the requests of one module."""

    module: CircuitModule

    @cached_property
    def readings(self) -> Readings:
        return readings(self.module)

    def estimates(self, request: Request, shots: int, context: Context, exact: Exact) -> Results:
        """What so many shots say. `exact` is asked for settings, or for overlaps where the request has pairs."""
        draws = Draws(context)
        if request.pairs is not None:
            return self._overlaps(request, shots, draws, exact)
        needed = self.readings.needed(request.results)
        values = dict(exact(needed))
        counts: dict[int, Floats] = {}
        for number in needed:
            setting = self.readings.settings[number]
            name = circuit_key(self.module, (setting.segment,), setting.basis)
            keys = _keys(request, name, row_keys(self.module, setting.segment, request.bindings))
            counts[number] = draw_counts(draws, keys, np.asarray(values.pop(number), np.float64), shots)
        entries = request.bindings.rows if request.shifts is None else len(request.shifts)
        return Results(tuple(self.readings.estimate(k, counts.__getitem__, entries, shots) for k in request.results))

    def _overlaps(self, request: Request, shots: int, draws: Draws, exact: Exact) -> Results:
        assert request.pairs is not None
        values = exact(request.results)
        estimates = []
        for k in request.results:
            overlap = self.module.results[k]
            assert isinstance(overlap, Overlap)
            method = overlap_method(self.module, overlap)
            name = circuit_key(self.module, (overlap.left, overlap.right), (method, overlap.wires))
            left = row_keys(self.module, overlap.left, request.bindings)
            right = row_keys(self.module, overlap.right, request.bindings)
            keys = _keys(request, name, [left[i] + right[j] for i, j in request.pairs.tolist()])
            chances = overlap_chance(method, np.asarray(values[k], np.float64))
            zeros = draw_counts(draws, keys, np.stack([chances, 1 - chances], axis=1), shots)[:, 0]
            estimates.append(overlap_estimate(method, zeros, shots))
        return Results(tuple(estimates))


def _keys(request: Request, name: bytes, rows: Sequence[bytes]) -> list[bytes]:
    """A key for each row, pair or shift: what is run, at which numbers, shifted where; copies where independent."""
    keys = [name + row for row in rows]
    if request.shifts is not None:
        shifted = shift_keys(request.shifts)
        keys = [keys[row] + shift for row, shift in zip(request.shifts.row.tolist(), shifted, strict=True)]
    return numbered(keys) if request.independent else keys
