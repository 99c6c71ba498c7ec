"""How much memory a module needs for one row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from qsanc.ir.circuit import CircuitModule, Expectation, Overlap, Probabilities, Probability, Result, State
from qsanc.target.sampling import Readings, Scores, measured_module
from qsanc_numpy.execute import closed, depth_first
from qsanc_numpy.paulis import TABLE_WIRES, split

_BYTES = 16
_SINGLE_BYTES = 8
_FIXED = 16 << 20
"""Tables, and blocks that are worked on."""
_OF_THREAD = 5 << 19
"""Blocks of one thread: ket and bra, each with room for what becomes of it, and where they are read."""
_NATIVE = 64 << 20
"""What loading native code takes."""
_WORKING_STATES = 3
"""While a gate runs: the state, what becomes of it, and a product of half a state; measuring needs no more."""
_CHUNK = 1 << 17
"""Amplitudes that rows and shifted columns are taken together up to."""
KEPT_AMPLITUDES = 1 << 22
"""States of several rows are kept for the way back up to this size (64 MB); beyond, they are found again."""

_Parents: TypeAlias = Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Way:
    """How a module is executed: on so many rows, with how many shifts (None: as it is), for a gradient, in single
    precision, by how many threads. `native`: native code may have to be loaded. `compiled`: the nodes of a plan that
    kernels for small registers execute, which keep every state; else 0."""

    rows: int = 1
    shifts: int | None = None
    gradient: bool = False
    single: bool = False
    threads: int = 1
    native: bool = False
    compiled: int = 0

    @property
    def fixed(self) -> int:
        return _FIXED + self.threads * _OF_THREAD + (_NATIVE if self.native else 0)

    def state(self, wires: int) -> int:
        """Bytes of one state; shifts are executed in double precision."""
        return (_SINGLE_BYTES if self.single and self.shifts is None else _BYTES) << wires


def needed(module: CircuitModule, *, single: bool = False) -> int:
    """Bytes for a forward pass of one row: final states of all segments at once, and what the kernels work on."""
    state = (_SINGLE_BYTES if single else _BYTES) << module.wires
    reduced = [4 ** len(result.wires) * _BYTES for result in module.results if isinstance(result, Overlap)]
    partial = max((size for size in reduced if size != _BYTES * 4**module.wires), default=0)
    return (len(module.segments) + _WORKING_STATES) * state + 2 * partial + _signs(module)


def needed_for_values(module: CircuitModule, way: Way) -> int:
    """Bytes for exact values on a large register, of all results but overlaps: states on the way, and the values."""
    entries = way.rows if way.shifts is None else way.shifts
    outputs = [_output(result, module.wires) for result in module.results]
    copies = 1 if entries == 1 else 3
    wanted = _read(module)
    return (
        _on_the_way(module, wanted, way)
        + copies * entries * sum(outputs)
        + 2 * max(outputs, default=0)
        + _signs(module)
        + way.fixed
    )


def needed_for_gradient(module: CircuitModule, way: Way) -> int:
    """Bytes for a gradient on a large register: the states that something is read from or several segments start from,
    and while one of them is undone, a costate, room for what becomes of both, and costates that wait for a segment."""
    wanted, parents = _read(module), [segment.parent for segment in module.segments]
    order = closed(parents, wanted)
    counts = Counter(parents[segment] for segment in order)
    states = {segment for segment in order if segment in wanted or counts[segment] > 1}
    state, rows = way.state(module.wires), way.rows
    columns = rows if rows << module.wires <= KEPT_AMPLITUDES else -(-_CHUNK // (1 << module.wires))
    beside = max(state, _CHUNK * _BYTES) if rows > 1 else state
    pending: set[int] = set()
    peak = (len(states) + 3) * state
    for segment in reversed(order):
        states.add(segment)
        pending.add(segment)
        peak = max(peak, len(states) * columns * state + len(pending) * beside + 2 * state)
        states.remove(segment)
        pending.remove(segment)
        if (parent := parents[segment]) is not None:
            states.add(parent)
            pending.add(parent)
    outputs = [_output(result, module.wires) for result in module.results]
    kept = 2 * way.compiled * rows * state
    return max(peak, kept) + 3 * rows * sum(outputs) + 2 * max(outputs, default=0) + _signs(module) + way.fixed


def needed_for_shots(module: CircuitModule, readings: Readings, results: Iterable[int], way: Way) -> int:
    """Bytes for samples on a large register: states on the way to the settings that `results` need, the distribution or
    the counts of each of them, and the scores of its outcomes."""
    settings = [readings.settings[number] for number in readings.needed(results)]
    measured = measured_module(module, settings)
    entries = way.rows if way.shifts is None else way.shifts
    outcomes = [8 * setting.outcomes for setting in settings]
    scores = sum(
        8 * readings.settings[setting].outcomes
        for reading in readings.results
        if isinstance(reading, Scores)
        for setting, _ in reading.parts
    )
    copies = 1 if entries == 1 else 3
    sampling = 6 * max(outcomes, default=0)
    states = _on_the_way(measured, _read(measured), way)
    return max(states, sampling) + copies * entries * sum(outcomes) + scores + way.fixed


def needed_for_overlaps(module: CircuitModule, way: Way) -> int:
    """Bytes for overlaps of pairs of rows on a large register. Any two rows may be a pair, so that the states of all
    rows are kept: where a segment ends that is read, and where segments part. Those of an overlap are set side by side
    in double precision, one of them also conjugated; a gradient has costates beside them, undone in turn, and shifts
    have shifted states beside them.
    """
    overlaps = [result for result in module.results if isinstance(result, Overlap)]
    ends = {segment for overlap in overlaps for segment in (overlap.left, overlap.right)}
    parents = [segment.parent for segment in module.segments if segment.parent is not None]
    parting = {parent for parent in parents if parents.count(parent) > 1}
    double, state = _BYTES << module.wires, way.state(module.wires)
    beside = 3 * double + (2 * len(overlaps) * double + 2 * state if way.gradient else 0)
    reduced = max((2 * _BYTES * 4 ** len(o.wires) for o in overlaps if len(o.wires) < module.wires), default=0)
    columns = way.rows if module.items else 1
    shifted = 0 if way.shifts is None else (len(ends | parting) + 2) * max(double, _BYTES * _CHUNK)
    return columns * (len(ends | parting) * state + beside + reduced) + shifted + _WORKING_STATES * double + way.fixed


def _read(module: CircuitModule) -> frozenset[int]:
    """The segments that something is read from."""
    found: set[int] = set()
    for result in module.results:
        found |= {result.left, result.right} if isinstance(result, Overlap) else {result.segment}
    return frozenset(found)


def _on_the_way(module: CircuitModule, wanted: frozenset[int], way: Way) -> int:
    """Bytes of the states that are there at once while the wanted ones are found and read, each let go behind that.

    With shifts a segment has unshifted and shifted states, and so has the one that it starts from; a gate works on one
    of them.
    """
    parents: _Parents = [segment.parent for segment in module.segments]
    order = depth_first(parents, wanted)
    waiting = Counter(parents[segment] for segment in order)
    live: set[int] = set()
    peak = 0
    for segment in order:
        parent = parents[segment]
        before = len(live) if parent is not None else len(live) + bool(module.items)
        if parent is not None:
            waiting[parent] -= 1
            if not waiting[parent]:
                live.remove(parent)
        peak = max(peak, len(live) + 2 if way.shifts is None else 2 * before + 6)
        if waiting[segment]:
            live.add(segment)
    state = way.state(module.wires)
    if way.shifts is not None or way.rows > 1:
        state = max(state, _CHUNK * _BYTES)
    return max(peak * state, 2 * way.compiled * state)


def _output(result: Result, wires: int) -> int:
    """Bytes of a result's value, and of what it is summed from."""
    match result:
        case Probabilities(_, on) | Probability(_, on, _):
            return 8 << len(on)
        case State():
            return _BYTES << wires
        case _:
            return 8


def _signs(module: CircuitModule) -> int:
    """Bytes of the tables of signs, where they are large: for products that read many wires."""
    observables = [result.observable for result in module.results if isinstance(result, Expectation)]
    tables = [{split(pauli) for _, pauli in observable.terms} for observable in observables]
    return sum(8 << len(signed) for each in tables for _, signed in each if len(signed) > TABLE_WIRES)


def keep_pages() -> None:
    """Tell the allocator that memory will be asked for again.

    The GNU C library gives a large block back to the system as soon as it is free, and the next one costs a page fault
    every 4 KB; how large follows from the largest block it has seen freed. This one is never written to.
    """
    np.empty(30 << 20, np.uint8)
