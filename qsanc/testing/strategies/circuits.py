"""Circuits: modules with slots and results, and circuits with numbers for angles.

Nothing is drawn that is then thrown away. A number chooses among what is left to choose (the next operand among the
free wires, a parent among the earlier segments), so that what Hypothesis deletes leaves the rest legal.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from hypothesis import strategies as st

from qsanc.ir.bound import Bound
from qsanc.ir.circuit import (
    Angle,
    Channel,
    CircuitModule,
    Expectation,
    Gate,
    Instruction,
    Overlap,
    Probabilities,
    Probability,
    Result,
    Segment,
    State,
)
from qsanc.ir.gates import GATES
from qsanc.testing.strategies.numbers import angles, coefficients
from qsanc.testing.strategies.observables import observables

RESULTS = ("expectation", "probabilities", "probability", "overlap", "state")
CHANNELS = ("bit_flip", "phase_flip", "depolarizing", "amplitude_damping", "phase_damping", "two_qubit_depolarizing")
_CONSTANTS, _COEFFICIENTS = angles(), coefficients()
_MOVED = st.just(0.0) | _CONSTANTS


def bound_circuits(
    *, min_wires: int = 1, max_wires: int = 4, max_gates: int = 12, gates: Collection[str] = tuple(GATES)
) -> st.SearchStrategy[Bound]:
    """Circuits with numbers for angles, in radians, of at most `max_gates` of these `gates`.

    Shrinks to few gates on few wires with the angle 0. Raises ValueError for a gate that is unknown or has no room.

    >>> @given(bound_circuits(max_wires=3))
    ... def test_norm(circuit): assert_unitary(circuit)
    """
    named = _known(gates, GATES, "gate")
    _room(min_wires, max_wires, named)

    @st.composite
    def drawn(draw: st.DrawFn) -> Bound:
        wires = draw(st.integers(min_wires, max_wires))
        return Bound(wires, tuple(draw(st.lists(_gates(wires, 0, named), max_size=max_gates))))

    return drawn()


def circuits(
    *,
    min_wires: int = 1,
    max_wires: int = 4,
    max_gates: int = 12,
    max_segments: int = 3,
    max_slots: int = 4,
    max_results: int = 3,
    gates: Collection[str] = tuple(GATES),
    results: Collection[str] = RESULTS,
    channels: Collection[str] = (),
) -> st.SearchStrategy[CircuitModule]:
    """Circuit modules: a tree of segments of at most `max_gates` gates each, over shared and item slots, with results.

    `gates` are names of the gate table, `results` kinds of results: expectation, probabilities, probability, overlap,
    state. With `channels` (names such as `bit_flip`) there is noise, and no state is asked for. Angles are affine in up
    to two slots. Shrinks to one empty segment on one wire and one result. Raises ValueError for unknown names.

    >>> @given(st.data())
    ... def test_pass(data):
    ...     module = data.draw(circuits(gates=("h", "rz", "cx"), results=("expectation",)))
    ...     numbers = data.draw(bindings(module))
    """
    named, noise = _known(gates, GATES, "gate"), _known(channels, CHANNELS, "channel")
    kinds = tuple(kind for kind in _known(results, RESULTS, "result") if kind != "state" or not noise)
    _room(min_wires, max_wires, named)
    if noise and all(_wires_of(channel) > min_wires for channel in noise):
        raise ValueError(f"none of the channels {', '.join(noise)} fits on {min_wires} wires")
    if not kinds:
        raise ValueError("no result is left to read: a noisy circuit has no state vector")
    if max_results < 1 or max_segments < 1 or max_slots < 0:
        raise ValueError("a module has a segment and a result at least")

    @st.composite
    def drawn(draw: st.DrawFn) -> CircuitModule:
        wires = draw(st.integers(min_wires, max_wires))
        slots = draw(st.integers(0, max_slots))
        shared = draw(st.integers(0, slots))
        step: st.SearchStrategy[Instruction] = _gates(wires, slots, named)
        if noise:
            step = step | _channels(wires, noise)
        part = st.tuples(st.integers(0, max_segments), st.lists(step, max_size=max_gates))
        parts = draw(st.lists(part, min_size=1, max_size=max_segments))
        segments = tuple(
            Segment(f"part{place}", parent % (place + 1) - 1 if parent % (place + 1) else None, tuple(body))
            for place, (parent, body) in enumerate(parts)
        )
        return CircuitModule(
            "random",
            wires,
            tuple(f"t[{k}]" for k in range(shared)),
            tuple(f"x[{k}]" for k in range(slots - shared)),
            segments,
            tuple(draw(st.lists(_results(wires, len(segments), kinds), min_size=1, max_size=max_results))),
        )

    return drawn()


def _known(names: Collection[str], known: Collection[str], what: str) -> tuple[str, ...]:
    """These names in the order of `known`, simplest first."""
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {what} {name!r}: {', '.join(known)}")
    return tuple(name for name in known if name in names)


def _room(min_wires: int, max_wires: int, gates: tuple[str, ...]) -> None:
    if not 1 <= min_wires <= max_wires:
        raise ValueError(f"no circuit has {min_wires} to {max_wires} wires")
    if not gates or GATES[gates[0]].wires > min_wires:
        raise ValueError(f"none of the gates {', '.join(gates) or '(none)'} fits on {min_wires} wires")


@cache
@st.composite
def _affine(draw: st.DrawFn, slots: int) -> Angle:
    """Affine forms over up to two of the slots 0 to `slots` - 1."""
    if not slots:
        return Angle(draw(_CONSTANTS))
    terms = dict(draw(st.lists(st.tuples(st.integers(0, slots - 1), _COEFFICIENTS), max_size=2)))
    return Angle(draw(_MOVED if terms else _CONSTANTS), tuple(sorted(terms.items())))


@cache
@st.composite
def _operands(draw: st.DrawFn, wires: int, count: int) -> tuple[int, ...]:
    """`count` distinct wires in any order: each number chooses among the wires that are free."""
    free = list(range(wires))
    return tuple(free.pop(draw(st.integers(0, len(free) - 1))) for _ in range(count))


@cache
@st.composite
def _gates(draw: st.DrawFn, wires: int, slots: int, names: tuple[str, ...]) -> Gate:
    gate = GATES[draw(st.sampled_from([name for name in names if GATES[name].wires <= wires]))]
    return Gate(gate.name, draw(_operands(wires, gate.wires)), tuple(draw(_affine(slots)) for _ in gate.angles))


@cache
@st.composite
def _channels(draw: st.DrawFn, wires: int, kinds: tuple[str, ...]) -> Channel:
    kind = draw(st.sampled_from([kind for kind in kinds if _wires_of(kind) <= wires]))
    return Channel(kind, draw(_operands(wires, _wires_of(kind))), (draw(st.floats(0, 0.5)),))


def _wires_of(channel: str) -> int:
    return 2 if channel.startswith("two_qubit") else 1


@cache
@st.composite
def _results(draw: st.DrawFn, wires: int, segments: int, kinds: tuple[str, ...]) -> Result:
    kind = draw(st.sampled_from(kinds))
    segment = draw(st.integers(0, segments - 1))
    if kind == "expectation":
        return Expectation(segment, draw(observables(wires=wires)))
    if kind == "state":
        return State(segment)
    on = draw(_operands(wires, draw(st.integers(1, wires))))
    if kind == "probabilities":
        return Probabilities(segment, on)
    if kind == "probability":
        return Probability(segment, on, draw(st.integers(0, (1 << len(on)) - 1)))
    return Overlap(segment, draw(st.integers(0, segments - 1)), on)
