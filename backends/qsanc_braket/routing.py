"""Where the wires of a circuit lie on a device, and the swaps that bring them together.

A *pair* is two wires that interact; between two pairs a wire may turn, which routing need not know. A circuit whose
pairs fit on the couplers as they are is placed by branch and bound: no swap, and the couplers and readouts that work
best. Any other is routed by SABRE (Li, Ding, Xie, ASPLOS 2019): from several starts, each refined by routing forth and
back, with the swap next that brings the waiting pairs, and those soon to come, nearest; the cheapest route is taken.

Cost is -log(fidelity), so that the cheapest route is the one likeliest to be right; where no fidelities are known
every coupler costs the same. A swap costs three couplings, two where one of the qubits is still in zero, and one beside
a pair that it follows on the same coupler. Nothing is drawn at random, and ties go to the lower number.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from qsanc_braket.devices.model import Device

_Key = TypeVar("_Key")

_SEARCHED = 5_000
"""Places tried by branch and bound."""
_AHEAD = 20
"""Pairs to come that a swap is judged by, beside those that wait."""
_EFFORT = 0.3
"""What a coupling of a swap weighs beside one that it brings a waiting pair nearer. With less, swaps that follow a pair
are passed over; from 1, routing goes in circles."""
_STARTS = (2, 16)
"""At least and at most so many starts; in between, the more the shorter the circuit."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A connected part of a device: qubits by its own numbers, rising, with the cost of one turn and of one readout
    each, and couplers (a < b) with the cost of one coupling."""

    qubits: tuple[int, ...]
    turning: tuple[float, ...]
    reading: tuple[float, ...]
    couplers: tuple[tuple[int, int, float], ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two wires that interact by so many couplings."""

    a: int
    b: int
    couplings: int = 1


@dataclass(frozen=True, slots=True)
class Move:
    """On a coupler: pair number `pair` (none for None), then, with `swap`, the exchange of the two qubits."""

    qubits: tuple[int, int]
    pair: int | None
    swap: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """`placement` and `ends` say on which qubit each wire is before and after the moves."""

    placement: tuple[tuple[int, int], ...]
    moves: tuple[Move, ...]
    ends: tuple[tuple[int, int], ...]

    @property
    def swaps(self) -> int:
        return sum(move.swap for move in self.moves)


def graph_of(device: Device) -> Graph:
    """The largest connected part of a device, the one with the lowest number among equals."""
    names = tuple(sorted(device.qubit_names))
    if device.connectivity is None:
        edges = tuple((a, b) for k, a in enumerate(names) for b in names[k + 1 :])
    else:
        edges = tuple(sorted(device.connectivity))
    fidelity = device.fidelity
    if fidelity is None:
        return _graph(names, edges, (), (), ())
    return _graph(
        names,
        edges,
        tuple(sorted(fidelity.one_qubit.items())),
        tuple(sorted(fidelity.readout.items())),
        tuple(sorted(fidelity.two_qubit.items())),
    )


@lru_cache(maxsize=64)
def _graph(
    names: tuple[int, ...],
    edges: tuple[tuple[int, int], ...],
    one_qubit: tuple[tuple[int, float], ...],
    readout: tuple[tuple[int, float], ...],
    two_qubit: tuple[tuple[tuple[int, int], float], ...],
) -> Graph:
    qubits = _largest_part(names, edges)
    kept = [edge for edge in edges if edge[0] in qubits]
    turning, reading, coupling = _losses(dict(one_qubit)), _losses(dict(readout)), _losses(dict(two_qubit), 1.0)
    order = tuple(sorted(qubits))
    return Graph(
        order,
        tuple(turning(qubit) for qubit in order),
        tuple(reading(qubit) for qubit in order),
        tuple((a, b, coupling((a, b))) for a, b in kept),
    )


def _largest_part(names: tuple[int, ...], edges: tuple[tuple[int, int], ...]) -> set[int]:
    near: dict[int, list[int]] = {name: [] for name in names}
    for a, b in edges:
        near[a].append(b)
        near[b].append(a)
    best: set[int] = set()
    seen: set[int] = set()
    for name in names:
        if name in seen:
            continue
        part, waiting = {name}, [name]
        while waiting:
            for other in near[waiting.pop()]:
                if other not in part:
                    part.add(other)
                    waiting.append(other)
        seen |= part
        best = part if len(part) > len(best) else best
    return best


def _losses(known: dict[_Key, float], unknown: float = 0.0) -> Callable[[_Key], float]:
    """-log(fidelity) of each key; what was not measured is taken to be as bad as the worst."""
    losses = {key: -math.log(min(max(value, 1e-3), 1 - 1e-9)) for key, value in known.items()}
    worst = max(losses.values(), default=unknown)
    return lambda key: losses.get(key, worst)


class _Map:
    """A graph made ready: neighbours, costs by qubit and coupler, and the cheapest distance between all qubits."""

    def __init__(self, graph: Graph) -> None:
        self.qubits = graph.qubits
        self.turning = dict(zip(graph.qubits, graph.turning, strict=True))
        self.reading = dict(zip(graph.qubits, graph.reading, strict=True))
        self.cost: dict[tuple[int, int], float] = {}
        self.near: dict[int, list[int]] = {qubit: [] for qubit in graph.qubits}
        for a, b, cost in graph.couplers:
            self.cost[a, b] = self.cost[b, a] = cost
            self.near[a].append(b)
            self.near[b].append(a)
        for others in self.near.values():
            others.sort()
        self.unit = sum(cost for _, _, cost in graph.couplers) / max(len(graph.couplers), 1) or 1.0
        self.least = min((cost for _, _, cost in graph.couplers), default=0.0)
        self.distance = {qubit: self._distances(qubit) for qubit in graph.qubits}

    def _distances(self, start: int) -> dict[int, float]:
        """From `start`, in mean couplings."""
        found: dict[int, float] = {}
        waiting = [(0.0, start)]
        while waiting:
            so_far, qubit = heapq.heappop(waiting)
            if qubit not in found:
                found[qubit] = so_far
                for other in self.near[qubit]:
                    if other not in found:
                        heapq.heappush(waiting, (so_far + self.cost[qubit, other] / self.unit, other))
        return found


@lru_cache(maxsize=64)
def _map(graph: Graph) -> _Map:
    return _Map(graph)


@lru_cache(maxsize=1024)
def route(graph: Graph, wires: tuple[int, ...], read: frozenset[int], pairs: tuple[Pair, ...]) -> Route:
    """Places for `wires`, and moves that bring about `pairs` in an order that keeps that of each wire.

    `read` are the wires that are measured at the end. Circuits of one shape share a route: it is kept. Raises
    ValueError where there are more wires than qubits.
    """
    if len(wires) > len(graph.qubits):
        raise ValueError(f"{len(wires)} wires do not fit on {len(graph.qubits)} connected qubits")
    return _Router(_map(graph), wires, read, pairs).best()


class _Router:
    def __init__(self, on: _Map, wires: tuple[int, ...], read: frozenset[int], pairs: tuple[Pair, ...]) -> None:
        self.map, self.wires, self.read, self.pairs = on, wires, read, pairs
        self.weight: dict[int, dict[int, int]] = {wire: {} for wire in wires}
        for pair in pairs:
            for a, b in ((pair.a, pair.b), (pair.b, pair.a)):
                self.weight[a][b] = self.weight[a].get(b, 0) + pair.couplings
        self.turns = {wire: 1 + sum(self.weight[wire].values()) for wire in wires}
        self.order = self._order()

    def best(self) -> Route:
        if (placed := self._embedded()) is not None:
            moves = tuple(Move((placed[pair.a], placed[pair.b]), k) for k, pair in enumerate(self.pairs))
            return Route(_items(placed), moves, _items(placed))
        routes = [_forth_and_back(self, self._grown(root)) for root in self._roots()]
        return min((found for each in routes for found in each), key=self.cost)

    def cost(self, found: Route) -> float:
        """-log of the chance that all couplings and readouts of a route go well."""
        total = sum(self.map.reading[qubit] for wire, qubit in found.ends if wire in self.read)
        busy: set[int] = set()
        for move in found.moves:
            p, q = move.qubits
            total += self.map.cost[p, q] * self.couplings(move, busy)
            if move.pair is not None:
                busy |= {p, q}
            elif (p in busy) != (q in busy):
                busy ^= {p, q}
        return total

    def couplings(self, move: Move, busy: set[int]) -> int:
        """How many couplings a move takes where the qubits outside `busy` are in zero."""
        if move.pair is not None:
            return self.pairs[move.pair].couplings + move.swap
        return (0, 2, 3)[(move.qubits[0] in busy) + (move.qubits[1] in busy)]

    def _order(self) -> list[int]:
        """The wires that interact, each behind as many of its partners as can be; first those of the most couplings."""
        order: list[int] = []
        left = {wire for wire in self.wires if self.weight[wire]}
        while left:
            chosen = min(
                left,
                key=lambda wire: (
                    -sum(self.weight[wire].get(placed, 0) for placed in order),
                    -sum(self.weight[wire].values()),
                    wire,
                ),
            )
            order.append(chosen)
            left.remove(chosen)
        return order

    def _alone(self, wire: int, qubit: int) -> float:
        """What a wire costs on a qubit, couplings apart."""
        return self.turns[wire] * self.map.turning[qubit] + (self.map.reading[qubit] if wire in self.read else 0.0)

    def _with_idle(self, placed: dict[int, int]) -> dict[int, int]:
        """Wires that interact with none come last, on the best qubits that are left."""
        free = set(self.map.qubits) - set(placed.values())
        for wire in self.wires:
            if wire not in placed:
                placed[wire] = min(free, key=lambda qubit: (self._alone(wire, qubit), qubit))
                free.remove(placed[wire])
        return placed

    def _embedded(self) -> dict[int, int] | None:
        """The cheapest placement found in which all pairs are coupled; None where none was found."""
        order, on = self.order, self.map
        place = {wire: k for k, wire in enumerate(order)}
        before = [[other for other in self.weight[wire] if place[other] < place[wire]] for wire in order]
        after = [len(self.weight[wire]) - len(before[k]) for k, wire in enumerate(order)]
        least = [0.0] * (len(order) + 1)
        for k in range(len(order) - 1, -1, -1):
            alone = min(self._alone(order[k], qubit) for qubit in on.qubits)
            least[k] = least[k + 1] + alone + on.least * sum(self.weight[order[k]][other] for other in before[k])
        best, best_cost, tried = None, math.inf, 0
        placed: dict[int, int] = {}
        taken: set[int] = set()

        def candidates(k: int) -> Iterator[tuple[float, int]]:
            partners = [placed[other] for other in before[k]]
            for qubit in on.near[partners[0]] if partners else on.qubits:
                if qubit in taken or any((qubit, partner) not in on.cost for partner in partners):
                    continue
                if sum(other not in taken for other in on.near[qubit]) >= after[k]:
                    coupled = sum(self.weight[order[k]][other] * on.cost[qubit, placed[other]] for other in before[k])
                    yield self._alone(order[k], qubit) + coupled, qubit

        def descend(k: int, cost: float) -> None:
            nonlocal best, best_cost, tried
            if k == len(order):
                best, best_cost = dict(placed), cost
                return
            for more, qubit in sorted(candidates(k)):
                tried += 1
                if tried > _SEARCHED or cost + more + least[k + 1] >= best_cost - 1e-12:
                    return
                placed[order[k]] = qubit
                taken.add(qubit)
                descend(k + 1, cost + more)
                taken.remove(qubit)
                del placed[order[k]]

        descend(0, 0.0)
        return None if best is None else self._with_idle(best)

    def _roots(self) -> list[int]:
        """Qubits to start from: those with the best surroundings."""
        few, many = _STARTS
        count = max(few, min(many, 1_000 // (len(self.pairs) + 1)))

        def quality(qubit: int) -> tuple[float, int]:
            nearest = sorted(self.map.distance[qubit].values())[: len(self.wires)]
            return sum(nearest) + self.map.reading[qubit] / self.map.unit, qubit

        return sorted(self.map.qubits, key=quality)[:count]

    def _grown(self, root: int) -> dict[int, int]:
        """A placement on a connected region around `root`, each wire near its partners."""
        placed: dict[int, int] = {}
        free = set(self.map.qubits)
        for wire in self.order:
            edge = {other for qubit in placed.values() for other in self.map.near[qubit]} & free
            partners = [(self.weight[wire][other], placed[other]) for other in self.weight[wire] if other in placed]

            def quality(qubit: int, partners: list[tuple[int, int]] = partners, wire: int = wire) -> tuple[float, int]:
                far = sum(weight * self.map.distance[qubit][other] for weight, other in partners)
                return far + self._alone(wire, qubit) / self.map.unit, qubit

            placed[wire] = min(edge, key=quality) if placed else root
            free.remove(placed[wire])
        return self._with_idle(placed)


def _forth_and_back(router: _Router, placed: dict[int, int]) -> Iterator[Route]:
    """Routes from `placed`, and from where routing the reverse of the circuit ends."""
    forth, back = router.pairs, router.pairs[::-1]
    for _ in range(3):
        found = _Search(router, forth, placed).run()
        yield found
        placed = dict(_Search(router, back, dict(found.ends)).run().ends)


class _Search:
    """One run of SABRE: pairs that can be done are done; where none can, a swap is chosen."""

    def __init__(self, router: _Router, pairs: Sequence[Pair], placed: dict[int, int]) -> None:
        self._router, self._map, self._pairs = router, router.map, pairs
        self._start = _items(placed)
        self._at = dict(placed)
        self._on = {qubit: wire for wire, qubit in placed.items()}
        self._queue: dict[int, list[int]] = {wire: [] for wire in placed}
        for k in range(len(pairs) - 1, -1, -1):
            self._queue[pairs[k].a].append(k)
            self._queue[pairs[k].b].append(k)
        self._moves: list[Move] = []
        self._last: dict[int, int] = {}
        self._busy: set[int] = set()
        self._tired: dict[int, float] = {}

    def run(self) -> Route:
        front = sorted(k for k in range(len(self._pairs)) if self._is_next(k))
        since = 0
        while front:
            done = [k for k in front if self._coupled(k)]
            if not done:
                since += 1
                if since > 2 * len(self._map.qubits):
                    self._bring_together(front[0])
                else:
                    self._swap(self._choice(front))
                continue
            since = 0
            self._tired.clear()
            for k in done:
                self._do(k)
            found = {queue[-1] for queue in self._queue.values() if queue}
            front = sorted(k for k in found if self._is_next(k))
        return Route(self._start, tuple(self._moves), _items(self._at))

    def _is_next(self, k: int) -> bool:
        pair = self._pairs[k]
        return self._queue[pair.a][-1] == k == self._queue[pair.b][-1]

    def _coupled(self, k: int) -> bool:
        return (self._at[self._pairs[k].a], self._at[self._pairs[k].b]) in self._map.cost

    def _do(self, k: int) -> None:
        pair = self._pairs[k]
        self._queue[pair.a].pop()
        self._queue[pair.b].pop()
        p, q = self._at[pair.a], self._at[pair.b]
        self._busy |= {p, q}
        self._append(Move((p, q), k))

    def _append(self, move: Move) -> None:
        for qubit in move.qubits:
            self._last[qubit] = len(self._moves)
        self._moves.append(move)

    def _follows(self, p: int, q: int) -> int | None:
        """The move of a pair on just these qubits that nothing on them has followed."""
        last = self._last.get(p)
        if last is None or last != self._last.get(q) or self._moves[last].pair is None or self._moves[last].swap:
            return None
        return last

    def _swap(self, qubits: tuple[int, int]) -> None:
        p, q = qubits
        if (last := self._follows(p, q)) is not None:
            self._moves[last] = Move(self._moves[last].qubits, self._moves[last].pair, swap=True)
        else:
            self._append(Move(qubits, None, swap=True))
            if (p in self._busy) != (q in self._busy):
                self._busy ^= {p, q}
        a, b = self._on.pop(p, None), self._on.pop(q, None)
        for wire, qubit in ((a, q), (b, p)):
            if wire is not None:
                self._at[wire], self._on[qubit] = qubit, wire
            self._tired[qubit] = self._tired.get(qubit, 1.0) + 0.001

    def _bring_together(self, k: int) -> None:
        """The way out where choices go in circles: along the shortest path."""
        pair = self._pairs[k]
        while not self._coupled(k):
            p, goal = self._at[pair.a], self._at[pair.b]
            far = self._map.distance[goal]
            self._swap((p, min(self._map.near[p], key=lambda other: (far[other] + self._step(p, other), other))))

    def _step(self, p: int, q: int) -> float:
        return self._map.cost[p, q] / self._map.unit

    def _choice(self, front: list[int]) -> tuple[int, int]:
        waiting, coming = self._ends(front), self._ends(self._ahead(front))
        share = 0.5 * len(front) / max(len(coming) / 2, 1)
        swaps = sorted({(min(p, q), max(p, q)) for p, _ in waiting for q in self._map.near[p]})
        beside: dict[int, list[tuple[float, int]]] = {}
        far = 0.0
        for weight, ends in ((1.0, waiting), (share, coming)):
            for p, other in ends:
                beside.setdefault(p, []).append((weight, other))
                far += weight * self._map.distance[p][other] / 2

        def quality(swap: tuple[int, int]) -> tuple[float, tuple[int, int]]:
            value = far
            for here, there in (swap, swap[::-1]):
                near, then = self._map.distance[here], self._map.distance[there]
                value += sum(
                    weight * (then[other] - near[other]) for weight, other in beside.get(here, ()) if other != there
                )
            p, q = swap
            couplings = 1
            if self._follows(p, q) is None:
                couplings = self._router.couplings(Move(swap, None, swap=True), self._busy)
            tired = max(self._tired.get(p, 1.0), self._tired.get(q, 1.0))
            return tired * value + _EFFORT * couplings * self._step(p, q), swap

        return min(swaps, key=quality)

    def _ends(self, pairs: Iterable[int]) -> list[tuple[int, int]]:
        """The qubits of pairs, each way around."""
        found = []
        for k in pairs:
            p, q = self._at[self._pairs[k].a], self._at[self._pairs[k].b]
            found += [(p, q), (q, p)]
        return found

    def _ahead(self, front: list[int]) -> list[int]:
        """The pairs that come next after those that wait, in their order."""
        soon = {k for queue in self._queue.values() for k in queue[-4:]} - set(front)
        return sorted(soon)[:_AHEAD]


def _items(placed: dict[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(placed.items()))
