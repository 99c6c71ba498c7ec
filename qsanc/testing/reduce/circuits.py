"""Failing circuits, and failing pairs of circuits that should be equal, made minimal.

A circuit that fails may lose any gate: the failure is its own. Two circuits that should be equal may not, or a pair
would always end as one gate beside none. A pair loses only

- what both sides have: the same gate on each side together, wherever it stands, windows of such gates first;
- a beginning, or an end, after which both sides have come to the same, by whatever gates;
- a window of one side that is the identity.

So `rx(a), h` beside the faulty `h, ry(-a)` stays what it is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import TypeAlias

import numpy as np

from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle, Gate
from qsanc.ir.gates import GATES, Matrix
from qsanc.ir.inverse import inverse
from qsanc.ir.text import number_text
from qsanc.testing.reduce.search import Edit, Steps, fewer, reduced

Sides: TypeAlias = tuple[Bound, ...]
"""One circuit, or a pair; all of as many wires."""

Column: TypeAlias = tuple[Gate | None, ...]
"""What stands at one place of each side: the same gate in all, or a gate of one side alone."""

_MOST_AMPLITUDES = 1 << 21
"""Amplitudes that the search for equal beginnings may hold: 40 gates on both sides up to 14 wires."""
_MOST_CUTS = 8
_SAME = 1e-12
_EIGHTH = math.pi / 4
_RANK = {name: rank for rank, name in enumerate(sorted(GATES, key=lambda n: (GATES[n].wires, len(GATES[n].angles))))}


def reduce_circuit(circuit: Bound, fails: Callable[[Bound], bool], *, seconds: float = 1.0) -> Bound:
    """The smallest circuit that was found to fail like `circuit` within about `seconds`.

    Gates are left out, wires that none uses are taken away and the others renumbered, gates and angles are replaced by
    simpler ones. The result fails, and has no more gates than `circuit`. What is tried follows from the circuit alone,
    so the same circuit gives the same result where the time is enough.

    Raises ValueError where `circuit` does not fail.
    """
    edits = (_ends, _windows, _wires, _undone, _pairs, _angles, _gates, _single_angles)
    return _reduced((circuit,), lambda sides: fails(sides[0]), edits, seconds)[0]


def reduce_pair(
    a: Bound, b: Bound, fails: Callable[[Bound, Bound], bool], *, seconds: float = 1.0
) -> tuple[Bound, Bound]:
    """The smallest pair that was found to fail like `a` and `b`, which should be equal and are not.

    As `reduce_circuit`, but both sides lose the same, so that the difference stays the one there was. Raises ValueError
    where the pair does not fail, or is not on as many wires.
    """
    if a.wires != b.wires:
        raise ValueError(f"the circuits act on {a.wires} and on {b.wires} wires")
    edits = (_ends, _beginnings, _endings, _identities, _windows, _wires, _crossing, _angles, _gates, _single_angles)
    first, second = _reduced((a, b), lambda sides: fails(*sides), edits, seconds)
    return first, second


def _reduced(start: Sides, fails: Callable[[Sides], bool], edits: Sequence[Edit[Sides]], seconds: float) -> Sides:
    if not fails(start):
        raise ValueError("there is nothing to reduce: what was given does not fail")
    seen: set[Sides] = {start}

    def accepts(now: Sides, candidate: Sides) -> bool:
        if candidate in seen or _weight(candidate) >= _weight(now):
            return False
        seen.add(candidate)
        return fails(candidate)

    return reduced(start, edits, accepts, seconds=seconds)


def _weight(sides: Sides) -> tuple[int, ...]:
    """How large: gates, wires, operands, angles, the length as they are written, and how far down the gate table."""
    gates = [gate for side in sides for gate in side.body]
    angles = [float(angle.constant) for gate in gates for angle in gate.angles]
    return (
        len(gates),
        sides[0].wires,
        sum(len(gate.wires) for gate in gates),
        len(angles),
        sum(map(_length, angles)),
        sum(_RANK[gate.name] for gate in gates),
    )


# ---- columns --------------------------------------------------------------------------------------------------------


def _columns(sides: Sides) -> list[Column]:
    """The sides beside each other, aligned by a common subsequence of equal gates."""
    if len(sides) == 1:
        return [(gate,) for gate in sides[0].body]
    left, right = (side.body for side in sides)
    aligned: list[Column] = []
    for tag, i, k, j, m in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            aligned += zip(left[i:k], right[j:m], strict=True)
        else:
            aligned += [(gate, None) for gate in left[i:k]] + [(None, gate) for gate in right[j:m]]
    return aligned


def _from_columns(columns: Sequence[Column], sides: Sides) -> Sides:
    return tuple(
        replace(side, body=tuple(gate for column in columns if (gate := column[k]) is not None))
        for k, side in enumerate(sides)
    )


def _common(column: Column) -> bool:
    return None not in column


def _ends(sides: Sides) -> Steps[Sides]:
    """Common beginnings and ends at once: all that two circuits of which one gate was changed need."""
    columns = _columns(sides)
    if len(sides) == 1:
        return
    head = sum(1 for _ in itertools.takewhile(_common, columns))
    tail = sum(1 for _ in itertools.takewhile(_common, reversed(columns[head:])))
    end = len(columns) - tail
    for low, high in ((head, end), (0, end), (head, len(columns))):
        if (yield _from_columns(columns[low:high], sides)):
            return


def _windows(sides: Sides) -> Steps[Sides]:
    """Windows of common columns left out, large ones first. Columns of one side stay where they are."""
    columns = _columns(sides)

    def rebuilt(kept: list[int]) -> Sides:
        stays = set(kept)
        return _from_columns([c for k, c in enumerate(columns) if k in stays or not _common(c)], sides)

    return fewer([k for k, column in enumerate(columns) if _common(column)], rebuilt)


def _pairs(sides: Sides) -> Steps[Sides]:
    """Any two gates of a circuit left out together, near ones first."""
    return _both_without(sides, lambda one, other: True)


def _undone(sides: Sides) -> Steps[Sides]:
    """A gate and its inverse left out together."""
    return _both_without(sides, lambda one, other: inverse((one,)) == (other,))


def _both_without(sides: Sides, fits: Callable[[Gate, Gate], bool]) -> Steps[Sides]:
    (side,) = sides
    body = list(side.body)
    distance = 1
    while distance < len(body):
        at = 0
        while at + distance < len(body):
            without = [gate for k, gate in enumerate(body) if k not in (at, at + distance)]
            if fits(body[at], body[at + distance]) and (yield (replace(side, body=tuple(without)),)):
                body = without
            else:
                at += 1
        distance += 1


def _crossing(sides: Sides) -> Steps[Sides]:
    """A gate of each side left out together, equal ones that the alignment passed over."""
    left, right = (list(side.body) for side in sides)
    at = 0
    while at < len(left):
        taken = False
        for place in [k for k, gate in enumerate(right) if gate == left[at]]:
            fewer_left, fewer_right = left[:at] + left[at + 1 :], right[:place] + right[place + 1 :]
            candidate = (replace(sides[0], body=tuple(fewer_left)), replace(sides[1], body=tuple(fewer_right)))
            if (yield candidate):
                left, right, taken = fewer_left, fewer_right, True
                break
        at += 0 if taken else 1


# ---- beginnings and ends that come to the same ----------------------------------------------------------------------


def _beginnings(sides: Sides) -> Steps[Sides]:
    """Beginnings of both sides that are the same unitary up to a phase, though perhaps by other gates, left out."""
    left, right = sides
    for i, j in _meetings(left.wires, left.body, right.body):
        if (yield (replace(left, body=left.body[i:]), replace(right, body=right.body[j:]))):
            return


def _endings(sides: Sides) -> Steps[Sides]:
    left, right = sides
    for i, j in _meetings(left.wires, inverse(left.body), inverse(right.body), (left.body, right.body)):
        if (yield (_shorter(left, i), _shorter(right, j))):
            return


def _shorter(side: Bound, by: int) -> Bound:
    return replace(side, body=side.body[: len(side.body) - by])


def _meetings(
    wires: int,
    left: Sequence[Gate],
    right: Sequence[Gate],
    undoes: tuple[Sequence[Gate], Sequence[Gate]] | None = None,
) -> list[tuple[int, int]]:
    """How many gates (i of left, j of right) are the same unitary, the most first.

    One random state vector tells all of them apart, with certainty but for a set of measure zero. `undoes` are the
    circuits whose inverses `left` and `right` are, where counts are to be those of their gates: an inverse may have
    more gates than what it undoes.
    """
    counts = [_places(side) for side in undoes] if undoes else [range(len(left) + 1), range(len(right) + 1)]
    if not _affordable(wires, len(left) + len(right)):
        return []
    states = [_after_each(wires, body)[:, list(places)] for body, places in zip((left, right), counts, strict=True)]
    same = np.argwhere(np.abs(states[0].conj().T @ states[1]) > 1 - _SAME)
    found = sorted(((int(i), int(j)) for i, j in same if i or j), key=lambda cut: (-sum(cut), cut))
    return found[:_MOST_CUTS]


def _places(body: Sequence[Gate]) -> list[int]:
    """Where the inverse of the last 0, 1, 2, ... gates of a circuit ends in the inverse of the circuit."""
    return list(itertools.accumulate((len(inverse((gate,))) for gate in reversed(body)), initial=0))


def _identities(sides: Sides) -> Steps[Sides]:
    """A window of one side that is the identity up to a phase, the longest first, left out."""
    for k, side in enumerate(sides):
        if not _affordable(side.wires, len(side.body)):
            continue
        states = _after_each(side.wires, side.body)
        same = np.argwhere(np.triu(np.abs(states.conj().T @ states), 1) > 1 - _SAME)
        for i, j in sorted(((int(i), int(j)) for i, j in same), key=lambda w: (w[0] - w[1], w))[:_MOST_CUTS]:
            shorter = replace(side, body=side.body[:i] + side.body[j:])
            if (yield (*sides[:k], shorter, *sides[k + 1 :])):
                return


def _affordable(wires: int, gates: int) -> bool:
    return (gates + 2) << wires <= _MOST_AMPLITUDES


def _after_each(wires: int, body: Sequence[Gate]) -> Matrix:
    """A random state before the gates and after each: complex128[2^wires, gates + 1], columns of length one."""
    generator = np.random.default_rng(0)
    state = (generator.normal(size=(1 << wires, 2)) @ np.array([1, 1j])).reshape(-1, 1)
    states: list[Matrix] = [state / np.linalg.norm(state)]
    for gate in body:
        states.append(Bound(wires, (gate,)).applied(states[-1]))
    return np.concatenate(states, axis=1)


# ---- wires, angles, gates -------------------------------------------------------------------------------------------


def _wires(sides: Sides) -> Steps[Sides]:
    """Without idle wires, the others renumbered in their order."""
    used = sorted({wire for side in sides for gate in side.body for wire in gate.wires}) or [0]
    if len(used) < sides[0].wires:
        place = {wire: k for k, wire in enumerate(used)}
        yield tuple(
            Bound(len(used), tuple(replace(g, wires=tuple(place[w] for w in g.wires)) for g in side.body))
            for side in sides
        )


def _angles(sides: Sides) -> Steps[Sides]:
    """Rounder angles, the same one wherever the angle stands.

    What was computed from an angle follows it: its half and double, their opposites, and quarter turns more or less.
    """
    for value in dict.fromkeys(abs(a.constant) for side in sides for gate in side.body for a in gate.angles):
        for rounder in _rounder(value):
            candidate = tuple(
                replace(side, body=tuple(_follows(gate, value, rounder) for gate in side.body)) for side in sides
            )
            if (yield candidate):
                sides = candidate
                break


def _rounder(value: float) -> Iterator[float]:
    """Numbers that are shorter to write: the multiple of pi/4 nearest to this one, then fewer digits. None for such a
    multiple, which is round, and never 0, at which a rotation might as well be left out."""
    if not math.isfinite(value) or value > 100 or _quarters(value, _EIGHTH) is not None:
        return
    choices = [round(value / _EIGHTH) * math.pi / 4, *(round(value, digits) for digits in range(4))]
    yield from (choice for choice in dict.fromkeys(choices) if choice and _length(choice) < _length(value))


def _length(angle: float) -> int:
    """Characters of an angle, of which a multiple of pi has one and 0 none."""
    text = number_text(angle).lstrip("-")
    return 0 if text == "0" else 1 if "pi" in text else len(text)


def _quarters(value: float, unit: float) -> int | None:
    """How many units a value is, where it is a whole number of them."""
    count = round(value / unit)
    return count if abs(value - count * unit) < _SAME else None


def _follows(gate: Gate, value: float, rounder: float) -> Gate:
    return replace(gate, angles=tuple(Angle(_followed(angle.constant, value, rounder)) for angle in gate.angles))


def _followed(angle: float, value: float, rounder: float) -> float:
    if not math.isfinite(angle):
        return angle
    for factor in (1.0, -1.0, 0.5, -0.5, 2.0, -2.0):
        turns = _quarters(angle - factor * value, math.pi / 2)
        if turns is not None and abs(turns) <= 4:
            return factor * rounder + turns * math.pi / 2 if turns else factor * rounder
    return angle


def _single_angles(sides: Sides) -> Steps[Sides]:
    """Rounder angles of one gate, in columns that all sides have; 0 for a gate of several angles."""
    columns = _columns(sides)
    for k, column in enumerate(columns):
        gate = column[0]
        if gate is None or not _common(column):
            continue
        for position in range(len(gate.angles)):
            value = gate.angles[position].constant
            zero = [0.0] if len(gate.angles) > 1 and value else []
            for rounder in (*zero, *_rounder(abs(value))):
                turned = _with_angle(gate, position, math.copysign(rounder, value) if rounder else 0.0)
                changed: list[Column] = [*columns[:k], (turned,) * len(sides), *columns[k + 1 :]]
                if (yield _from_columns(changed, sides)):
                    columns, gate = changed, turned
                    break


def _with_angle(gate: Gate, position: int, value: float) -> Gate:
    angles = list(gate.angles)
    angles[position] = Angle(value)
    return replace(gate, angles=tuple(angles))


def _gates(sides: Sides) -> Steps[Sides]:
    """Simpler gates, in columns that all sides have."""
    columns = _columns(sides)
    for k, column in enumerate(columns):
        gate = column[0]
        if gate is None or not _common(column):
            continue
        for simpler in _simpler(gate):
            changed: list[Column] = [*columns[:k], (simpler,) * len(sides), *columns[k + 1 :]]
            if (yield _from_columns(changed, sides)):
                columns = changed
                break


def _simpler(gate: Gate) -> Iterator[Gate]:
    """x and h on each of the gate's wires, then the gate with fewer controls, then cx in place of it."""
    row = GATES[gate.name]
    yield from (Gate(name, (wire,)) for wire in gate.wires for name in ("x", "h"))
    for other in GATES.values():
        if other.base == row.base and other.controls < row.controls and len(other.angles) == len(row.angles):
            yield Gate(other.name, gate.wires[row.controls - other.controls :], gate.angles)
    if row.wires > 1:
        yield from (Gate("cx", pair) for pair in itertools.permutations(gate.wires, 2))
