"""Requests answered on the local simulators: exact values from states, samples from exact distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qsanc.diagnostics import CompilerBug, QsanError
from qsanc.ir.circuit import CircuitModule, Overlap
from qsanc.target import Context, Estimate, Floats, Handle, Request, Results
from qsanc.target.memory import available, ran_out, too_large
from qsanc.target.sampled import Sampler
from qsanc.target.sampling import measured_module
from qsanc_braket.local_readout import Readout, empty, overlap, reduced, segments_of
from qsanc_braket.local_simulator import Simulation, State
from qsanc_braket.local_walk import Places, Tree, Walk


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """Work that was done when it was submitted."""

    results: Results

    @property
    def done(self) -> bool:
        return True


class LocalExecutable:
    """A module on the simulator of state vectors, or, `mixed`, of density matrices."""

    def __init__(self, module: CircuitModule, *, mixed: bool) -> None:
        self._module, self._mixed = module, mixed
        self._simulation = Simulation(module.wires, mixed=mixed)
        self._tree = Tree(module)
        self._sampler = Sampler(module)
        self._readouts: dict[tuple[bool, tuple[int, ...]], dict[int, Readout]] = {}

    @property
    def module(self) -> CircuitModule:
        return self._module

    def plan(self) -> str:
        sort, wires = "density matrices" if self._mixed else "state vectors", self._module.wires
        lines = [f"braket plan of {self._module.name}: {wires} wires, {sort}, a segment once for all rows equal so far"]
        for segment in self._module.segments:
            parent = segment.parent
            start = "|0...0>" if parent is None else self._module.segments[parent].name
            lines.append(f"  {segment.name}: {len(segment.body)} operations on {start}")
        return "\n".join(lines) + "\n"

    def submit(self, request: Request, context: Context) -> Finished:
        self._verify(request)
        try:
            return self._answer(request, context)
        except MemoryError:
            pass
        raise QsanError([ran_out(self._module, "the density matrix" if self._mixed else "the state")])

    def _answer(self, request: Request, context: Context) -> Finished:
        if request.shots is None:
            values = self._exact(request, request.results)
            return Finished(Results(tuple(Estimate(values[k]) for k in request.results)))
        return Finished(
            self._sampler.estimates(
                request, request.shots, context, lambda wanted: self._distributions(request, wanted)
            )
        )

    def collect(self, handle: Handle) -> Results:
        if not isinstance(handle, Finished):
            raise CompilerBug("this handle belongs to another backend")
        return handle.results

    def _verify(self, request: Request) -> None:
        """Raise `CompilerBug` where a request does not fit the module: its callers are ours."""
        module, bindings = self._module, request.bindings
        if bindings.shared.shape != (len(module.shared),) or bindings.items.shape[1:] != (len(module.items),):
            raise CompilerBug(f"{module.name}: bindings {bindings.shared.shape} and {bindings.items.shape} do not fit")
        overlaps = {isinstance(module.results[k], Overlap) for k in request.results}
        if overlaps - {request.pairs is not None}:
            raise CompilerBug(f"{module.name}: overlaps are asked for with pairs, and nothing else is")

    @cached_property
    def _measured(self) -> Tree:
        """The tree with the distributions of all settings as its results. Sites keep their numbers."""
        return Tree(measured_module(self._module, self._sampler.readings.settings))

    def _distributions(self, request: Request, wanted: tuple[int, ...]) -> Mapping[int, Floats]:
        if request.pairs is not None:
            return self._overlaps(request, wanted)
        return self._values(self._measured, request, wanted)

    def _exact(self, request: Request, wanted: tuple[int, ...]) -> Mapping[int, np.ndarray]:
        return self._values(self._tree, request, wanted) if request.pairs is None else self._overlaps(request, wanted)

    def _values(self, tree: Tree, request: Request, wanted: tuple[int, ...]) -> dict[int, np.ndarray]:
        """Values of results of the tree's module, none of them overlaps: [row | shift, ...] by number."""
        places = _places(request)
        self._room(tree.module, wanted, len(places.rows), sampled=request.shots is not None)
        values = {k: empty(tree.module, k, len(places.rows)) for k in wanted}
        key = tree is self._tree, wanted
        if key not in self._readouts:
            by_segment = segments_of(tree.module, wanted)
            self._readouts[key] = {k: Readout(tree.module, k, numbers) for k, numbers in by_segment.items()}
        readouts = self._readouts[key]

        def deliver(segment: int, state: State, at: Sequence[int]) -> None:
            readouts[segment].write(state, at, values)

        Walk(tree, self._simulation, request.bindings, readouts, deliver).run(places)
        return values

    def _overlaps(self, request: Request, wanted: tuple[int, ...]) -> dict[int, np.ndarray]:
        """Values of overlaps, [pair | shift]. What is compared is kept for each row, of shifted states for none."""
        assert request.pairs is not None
        sides = [self._kept(request, wanted, side) for side in (0, 1)]
        if request.shifts is None:
            pairs = request.pairs.tolist()
            return {
                k: np.array([overlap(sides[0][k][i], sides[1][k][j]) for i, j in pairs], np.float64) for k in wanted
            }
        shifts = request.shifts
        values = {k: np.zeros(len(shifts)) for k in wanted}
        pair = request.pairs[shifts.row]
        for side in (0, 1):
            mine = np.flatnonzero(shifts.side == side)
            places = Places(pair[mine, side].tolist(), shifts.site[mine].tolist(), shifts.delta[mine].tolist())
            other = pair[mine, 1 - side].tolist()
            numbers = segments_of(self._module, wanted, side)

            def deliver(
                segment: int,
                state: State,
                at: Sequence[int],
                numbers: dict[int, list[int]] = numbers,
                side: int = side,
                mine: np.ndarray = mine,
                other: list[int] = other,
            ) -> None:
                for k in numbers[segment]:
                    shifted, kept = self._compared(k, state), sides[1 - side][k]
                    for place in at:
                        both = (shifted, kept[other[place]])
                        values[k][mine[place]] = overlap(both[side], both[1 - side])

            Walk(self._tree, self._simulation, request.bindings, numbers, deliver).run(places)
        return values

    def _kept(self, request: Request, wanted: tuple[int, ...], side: int) -> dict[int, dict[int, State]]:
        """For each overlap, what is compared on one side, by row. Raises QsanError (QS307) where it does not fit."""
        assert request.pairs is not None
        rows = sorted(set(request.pairs[:, side].tolist()))
        self._fits(wanted, len(rows))
        numbers = segments_of(self._module, wanted, side)
        kept: dict[int, dict[int, State]] = {k: {} for k in wanted}

        def deliver(segment: int, state: State, at: Sequence[int]) -> None:
            for k in numbers[segment]:
                compared = self._compared(k, state)
                kept[k].update((rows[place], compared) for place in at)

        places = Places(rows, [-1] * len(rows), [0.0] * len(rows))
        Walk(self._tree, self._simulation, request.bindings, numbers, deliver).run(places)
        return kept

    def _compared(self, number: int, state: State) -> State:
        asked = self._module.results[number]
        assert isinstance(asked, Overlap)
        return reduced(state, asked.wires, self._module.wires)

    def _fits(self, wanted: tuple[int, ...], rows: int) -> None:
        need = 0
        for k in wanted:
            asked = self._module.results[k]
            assert isinstance(asked, Overlap)
            whole = len(asked.wires) == self._module.wires and not self._mixed
            need += 2 * rows * 16 * 2 ** (len(asked.wires) * (1 if whole else 2))
        self._enough(f"the table of overlaps of {rows} rows", need)

    def _room(self, module: CircuitModule, wanted: tuple[int, ...], entries: int, *, sampled: bool) -> None:
        """Raise QsanError (QS307) where the results do not fit: distributions, also as counts, and states."""
        sizes = [empty(module, k, 1).nbytes for k in wanted]
        self._enough(f"what is read of {entries} states", entries * sum(sizes) * (3 if sampled else 1))

    def _enough(self, what: str, need: int) -> None:
        if need > (have := available()):
            raise QsanError([too_large(self._module, what, need, have)])


def _places(request: Request) -> Places:
    if request.shifts is None:
        return Places.plain(request.bindings.rows)
    shifts = request.shifts
    return Places(shifts.row.tolist(), shifts.site.tolist(), shifts.delta.tolist())
