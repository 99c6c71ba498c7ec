"""The calls of a block, compiled once and run for every example; and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from copy import copy
from dataclasses import dataclass

import numpy as np

from qsanc import registry
from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.driver import Compiled, compile_program
from qsanc.elaborate.sentences import Result
from qsanc.grad.reverse import Prepared, evaluate, prepare
from qsanc.ir.circuit import CircuitModule, Overlap
from qsanc.ir.layout import Layout
from qsanc.ir.ops import Array
from qsanc.ir.program import Program
from qsanc.target import Backend, Context, Differentiable, Executable, Handle, Pullback, Request, Results
from qsanc.target.sampling import readings


@dataclass(frozen=True, slots=True, eq=False)
class Called:
    """A call that is compiled: give it arrays by the names of its inputs."""

    compiled: Compiled
    prepared: Prepared
    wanted: str
    axes: tuple[int, ...]
    lengths: tuple[tuple[str, int], ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(value.name for value in self.prepared.function.inputs)

    def run(self, arrays: Mapping[str, Array], context: Context) -> Array:
        """The exact value, float64 of `axes`."""
        layout = Layout(1, {dim: np.array([length]) for dim, length in self.lengths})
        found = evaluate(self.prepared, self.compiled.executables, arrays, layout, context=context)
        return np.asarray(found[self.wanted], np.float64).reshape(self.axes)


class Engine:
    """A backend, and what was compiled for it. One engine serves all examples of a block, and many blocks.

    Raises QsanError: QS810 to QS812 where the backend cannot be had, QS802 where it costs money and `cost_limit`, in US
    dollars, allows none.
    """

    def __init__(self, backend: str = "numpy", *, cost_limit: float = 0.0) -> None:
        self.name = backend
        self.backend: Backend = registry.load(backend)
        self.budget = cost_limit if self.backend.capabilities.billed else None
        self._kept: dict[Hashable, object] = {}
        self.seen: list[CircuitModule] = []
        """Circuits that were compiled, as they were written, in order."""
        if self.budget is not None and cost_limit <= 0:
            title = f"the backend {backend} costs money, and the cost limit is 0"
            raise QsanError([Diagnostic("QS802", Severity.ERROR, title, help="--cost-limit 5")])

    def fresh(self) -> Engine:
        """The same backend with nothing kept, for programs that are soon forgotten."""
        other = copy(self)
        other._kept = {}
        other.seen = []
        return other

    def context(self, seed: int) -> Context:
        return Context(seed=seed, purpose="inference", budget_usd=self.budget)

    def once(self, key: Hashable, make: Callable[[], object]) -> object:
        """What `make` gave when it was first asked for `key`. None, as after an error, is not kept."""
        if key not in self._kept:
            made = make()
            if made is None:
                return None
            self._kept[key] = made
        return self._kept[key]

    def compile(self, result: Result) -> Called:
        """Compile what a call computes. Raises QsanError for what the backend cannot do."""
        outputs = ((result.name, result.value),) if result.value is not None else ()
        self.seen += result.graph.modules
        function = result.graph.finish("call", outputs)
        program = Program(tuple(result.graph.modules), (function,), ())
        compiled = compile_program(program, self.backend)
        prepared = prepare(compiled.program.functions[0], compiled.program.modules, (result.name,))
        return Called(compiled, prepared, result.name, result.axes, result.lengths)


@dataclass(slots=True)
class Tally:
    """What was run: bound circuits, and the settings that they are measured in."""

    circuits: int = 0
    measured: int = 0

    def count(self, module: CircuitModule, request: Request) -> None:
        """Count a request: a circuit for each row, pair or shift, and for each end that it is read at."""
        if request.shifts is not None:
            entries = len(request.shifts)
        else:
            entries = request.bindings.rows if request.pairs is None else len(request.pairs)
        asked = [module.results[number] for number in request.results]
        overlaps = [result for result in asked if isinstance(result, Overlap)]
        ends = {result.segment for result in asked if not isinstance(result, Overlap)}
        self.circuits += entries * (len(overlaps) + len(ends))
        self.measured += entries * (len(overlaps) + len(readings(module).needed(request.results)))


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """An executable that counts what it is asked for."""

    inner: Executable
    tally: Tally

    @property
    def module(self) -> CircuitModule:
        return self.inner.module

    def submit(self, request: Request, context: Context) -> Handle:
        self.tally.count(self.module, request)
        return self.inner.submit(request, context)

    def collect(self, handle: Handle) -> Results:
        return self.inner.collect(handle)

    def vjp(self, request: Request, context: Context) -> tuple[Results, Pullback]:
        """A forward pass; going back through the state runs no circuit."""
        assert isinstance(self.inner, Differentiable), "asked for where the backend offers it"
        self.tally.count(self.module, request)
        return self.inner.vjp(request, context)

    def plan(self) -> str:
        return self.inner.plan()
