"""Light-cone pruning: what no result can see is removed.

    Tr((1 x O) (U x 1) rho (U x 1)^dagger) = Tr((1 x O) rho)        O and U on different wires, U a gate or a channel

From the results backwards each place has a set of wires that something later depends on: the wires of the observables,
of the probabilities, of the overlap (on both sides), all of them for a state. A gate that touches one of them puts its
other wires there as well; a gate that touches none is seen by nobody. Where a segment has children, their beginnings
count like results.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from qsanc.ir.circuit import (
    CircuitModule,
    Expectation,
    Gate,
    Instruction,
    Overlap,
    Result,
    State,
)


@dataclass(frozen=True, slots=True)
class Place:
    """An instruction: segment and position in its body."""

    segment: int
    position: int


def lightcone(module: CircuitModule) -> CircuitModule:
    """`module` without the instructions outside the light cones of all results. Results stay the same."""
    unseen = {(place.segment, place.position) for place in outside(module)}
    return replace(
        module,
        segments=tuple(
            replace(segment, body=tuple(step for p, step in enumerate(segment.body) if (s, p) not in unseen))
            for s, segment in enumerate(module.segments)
        ),
    )


def outside(module: CircuitModule) -> tuple[Place, ...]:
    """The instructions that no result can see, in order of segment and position."""
    seen: list[set[int]] = [set() for _ in module.segments]
    for result in module.results:
        for index, read in _reads(result, module.wires):
            seen[index].update(read)
    places: list[Place] = []
    for s in reversed(range(len(module.segments))):
        segment = module.segments[s]
        wires = seen[s]
        for position in reversed(range(len(segment.body))):
            step = segment.body[position]
            if wires.isdisjoint(step.wires):
                places.append(Place(s, position))
            else:
                wires.update(step.wires)
        if segment.parent is not None:
            seen[segment.parent] |= wires
    return tuple(reversed(places))


def dead_slots(module: CircuitModule) -> tuple[int, ...]:
    """The slots on which no result depends, rising: those of no gate inside a light cone."""
    alive = {slot for segment in lightcone(module).segments for step in segment.body for slot in _slots(step)}
    return tuple(slot for slot in range(len(module.slots)) if slot not in alive)


def _slots(step: Instruction) -> set[int]:
    return {slot for angle in step.angles for slot, _ in angle.terms} if isinstance(step, Gate) else set()


def _reads(result: Result, wires: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """The segments that a result reads, each with the wires that it reads there."""
    match result:
        case Expectation(segment, observable):
            return ((segment, observable.wires),)
        case Overlap(left, right, on):
            return ((left, on), (right, on))
        case State(segment):
            return ((segment, tuple(range(wires))),)
        case _:
            return ((result.segment, result.wires),)
