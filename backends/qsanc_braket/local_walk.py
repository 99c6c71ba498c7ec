"""Every state that a request needs, each computed once: a walk down the tree of segments.

A *place* is a row, or a row with one shifted angle. Places with equal numbers in all slots so far are one at a segment;
a row's prefix is evolved once, and at each site where some place is shifted a copy goes on alone, through the rest of
the segment and the segments behind it. The walk is depth first: at any time there are the states of one path.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from qsanc.ir.circuit import Channel, CircuitModule, Gate
from qsanc.target.draws import row_keys
from qsanc.target.protocol import Bindings
from qsanc_braket.local_simulator import Operation, Simulation, State, operation

Deliver = Callable[[int, State, Sequence[int]], None]
"""Told of a segment, its final state, and the places (by number) that have it."""


@dataclass(frozen=True, slots=True)
class Places:
    """Rows of the bindings, each with the site that is shifted (-1: none) and by how much."""

    rows: Sequence[int]
    sites: Sequence[int]
    deltas: Sequence[float]

    @staticmethod
    def plain(rows: int) -> Places:
        return Places(range(rows), [-1] * rows, [0.0] * rows)


class Tree:
    """The segments of a module, with the operations that no slot changes."""

    def __init__(self, module: CircuitModule) -> None:
        self.module = module
        self.sites = tuple(module.sites())
        self.fixed = tuple(tuple(_fixed(step) for step in segment.body) for segment in module.segments)
        self.shared = tuple(
            tuple(_last_slot(step) < len(module.shared) for step in segment.body) for segment in module.segments
        )

    def towards(self, wanted: Collection[int]) -> dict[int | None, list[int]]:
        """The children of each segment (None: the roots) that lead to `wanted` segments."""
        needed = sorted({segment for end in wanted for segment in self.module.path(end)})
        children: dict[int | None, list[int]] = {}
        for segment in needed:
            children.setdefault(self.module.segments[segment].parent, []).append(segment)
        return children


class Walk:
    """One walk: at these bindings, to these segments. `run` may be called for several sets of places."""

    def __init__(
        self, tree: Tree, simulation: Simulation, bindings: Bindings, wanted: Collection[int], deliver: Deliver
    ) -> None:
        self._tree, self._simulation, self._wanted, self._deliver = tree, simulation, frozenset(wanted), deliver
        self._children = tree.towards(wanted)
        self._shared, self._items = bindings.shared.tolist(), bindings.items.tolist()
        self._classes = {
            segment: _classes(row_keys(tree.module, segment, bindings))
            for below in self._children.values()
            for segment in below
        }
        self._common: dict[int, list[Operation | None]] = {}
        self._latest: dict[int, tuple[int, list[Operation]]] = {}

    def run(self, places: Places) -> None:
        self._places = places
        self._below(None, self._simulation.start(), range(len(places.rows)), False)

    def _below(self, segment: int | None, state: State, places: Sequence[int], shifted: bool) -> None:
        for child in self._children.get(segment, ()) if places else ():
            for members in self._alike(child, places):
                self._through(child, state, members, shifted)

    def _alike(self, segment: int, places: Sequence[int]) -> list[list[int]]:
        """Places by the numbers in the slots that matter at the end of a segment."""
        classes, rows = self._classes[segment], self._places.rows
        found: dict[int, list[int]] = {}
        for place in places:
            found.setdefault(classes[rows[place]], []).append(place)
        return list(found.values())

    def _through(self, segment: int, state: State, members: list[int], shifted: bool) -> None:
        """From the state before a segment to all that lies behind it; `shifted`: the shift lies before the segment."""
        operations = self._operations(segment, members[0])
        if shifted:
            self._behind(segment, self._simulation.evolve(state, operations), members, True)
            return
        here, others = self._split(segment, members)
        at = 0
        for position in sorted(here):
            state = self._simulation.evolve(state, operations[at:position])
            at = position
            for (angle, delta), some in here[position].items():
                turned = self._turned(segment, position, some[0], angle, delta)
                moved = self._simulation.evolve(state, [turned, *operations[position + 1 :]])
                self._behind(segment, moved, some, True)
        if others:
            self._behind(segment, self._simulation.evolve(state, operations[at:]), others, False)

    def _behind(self, segment: int, state: State, places: Sequence[int], shifted: bool) -> None:
        if segment in self._wanted:
            self._deliver(segment, state, places)
        self._below(segment, state, places, shifted)

    def _split(
        self, segment: int, members: list[int]
    ) -> tuple[dict[int, dict[tuple[int, float], list[int]]], list[int]]:
        """The places that are shifted within a segment, by position and then by angle and shift; and the others."""
        here: dict[int, dict[tuple[int, float], list[int]]] = {}
        others: list[int] = []
        sites, shifted, deltas = self._tree.sites, self._places.sites, self._places.deltas
        for place in members:
            number = shifted[place]
            if number < 0 or (site := sites[number]).segment != segment:
                others.append(place)
                continue
            same = here.setdefault(site.position, {})
            same.setdefault((site.angle, deltas[place]), []).append(place)
        return here, others

    def _operations(self, segment: int, place: int) -> list[Operation]:
        """The operations of a segment at the row of a place. Those of the row asked for last are kept."""
        row = self._places.rows[place]
        number = self._classes[segment][row]
        latest = self._latest.get(segment)
        if latest is not None and latest[0] == number:
            return latest[1]
        body = self._tree.module.segments[segment].body
        common = self._common.get(segment)
        if common is None:
            fixed, shared = self._tree.fixed[segment], self._tree.shared[segment]
            common = self._common[segment] = [
                known if known is not None or not for_all else operation(step, self._angles(step, row))
                for step, known, for_all in zip(body, fixed, shared, strict=True)
            ]
        made = [
            known if known is not None else operation(step, self._angles(step, row))
            for step, known in zip(body, common, strict=True)
        ]
        self._latest[segment] = number, made
        return made

    def _turned(self, segment: int, position: int, place: int, angle: int, delta: float) -> Operation:
        step = self._tree.module.segments[segment].body[position]
        angles = self._angles(step, self._places.rows[place])
        angles[angle] += delta
        return operation(step, angles)

    def _angles(self, step: Gate | Channel, row: int) -> list[float]:
        if isinstance(step, Channel):
            return []
        shared, split = self._shared, len(self._shared)
        items = self._items[row]
        return [
            angle.constant + sum(c * (shared[slot] if slot < split else items[slot - split]) for slot, c in angle.terms)
            for angle in step.angles
        ]


def _classes(keys: list[bytes]) -> list[int]:
    """For each row a number, equal for equal keys."""
    numbers: dict[bytes, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def _fixed(step: Gate | Channel) -> Operation | None:
    if isinstance(step, Channel):
        return operation(step, ())
    if all(angle.is_constant for angle in step.angles):
        return operation(step, [angle.constant for angle in step.angles])
    return None


def _last_slot(step: Gate | Channel) -> int:
    """The highest slot in an operation, -1 for none: slots of all rows come before those of each."""
    if isinstance(step, Channel):
        return -1
    return max((slot for angle in step.angles for slot, _ in angle.terms), default=-1)
