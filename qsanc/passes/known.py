"""Known states: what a gate does to the state that it meets, where that state is known.

    U |psi> = e^(i phase) |psi>                           U vanishes: rx(a) on |+>, cz on |0>, swap on two equal states
    U (|psi> x 1) = |psi> x V                             U becomes V: cx with its control in |1> is x, rzz on |0> is rz
    U |psi> = e^(i phase) R(b) |psi>,  then R(a)          becomes R(a + b): h on |0>, then ry(a), is ry(a + pi/2)

The register starts in |0...0>. From there on each wire has a state of its own, a vector, for as long as gates at
constant angles leave it one; past a gate that entangles it, depends on a slot, or is a channel, nothing is known. A
segment starts with what is known at the end of its parent. All conditions are asked of the generators and matrices of
the gate table, for whatever slots are bound to. A phase of the whole register appears in no result but `State`: a
segment that a state is asked of, of itself or of its descendants, is rewritten only where the phase is 0.
"""

from __future__ import annotations

import cmath
import functools
import math
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TypeAlias

import numpy as np

from qsanc.ir.circuit import Angle, CircuitModule, Gate, Instruction, Segment, State
from qsanc.ir.gates import GATES, GateDef, Generator, Matrix
from qsanc.passes.merge import same_axis

Vector: TypeAlias = tuple[complex, complex]
"""The state of one wire, of norm 1; its phase says nothing."""

States: TypeAlias = tuple[Vector | None, ...]
"""What is known of some wires; None is nothing."""

_CLOSE = 1e-13
_WINDOW = 8
"""How many gates of a wire's run one turn may stand for: it bounds the work for each rotation."""

_ROOT = math.sqrt(0.5)
_PAULI_STATES: tuple[Vector, ...] = (
    (1, 0), (0, 1), (_ROOT, _ROOT), (_ROOT, -_ROOT), (_ROOT, _ROOT * 1j), (_ROOT, -_ROOT * 1j)
)  # fmt: skip


def known(module: CircuitModule) -> CircuitModule:
    """`module` without what its gates do not do to the states that they meet. States stay equal in phase."""
    strict = {s for result in module.results if isinstance(result, State) for s in module.path(result.segment)}
    ends: list[States] = []
    segments: list[Segment] = []
    for s, segment in enumerate(module.segments):
        start = (_PAULI_STATES[0],) * module.wires if segment.parent is None else ends[segment.parent]
        walk = _Walk(list(start), s in strict)
        for step in segment.body:
            walk.step(step)
        ends.append(tuple(walk.states))
        segments.append(replace(segment, body=tuple(step for step in walk.kept if step is not None)))
    return replace(module, segments=tuple(segments))


@dataclass(slots=True)
class _Walk:
    """A walk along a body. `runs` has for each wire the places in `kept` of the one-wire gates at constant angles that
    acted on it last, with nothing else between, each with the gate and the state before it."""

    states: list[Vector | None]
    strict: bool
    kept: list[Instruction | None] = field(default_factory=list)
    runs: dict[int, list[tuple[int, Gate, Vector]]] = field(default_factory=dict)

    def step(self, step: Instruction) -> None:
        wires = step.wires
        if not isinstance(step, Gate) or all(self.states[wire] is None for wire in wires):
            self._keep(step, (None,) * len(wires))
            return
        states = tuple(self.states[wire] for wire in wires)
        angles = tuple(angle.constant if angle.is_constant else None for angle in step.angles)
        if acts_as_a_phase(step.name, angles, states, self.strict):
            return
        if part := part_of(step.name, states, self.strict):
            scaled = tuple(angle.scaled(part.factor) for angle in step.angles)
            self.step(Gate(part.name, tuple(wires[place] for place in part.places), scaled, step.span))
        elif not self._turned(step):
            self._keep(step, states_after(step.name, angles, states))

    def _keep(self, step: Instruction, after: States) -> None:
        wire = step.wires[0]
        before = self.states[wire]
        if before and after[0] and isinstance(step, Gate) and len(after) == 1 and _is_constant(step):
            self.runs.setdefault(wire, []).append((len(self.kept), step, before))
        else:
            for other in step.wires:
                self.runs.pop(other, None)
        for other, state in zip(step.wires, after, strict=True):
            self.states[other] = state
        self.kept.append(step)

    def _turned(self, gate: Gate) -> bool:
        """Whether a rotation took the place of the longest end of its wire's run that a turn about its axis equals."""
        wire = gate.wires[0]
        run = self.runs.get(wire, []) if len(gate.wires) == 1 and GATES[gate.name].generator is not None else []
        for first in range(max(0, len(run) - _WINDOW), len(run)):
            before, after = run[first][2], self.states[wire]
            assert after is not None
            if self.strict:
                after = _applied(before, [fixed for _, fixed, _ in run[first:]])
            turn = turn_between(gate.name, before, after, self.strict)
            whole = None if turn is None else same_axis(replace(gate, angles=(Angle(turn),)), gate)
            if whole is None:
                continue
            for place, _, _ in run[first:]:
                self.kept[place] = None
            del run[first:]
            self.states[wire] = before
            for rotation in whole:
                self.step(rotation)
            return True
        return False


@dataclass(frozen=True, slots=True)
class Part:
    """A gate by its name, on the wires of another one at `places`, at its angles times `factor`."""

    name: str
    places: tuple[int, ...]
    factor: float = 1.0


@functools.lru_cache(maxsize=4096)
def acts_as_a_phase(name: str, angles: tuple[float | None, ...], states: States, strict: bool) -> bool:
    """Whether the gate multiplies `states` on its wires, with any state of the others, by a phase; by 1 if `strict`.

    An angle of None is any number.
    """
    start = _embedding(states)
    now = start
    for factor in _factors(name, angles):
        if isinstance(factor, Generator):
            if (number := _multiple(factor.matrix @ now, now)) is None or (strict and abs(number) > _CLOSE):
                return False
        else:
            now = factor @ now
    number = _multiple(now, start)
    return number is not None and (not strict or abs(number - 1) <= _CLOSE)


@functools.lru_cache(maxsize=4096)
def part_of(name: str, states: States, strict: bool) -> Part | None:
    """A gate on fewer wires that does the same at all angles while some of `states` stay what they are, on the fewest.

    Up to a phase, or exactly if `strict`.
    """
    gate = GATES[name]
    whole = gate.fixed if gate.generator is None else gate.generator.matrix
    given = [place for place, state in enumerate(states) if state is not None]
    for count in range(min(len(given), gate.wires - 1), 0, -1):
        for chosen in combinations(given, count):
            embedding = _embedding(tuple(state if place in chosen else None for place, state in enumerate(states)))
            inner = None if whole is None else _restricted(whole, embedding)
            found = None if inner is None else _gate_of(inner, gate, strict)
            if found is not None:
                return Part(found[0], tuple(place for place in range(gate.wires) if place not in chosen), found[1])
    return None


@functools.lru_cache(maxsize=4096)
def states_after(name: str, angles: tuple[float | None, ...], states: States) -> States:
    """What is known of the gate's wires after it. An angle of None is any number."""
    factors = _factors(name, angles)
    if any(isinstance(factor, Generator) for factor in factors):
        matrices = [factor.matrix if isinstance(factor, Generator) else factor for factor in factors]
        alone = (tuple(state if k == place else None for k, state in enumerate(states)) for place in range(len(states)))
        return tuple(
            state if state and all(_restricted(matrix, _embedding(one)) is not None for matrix in matrices) else None
            for state, one in zip(states, alone, strict=True)
        )
    now = _embedding(states)
    for factor in factors:
        assert not isinstance(factor, Generator)
        now = factor @ now
    split = now.reshape((2,) * len(states) + (-1,))
    return tuple(_ray(np.moveaxis(split, place, 0).reshape(2, -1)) for place in range(len(states)))


@functools.lru_cache(maxsize=4096)
def turn_between(name: str, before: Vector, after: Vector, strict: bool) -> float | None:
    """The angle at which the gate takes `before` to `after`, in (-pi, pi]; None where there is none.

    Up to a phase; exactly if `strict`, where a state that the gate only gives a phase to has no turn. Only gates with
    one generator of two eigenvalues have turns.
    """
    generator = GATES[name].generator
    if generator is None or len(generator.eigenvalues) != 2:
        return None
    one, other = (np.vdot(p @ before, p @ after) for p in generator.projectors)
    low, high = generator.eigenvalues
    angle = cmath.phase(complex(one * np.conj(other))) / (high - low)
    angle = _tidy(angle, math.pi / 4)
    reached = generator.exponential(np.array(angle)) @ np.array(before)
    number = _multiple(reached[:, None], np.array(after)[:, None])
    return None if number is None or (strict and abs(number - 1) > _CLOSE) else angle


def _gate_of(inner: Matrix, gate: GateDef, strict: bool) -> tuple[str, float] | None:
    """The gate of the table whose matrix, or generator if `gate` has one, times the factor beside it is `inner`."""
    for other in GATES.values():
        if 1 << other.wires != len(inner):
            continue
        if gate.generator is not None and other.generator is not None:
            factor = _factor(inner, other.generator.matrix, strict)
            if factor is not None:
                return other.name, factor
        elif gate.fixed is not None and other.fixed is not None:
            number = _multiple(inner, other.fixed)
            if number is not None and (not strict or abs(number - 1) <= _CLOSE):
                return other.name, 1.0
    return None


def _factors(name: str, angles: tuple[float | None, ...]) -> list[Matrix | Generator]:
    """The gate's factors in the order of time: a matrix where the angle is a number, else the generator."""
    gate = GATES[name]
    if gate.fixed is not None:
        return [gate.fixed]
    found: list[Matrix | Generator] = []
    for index, generator in gate.factors:
        angle = angles[index]
        found.append(generator if angle is None else generator.exponential(np.array(angle)))
    return found


def _is_constant(gate: Gate) -> bool:
    return all(angle.is_constant for angle in gate.angles)


def _applied(state: Vector, gates: list[Gate]) -> Vector:
    """The state after gates at constant angles, with its phase."""
    now = np.array(state, np.complex128)
    for gate in gates:
        now = GATES[gate.name].matrix([angle.constant for angle in gate.angles]) @ now
    return complex(now[0]), complex(now[1])


def _embedding(states: States) -> Matrix:
    """|psi> x 1, complex128[2^wires, 2^unknown]: `states` in their places, and any state of the wires without one."""
    whole: Matrix = np.ones((1, 1), np.complex128)
    for state in states:
        column: Matrix = np.eye(2, dtype=np.complex128) if state is None else np.array(state, np.complex128)[:, None]
        whole = np.kron(whole, column).astype(np.complex128)
    return whole


def _restricted(matrix: Matrix, embedding: Matrix) -> Matrix | None:
    """V with matrix E = E V for the `embedding` E; None where the matrix leads out of it."""
    image = matrix @ embedding
    inner: Matrix = embedding.conj().T @ image
    return inner if np.abs(image - embedding @ inner).max() <= _CLOSE else None


def _multiple(matrix: Matrix, unit: Matrix) -> complex | None:
    """The number c with matrix = c unit, or None."""
    number = complex(np.vdot(unit, matrix) / np.vdot(unit, unit))
    return number if np.abs(matrix - number * unit).max() <= _CLOSE else None


def _factor(inner: Matrix, generator: Matrix, strict: bool) -> float | None:
    """The factor f with inner = f generator, up to a multiple of 1 unless `strict`."""
    if not strict:
        one = np.eye(len(inner), dtype=np.complex128)
        inner, generator = (m - one * np.trace(m) / len(one) for m in (inner, generator))
    number = _multiple(inner, generator)
    return None if number is None else _tidy(number.real, 0.25)


def _ray(columns: Matrix) -> Vector | None:
    """The state that all `columns` complex128[2, column] are multiples of, or None."""
    norms = np.linalg.norm(columns, axis=0)
    largest = int(np.argmax(norms))
    unit = columns[:, largest] / norms[largest]
    if np.abs(columns - np.outer(unit, unit.conj() @ columns)).max() > _CLOSE:
        return None
    first, second = complex(unit[0]), complex(unit[1])
    for state in _PAULI_STATES:
        if abs(state[0] * second - state[1] * first) <= _CLOSE:
            return state
    return first, second


def _tidy(number: float, unit: float) -> float:
    """`number`, or the multiple of `unit` that it is to rounding."""
    near = round(number / unit) * unit
    return near if abs(number - near) <= _CLOSE else number
