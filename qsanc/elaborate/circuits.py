"""Building a circuit module: symbolic angles become slots, and slots find their values in the model graph.

Arguments of a circuit are values of the graph. `explode` gives the elements of one as slots; the gates are then written
with affine angles. What is not affine is computed in the graph and gets a slot of its own. `finish` numbers the slots
(shared first), packs their values into two vectors and adds the call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.limits import MOST_SLOTS, TooLarge
from qsanc.elaborate.values import Deferred, ObjectArray, Scalar, Tensor
from qsanc.ir.circuit import Angle, CircuitModule, Gate, Instruction, Overlap, Result, Segment
from qsanc.source import Span


@dataclass(slots=True)
class _Block:
    """Slots `first`, `first + 1`, ... (provisional numbers) hold the static elements of `tensor`."""

    first: int
    names: tuple[str, ...]
    tensor: Tensor


class CircuitBuilder:
    """A circuit module under construction for rows of the row space `rows` of the graph."""

    def __init__(self, graph: Graph, wires: int, rows: tuple[str, ...]) -> None:
        self.graph = graph
        self.wires = wires
        self.rows = rows
        self._blocks: list[_Block] = []
        self._slots = 0
        self._deferred: dict[int, Angle] = {}
        self._elements: dict[int, Tensor] = {}
        self._computed: dict[Scalar, Tensor] = {}
        self._known: dict[tuple[str, tuple[int, ...]], Tensor] = {}
        self._segments: list[Segment] = []

    def explode(self, name: str, tensor: Tensor, span: Span | None = None) -> Angle | ObjectArray:
        """The elements of a value as slots: an array over its static axes, or one scalar."""
        shape = tensor.type.static
        first = self._slots
        if first + math.prod(shape) > MOST_SLOTS:
            raise TooLarge(f"a circuit takes at most {MOST_SLOTS} numbers as angles, and `{name}` brings more", span)
        names = tuple(f"{name}[{', '.join(map(str, place))}]" if place else name for place in np.ndindex(*shape))
        self._blocks.append(_Block(first, names, tensor))
        self._slots += len(names)
        if not shape:
            return Angle.slot(first)
        array = np.empty(shape, dtype=object)
        for k, place in enumerate(np.ndindex(*shape)):
            array[place] = Angle.slot(first + k)
        return array

    def angle(self, scalar: Scalar) -> Angle:
        """The affine form of a scalar; one that is not affine is given a slot."""
        if isinstance(scalar, Angle):
            return scalar
        if not isinstance(scalar, Deferred):
            return Angle(float(scalar))
        tensor = self._compute(scalar)
        if tensor.value not in self._deferred:
            self._blocks.append(_Block(self._slots, (f"e{len(self._deferred)}",), tensor))
            self._deferred[tensor.value] = Angle.slot(self._slots)
            self._slots += 1
        return self._deferred[tensor.value]

    def value(self, symbol: Scalar | ObjectArray) -> Tensor:
        """What a symbolic scalar or an array of them is outside of the circuit."""
        if not isinstance(symbol, np.ndarray):
            return self._compute(symbol)
        parts = [self._compute(element) for element in symbol.ravel()]
        flat = self.graph.joined(parts, max((part.type.rows for part in parts), key=len, default=()))
        return self.graph.emit("reshape", flat, axes=symbol.shape)

    def segment(self, name: str, parent: int | None, body: list[Instruction]) -> int:
        self._segments.append(Segment(name, parent, tuple(body)))
        return len(self._segments) - 1

    def module(self, name: str, results: tuple[Result, ...]) -> CircuitModule:
        """The module with its slots numbered: shared ones first, then those that differ from row to row."""
        shared, items = self._split()
        slots = [slot for block in (*shared, *items) for slot in range(block.first, block.first + len(block.names))]
        order = {old: new for new, old in enumerate(slots)}
        return CircuitModule(
            name,
            self.wires,
            tuple(n for block in shared for n in block.names),
            tuple(n for block in items for n in block.names),
            tuple(replace(s, body=tuple(_renumbered(i, order) for i in s.body)) for s in self._segments),
            results,
        )

    def finish(
        self, name: str, results: tuple[Result, ...], span: Span | None
    ) -> tuple[CircuitModule, tuple[Tensor, ...]]:
        """Add the module and its call to the graph: the module as registered, and a value for each result."""
        module = self.graph.add_module(self.module(name, results))
        shared, items = self._split()
        rows = self.rows if items else ()
        inputs = [
            self.graph.joined((block.tensor for block in shared), ()),
            self.graph.joined((block.tensor for block in items), rows),
        ]
        if any(isinstance(result, Overlap) for result in results):
            if not rows or rows[-1] == "record":
                raise CompilerBug("an overlap needs tokens on both sides")
            inputs += self.graph.emit_all("pairs", dim=rows[-1], span=span)
        return module, self.graph.emit_all("circuit", *inputs, module=module.name, span=span)

    def _split(self) -> tuple[list[_Block], list[_Block]]:
        shared = [block for block in self._blocks if not block.tensor.type.rows]
        return shared, [block for block in self._blocks if block.tensor.type.rows]

    def _compute(self, scalar: Scalar) -> Tensor:
        """The value of a symbolic scalar in the graph, one number a row; equal ones are computed once."""
        waiting = [scalar]
        while waiting:
            at = waiting[-1]
            missing = [o for o in at.operands if o not in self._computed] if isinstance(at, Deferred) else []
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if at not in self._computed:
                self._computed[at] = self._applied(at) if isinstance(at, Deferred) else self._affine(at)
        return self._computed[scalar]

    def _applied(self, scalar: Deferred) -> Tensor:
        """An operation on operands that are computed already."""
        operands = [self._computed[operand] for operand in scalar.operands]
        key = (scalar.name, tuple(operand.value for operand in operands))
        if key not in self._known:
            if len(operands) == 2:
                self._known[key] = self.graph.binary(scalar.name, operands[0], operands[1])
            else:
                self._known[key] = self.graph.emit(scalar.name, *operands)
        return self._known[key]

    def _affine(self, scalar: int | float | Angle) -> Tensor:
        graph = self.graph
        if not isinstance(scalar, Angle):
            return graph.constant(float(scalar))
        total: Tensor | None = None
        for slot, coefficient in scalar.terms:
            term = self._element(slot)
            if coefficient != 1.0:
                term = graph.binary("mul", graph.constant(coefficient), term)
            total = term if total is None else graph.binary("add", total, term)
        if total is None:
            return graph.constant(scalar.constant)
        return graph.binary("add", total, graph.constant(scalar.constant)) if scalar.constant else total

    def _element(self, slot: int) -> Tensor:
        """The value behind one slot, as a scalar a row."""
        if slot not in self._elements:
            block = next(b for b in self._blocks if b.first <= slot < b.first + len(b.names))
            tensor = self.graph.real(block.tensor)
            if tensor.type.static:
                flat = self.graph.flat(tensor, tensor.type.rows)
                tensor = self.graph.emit("select", flat, axis=len(flat.type.rows), index=slot - block.first)
            self._elements[slot] = tensor
        return self._elements[slot]


def _renumbered(instruction: Instruction, order: dict[int, int]) -> Instruction:
    if not isinstance(instruction, Gate) or not instruction.angles:
        return instruction
    angles = tuple(Angle(a.constant, tuple(sorted((order[s], c) for s, c in a.terms))) for a in instruction.angles)
    return replace(instruction, angles=angles)
