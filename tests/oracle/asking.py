"""What the oracle says to a request, shifts included; and exact bounds for counts."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
from hypothesis import strategies as st
from oracle import dense

from qsanc.ir.circuit import CircuitModule, Gate, Overlap
from qsanc.target import Bindings, Request, Shifts


def with_shift(module: CircuitModule, site: int, delta: float) -> CircuitModule:
    """`module` with `delta` added to the angle at one site."""
    at = list(module.sites())[site]
    segments = list(module.segments)
    body = list(segments[at.segment].body)
    gate = body[at.position]
    assert isinstance(gate, Gate)
    angles = [angle.shifted(delta) if k == at.angle else angle for k, angle in enumerate(gate.angles)]
    body[at.position] = replace(gate, angles=tuple(angles))
    segments[at.segment] = replace(segments[at.segment], body=tuple(body))
    return replace(module, segments=tuple(segments))


def expected(module: CircuitModule, request: Request) -> list[np.ndarray]:
    """The exact values of a request's results, [row | pair | shift, ...]."""
    b = request.bindings
    rows = (
        [(row, row) for row in range(b.rows)] if request.pairs is None else [(int(i), int(j)) for i, j in request.pairs]
    )
    places = [(*rows[k], module, module) for k in range(len(rows))]
    if request.shifts is not None:
        s, places = request.shifts, []
        for row, site, delta, side in zip(s.row, s.site, s.delta, s.side, strict=True):
            moved = with_shift(module, int(site), float(delta))
            places.append((*rows[row], *((moved, module) if side == 0 else (module, moved))))

    def states(which: CircuitModule, row: int, segment: int) -> tuple:
        return dense.evolve(which, segment, np.concatenate([b.shared, b.items[row]]))

    return [
        np.array(
            [
                dense.value(module.results[k], module.wires, partial(states, left, i), partial(states, right, j))
                for i, j, left, right in places
            ]
        )
        for k in request.results
    ]


def kinds_of(module: CircuitModule) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The results of a module that are asked for together: those of rows, and overlaps."""
    overlaps = tuple(k for k, result in enumerate(module.results) if isinstance(result, Overlap))
    return tuple(k for k in range(len(module.results)) if k not in overlaps), overlaps


@st.composite
def requests(draw: st.DrawFn, module: CircuitModule, bindings: Bindings, *, shifted: bool) -> Request:
    """A request for all results of a module of one of the two kinds, at its rows or pairs or at some shifts."""
    others, overlaps = kinds_of(module)
    results = draw(st.sampled_from([group for group in (others, overlaps) if group]))
    pairs = None
    if results == overlaps:
        rows = st.integers(0, bindings.rows - 1)
        pairs = np.array(draw(st.lists(st.tuples(rows, rows), min_size=1, max_size=4)), np.int64)
    sites = len(list(module.sites()))
    shifts = None
    if shifted and sites:
        entry = st.tuples(
            st.integers(0, (bindings.rows if pairs is None else len(pairs)) - 1),
            st.integers(0, sites - 1),
            st.sampled_from([math.pi / 2, -math.pi / 2, 0.7]),
            st.integers(0, 0 if pairs is None else 1),
        )
        row, site, delta, side = zip(*draw(st.lists(entry, min_size=1, max_size=6)), strict=True)
        shifts = Shifts(
            np.array(row, np.int64), np.array(site, np.int64), np.array(delta, np.float64), np.array(side, np.int64)
        )
    return Request(bindings, results, pairs, shifts)


def chance(successes: int, trials: int, p: float) -> float:
    """The probability of a count at least as far out as this one, in its direction, under Binomial(trials, p)."""
    if p <= 1e-12 or p >= 1 - 1e-12:
        return float(successes == round(p) * trials)
    counts = range(successes, trials + 1) if successes > p * trials else range(successes + 1)
    logs = [
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        + k * math.log(p) + (trials - k) * math.log1p(-p)
        for k in counts
    ]  # fmt: skip
    return min(1.0, sum(math.exp(log) for log in logs))
