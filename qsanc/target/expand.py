"""A request as a flat list of plain circuits: constant angles, one register, one measurement each; and the way back.

For backends that run circuits and nothing else. There is one circuit for each row (or pair, or shift) and setting:

    expectation, probabilities   the gates on the path, then every measured wire read in its letter
    overlap, whole register      left, then the inverse of right; how often all wires read 0
    overlap, part of it          left and right side by side, swap test on the part; how often the ancilla reads 0

Equal circuits stand there once, unless samples are to be independent.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.ir.circuit import Angle, CircuitModule, Gate, Instruction, Overlap, Pauli, Segment, Site, State
from qsanc.ir.inverse import inverse
from qsanc.passes.decompose import decompose
from qsanc.target.draws import numbered, row_keys
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


@dataclass(frozen=True, eq=False)
class Expansion:
    """The circuits to run, and who reads them: circuit numbers int64[entry] by setting, and by overlap with its method.

    An entry is a row, a pair or a shift of the request. `len()` of it is the number of circuits, which are written only
    when they are looked at: to count them takes no more than their keys.
    """

    request: Request
    readings: Readings
    settings: dict[int, Ints]
    overlaps: dict[int, tuple[OverlapMethod, Ints]]
    _writer: _Writer
    _asked: tuple[_Asked, ...]

    def __len__(self) -> int:
        return len(self._asked)

    @property
    def keys(self) -> tuple[bytes, ...]:
        """A stable name of each circuit within its module: what is read, at which numbers, which shift, which copy."""
        return tuple(asked.key for asked in self._asked)

    def outcomes(self, number: int) -> int:
        """How many outcomes circuit `number` has."""
        return self._writer.outcomes(self._asked[number])

    def circuit(self, number: int) -> PlainCircuit:
        """One of the circuits, written without the others."""
        return self._writer.circuit(self._asked[number])

    @cached_property
    def circuits(self) -> tuple[PlainCircuit, ...]:
        return tuple(map(self._writer.circuit, self._asked))

    def combine(self, outcomes: Sequence[Floats], *, shots: int | None) -> Results:
        """Results from what each circuit gave: counts float64[outcome] of `shots` shots, or probabilities (None)."""
        if len(outcomes) != len(self):
            raise CompilerBug(f"{len(self)} circuits gave {len(outcomes)} outcomes")

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
                estimates.append(self.readings.estimate(result, read, len(self._writer.entries), shots))
        return Results(tuple(estimates))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row or pair of rows (`rows`, one or two), each with the site shifted in it, if any, and by how much."""

    rows: tuple[int, ...]
    shifts: tuple[tuple[int, float] | None, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A circuit: that of a setting (`overlap` False) or of an overlap, by number, at an entry."""

    key: bytes
    overlap: bool
    number: int
    entry: int


def expand(module: CircuitModule, request: Request, *, gates: frozenset[str] | None = None) -> Expansion:
    """The plain circuits of a request, in the order of settings or overlaps and within them of entries.

    `gates` are those in which circuits of overlaps are written, as they add inverses and swaps. Raises `CompilerBug`
    where a state is asked for, and, when circuits are looked at, ValueError where an overlap cannot be written so.
    """
    if any(isinstance(module.results[k], State) for k in request.results):
        raise CompilerBug("a state cannot be measured")
    read = readings(module)
    writer = _Writer(module, request, read, gates)
    every: list[_Asked] = []
    known: dict[bytes, int] = {}

    def numbers(overlap: bool, number: int, keys: Sequence[bytes]) -> Ints:
        places = []
        for entry, key in enumerate(keys):
            places.append(known.setdefault(key, len(every)))
            if places[-1] == len(every):
                every.append(_Asked(key, overlap, number, entry))
        return np.array(places, np.int64)

    settings: dict[int, Ints] = {}
    overlaps: dict[int, tuple[OverlapMethod, Ints]] = {}
    for k in request.results if request.pairs is not None else ():
        overlaps[k] = writer.method(k), numbers(True, k, writer.overlap_keys(k))
    for number in read.needed(request.results):
        settings[number] = numbers(False, number, writer.setting_keys(number))
    return Expansion(request, read, settings, overlaps, writer, tuple(every))


class _Writer:
    """Keys of circuits, and the circuits themselves."""

    def __init__(self, module: CircuitModule, request: Request, read: Readings, gates: frozenset[str] | None) -> None:
        self._module, self._request, self._readings, self._gates = module, request, read, gates
        self._binder = _Binder(module, request)
        self.entries = _entries(request)
        self._rows: dict[int, list[bytes]] = {}
        self._on_path: dict[int, frozenset[int]] = {}

    def method(self, number: int) -> OverlapMethod:
        return overlap_method(self._module, self._overlap(number))

    def setting_keys(self, number: int) -> list[bytes]:
        segment = self._readings.settings[number].segment
        return self._named(b"s", number, [self._side(segment, entry, 0) for entry in self.entries])

    def overlap_keys(self, number: int) -> list[bytes]:
        overlap = self._overlap(number)
        sides = [(self._side(overlap.left, entry, 0), self._side(overlap.right, entry, 1)) for entry in self.entries]
        return self._named(b"o", number, [left + right for left, right in sides])

    def outcomes(self, asked: _Asked) -> int:
        if not asked.overlap:
            return self._readings.settings[asked.number].outcomes
        return 1 << self._module.wires if self.method(asked.number) == "compute_uncompute" else 2

    def circuit(self, asked: _Asked) -> PlainCircuit:
        entry = self.entries[asked.entry]
        if asked.overlap:
            overlap, method = self._overlap(asked.number), self.method(asked.number)
            compared = _compared(self._module, overlap, method, *self._binder.pair(overlap, entry))
            return _written(compared, self._gates)
        setting = self._readings.settings[asked.number]
        return PlainCircuit(self._module.wires, self._binder.body(setting.segment, entry, 0), setting.basis)

    def _overlap(self, number: int) -> Overlap:
        overlap = self._module.results[number]
        assert isinstance(overlap, Overlap)
        return overlap

    def _named(self, kind: bytes, number: int, keys: list[bytes]) -> list[bytes]:
        name = kind + struct.pack("<q", number)
        named = [name + key for key in keys]
        return numbered(named) if self._request.independent else named

    def _side(self, segment: int, entry: _Entry, side: int) -> bytes:
        """What one side of an entry is: its row where it matters, and its shift where that is on the path."""
        if segment not in self._rows:
            self._rows[segment] = row_keys(self._module, segment, self._request.bindings)
            self._on_path[segment] = self._binder.sites(segment)
        shift = entry.shifts[side]
        moved = shift is not None and shift[0] in self._on_path[segment]
        return self._rows[segment][entry.rows[side]] + struct.pack("<qd", *(shift if shift and moved else (-1, 0.0)))


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

    def sites(self, segment: int) -> frozenset[int]:
        """The numbers of the sites from the start to the end of a segment."""
        path = set(self._module.path(segment))
        return frozenset(number for site, number in self._sites.items() if site.segment in path)

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
