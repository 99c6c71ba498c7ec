"""Circuit calls of the model graph: from arrays to requests, and from results and their cotangents back to arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, cast

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.grad import shift
from qsanc.ir.circuit import CircuitModule, Overlap
from qsanc.ir.layout import Layout
from qsanc.ir.model import Operation, Type
from qsanc.ir.ops import Array, array_shape
from qsanc.target import Bindings, Context, Differentiable, Executable, Gradient, Handle, Pullback, Request, Results

Method: TypeAlias = Literal["adjoint", "parameter_shift"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A result of the module, and the value of the graph that it becomes."""

    result: int
    value: int
    type: Type


@dataclass(frozen=True, slots=True)
class CircuitCall:
    """One request of a circuit call: results that are asked for together, either overlaps only or none.

    `inputs` are the values bound: shared slots, item slots and, for overlaps, the row numbers of both sides. `items` is
    the type of the second.
    """

    module: str
    inputs: tuple[int, ...]
    items: Type
    asked: tuple[Asked, ...]
    kinds: frozenset[Type] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", frozenset(asked.type for asked in self.asked))

    @property
    def key(self) -> int:
        """A number that no other call of the function has: the first value it gives."""
        return self.asked[0].value

    def request(self, values: Sequence[Array], layout: Layout, shots: int | None, independent: bool) -> Request:
        """The request at these values of the graph."""
        given = [values[number] for number in self.inputs]
        shared, items = np.asarray(given[0], np.float64), np.asarray(given[1], np.float64)
        bindings = Bindings(shared, items.reshape(layout.count(self.items.rows), *self.items.static))
        pairs = (
            np.stack([np.atleast_1d(np.asarray(side, np.int64)) for side in given[2:]], axis=1) if given[2:] else None
        )
        return Request(bindings, tuple(a.result for a in self.asked), pairs, shots=shots, independent=independent)

    def deliver(self, results: Results, values: list[Array], layout: Layout) -> None:
        """Put the results where they belong among the values of the graph."""
        shapes = self.shapes(layout)
        for asked, estimate in zip(self.asked, results.estimates, strict=True):
            values[asked.value] = estimate.value.reshape(shapes[asked.type])

    def shapes(self, layout: Layout) -> dict[Type, tuple[int, ...]]:
        """The shape of each type of result: there are many results, and few types."""
        return {kind: array_shape(kind, layout) for kind in self.kinds}


def calls_of(operation: Operation, types: Sequence[Type], module: CircuitModule, needed: set[int]) -> list[CircuitCall]:
    """The requests for the needed results of a circuit operation: at most one for overlaps and one for the rest."""
    groups: dict[bool, list[Asked]] = {False: [], True: []}
    for k, (result, kind) in enumerate(zip(module.results, operation.types, strict=True)):
        if operation.first + k in needed:
            groups[isinstance(result, Overlap)].append(Asked(k, operation.first + k, kind))
    return [
        CircuitCall(module.name, operation.inputs[: 4 if overlaps else 2], types[operation.inputs[1]], tuple(asked))
        for overlaps, asked in groups.items()
        if asked
    ]


Back: TypeAlias = Callable[[dict[int, Array]], Gradient]
"""Derivatives by the slots, from cotangents by the number of the result."""


@dataclass(frozen=True, slots=True)
class Running:
    """A request under way; `results` waits for it."""

    executable: Executable
    handle: Handle

    def results(self) -> Results:
        return self.executable.collect(self.handle)


def differentiable_call(
    executable: Executable, request: Request, context: Context, method: Method
) -> tuple[Callable[[], Results], Back]:
    """Start a request whose derivative is wanted: how to get its results, and the way back.

    With the adjoint method both come from the executable's own `vjp`. With parameter-shift the results come from a
    plain forward request, and shifts run only on the way back, for those results alone that have a cotangent.
    """
    if method == "parameter_shift":
        forward = Running(executable, executable.submit(request, context))

        def by_shifts(cotangents: dict[int, Array]) -> Gradient:
            asked = replace(request, results=tuple(sorted(cotangents)))
            return shift.gradient(executable, asked, cotangents, replace(context, purpose="gradient"))

        return forward.results, by_shifts
    # the attribute alone: a protocol takes longer to check than many a circuit to run
    if not hasattr(executable, "vjp"):
        raise CompilerBug(f"circuit {executable.module.name} was lowered for a backend without adjoint gradients")
    results, pullback = cast(Differentiable, executable).vjp(request, context)
    return lambda: results, _by_adjoint(pullback)


@dataclass(frozen=True, slots=True)
class Circuits:
    """The circuits of one run: where and how they are executed, and the way back of each that is differentiated.

    `method` None leaves out derivatives.
    """

    executables: Mapping[str, Executable]
    context: Context
    method: Method | None
    shots: int | None
    independent: bool
    backs: dict[int, Back] = field(default_factory=dict)

    def run(self, calls: Sequence[tuple[CircuitCall, bool]], values: list[Array], layout: Layout) -> list[Results]:
        """The results of these calls, all of them started before the first is waited for."""
        waiting = [self._start(call, active, values, layout) for call, active in calls]
        return [results() for results in waiting]

    def _start(self, call: CircuitCall, active: bool, values: list[Array], layout: Layout) -> Callable[[], Results]:
        executable = self.executables[call.module]
        request = call.request(values, layout, self.shots, self.independent)
        if self.method is None or not active:
            return Running(executable, executable.submit(request, self.context)).results
        results, self.backs[call.key] = differentiable_call(executable, request, self.context, self.method)
        return results


def _by_adjoint(pullback: Pullback) -> Back:
    return lambda cotangents: pullback(cotangents)
