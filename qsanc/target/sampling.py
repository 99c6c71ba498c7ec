"""Estimates from counts: what has to be measured, and how counts become estimates.

A *setting* measures one letter on each of some wires at the end of one segment. Qubit-wise commuting products share a
setting, so the shots of a request are shots of each setting. Every result but an overlap reads one or more settings.
An overlap is measured by a circuit of its own for each pair, with two outcomes that matter: `overlap_method`.

Simulators and devices use the same settings, the same readings and the same formulas, and so have the same statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.ir.circuit import (
    Channel,
    CircuitModule,
    Expectation,
    Gate,
    Observable,
    Overlap,
    Pauli,
    Probabilities,
    Probability,
    Segment,
    State,
)
from qsanc.passes.grouping import groups
from qsanc.target.protocol import Estimate, Floats


@dataclass(frozen=True, slots=True)
class Setting:
    """`basis` gives the letter measured on each measured wire. Outcomes are numbered with its first wire on top."""

    segment: int
    basis: Pauli

    @property
    def outcomes(self) -> int:
        return 1 << len(self.basis.factors)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One real number: `constant` plus, for each (setting, scores float64[outcome]), the mean score of its outcomes."""

    constant: float
    parts: tuple[tuple[int, Floats], ...]


@dataclass(frozen=True, slots=True)
class Marginal:
    """A distribution: that of the measured wires at `places` of a setting's basis, in this order."""

    setting: int
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """The settings of a module, and how each result reads them. None is for an overlap, which has circuits of its own,
    and for a state, which cannot be measured."""

    settings: tuple[Setting, ...]
    results: tuple[Scores | Marginal | None, ...]

    def needed(self, results: Iterable[int]) -> tuple[int, ...]:
        """The settings that some of `results` reads."""
        found: set[int] = set()
        for number in results:
            match self.results[number]:
                case Scores(_, parts):
                    found.update(setting for setting, _ in parts)
                case Marginal(setting, _):
                    found.add(setting)
                case None:
                    pass
        return tuple(sorted(found))

    def estimate(self, result: int, outcomes: Callable[[int], Floats], entries: int, shots: int | None) -> Estimate:
        """The estimate of `result` for so many entries.

        `outcomes(setting)` are counts float64[entry, outcome] of `shots` shots, or probabilities where that is None.
        """
        reading = self.results[result]
        if isinstance(reading, Scores):
            value, variance = np.full(entries, reading.constant), np.zeros(entries)
            for setting, scores in reading.parts:
                mean, spread = mean_score(outcomes(setting), scores, shots)
                value += mean
                variance += spread
        elif isinstance(reading, Marginal):
            value, variance = _marginal(outcomes(reading.setting), reading.places, shots)
        else:
            raise CompilerBug(f"result {result} is an overlap or a state and reads no setting")
        return Estimate(value) if shots is None else Estimate(value, variance, shots)


def mean_score(counts: Floats, scores: Floats, shots: int | None) -> tuple[Floats, Floats]:
    """Mean and variance of the mean, float64[...], of `scores` float64[outcome] over counts float64[..., outcome].

    The variance is the sample variance (with shots - 1) over the shots; a single shot counts as if it were known.
    For `shots` None counts are probabilities and the variance is zero.
    """
    total = 1 if shots is None else shots
    mean = counts @ scores / total
    if shots is None:
        return mean, np.zeros_like(mean)
    square = counts @ scores**2 / total
    return mean, np.maximum(square - mean**2, 0.0) / max(shots - 1, 1)


def _marginal(counts: Floats, places: tuple[int, ...], shots: int | None) -> tuple[Floats, Floats]:
    wires = counts.shape[-1].bit_length() - 1
    axes = counts.reshape(-1, *(2,) * wires)
    others = tuple(1 + place for place in range(wires) if place not in places)
    kept = axes.sum(axis=others)
    order = np.argsort(np.argsort(places))
    value = kept.transpose(0, *(1 + int(k) for k in order)).reshape(len(counts), 1 << len(places))
    if shots is None:
        return value, np.zeros_like(value)
    value = value / shots
    return value, value * (1 - value) / max(shots - 1, 1)


def readings(module: CircuitModule) -> Readings:
    """Settings and readings of a module."""
    observables: dict[int, list[Observable]] = {}
    for result in module.results:
        if not isinstance(result, Overlap | State):
            observables.setdefault(result.segment, []).append(_observed(result))
    settings: list[Setting] = []
    home: dict[tuple[int, Pauli], int] = {}
    for segment, found in observables.items():
        for group in groups(found):
            home |= {(segment, product): len(settings) for product in group.products}
            settings.append(Setting(segment, group.basis))
    return Readings(
        tuple(settings),
        tuple(
            None if isinstance(result, Overlap | State) else _reading(result, settings, home)
            for result in module.results
        ),
    )


def _observed(result: Expectation | Probabilities | Probability) -> Observable:
    """What has to fit in one setting: a distribution is measured like the product of Z over its wires."""
    if isinstance(result, Expectation):
        return result.observable
    return Observable(((1.0, _all_z(result.wires)),))


def _all_z(wires: Sequence[int]) -> Pauli:
    return Pauli(tuple((wire, "Z") for wire in sorted(wires)))


def _reading(
    result: Expectation | Probabilities | Probability, settings: list[Setting], home: dict[tuple[int, Pauli], int]
) -> Scores | Marginal:
    if isinstance(result, Expectation):
        constant = 0.0
        scores: dict[int, Floats] = {}
        for coefficient, pauli in result.observable.terms:
            if not pauli.factors:
                constant += coefficient
                continue
            setting = home[result.segment, pauli]
            score = coefficient * _parity(settings[setting], pauli.wires)
            scores[setting] = scores[setting] + score if setting in scores else score
        return Scores(constant, tuple(scores.items()))
    setting = home[result.segment, _all_z(result.wires)]
    measured = settings[setting].basis.wires
    places = tuple(measured.index(wire) for wire in result.wires)
    if isinstance(result, Probabilities):
        return Marginal(setting, places)
    outcomes = np.arange(settings[setting].outcomes)
    read = np.zeros_like(outcomes)
    for place in places:
        read = 2 * read + ((outcomes >> (len(measured) - 1 - place)) & 1)
    return Scores(0.0, ((setting, (read == result.index).astype(np.float64)),))


def _parity(setting: Setting, wires: Sequence[int]) -> Floats:
    """The product of the eigenvalues read on `wires`, float64[outcome]."""
    outcomes = np.arange(setting.outcomes)
    parity = np.zeros_like(outcomes)
    for wire in wires:
        parity ^= (outcomes >> (len(setting.basis.factors) - 1 - setting.basis.wires.index(wire))) & 1
    return (1 - 2 * parity).astype(np.float64)


def basis_change(basis: Pauli) -> tuple[Gate, ...]:
    """Gates after which reading Z on each wire reads the letter of `basis`."""
    gates: list[Gate] = []
    for wire, letter in basis.factors:
        if letter == "Y":
            gates.append(Gate("si", (wire,)))
        if letter in "XY":
            gates.append(Gate("h", (wire,)))
    return tuple(gates)


def measured_module(module: CircuitModule, settings: Sequence[Setting]) -> CircuitModule:
    """`module` with, as its results, the distribution of outcomes of each setting.

    Segments are added behind those there are, for bases other than Z; sites keep their numbers.
    """
    segments = list(module.segments)
    results = []
    for number, setting in enumerate(settings):
        segment = setting.segment
        if change := basis_change(setting.basis):
            segment = len(segments)
            segments.append(Segment(f"setting {number}", setting.segment, change))
        results.append(Probabilities(segment, setting.basis.wires))
    return replace(module, segments=tuple(segments), results=tuple(results))


OverlapMethod = Literal["compute_uncompute", "swap_test"]


def overlap_method(module: CircuitModule, overlap: Overlap) -> OverlapMethod:
    """With shots: compute-uncompute for whole pure registers, else the swap test."""
    noisy = any(
        isinstance(instruction, Channel)
        for segment in (*module.path(overlap.left), *module.path(overlap.right))
        for instruction in module.segments[segment].body
    )
    return "compute_uncompute" if len(overlap.wires) == module.wires and not noisy else "swap_test"


def overlap_chance(method: OverlapMethod, overlap: Floats) -> Floats:
    """The probability of the counted outcome: all zeros after compute-uncompute, 0 on the swap test's ancilla."""
    return overlap if method == "compute_uncompute" else (1 + overlap) / 2


def overlap_estimate(method: OverlapMethod, counted: Floats, shots: int | None) -> Estimate:
    """Overlaps from how often the counted outcome was seen, float64[pair], or from its probability (`shots` None)."""
    scores = np.array([1.0, 0.0]) if method == "compute_uncompute" else np.array([1.0, -1.0])
    total = 1 if shots is None else shots
    value, variance = mean_score(np.stack([counted, total - counted], axis=-1), scores, shots)
    return Estimate(value) if shots is None else Estimate(value, variance, shots)
