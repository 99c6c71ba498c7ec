"""Exact values from a service that gives expectations of Pauli words, and no distributions.

A distribution over n bits and its parities, the expectations of products of Z over subsets of them, are each other's
Walsh-Hadamard transforms. What results read of a distribution is linear in it; so only the parities that some result
weighs are asked for, all others are taken as zero, and the values are exact all the same.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qsanc.ir.circuit import CircuitModule, Pauli, Probabilities, Probability
from qsanc.target import Floats, Results
from qsanc.target.expand import Expansion
from qsanc.target.sampling import Scores
from qsanc_braket.cloud import errors

PARITIES = 1023
"""Expectations that one program asks for at most."""
_WIRES = 20
"""Wires that are read at once at most: their outcomes are written out here."""

Masks = tuple[int, ...]
"""Subsets of the wires that a circuit reads, as bits, the first wire on top; rising, without the empty one."""


def walsh(values: Floats) -> Floats:
    """The Walsh-Hadamard transform, float64[outcome] to float64[mask], or back, less the factor 2^-n."""
    axes = values.reshape((2,) * (values.size.bit_length() - 1))
    for axis in range(axes.ndim):
        even, odd = np.take(axes, 0, axis), np.take(axes, 1, axis)
        axes = np.stack([even + odd, even - odd], axis)
    found: Floats = axes.reshape(-1)
    return found


def wanted(expansion: Expansion, device: str) -> dict[int, Masks]:
    """The parities that are asked of each circuit. Raises QsanError (QS801) where there are too many."""
    by_setting: dict[int, set[int]] = {}
    for result in expansion.request.results:
        reading = expansion.readings.results[result]
        if isinstance(reading, Scores):
            for setting, scores in reading.parts:
                _few(scores.size - 1 if scores.size > 1 << _WIRES else 0, device)
                weights = np.abs(walsh(scores))
                masks = np.flatnonzero(weights > 1e-13 * weights.max(initial=0.0))
                by_setting.setdefault(setting, set()).update(masks.tolist())
        elif reading is not None:
            _few((1 << len(reading.places)) - 1, device)
            wires = len(expansion.readings.settings[reading.setting].basis.factors)
            bits = [1 << (wires - 1 - place) for place in reading.places]
            masks_of = {sum(bit for k, bit in enumerate(bits) if n >> k & 1) for n in range(1 << len(bits))}
            by_setting.setdefault(reading.setting, set()).update(masks_of)
    found: dict[int, Masks] = {}
    for setting, numbers in expansion.settings.items():
        masks_now = tuple(sorted(by_setting.get(setting, set()) - {0})) or (1,)
        _few(len(masks_now), device)
        found |= dict.fromkeys(numbers.tolist(), masks_now)
    for _, numbers in expansion.overlaps.values():
        for number in numbers.tolist():
            _few(expansion.outcomes(number) - 1, device)
            found[number] = tuple(range(1, expansion.outcomes(number)))
    return found


def word(measured: Pauli, mask: int) -> Pauli:
    """The product of the letters that are read on the wires of `mask`."""
    count = len(measured.factors)
    return Pauli(tuple(factor for k, factor in enumerate(measured.factors) if mask >> (count - 1 - k) & 1))


def outcomes(masks: Masks, values: tuple[float, ...], count: int) -> Floats:
    """float64[outcome] whose parities are `values` at `masks`, 1 at the empty one and 0 elsewhere."""
    parities = np.zeros(count)
    parities[0] = 1.0
    parities[list(masks)] = values
    found: Floats = walsh(parities) / count
    return found


def rounded(module: CircuitModule, numbers: tuple[int, ...], results: Results) -> Results:
    """Probabilities that rounding left below zero, at zero."""

    chances = [isinstance(module.results[number], Probabilities | Probability) for number in numbers]
    return Results(
        tuple(
            replace(estimate, value=np.maximum(estimate.value, 0.0)) if chance else estimate
            for chance, estimate in zip(chances, results.estimates, strict=True)
        )
    )


def _few(count: int, device: str) -> None:
    if count > PARITIES:
        raise errors.refused(
            f"{device} gives expectations with 0 shots, and what is read of one circuit takes {count} of them",
            f"give a number of shots, or read less at once: at most {PARITIES} expectations",
        )
