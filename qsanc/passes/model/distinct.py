"""Equal tokens once: what depends on the word alone is computed for the distinct words of the batch.

With (u, p) = distinct(i), so that i = gather(u, p), and f any operation that works row by row:

    f(gather(t, i)) = f(gather(t, gather(u, p))) = gather(f(gather(t, u)), p)

Starting at the int inputs i of a function, each value is classed as *uniform* (no rows, or the same in all rows), as a
function *of i* row by row, or as neither. Operations whose results are functions of i, circuit calls among them, are
moved to the rows of u; their results are gathered by p where something else uses them. An overlap takes its rows from u

    overlap(pairs) over gather(x, p) = overlap(spread(p, left), spread(p, right)) over x

Values that know the place of a token in its sentence (`position`, `sinusoid`) are neither, and so is what mixes tokens:
in a model of several layers the first one is moved. Without a circuit among what could be moved nothing is, since
finding the distinct words costs more than array operations do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from qsanc.ir.circuit import Overlap
from qsanc.ir.layout import RECORD
from qsanc.ir.model import Attribute, Function, Operation, Type
from qsanc.ir.ops import CIRCUIT, OPS
from qsanc.passes.model.graph import Graph, Modules, Rename, results_of

REDUCTIONS = ("sum", "mean", "softmax")


class Kind(Enum):
    UNIFORM = "uniform"
    NEITHER = "neither"


Class: TypeAlias = Kind | int
"""Of a value; an int is the number of the input that it is a function of."""


def distinct(function: Function, modules: Modules) -> Function:
    view = _View(function, modules)
    keys = sorted({view.homes[op.first] for op in function.body if op.name == CIRCUIT and op.first in view.homes})
    if not keys:
        return function
    return _Mover(view, modules, keys).run()


class _View:
    """A function with the class of each value, and `homes`: for each operation that can move, by its first value, the
    input whose distinct values it can move to.
    """

    def __init__(self, function: Function, modules: Modules) -> None:
        self.function = function
        self.types = function.types()
        self.classes: list[Class] = []
        self.homes: dict[int, int] = {}
        self.made: dict[int, Operation] = {}
        for number, value in enumerate(function.inputs):
            is_key = value.type.kind == "int" and not value.type.static
            self.classes.append(Kind.UNIFORM if not value.type.rows else number if is_key else Kind.NEITHER)
        for op in function.body:
            if op.name == CIRCUIT:
                found = self._class_of_circuit(op)
                results = modules[str(op.attribute("module"))].results
                self.classes.extend(Kind.NEITHER if isinstance(result, Overlap) else found for result in results)
            else:
                found = self._class_of(op)
                self.classes.extend([found] * len(op.types))
            if isinstance(found, int):
                self.homes[op.first] = found
            self.made.update((number, op) for number in results_of(op))

    def _class_of(self, op: Operation) -> Class:
        rows = op.types[0].rows
        if op.name == "constant":
            return Kind.UNIFORM
        if not OPS[op.name].rowwise or (op.name == "gather" and self.types[op.inputs[0]].rows):
            return Kind.NEITHER
        if op.name in REDUCTIONS and _integer(op.attribute("axis")) < len(self.types[op.inputs[0]].rows):
            return Kind.NEITHER
        if any(self.types[number].rows not in ((), rows) for number in op.inputs):
            return Kind.NEITHER
        return self._joined(op.inputs)

    def _class_of_circuit(self, op: Operation) -> Class:
        if any(self.side(number, self.types[op.inputs[1]]) is None for number in op.inputs[2:]):
            return Kind.NEITHER
        found = self._joined(op.inputs[:2])
        return Kind.NEITHER if found is Kind.UNIFORM and op.types[0].rows else found

    def _joined(self, numbers: tuple[int, ...]) -> Class:
        found = {self.classes[number] for number in numbers} - {Kind.UNIFORM}
        return Kind.UNIFORM if not found else found.pop() if len(found) == 1 else Kind.NEITHER

    def side(self, number: int, items: Type) -> str | None:
        """Which side of `pairs` over the rows of the items the value is, if it is one."""
        made = self.made.get(number)
        if made is None or made.name != "pairs" or items.rows != (RECORD, made.attribute("dim")):
            return None
        return "left" if number == made.first else "right"


@dataclass(frozen=True, slots=True)
class _Space:
    """The distinct values of one input: their axis, the rows they came from, the place of each row among them, and
    what has been moved there.
    """

    axis: str
    rows: tuple[str, ...]
    places: int
    moved: Rename


class _Mover:
    """The function after, written operation by operation; both ways between the rows are found on demand."""

    def __init__(self, view: _View, modules: Modules, keys: list[int]) -> None:
        self.view = view
        self.graph = Graph(view.function.inputs, modules)
        self.names: Rename = {number: number for number in range(len(view.function.inputs))}
        self.spaces: dict[int, _Space] = {}
        taken = sum(op.name == "distinct" for op in view.function.body)
        for k, key in enumerate(keys):
            axis = f"U{taken + k}"
            values = self.graph.add("distinct", (key,), (("axis", axis),))
            self.spaces[key] = _Space(axis, view.types[key].rows, values + 1, {key: values})

    def run(self) -> Function:
        function = self.view.function
        for op in function.body:
            home = self.spaces.get(self.view.homes.get(op.first, -1))
            if home is None:
                for number in op.inputs:
                    self._stay(number)
                self.graph.copy(op, self.names)
            elif op.name == CIRCUIT:
                self._move_circuit(op, home)
            else:
                self._move(op, home)
        for _, number in (*function.outputs, *function.probes):
            self._stay(number)
        return self.graph.finish(function, self.names)

    def _stay(self, number: int) -> int:
        """The value with its own rows: gathered where it was moved."""
        if number not in self.names:
            key = self.view.classes[number]
            assert isinstance(key, int)
            space = self.spaces[key]
            self.names[number] = self.graph.add("gather", (space.moved[number], space.places))
        return self.names[number]

    def _go(self, number: int, space: _Space) -> int:
        """The value with the rows of the distinct values; what is the same in all rows is made there once more."""
        if not self.view.types[number].rows:
            return self._stay(number)
        if number not in space.moved:
            self._move(self.view.made[number], space)
        return space.moved[number]

    def _move(self, op: Operation, space: _Space) -> None:
        inputs = [self._go(number, space) for number in op.inputs]
        axes_lost = len(space.rows) - 1
        attributes: list[tuple[str, Attribute]] = []
        for name, value in op.attributes:
            if name == "axis":
                value = _integer(value) - axes_lost
            elif op.name == "broadcast":
                value = (space.axis, *op.types[0].static)
            attributes.append((name, value))
        space.moved[op.first] = self.graph.add(op.name, inputs, attributes, op.span)

    def _move_circuit(self, op: Operation, space: _Space) -> None:
        items = self.view.types[op.inputs[1]]
        inputs = [self._stay(op.inputs[0]), self._go(op.inputs[1], space)]
        for number in op.inputs[2:]:
            side = self.view.side(number, items)
            assert side is not None
            inputs.append(self.graph.add("spread", (space.places,), (("side", side),)))
        first = self.graph.add(op.name, inputs, op.attributes, op.span)
        for k, number in enumerate(results_of(op)):
            stays = self.view.classes[number] is Kind.NEITHER
            (self.names if stays else space.moved)[number] = first + k


def _integer(value: Attribute) -> int:
    assert isinstance(value, int)
    return value
