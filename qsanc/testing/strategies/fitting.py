"""At which sizes an ansatz can be called, and what its arguments are there.

Sizes are tried once, when a strategy is made: every combination of small values (of a declared range its first ones)
is elaborated with sample arguments, and examples are drawn from those that have no error.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from hypothesis import strategies as st

from qsanc.check.module import Definition, Module
from qsanc.diagnostics import QsanError
from qsanc.elaborate.calls import elaborate_ansatz
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.limits import limited
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.signature import Argument, Binding
from qsanc.elaborate.sizes import Sizes
from qsanc.elaborate.values import Interval, Template, Value
from qsanc.ir.circuit import CircuitModule
from qsanc.syntax import ast
from qsanc.target import Floats
from qsanc.testing.strategies.numbers import angles

Number: TypeAlias = "int | float | bool"

_SMALL: Mapping[str, tuple[Number, ...]] = MappingProxyType(
    {"nat": (0, 1, 2, 3, 4), "int": (0, 1, 2, 3, -1), "real": (0.0, 1.0, 0.5), "bit": (0, 1), "bool": (False, True)}
)
_MOST_OF_A_RANGE = 8
_MOST_TRIALS = 400
_MOST_COMBINATIONS = 5000
_WIDE = 4 * math.pi
_POSITIVE = Interval(0.1, 3.1, closed=True)
"""Where arguments lie whose logarithm or inverse is taken."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What one parameter takes at some sizes: its axes, and the range that its elements are drawn from."""

    axes: tuple[int, ...]
    within: Interval

    def arrays(self) -> st.SearchStrategy[Floats]:
        return angles(shape=self.axes, min_value=self.within.low, max_value=self._highest)

    def filled(self, number: float) -> Floats:
        """An array of the number in the range that is nearest to this one."""
        return np.full(self.axes, min(max(number, self.within.low), self._highest))

    @property
    def _highest(self) -> float:
        return self.within.high if self.within.closed else math.nextafter(self.within.high, -math.inf)


@dataclass(frozen=True, slots=True)
class Fitting:
    """An ansatz at sizes at which it has no error."""

    name: str
    sizes: Mapping[str, Number]
    shapes: Mapping[str, Shape]


def definition_of(module: Module, name: str) -> Definition:
    definition = module.lookup(name)
    if definition is None or not isinstance(definition.item, ast.Ansatz):
        raise ValueError(f"{module.file.source.name} has no ansatz {name!r}")
    return definition


def ansatz_of(definition: Definition) -> ast.Ansatz:
    assert isinstance(definition.item, ast.Ansatz)
    return definition.item


def _kind(declared: ast.Generic | ast.Param) -> str:
    return declared.type.kind if declared.type is not None else "nat"


def sized(item: ast.Ansatz) -> list[ast.Generic | ast.Param]:
    """Generics, and parameters that must be known at compile time."""
    return [*item.generics, *(param for param in item.params if param.type.kind in ("nat", "int", "bit", "bool"))]


def legal(module: Module, name: str, fixed: Mapping[str, Number], max_wires: int, max_gates: int) -> list[Fitting]:
    """The sizes at which the ansatz has no error, smallest first. Raises ValueError where there are none."""
    definition = definition_of(module, name)
    item = ansatz_of(definition)
    for size in sized(item):
        if size.type is not None and (size.type.dims or size.type.kind == "dim"):
            raise ValueError(f"`{name}` takes `{size.name}`, which cannot be drawn: {size.span.text}")
    legal: list[Fitting] = []
    reason = "nothing was tried"
    for sizes in itertools.islice(_trials(definition, fixed), _MOST_TRIALS):
        try:
            fit, circuit = _tried(definition, sizes)
        except QsanError as error:
            reason = next(d.title for d in error.diagnostics if d.is_error)
            continue
        gates = sum(len(segment.body) for segment in circuit.segments)
        if circuit.wires <= max_wires and gates <= max_gates:
            legal.append(fit)
        else:
            reason = f"{circuit.wires} wires and {gates} gates"
    if not legal:
        raise ValueError(f"`{name}` works at none of the small sizes that were tried; the last one: {reason}")
    return legal


def _trials(definition: Definition, fixed: Mapping[str, Number]) -> Iterator[dict[str, Number]]:
    """Combinations of values, those of the smallest sum first; of many sizes the first values of each."""
    free = sized(ansatz_of(definition))
    choices = [(fixed[size.name],) if size.name in fixed else _choices(definition, size) for size in free]
    while math.prod(map(len, choices)) > _MOST_COMBINATIONS:
        longest = max(range(len(choices)), key=lambda place: len(choices[place]))
        choices[longest] = choices[longest][:-1]
    for values in sorted(itertools.product(*choices), key=lambda values: sum(map(abs, values))):
        yield dict(zip((size.name for size in free), values, strict=True))


def _choices(definition: Definition, size: ast.Generic | ast.Param) -> tuple[Number, ...]:
    """The first values of a declared range that is the same at all sizes; small ones and the default otherwise."""
    ev, scope = Evaluator(Report(), Sizes({}, {}), Graph()), Scope(definition.module)
    kind = _kind(size)
    usual = _SMALL[kind]
    default = ev.attempt(size.default, scope) if size.default is not None else None
    if isinstance(default, bool | int | float) and default not in usual:
        usual = (*usual, default)
    bounds = ev.attempt(size.within, scope) if size.within is not None else None
    if not isinstance(bounds, Interval):
        return usual
    steps = bounds.integers()
    if kind in ("nat", "int") and steps is not None:
        return tuple(steps[:_MOST_OF_A_RANGE])
    inside = tuple(value for value in usual if value in bounds)
    return inside or (bounds.low, (bounds.low + bounds.high) / 2)


def _tried(definition: Definition, sizes: Mapping[str, Number]) -> tuple[Fitting, CircuitModule]:
    """The shapes that follow from these sizes, once the ansatz takes sample arguments of them. Raises QsanError.

    An ansatz that takes neither 0 nor negative numbers may take positive ones.
    """
    name = ansatz_of(definition).name
    shapes = shapes_at(definition, sizes)
    positive = {key: Shape(shape.axes, _both(shape.within, _POSITIVE)) for key, shape in shapes.items()}
    try:
        for number in (0.0, -0.7, 0.7):
            circuit = _sample(definition, sizes, shapes, number)
    except QsanError:
        return Fitting(name, sizes, positive), _sample(definition, sizes, positive, 0.7)
    return Fitting(name, sizes, shapes), circuit


def _sample(
    definition: Definition, sizes: Mapping[str, Number], shapes: Mapping[str, Shape], number: float
) -> CircuitModule:
    return elaborated(definition, sizes, {parameter: shape.filled(number) for parameter, shape in shapes.items()})


def _both(left: Interval, right: Interval) -> Interval:
    """The numbers in two ranges; the first one where they have none in common."""
    low = max(left.low, right.low)
    high, closed = min((left.high, left.closed), (right.high, right.closed))
    return Interval(low, high, closed) if low < high or (low == high and closed) else left


def _template(definition: Definition, sizes: Mapping[str, Number]) -> Template:
    item = ansatz_of(definition)
    return Template(definition, tuple((g.name, sizes[g.name], item.name_span) for g in item.generics))


def shapes_at(definition: Definition, sizes: Mapping[str, Number]) -> dict[str, Shape]:
    """Axes and range of each parameter that is no size. Raises QsanError where the sizes are not legal."""
    item, report = ansatz_of(definition), Report()
    shapes: dict[str, Shape] = {}
    with limited(report):
        ev = Evaluator(report, Sizes({}, {}), Graph())
        binding = Binding(ev, _template(definition, sizes), item.name_span)
        if binding.infer({}, {}, entry=True):
            for param in item.params:
                if param.name in sizes:
                    binding.scope.bind(param.name, sizes[param.name])
                    continue
                axes = binding.expected(param.type)
                within = ev.expr(param.within, binding.scope) if param.within is not None else None
                if axes is not None and all(isinstance(axis, int) for axis in axes):
                    whole = Interval(0, 1, closed=True) if param.type.kind == "prob" else Interval(-_WIDE, _WIDE, True)
                    declared = within if isinstance(within, Interval) else whole
                    axes_ = tuple(axis for axis in axes if isinstance(axis, int))
                    shapes[param.name] = Shape(axes_, _both(declared, whole))
    report.raise_errors()
    return shapes


def elaborated(definition: Definition, sizes: Mapping[str, Number], arguments: Mapping[str, Floats]) -> CircuitModule:
    """The ansatz with its arguments known at compile time, so that no angle needs to be affine in them.

    Raises QsanError for what is wrong at these sizes or with these numbers.
    """
    item, report = ansatz_of(definition), Report()
    given = {
        param.name: Argument(
            sizes[param.name] if param.name in sizes else _known(arguments[param.name]),
            param.name_span,
        )
        for param in item.params
    }
    module = None
    with limited(report):
        ev = Evaluator(report, Sizes({}, {}), Graph())
        module = elaborate_ansatz(ev, _template(definition, sizes), given, item.name_span)
    report.raise_errors()
    assert module is not None, "an ansatz without errors is a circuit"
    return module


def _known(array: Floats) -> Value:
    """An array as one whose elements are known at compile time; without axes it is a number."""
    return array.astype(object) if array.ndim else float(array)
