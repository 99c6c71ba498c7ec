"""A plan: how a circuit module is executed on arrays, as an immutable value with a text form.

    Plan      ::= wires, nodes (a tree), kinds, angles, segments (each the node where it ends), tails
    Node      ::= parent, once | rows | shared, operations
    Operation ::= Product (of one-qubit states) | Block (a small matrix on few wires) | Gather (a permutation)
    Tail      ::= a shared leaf node that is read by expectations alone, with their observables

A state is an array [2^wires, column], float64 as long as all that made it is real and complex128 from there on. Up to
the first gate with an item slot there is one column (`once`); from there on there is one a row (`rows`). A stretch
without item slots behind that point is `shared` by all rows; how it is executed depends on the number of columns
(`costs`): gate by gate, as one matrix, or by its observables in the Heisenberg picture, which meet the state before it.

Neighbouring gates on one wire (or on one pair of wires) are one Block. Blocks made of the same factors are of one
*kind*: their matrices are computed together, for all places of the kind and all rows at once. A matrix M is kept by the
bits x that its entries flip: X[x, a] = M[a, a ^ x], so that it is applied in as many products as there are such x.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from qsanc.ir.gatedef import Generator
from qsanc_numpy.arrays import Complex, Floats, Index, Ints, Numbers
from qsanc_numpy.permutations import Gather

ROOT = 0
"""The node of |0...0>, which has no operations."""


@dataclass(frozen=True, slots=True, eq=False)
class Wiring:
    """Where the basis states of a few wires lie in a state [2^register, ...].

    Reshaped to `shape` (whose first length is left open, so that states can be stacked) a state has one axis for each
    of the wires; `flips[x]` indexes that view so that the wires marked in x are flipped. Wire `wires[0]` is the most
    significant bit of x.
    """

    wires: tuple[int, ...]
    shape: tuple[int, ...]
    flips: tuple[Index, ...]
    order: tuple[int, ...]
    """The wires' axes of an array [2, 2, ...], sorted as they lie in a state."""
    narrow: tuple[int, ...]
    """The shape of such an array, to meet the view by broadcasting."""

    @staticmethod
    def of(wires: tuple[int, ...], register: int) -> Wiring:
        ordered = sorted(wires)
        edges = [-1, *ordered, register]
        shape: list[int] = []
        for left, right in pairwise(edges):
            shape += [1 << (right - left - 1), 2]
        shape.pop()
        axis = {wire: 2 * place + 1 for place, wire in enumerate(ordered)}
        flips = []
        for x in range(1 << len(wires)):
            at = [slice(None)] * len(shape)
            for j, wire in enumerate(wires):
                if (x >> (len(wires) - 1 - j)) & 1:
                    at[axis[wire]] = slice(None, None, -1)
            flips.append(tuple(at))
        narrow = tuple(2 if k % 2 else 1 for k in range(len(shape)))
        return Wiring(wires, (-1, *shape[1:]), tuple(flips), tuple(wires.index(w) for w in ordered), narrow)

    def meet(self, entries: Numbers, axes: int) -> Numbers:
        """Numbers [2^wires, ...] that meet the view of a state with so many further axes by broadcasting."""
        rest = entries.shape[1:] + (1,) * (axes + 1 - entries.ndim)
        entries = entries.reshape(len(entries), *rest)
        if len(self.wires) > 1 and self.order != tuple(range(len(self.order))):
            many = entries.reshape((2,) * len(self.wires) + rest)
            entries = many.transpose(*self.order, *range(len(self.wires), many.ndim))
        return entries.reshape(self.narrow + rest)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The matrix at `place` of `kind` on `wiring`; `flips` are the x with entries that can differ from zero.

    In a `Lockstep`, `place` is an array: one place for each member, `Kind.count` standing for the identity.
    """

    wiring: Wiring
    flips: tuple[int, ...]
    kind: int
    place: int | Ints


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """From |0...0>: the product of one-qubit states, each made by the first block on its wire; None: it stays |0>."""

    blocks: tuple[Block | None, ...]


Operation: TypeAlias = Product | Block | Gather


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Blocks that are products of the same `factors`, in the order of time: fixed matrices, and exponentials of sites.

    `sites` is int64[place, exponential]: the site whose angle each exponential takes, in the order of the generators
    among the factors. `per_row`: some angle has an item slot. `real`: the matrices are. `names` are the gates, for
    people.
    """

    names: tuple[str, ...]
    dimension: int
    factors: tuple[Generator | Complex, ...]
    sites: Ints
    per_row: bool
    real: bool

    @property
    def count(self) -> int:
        return int(self.sites.shape[0])

    @property
    def trained(self) -> bool:
        return bool(self.sites.shape[1])


@dataclass(frozen=True, eq=False)
class Affine:
    """Angles of sites as affine forms of slots: angle[site[t]] has coefficient[t] * value[slot[t]] added for each t.

    `direct`: each site has one term with coefficient 1, sites in order, so that angles are the values of some slots.
    """

    constant: Floats
    site: Ints
    slot: Ints
    coefficient: Floats

    @cached_property
    def direct(self) -> bool:
        return bool(
            len(self.site) == len(self.constant)
            and np.array_equal(self.site, np.arange(len(self.site)))
            and np.all(self.coefficient == 1)
        )

    @cached_property
    def distinct(self) -> bool:
        """Whether no slot has two terms."""
        return len(np.unique(self.slot)) == len(self.slot)

    def evaluate(self, values: Floats) -> Floats:
        """Angles float64[site, ...] of slot values float64[slot, ...]."""
        constant = self.constant.reshape(-1, *(1,) * (values.ndim - 1))
        if self.direct:
            return values[self.slot] + constant
        angles = np.empty((len(self.constant), *values.shape[1:]))
        angles[...] = constant
        np.add.at(angles, self.site, self._scaled(values[self.slot]))
        return angles

    def transpose(self, angles: Floats, slots: int) -> Floats:
        """Derivatives by slots, float64[slot, ...], of derivatives by angles."""
        values = np.zeros((slots, *angles.shape[1:]))
        if self.distinct:
            values[self.slot] = self._scaled(angles[self.site])
        else:
            np.add.at(values, self.slot, self._scaled(angles[self.site]))
        return values

    def _scaled(self, values: Floats) -> Floats:
        return values * self.coefficient.reshape(-1, *(1,) * (values.ndim - 1))


class Stage(Enum):
    ONCE = "once"
    ROWS = "rows"
    SHARED = "shared"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """Operations of one stage after those of `parent` (None: the root). `real` and `per_row` are said of its state;
    `name` is that of the segment it comes from."""

    name: str
    parent: int | None
    stage: Stage
    operations: tuple[Operation, ...]
    real: bool
    per_row: bool


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """A shared leaf that is read by expectations alone: results by number, with their observables as dense matrices
    complex128[result, 2^wires, 2^wires], and the place of each result among the expectations of its segment."""

    node: int
    results: tuple[int, ...]
    observables: Complex


@dataclass(frozen=True, slots=True, eq=False)
class Lockstep:
    """Tails behind one node, executed side by side: one sequence of operations, whose blocks have a place for each."""

    parent: int
    tails: tuple[Tail, ...]
    operations: tuple[Operation, ...]

    @property
    def results(self) -> tuple[int, ...]:
        return tuple(k for tail in self.tails for k in tail.results)


@dataclass(frozen=True, slots=True, eq=False)
class Home:
    """Where a site ended up: in which operation, as which exponential of that block; in a product, on which wire."""

    node: int
    operation: int
    exponential: int
    wire: int = -1


@dataclass(frozen=True, eq=False)
class Plan:
    """`shared` gives the part of every site's angle that is the same in all rows, `items` the rest: its site number is
    a place in `item_sites`, the sites that have item slots. `item_place[site]` is that place, or -1. `ends[segment]` is
    the node where a segment ends; `groups` are tails that can be read by observables, each node in at most one."""

    wires: int
    nodes: tuple[Node, ...]
    ends: tuple[int, ...]
    groups: tuple[Lockstep, ...]
    kinds: tuple[Kind, ...]
    shared: Affine
    items: Affine
    item_sites: Ints
    item_place: Ints
    homes: tuple[Home, ...]

    @cached_property
    def group_of(self) -> dict[int, int]:
        """The group of each tail, by node."""
        return {tail.node: at for at, group in enumerate(self.groups) for tail in group.tails}
