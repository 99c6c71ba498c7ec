"""Whether samples follow a law, or have a mean: tested at a stated level, with the shots that this takes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Observable, Pauli
from qsanc.ir.gates import GATES, Matrix
from qsanc.ir.reader import read_module
from qsanc.ir.unitary import apply_matrix
from qsanc.testing.assertions.evidence import Evidence
from qsanc.testing.assertions.options import finite, level, number, positive, seeded, share, tolerance
from qsanc.testing.assertions.sampling import counts_of, scored, settings_of
from qsanc.testing.assertions.states import prepared
from qsanc.testing.convert import as_bound, as_operator, as_operators, labels_of
from qsanc.testing.failed import CheckFailed
from qsanc.testing.statistics import (
    Floats,
    Ints,
    fits,
    law_of,
    mean_fits,
    same_law,
    shots_needed,
    shots_needed_for_mean,
    shots_needed_for_same,
)

_POWER = 0.95


def assert_distribution(
    observed: object,
    expected: object,
    *,
    wires: Sequence[Hashable] | None = None,
    shots: int | None = None,
    tv: float = 0.05,
    alpha: float = 1e-6,
    examples: int = 1,
    seed: int = 0,
    backend: str = "numpy",
) -> Evidence:
    """Samples follow a law, or the same law as other samples.

    `observed` are counts, int[outcome] or by bit string, or a circuit that is run on `backend`, with `shots`, or with
    those that find a total variation of `tv` with probability 0.95. `expected` are probabilities, float[outcome] or by
    bit string, or the exact law of a circuit; or counts again. `wires` are those that are read of circuits, the first
    most significant, by number or by label where circuits have labels; all of them if it is not given. `alpha` is the
    chance of a false alarm in all of `examples`.

    Raises CheckFailed; ValueError and TypeError for what are no counts, no law and no circuit, and what the backend
    raises.
    """
    chosen = level(alpha, examples)
    share("tv", tv)
    seeded(seed)
    if shots is not None:
        positive("shots", shots)
    circuit, law, read = _read(observed, expected, wires)
    other, is_law = _expectation(expected, None if circuit is None else len(read)) if law is None else (law, True)
    needed = _needed(other, is_law, tv, chosen)
    if circuit is None:
        counts = _whole(_numbers(observed, len(other)))
        if not counts.sum():
            raise ValueError("these counts are of no shots at all")
    else:
        if len(other) != 1 << len(read):
            raise ValueError(f"there are {1 << len(read)} outcomes, and {len(other)} are expected")
        counts = counts_of(circuit, read, shots=needed if shots is None else shots, seed=seed, backend=backend)
    if len(counts) != len(other):
        raise ValueError(f"{len(counts)} outcomes were seen, and {len(other)} are expected")
    chance = fits(counts, other) if is_law else same_law(counts, _whole(other))
    total = int(counts.sum())
    power = f"a total variation of {tv:g} is found with probability {_POWER:g} from {needed} shots " + (
        "on" if is_law else f"of each sample on; these are of {total} and {int(other.sum())}"
    )
    method = "exact test of counts against a law" if is_law else "exact test of two samples"
    if chance > chosen:
        return Evidence(method, None, None, chance, chosen, total, needed, power)
    wanted = (other if is_law else other / other.sum()) * total
    worst = int(np.argmax(np.abs(counts - wanted)))
    digits = (len(counts) - 1).bit_length()
    what = "the counts do not follow the law" if is_law else "the two samples do not follow one law"
    raise CheckFailed(
        f"{what}: p = {chance:.3g}, alpha {chosen:.3g}, {total} shots ({method})\n"
        f"  most off: {worst:0{digits}b} was seen {counts[worst]} times, expected {wanted[worst]:.6g}"
        f"\n  {power}"
    )


def assert_expectation(
    circuit: object,
    observable: Observable | Pauli | str,
    expected: float,
    *,
    wires: Sequence[Hashable] | None = None,
    tol: float | None = None,
    shots: int | None = None,
    delta: float = 0.1,
    alpha: float = 1e-6,
    examples: int = 1,
    seed: int = 0,
    backend: str = "numpy",
) -> Evidence:
    """The expectation value of an observable in the state of a circuit is `expected`.

    It is estimated on `backend` from `shots` in each measurement setting, or from those that find a deviation of
    `delta` with probability 0.95; given `tol`, its exact value is within that instead. `observable` may be written
    `Z0 + 0.5*X0 Y1`. `wires` names the labels of a circuit from elsewhere in order, so that 0 is the first of them.
    Raises CheckFailed; ValueError for what is no observable on these wires.
    """
    finite("expected", expected)
    seeded(seed)
    if shots is not None:
        positive("shots", shots)
    if tol is not None:
        tolerance(tol)
        operator = as_operator(circuit, wires=wires)
        value = _exact(prepared(operator), _observable(observable, operator.wires))
        if abs(value - expected) <= tol:
            return Evidence("the exact expectation value", abs(value - expected), tol)
        raise CheckFailed(
            f"the expectation value is {value:.9g} (exactly), expected {expected:.9g}: "
            f"off by {abs(value - expected):.3g}, tolerance {tol:.3g}"
        )
    chosen = level(alpha, examples)
    number("delta", delta)
    bound = as_bound(circuit, wires=wires)
    asked = _observable(observable, bound.wires)
    constant, scores = settings_of(bound, asked)
    ranges = [(float(score.min()), float(score.max())) for score in scores]
    binary = [np.isin(s, r).all() for s, r in zip(scores, ranges, strict=True)]
    known = expected - constant if all(binary) else None
    needed = shots_needed_for_mean(ranges, delta=delta, alpha=chosen, power=_POWER, expected=known)
    taken = needed if shots is None else shots
    settings = scored(bound, asked, shots=taken, seed=seed, backend=backend)
    chance = mean_fits(settings, expected - constant)
    plural = "" if len(settings) == 1 else "s"
    method = (
        f"exact binomial test, {len(settings)} setting{plural}"
        if _is_binomial(binary)
        else (f"Hoeffding's bound, {len(settings)} setting{plural}")
    )
    power = f"a deviation of {delta:g} is found with probability {_POWER:g} from {needed} shots a setting on"
    if chance > chosen:
        return Evidence(method, None, None, chance, chosen, taken, needed, power)
    estimate = constant + sum(setting.mean for setting in settings)
    raise CheckFailed(
        f"the expectation value is about {estimate:.6g}, expected {expected:.6g}: p = {chance:.3g}, "
        f"alpha {chosen:.3g}, {taken} shots ({method})\n  {power}"
    )


def _is_binomial(binary: Sequence[object]) -> bool:
    return len(binary) == 1 and bool(binary[0])


def _needed(other: Floats, is_law: bool, tv: float, alpha: float) -> int:
    if not is_law:
        return shots_needed_for_same(len(other), tv=tv, alpha=alpha, power=_POWER)
    return shots_needed(other, tv=tv, alpha=alpha, power=_POWER)


def _read(
    observed: object, expected: object, wires: Sequence[Hashable] | None
) -> tuple[Bound | None, Floats | None, tuple[int, ...]]:
    """The circuit that is run, the law of the one it is held to, as far as these are circuits, and the wires read."""
    runs, holds = not _is_numbers(observed), not _is_numbers(expected)
    if not runs and not holds:
        if wires is not None:
            raise ValueError("wires are read of circuits, and both of these are numbers")
        return None, None, ()
    if runs and holds:
        first, second, labels = as_operators(observed, expected)
    else:
        circuit = observed if runs else expected
        first = second = as_operator(circuit)
        labels = labels_of(circuit) or list(range(first.wires))
    if first.wires != second.wires and wires is None:
        raise ValueError(f"the circuits are on {first.wires} and {second.wires} wires: name those that are read")
    places = {label: place for place, label in enumerate(labels)}
    named = labels if wires is None else list(wires)
    strange = [label for label in named if label not in places or places[label] >= min(first.wires, second.wires)]
    if strange or not named or len(set(named)) != len(named):
        raise ValueError(f"wires are distinct ones of {labels} and one at least, not {named}")
    read = tuple(places[label] for label in named)
    return as_bound(first) if runs else None, _marginal(prepared(second), read) if holds else None, read


def _expectation(expected: object, read: int | None) -> tuple[Floats, bool]:
    """Numbers by outcome, and whether they are a law rather than counts; `read` is the number of wires, if known."""
    numbers = _numbers(expected, None if read is None else 1 << read)
    counted = numbers.sum() > 1.5 and bool((numbers == np.floor(numbers)).all())
    return (numbers, False) if counted else (law_of(numbers), True)


def _is_numbers(candidate: object) -> bool:
    if isinstance(candidate, Mapping):
        return True
    if isinstance(candidate, np.ndarray):
        return candidate.ndim == 1
    return isinstance(candidate, list | tuple) and all(isinstance(x, int | float | np.number) for x in candidate)


def _numbers(given: object, outcomes: int | None) -> Floats:
    """float64[outcome] from a row of numbers, or from a mapping by bit string."""
    if not isinstance(given, Mapping):
        return np.asarray(given, np.float64)
    lengths = {len(str(key)) for key in given}
    if len(lengths) != 1 or any(set(str(key)) - {"0", "1"} for key in given):
        raise ValueError("outcomes are bit strings of one length, such as 01")
    (length,) = lengths
    found = np.zeros(1 << length)
    for key, value in given.items():
        found[int(str(key), 2)] = value
    if outcomes is not None and outcomes != len(found):
        raise ValueError(f"bit strings of length {length} name {len(found)} outcomes, and there are {outcomes}")
    return found


def _whole(numbers: Floats) -> Ints:
    whole = np.rint(numbers).astype(np.int64)
    if (whole != numbers).any() or (whole < 0).any():
        raise ValueError("counts are natural numbers")
    return whole


def _marginal(state: Matrix, wires: tuple[int, ...]) -> Floats:
    count = len(state).bit_length() - 1
    axes = (np.abs(state) ** 2).reshape((2,) * count)
    kept: NDArray[np.float64] = np.moveaxis(axes, wires, range(len(wires))).reshape(1 << len(wires), -1).sum(axis=1)
    return kept


def _observable(given: Observable | Pauli | str, wires: int) -> Observable:
    if isinstance(given, Pauli):
        given = Observable(((1.0, given),))
    if isinstance(given, Observable):
        strange = [wire for wire in given.wires if wire >= wires]
        if strange:
            raise ValueError(f"the observable reads wire {strange[0]}, and there are {wires}")
        return given
    try:
        module = read_module(f"circuit @measured wires {wires}\n  segment all\n  r0 = expectation all: {given}\n")
    except ValueError as reason:
        raise ValueError(f"`{given}` is no observable: {str(reason).partition(': ')[2]}") from None
    (result,) = module.results
    found: Observable = result.observable  # type: ignore[union-attr]
    return found


def _exact(state: Matrix, observable: Observable) -> float:
    total = 0.0
    for coefficient, pauli in observable.terms:
        turned = state.reshape(-1, 1)
        for wire, letter in pauli.factors:
            turned = apply_matrix(GATES[letter.lower()].matrix(), (wire,), turned)
        total += coefficient * float(np.vdot(state, turned[:, 0]).real)
    return total
