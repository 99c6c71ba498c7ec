"""A plan: how a circuit module is executed on arrays, as an immutable value with a text form.

    Plan      ::= wires, kinds, angles, segments
    Segment   ::= name, parent, steps
    Step      ::= once | rows | shared, operations
    Operation ::= Block (a small matrix on a few wires) | Gather (a permutation of the basis states, with phases)

A state is an array complex128[2^wires, column]. Up to the first gate with an item slot there is one column (`once`);
from there on there is one a row. A stretch of gates without item slots behind that point is `shared`: from
`matrix_from` columns on it is made one matrix, by running it on the basis states, and applied by one product.

Neighbouring gates on one wire (or on one tuple of wires) are one Block. Blocks made of the same factors are of one
*kind*: their matrices are computed together, for all places of the kind and all rows at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qsanc.ir.gatedef import Generator

Complex: TypeAlias = NDArray[np.complex128]
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Index: TypeAlias = tuple[slice | int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Wiring:
    """Where the basis states of a few wires lie in a state.

    A state reshaped to `shape + (column,)` and indexed by `index[a]` holds the amplitudes where those wires read `a`.
    """

    wires: tuple[int, ...]
    shape: tuple[int, ...]
    index: tuple[Index, ...]

    @staticmethod
    def of(wires: tuple[int, ...], register: int) -> Wiring:
        order = sorted(wires)
        edges = [-1, *order, register]
        shape: list[int] = []
        for left, right in pairwise(edges):
            shape += [1 << (right - left - 1), 2]
        shape.pop()
        axis = {wire: 2 * place + 1 for place, wire in enumerate(order)}
        index = []
        for a in range(1 << len(wires)):
            at: list[slice | int] = [slice(None)] * len(shape)
            for j, wire in enumerate(wires):
                at[axis[wire]] = (a >> (len(wires) - 1 - j)) & 1
            index.append(tuple(at))
        return Wiring(wires, tuple(shape), tuple(index))


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The matrix at `place` of `kind` on `wiring`. `entries[a]` are the columns of row a that can differ from zero;
    it is empty where row and column a are those of the identity."""

    wiring: Wiring
    entries: tuple[tuple[int, ...], ...]
    kind: int
    place: int


@dataclass(frozen=True, slots=True, eq=False)
class Gather:
    """new[i] = phases[i] * old[source[i]]; `inverse` undoes `source`; `phases` None where all are 1."""

    wires: tuple[int, ...]
    source: Ints
    inverse: Ints
    phases: Complex | None
    names: tuple[str, ...]


Operation: TypeAlias = Block | Gather


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Blocks that are products of the same `factors`, in the order of time: fixed matrices, and exponentials of sites.

    `sites` is int64[place, exponential]: the site whose angle each exponential takes, in the order of the generators
    among the factors. `per_row`: some angle has an item slot. `names` are the gates, for people.
    """

    names: tuple[str, ...]
    dimension: int
    factors: tuple[Generator | Complex, ...]
    sites: Ints
    per_row: bool

    @property
    def count(self) -> int:
        return int(self.sites.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """Angles of sites as affine forms of slots: angle[site[t]] has coefficient[t] * value[slot[t]] added for each t."""

    constant: Floats
    site: Ints
    slot: Ints
    coefficient: Floats

    def evaluate(self, values: Floats) -> Floats:
        """Angles float64[site, ...] of slot values float64[slot, ...]."""
        angles = np.empty((len(self.constant), *values.shape[1:]))
        angles[...] = self.constant.reshape(-1, *(1,) * (values.ndim - 1))
        np.add.at(angles, self.site, self._scaled(values[self.slot]))
        return angles

    def transpose(self, angles: Floats, slots: int) -> Floats:
        """Derivatives by slots, float64[slot, ...], of derivatives by angles."""
        values = np.zeros((slots, *angles.shape[1:]))
        np.add.at(values, self.slot, self._scaled(angles[self.site]))
        return values

    def _scaled(self, values: Floats) -> Floats:
        return values * self.coefficient.reshape(-1, *(1,) * (values.ndim - 1))


class Stage(Enum):
    ONCE = "once"
    ROWS = "rows"
    SHARED = "shared"


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Operations of one stage. `matrix_from`: the columns from which a shared stretch pays as one matrix, if ever."""

    stage: Stage
    operations: tuple[Operation, ...]
    matrix_from: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SegmentPlan:
    name: str
    parent: int | None
    steps: tuple[Step, ...]
    per_row: bool
    """Whether the final state has a column a row, rather than one."""


@dataclass(frozen=True, slots=True, eq=False)
class Home:
    """Where a site ended up: in which operation, and as which exponential of that block."""

    segment: int
    step: int
    operation: int
    exponential: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """`shared` gives the part of every site's angle that is the same in all rows, `items` the rest: its site number is
    a place in `item_sites`, the sites that have item slots. `item_place[site]` is that place, or -1."""

    wires: int
    segments: tuple[SegmentPlan, ...]
    kinds: tuple[Kind, ...]
    shared: Affine
    items: Affine
    item_sites: Ints
    item_place: Ints
    homes: tuple[Home, ...]

    def __str__(self) -> str:
        lines = [f"numpy plan: {self.wires} wires, states complex128[{1 << self.wires}, column]"]
        for segment in self.segments:
            start = "|0...0>" if segment.parent is None else f"the state of {self.segments[segment.parent].name}"
            columns = "a column a row" if segment.per_row else "one column"
            lines.append(f"segment {segment.name}: from {start}, ends with {columns}")
            lines.extend(f"  {self._line(step)}" for step in segment.steps)
        return "\n".join(lines) + "\n"

    def _line(self, step: Step) -> str:
        operations = " ".join(self._name(operation) for operation in step.operations)
        if step.stage is not Stage.SHARED:
            return f"{step.stage.value:<6} {operations}"
        when = f"one matrix from {step.matrix_from} columns on" if step.matrix_from else "gate by gate"
        return f"{step.stage.value:<6} {operations}  ({when})"

    def _name(self, operation: Operation) -> str:
        if isinstance(operation, Gather):
            return f"permute[{'; '.join(operation.names)}]"
        names = ".".join(self.kinds[operation.kind].names)
        return f"{names}({', '.join(map(str, operation.wiring.wires))})"
