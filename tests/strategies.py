"""Hypothesis strategies for circuit modules and bindings: legal by construction, shrinking to small ones."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from hypothesis import strategies as st

from qsanc.ir.circuit import (
    Angle,
    Channel,
    CircuitModule,
    Expectation,
    Gate,
    Instruction,
    Observable,
    Overlap,
    Pauli,
    Probabilities,
    Probability,
    Result,
    Segment,
    State,
)
from qsanc.ir.gates import GATES
from qsanc.target.protocol import Bindings

SPECIAL = [0.0, math.pi / 2, math.pi, -math.pi / 2, -math.pi, 2 * math.pi, math.pi / 4, 4 * math.pi]
ONE_WIRE_CHANNELS = ("bit_flip", "phase_flip", "depolarizing", "amplitude_damping", "phase_damping")
RESULTS = ("expectation", "probabilities", "probability", "overlap", "state")


def radians() -> st.SearchStrategy[float]:
    """Angles, every other one a multiple of pi/4."""
    return st.sampled_from(SPECIAL) | st.floats(-7, 7, allow_subnormal=False)


def coefficients() -> st.SearchStrategy[float]:
    """Numbers other than zero, small integers first."""
    return st.sampled_from([1.0, -1.0, 2.0, 0.5, -0.5]) | st.floats(0.01, 3) | st.floats(-3, -0.01)


@st.composite
def angles(draw: st.DrawFn, slots: int) -> Angle:
    """Affine forms over up to two of the slots 0..slots."""
    chosen = draw(st.sets(st.integers(0, slots - 1), max_size=2)) if slots else set()
    terms = tuple((slot, draw(coefficients())) for slot in sorted(chosen))
    return Angle(draw(st.just(0.0) | radians()) if terms else draw(radians()), terms)


def operands(wires: int, count: int) -> st.SearchStrategy[tuple[int, ...]]:
    """`count` distinct wires of 0..wires, in any order."""
    return st.permutations(range(wires)).map(lambda order: tuple(order[:count]))


@st.composite
def gates(draw: st.DrawFn, wires: int, slots: int, names: Collection[str] = tuple(GATES)) -> Gate:
    """Gates with one of the `names` on a register of `wires`, with angles over the slots 0..slots."""
    name = draw(st.sampled_from([name for name in names if GATES[name].wires <= wires]))
    return Gate(
        name,
        draw(operands(wires, GATES[name].wires)),
        tuple(draw(angles(slots)) for _ in GATES[name].angles),
    )


@st.composite
def channels(draw: st.DrawFn, wires: int) -> Channel:
    """Channels that the oracle knows."""
    kind = draw(st.sampled_from([*ONE_WIRE_CHANNELS, *(["two_qubit_depolarizing"] if wires > 1 else [])]))
    return Channel(kind, draw(operands(wires, 2 if kind.startswith("two") else 1)), (draw(st.floats(0, 0.5)),))


@st.composite
def observables(draw: st.DrawFn, wires: int, max_terms: int = 3) -> Observable:
    """Sums of distinct Pauli products, the identity among them."""
    letters = st.dictionaries(st.integers(0, wires - 1), st.sampled_from("XYZ"), max_size=wires)
    products = st.lists(letters.map(lambda d: Pauli(tuple(sorted(d.items())))), max_size=max_terms, unique=True)
    return Observable(tuple((draw(coefficients()), product) for product in draw(products)))


@st.composite
def results(draw: st.DrawFn, wires: int, segments: int, kinds: Collection[str] = RESULTS) -> Result:
    """Results of one of the `kinds`."""
    kind = draw(st.sampled_from(sorted(kinds)))
    segment = draw(st.integers(0, segments - 1))
    on = draw(st.integers(1, wires).flatmap(lambda count: operands(wires, count)))
    match kind:
        case "expectation":
            return Expectation(segment, draw(observables(wires)))
        case "probabilities":
            return Probabilities(segment, on)
        case "probability":
            return Probability(segment, on, draw(st.integers(0, 2 ** len(on) - 1)))
        case "overlap":
            return Overlap(segment, draw(st.integers(0, segments - 1)), on)
        case _:
            return State(segment)


@st.composite
def modules(
    draw: st.DrawFn,
    *,
    max_wires: int = 4,
    max_gates: int = 12,
    max_segments: int = 3,
    max_slots: int = 4,
    max_results: int = 3,
    names: Collection[str] = tuple(GATES),
    kinds: Collection[str] = RESULTS,
    noisy: bool = False,
) -> CircuitModule:
    """Circuit modules: a tree of segments of at most `max_gates` gates each, over shared and item slots.

    `names` are the gates and `kinds` the results to choose from. `noisy` modules also have channels and ask no states.
    """
    wires = draw(st.integers(1, max_wires))
    slots = draw(st.integers(0, max_slots))
    shared = draw(st.integers(0, slots))
    instructions: st.SearchStrategy[Instruction] = gates(wires, slots, names)
    if noisy:
        instructions = instructions | channels(wires)
        kinds = [kind for kind in kinds if kind != "state"]
    segments: list[Segment] = []
    for s in range(draw(st.integers(1, max_segments))):
        parent = draw(st.none() | st.integers(0, s - 1)) if s else None
        segments.append(Segment(f"part{s}", parent, tuple(draw(st.lists(instructions, max_size=max_gates)))))
    return CircuitModule(
        "random",
        wires,
        tuple(f"t[{k}]" for k in range(shared)),
        tuple(f"x[{k}]" for k in range(slots - shared)),
        tuple(segments),
        tuple(draw(st.lists(results(wires, len(segments), kinds), min_size=1, max_size=max_results))),
    )


@st.composite
def bindings(draw: st.DrawFn, module: CircuitModule, *, max_rows: int = 2) -> Bindings:
    """Values for the slots of `module`, for one row or more."""

    def numbers(count: int) -> np.ndarray:
        return np.array(draw(st.lists(st.floats(-4, 4, width=32), min_size=count, max_size=count)), np.float64)

    rows = draw(st.integers(1, max_rows))
    shared = numbers(len(module.shared))
    return Bindings(shared, numbers(rows * len(module.items)).reshape(rows, len(module.items)))
