"""An exact execution on the watch, node by node.

It is carried out by the engine that is always used. The methods of the engine's objects that answer for one node, one
group of tails or one reading are timed, on the objects of this one execution: no other one knows of it. What is made
when it is first asked for (the matrix of a shared node, the observables of tails) is a part of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np

from qsanc.ir.circuit import CircuitModule, Gate
from qsanc.source import Span
from qsanc.target import Pullback, Request
from qsanc.target.profile import Part, Phase, Watch, Work
from qsanc_numpy import counts
from qsanc_numpy.arrays import Floats, Ints, Numbers
from qsanc_numpy.engine import Engine, Kept, Rows, Sweep
from qsanc_numpy.evaluate import Lowered, Values
from qsanc_numpy.overlaps import OverlapPlan
from qsanc_numpy.plan import ROOT, Plan
from qsanc_numpy.shifted import Columns, ShiftedRun

SHARED = "angles and blocks all rows share"
ROWS = "angles and blocks of the rows"

Run = Callable[[], Any]
Counted = Callable[[Any], Work]
"""The work of a call, from its result."""


def watched_values_and_adjoint(
    lowered: Lowered, engine: Engine, request: Request, watch: Watch
) -> tuple[Values, Pullback]:
    """What `Lowered.values_and_adjoint` gives."""
    execution = _Execution(lowered, engine, watch)
    overlaps = {k: _WatchedOverlap(k, plan, lowered.module, execution) for k, plan in lowered.overlaps.items()}
    watched = replace(lowered, overlaps=cast(Mapping[int, OverlapPlan], overlaps))
    own = Engine(execution.shared, execution.rows, execution.sweep)
    return watched.values_and_adjoint(request.bindings, request.results, request.pairs, own)


def watched_values_at_shifts(lowered: Lowered, request: Request, watch: Watch) -> Values:
    """What `Lowered.values_at_shifts` gives."""
    assert request.shifts is not None
    watched = replace(lowered)
    object.__setattr__(watched, "shifted", _Execution(lowered, lowered.numpy, watch).shifted)
    return watched.values_at_shifts(request.bindings, request.results, request.pairs, request.shifts)


@dataclass(frozen=True, slots=True)
class _Look:
    """What matters of the states of a node: their number, whether they are real, and their bytes."""

    columns: int
    real: bool
    bytes: int

    @staticmethod
    def at(state: Kept, plan: Plan) -> _Look:
        """Of an array [2^wires, column], of one in the attribute `both` with imaginary parts below real ones, or of a
        list of columns."""
        if isinstance(state, list):
            return _Look(len(state), not any(map(np.iscomplexobj, state)), sum(column.nbytes for column in state))
        array: Numbers = state if isinstance(state, np.ndarray) else state.both
        real = not np.iscomplexobj(array) and len(array) == 1 << plan.wires
        return _Look(int(array.shape[1]), real, int(array.nbytes))


class _Execution:
    """The engine's objects for one execution, timed."""

    def __init__(self, lowered: Lowered, engine: Engine, watch: Watch) -> None:
        self._lowered, self._plan, self._engine, self._watch = lowered, lowered.plan, engine, watch
        self._spans = spans(lowered.module, lowered.plan)
        self._phase: Phase = "forward"
        self._made: set[tuple[str, int]] = set()

    def time(self, part: Part, run: Run, counted: Counted | None = None) -> Any:
        with self._watch.time(part):
            found = run()
        if counted is not None and self._watch.counting:
            self._watch.count(part, counted(found))
        return found

    # what an engine is asked for

    def shared(self, values: Floats, columns: int) -> Any:
        part = Part("forward", SHARED)
        shared = self.time(part, lambda: self._engine.shared(values, columns))
        self._replace(shared, "unitary", self._unitary)
        self._replace(shared, "observed", self._observed)
        self._replace(shared, "fixed", self._uncounted(SHARED))
        self._replace(getattr(shared, "matrices", None), "forward", self._uncounted(SHARED))
        kinds = [kind for kind in self._plan.kinds if not kind.per_row]
        self._count(part, lambda: counts.matrices(kinds, 1))
        return shared

    def rows(self, shared: Any, items: Floats) -> Rows:
        part = Part("forward", ROWS)
        run: Rows = self.time(part, lambda: self._engine.run(shared, items))
        self._replace(run, "own", self._uncounted(ROWS))
        self._replace(getattr(run, "matrices", None), "_all", self._uncounted(ROWS))
        kinds = [kind for kind in self._plan.kinds if kind.per_row]
        self._count(part, lambda: counts.matrices(kinds, len(items)))
        self._replace(run, "forward", partial(self._forward, shared))
        self._replace(run, "backward", partial(self._column_back, shared))
        self._replace(run, "observe", self._observe)
        self._replace(run, "read", self._read)
        self._replace(run, "read_back", self._read)
        return run

    def sweep(self, shared: Any) -> Sweep:
        self._phase = "backward"
        sweep = self._engine.sweep(shared)
        self._replace(sweep, "_back", partial(self._back, shared))
        self._replace(sweep, "_observe", self._observe_back)
        self._replace(sweep, "_sweep_tails", self._tails_back)
        self._replace(sweep, "_by_rows", self._uncounted(ROWS))
        self._replace(sweep, "finish", self._uncounted(SHARED))
        return sweep

    def shifted(self, run: Any, columns: Columns) -> ShiftedRun:
        self._phase = "backward"
        shifted = ShiftedRun(run, columns)
        self._replace(shifted, "_forward", self._shifted_forward)
        self._replace(shifted, "observed", self._shifted_observed)
        return shifted

    # the parts

    def node(self, phase: Phase, number: int, how: str) -> Part:
        return Part(phase, f"node {number} ({self._plan.nodes[number].name})", how, self._spans[number])

    def group(self, phase: Phase, number: int, how: str) -> Part:
        tails = self._plan.groups[number].tails
        names = ", ".join(str(tail.node) for tail in tails)
        found = [span for tail in tails for span in self._spans[tail.node]]
        return Part(phase, f"node{'s' * (len(tails) > 1)} {names}", how, tuple(dict.fromkeys(found)))

    def _unitary(self, run: Run, *given: Any) -> Any:
        number = _number(given)
        if ("unitary", number) in self._made:
            return run()
        self._made.add(("unitary", number))
        part = replace(self.node("forward", number, "made once"), name=f"matrix of node {number}")
        operations, columns = self._plan.nodes[number].operations, 1 << self._plan.wires
        return self.time(part, run, lambda _: counts.operations(self._plan, operations, columns, real=True))

    def _observed(self, run: Run, *given: Any) -> Any:
        number = _number(given)
        if ("observed", number) in self._made:
            return run()
        self._made.add(("observed", number))
        group = self._plan.groups[number]
        part = self.group("forward", number, "made once")
        part = replace(part, name=f"observables of {part.name}")
        results, members = len(group.results), len(group.tails)
        return self.time(part, run, lambda _: counts.observables(self._plan, group.operations, results, members))

    def _forward(self, shared: Any, run: Run, *given: Any) -> Any:
        plan, number = self._plan, _number(given)
        before = _Look.at(given[-1], plan)

        def counted(after: Kept) -> Work:
            found = _Look.at(after, plan)
            if _is_dense(shared, number):
                real_matrix = _Look.at(shared.unitary(number), plan).real
                work = counts.matrix(plan, found.columns, real_matrix=real_matrix, real=before.real)
            else:
                operations = plan.nodes[number].operations
                work = counts.operations(plan, operations, found.columns, real=before.real, before=before.columns)
            return replace(work, states=found.bytes)

        return self.time(self._of_node("forward", number, shared), run, counted)

    def _observe(self, run: Run, *given: Any) -> Any:
        number, state = _number(given), given[-1]
        results = len(self._plan.groups[number].results)

        def counted(_: object) -> Work:
            look = _Look.at(state, self._plan)
            return counts.observed(self._plan, results, look.columns, real=look.real)

        return self.time(self.group("forward", number, f"{results} observables"), run, counted)

    def _read(self, run: Run, *given: Any) -> Any:
        readout, state, wanted = given
        segment = next(at for at, known in self._lowered.readouts.items() if known is readout)
        numbers = [k for k in readout.numbers if k in wanted]

        look = _Look.at(state, self._plan)

        def counted(_: object) -> Work:
            return counts.expectations(self._lowered.module, numbers, look.columns, real=look.real)

        name = f"readings of {self._lowered.module.segments[segment].name}"
        return self.time(Part(self._phase, name, f"{len(numbers)} result{'s' * (len(numbers) != 1)}"), run, counted)

    def _back(self, shared: Any, run: Run, *given: Any) -> Any:
        plan, number, states = self._plan, _number(given), _mapping(given)
        one = plan.nodes[number]

        def counted(_: object) -> Work:
            look = _Look.at(states[number], plan)
            if not _is_dense(shared, number):
                return counts.back(plan, one.operations, look.columns, real=look.real, at_root=one.parent == ROOT)
            assert one.parent is not None
            before = _Look.at(states[one.parent], plan)
            real_matrix = _Look.at(shared.unitary(number), plan).real
            return counts.matrix_back(
                plan, look.columns, real_matrix=real_matrix, real=before.real, real_costate=look.real
            )

        return self.time(self._of_node("backward", number, shared), run, counted)

    def _column_back(self, shared: Any, run: Run, *given: Any) -> Any:
        """Of one column of a large register."""
        number, _, state, _ = given
        real, operations = not np.iscomplexobj(state), self._plan.nodes[number].operations
        part = self._of_node("backward", number, shared)
        return self.time(part, run, lambda _: counts.back(self._plan, operations, 1, real=real))

    def _of_node(self, phase: Phase, number: int, shared: Any) -> Part:
        how = "one matrix" if _is_dense(shared, number) else "sweeps" if hasattr(shared, "register") else "gate by gate"
        return replace(self.node(phase, number, how), threads=getattr(shared, "threads", 1))

    def _observe_back(self, run: Run, *given: Any) -> Any:
        number, state = _number(given), given[-1]
        results = len(self._plan.groups[number].results)

        def counted(_: object) -> Work:
            look = _Look.at(state, self._plan)
            return counts.observed_back(self._plan, results, look.columns, real=look.real)

        return self.time(self.group("backward", number, f"{results} observables"), run, counted)

    def _tails_back(self, run: Run, *given: Any) -> Any:
        group = self._plan.groups[_number(given)]
        part = self.group("backward", _number(given), "once for all rows")
        part = replace(part, name=f"observables of {part.name}")
        real = self._plan.nodes[group.parent].real
        results, members = len(group.results), len(group.tails)
        return self.time(
            part,
            run,
            lambda _: counts.observables_back(self._plan, group.operations, results, members, real=real),
        )

    def _shifted_forward(self, run: Run, *given: Any) -> Any:
        return self.time(self.node("backward", _number(given), "shifted"), run)

    def _shifted_observed(self, run: Run, *given: Any) -> Any:
        number = self._plan.groups.index(given[0].group)
        results = len(given[0].group.results)
        return self.time(self.group("backward", number, f"{results} observables, shifted"), run)

    # methods of one object

    def _replace(self, target: object, name: str, timed: Callable[..., Any]) -> None:
        """Time a method of this object, if it has it: `timed` is given the call, and its arguments by place."""
        inner = getattr(target, name, None)
        if inner is None:
            return

        def watched(*given: Any, **named: Any) -> Any:
            return timed(lambda: inner(*given, **named), *given)

        setattr(target, name, watched)

    def _uncounted(self, name: str) -> Callable[..., Any]:
        """Timed under this name."""
        return lambda run, *given: self.time(Part(self._phase, name), run)

    def _count(self, part: Part, counted: Callable[[], Work]) -> None:
        if self._watch.counting:
            self._watch.count(part, counted())


class _WatchedOverlap:
    """An overlap on the watch, in place of its `OverlapPlan`."""

    def __init__(self, number: int, plan: OverlapPlan, module: CircuitModule, execution: _Execution) -> None:
        self._number, self._plan, self._module, self._execution = number, plan, module, execution
        self.left, self.right = plan.left, plan.right
        name = f"overlap of {module.segments[plan.left].name} and {module.segments[plan.right].name}"
        self._forward, self._backward = Part("forward", name), Part("backward", name)

    def features(self, state: Numbers) -> Numbers:
        found: Numbers = self._execution.time(self._forward, lambda: self._plan.features(state))
        return found

    def values(self, left: Numbers, right: Numbers, pairs: Ints) -> Floats:
        found: Floats = self._execution.time(
            self._forward, lambda: self._plan.values(left, right, pairs), lambda _: self._work(left, pairs)
        )
        return found

    def adjoint(
        self, states: tuple[Numbers, Numbers], features: tuple[Numbers, Numbers], pairs: Ints, cotangents: Floats
    ) -> tuple[Numbers, Numbers]:
        found: tuple[Numbers, Numbers] = self._execution.time(
            self._backward,
            lambda: self._plan.adjoint(states, features, pairs, cotangents),
            lambda _: self._work(features[0], pairs) + self._work(features[1], pairs),
        )
        return found

    def _work(self, features: Numbers, pairs: Ints) -> Work:
        return counts.overlaps(self._module, (self._number,), len(pairs), real=not np.iscomplexobj(features))


def _is_dense(shared: Any, node: int) -> bool:
    """Whether a node is applied as one matrix."""
    return bool(shared.as_matrix(node)) if hasattr(shared, "as_matrix") else False


def _number(given: Iterable[Any]) -> int:
    """The node or group that a method is asked about."""
    return next(value for value in given if isinstance(value, int))


def _mapping(given: Iterable[Any]) -> Mapping[int, Kept]:
    """The states that a method is given."""
    return next(value for value in given if isinstance(value, Mapping))


def spans(module: CircuitModule, plan: Plan) -> tuple[tuple[Span, ...], ...]:
    """For each node the places of its gates in the source. A gate without an angle counts to the node of the one before
    it, or of the first with an angle, in its segment."""
    found: list[dict[Span, None]] = [{} for _ in plan.nodes]
    site = 0
    for segment, end in zip(module.segments, plan.ends, strict=True):
        waiting: list[Span] = []
        node: int | None = None
        for gate in segment.body:
            assert isinstance(gate, Gate)
            if gate.angles:
                node = plan.homes[site].node
                site += len(gate.angles)
            if gate.span is not None and node is None:
                waiting.append(gate.span)
            elif gate.span is not None and node is not None:
                found[node].update(dict.fromkeys([*waiting, gate.span]))
                waiting = []
        found[end if node is None else node].update(dict.fromkeys(waiting))
    return tuple(tuple(spans) for spans in found)
