"""A request as a flat list of plain circuits: constant angles, one register, one measurement each; and the way back.

For backends that run circuits and nothing else. There is one circuit for each row (or pair, or shift) and setting:

    expectation, probabilities   the gates on the path, then every measured wire read in its letter
    overlap, whole register      left, then the inverse of right; how often all wires read 0
    overlap, part of it          left and right side by side, swap test on the part; how often the ancilla reads 0

Equal circuits stand there once, unless samples are to be independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.ir.circuit import Angle, CircuitModule, Gate, Instruction, Overlap, Pauli, Segment, Site, State
from qsanc.ir.inverse import inverse
from qsanc.passes.decompose import decompose
from qsanc.target.protocol import Floats, Ints, Request, Results
from qsanc.target.sampling import OverlapMethod, Readings, overlap_estimate, overlap_method, readings

Body = tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class PlainCircuit:
    """`body` on `wires` wires from all zeros, without slots; then the wires of `measured` are read in its letters.

    Outcomes are numbered with the first measured wire on top.
    """

    wires: int
    body: Body
    measured: Pauli

    @property
    def outcomes(self) -> int:
        return 1 << len(self.measured.factors)


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """The circuits to run, and who reads them: circuit numbers int64[entry] by setting, and by overlap with its method.

    An entry is a row, a pair or a shift of the request.
    """

    request: Request
    circuits: tuple[PlainCircuit, ...]
    readings: Readings
    settings: dict[int, Ints]
    overlaps: dict[int, tuple[OverlapMethod, Ints]]

    def combine(self, outcomes: Sequence[Floats], *, shots: int | None) -> Results:
        """Results from what each circuit gave: counts float64[outcome] of `shots` shots, or probabilities (None)."""
        if len(outcomes) != len(self.circuits):
            raise CompilerBug(f"{len(self.circuits)} circuits gave {len(outcomes)} outcomes")

        def read(setting: int) -> Floats:
            seen = [outcomes[k] for k in self.settings[setting].tolist()]
            return np.array(seen, np.float64).reshape(len(seen), self.readings.settings[setting].outcomes)

        estimates = []
        for result in self.request.results:
            if result in self.overlaps:
                method, places = self.overlaps[result]
                zeros = np.array([outcomes[k][0] for k in places.tolist()], np.float64)
                estimates.append(overlap_estimate(method, zeros, shots))
            else:
                estimates.append(self.readings.estimate(result, read, len(_entries(self.request)), shots))
        return Results(tuple(estimates))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row or pair of rows (`rows`, one or two), each with the site shifted in it, if any, and by how much."""

    rows: tuple[int, ...]
    shifts: tuple[tuple[int, float] | None, ...]


def expand(module: CircuitModule, request: Request, *, gates: frozenset[str] | None = None) -> Expansion:
    """The plain circuits of a request, in the order of settings or overlaps and within them of entries.

    `gates` are those in which circuits of overlaps are written, as they add inverses and swaps. Raises `CompilerBug`
    where a state is asked for, and ValueError where an overlap cannot be written in `gates`.
    """
    if any(isinstance(module.results[k], State) for k in request.results):
        raise CompilerBug("a state cannot be measured")
    binder = _Binder(module, request)
    entries = _entries(request)
    circuits: list[PlainCircuit] = []
    known: dict[PlainCircuit, int] = {}

    def numbers(found: Sequence[PlainCircuit]) -> Ints:
        places = []
        for circuit in found:
            fresh = {} if request.independent else known
            places.append(fresh.setdefault(circuit, len(circuits)))
            if places[-1] == len(circuits):
                circuits.append(circuit)
        return np.array(places, np.int64)

    read = readings(module)
    settings: dict[int, Ints] = {}
    overlaps: dict[int, tuple[OverlapMethod, Ints]] = {}
    for k in request.results if request.pairs is not None else ():
        overlap = module.results[k]
        assert isinstance(overlap, Overlap)
        method = overlap_method(module, overlap)
        found = [_compared(module, overlap, method, *binder.pair(overlap, entry)) for entry in entries]
        overlaps[k] = method, numbers([_written(circuit, gates) for circuit in found])
    for number in read.needed(request.results):
        segment, basis = read.settings[number].segment, read.settings[number].basis
        settings[number] = numbers([PlainCircuit(module.wires, binder.body(segment, e, 0), basis) for e in entries])
    return Expansion(request, tuple(circuits), read, settings, overlaps)


def _entries(request: Request) -> list[_Entry]:
    places = [(row,) for row in range(request.bindings.rows)] if request.pairs is None else map(tuple, request.pairs)
    rows = [tuple(int(row) for row in place) for place in places]
    if request.shifts is None:
        return [_Entry(place, (None,) * len(place)) for place in rows]
    s = request.shifts
    return [
        _Entry(rows[row], tuple((site, delta) if side == k else None for k in range(len(rows[row]))))
        for row, site, delta, side in zip(
            s.row.tolist(), s.site.tolist(), s.delta.tolist(), s.side.tolist(), strict=True
        )
    ]


class _Binder:
    """Bodies with numbers for slots."""

    def __init__(self, module: CircuitModule, request: Request) -> None:
        self._module = module
        self._shared, self._items = request.bindings.shared.tolist(), request.bindings.items.tolist()
        self._sites = {site: number for number, site in enumerate(module.sites())}

    def pair(self, overlap: Overlap, entry: _Entry) -> tuple[Body, Body]:
        return self.body(overlap.left, entry, 0), self.body(overlap.right, entry, 1)

    def body(self, segment: int, entry: _Entry, side: int) -> Body:
        """The gates from the start to the end of a segment, bound to the entry's row on that side."""
        slots = self._shared + self._items[entry.rows[side]]
        return tuple(
            self._bound(Site(at, position, 0), instruction, slots, entry.shifts[side])
            for at in self._module.path(segment)
            for position, instruction in enumerate(self._module.segments[at].body)
        )

    def _bound(
        self, first: Site, instruction: Instruction, slots: list[float], shift: tuple[int, float] | None
    ) -> Instruction:
        if not isinstance(instruction, Gate) or not instruction.angles:
            return instruction
        angles = [a.constant + sum(c * slots[slot] for slot, c in a.terms) for a in instruction.angles]
        if shift is not None and 0 <= (place := shift[0] - self._sites[first]) < len(angles):
            angles[place] += shift[1]
        return Gate(instruction.name, instruction.wires, tuple(Angle(angle) for angle in angles), instruction.span)


def _compared(module: CircuitModule, overlap: Overlap, method: OverlapMethod, left: Body, right: Body) -> PlainCircuit:
    n = module.wires
    if method == "compute_uncompute":
        return PlainCircuit(n, left + inverse(right), Pauli(tuple((wire, "Z") for wire in range(n))))
    ancilla = 2 * n
    swaps = tuple(Gate("cswap", (ancilla, wire, n + wire)) for wire in overlap.wires)
    h = Gate("h", (ancilla,))
    body = (*left, *(_moved(step, n) for step in right), h, *swaps, h)
    return PlainCircuit(2 * n + 1, body, Pauli(((ancilla, "Z"),)))


def _moved(step: Instruction, by: int) -> Instruction:
    wires = tuple(wire + by for wire in step.wires)
    if isinstance(step, Gate):
        return Gate(step.name, wires, step.angles, step.span)
    return type(step)(step.kind, wires, step.strength, step.span)


def _written(circuit: PlainCircuit, gates: frozenset[str] | None) -> PlainCircuit:
    if gates is None:
        return circuit
    module = CircuitModule("overlap", circuit.wires, (), (), (Segment("all", None, circuit.body),), ())
    return PlainCircuit(circuit.wires, decompose(module, gates).segments[0].body, circuit.measured)
