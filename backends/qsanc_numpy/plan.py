"""A plan: how a circuit module is executed on arrays, as an immutable value with a text form.

    Plan      ::= wires, nodes (a tree), kinds, angles, segments (each the node where it ends), tails
    Node      ::= parent, once | rows | shared, operations
    Operation ::= Product (of one-qubit states) | Block (a small matrix on few wires) | Gather (a permutation)
    Step      ::= one operation, or a Group of them: one-qubit blocks on neighbouring wires as one Kronecker product
    Tail      ::= a shared leaf node that is read by expectations alone, with their observables

A state is an array [2^wires, column], float64 as long as all that made it is real and complex128 from there on. Up to
the first gate with an item slot there is one column (`once`); from there on there is one a row (`rows`). A stretch
without item slots behind that point is `shared` by all rows; how it is executed depends on the number of columns
(`costs`): gate by gate, as one matrix, or by its observables in the Heisenberg picture, which meet the state before it.

Neighbouring gates on one wire (or on one pair of wires) are one Block. Blocks made of the same factors are of one
*kind*: their matrices are computed together, for all places of the kind and all rows at once. A matrix M is kept by the
bits x that its entries flip: X[x, a] = M[a, a ^ x], so that it is applied in as many products as there are such x.
One-qubit blocks that all rows share are executed in groups, whose Kronecker product is one matrix product.
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
from qsanc_numpy.expansions import Expansion
from qsanc_numpy.permutations import Gather

ROOT = 0
"""The node of |0...0>, which has no operations."""


@dataclass(frozen=True, slots=True, eq=False)
class Wiring:
    """Where the basis states of a few wires lie in a state [..., 2^register, column].

    With the axis of the basis states reshaped to `shape` a state has one axis for each of the wires; `flips[x]` indexes
    that view so that the wires marked in x are flipped. Wire `wires[0]` is the most significant bit of x.
    """

    wires: tuple[int, ...]
    shape: tuple[int, ...]
    flips: tuple[Index, ...]
    order: tuple[int, ...] | None
    """The wires' axes of an array [2, 2, ...] as they lie in a state, and the column; None: as they are."""
    narrow: tuple[int, ...]
    """The shape of such an array, to meet the view by broadcasting."""
    axes: tuple[int, ...]
    """The axis of the view of each wire."""

    @staticmethod
    def of(wires: tuple[int, ...], register: int) -> Wiring:
        ordered = sorted(wires)
        edges = [-1, *ordered, register]
        shape: list[int] = []
        for left, right in pairwise(edges):
            shape += [1 << (right - left - 1), 2]
        shape.pop()
        axis = {wire: 2 * place + 1 for place, wire in enumerate(ordered)}
        flips: list[Index] = []
        for x in range(1 << len(wires)):
            at = [slice(None)] * (len(shape) + 1)
            for j, wire in enumerate(wires):
                if (x >> (len(wires) - 1 - j)) & 1:
                    at[axis[wire]] = slice(None, None, -1)
            flips.append((..., *at))
        narrow = tuple(2 if k % 2 else 1 for k in range(len(shape)))
        order = None if ordered == list(wires) else (*(wires.index(w) for w in ordered), len(wires))
        axes = tuple(axis[wire] for wire in wires)
        return Wiring(wires, tuple(shape), tuple(flips), order, narrow, axes)

    def view(self, state: Numbers) -> Numbers:
        lead, columns = state.shape[:-2], state.shape[-1]
        return state.reshape(*lead, *self.shape, columns)

    def meet(self, entries: Numbers) -> Numbers:
        """Numbers [..., 2^wires, column] that meet the view of a state by broadcasting."""
        lead, columns = entries.shape[:-2], entries.shape[-1]
        if self.order is not None:
            many = entries.reshape(*lead, *(2,) * len(self.wires), columns)
            entries = many.transpose(*range(len(lead)), *(len(lead) + axis for axis in self.order))
        return entries.reshape(*lead, *self.narrow, columns)


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
class Group:
    """One-qubit blocks without item slots on neighbouring wires, in their order, as one matrix: a Kronecker product.

    A state is seen as [..., left, 2^len(blocks), right * column]: the wires before, these, and those behind.
    """

    blocks: tuple[Block, ...]
    left: int
    right: int
    parts: tuple[Part, ...]

    @property
    def dimension(self) -> int:
        return 1 << len(self.blocks)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The blocks of a group that are of one kind: which of them, and their places int64[block], or int64[member, block]
    in a `Lockstep`."""

    kind: int
    blocks: Ints
    places: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What is executed at once: some operations of a node, given by number."""

    does: Operation | Group
    operations: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Blocks that are products of the same `factors`, in the order of time: fixed matrices, and exponentials of sites.

    `expansion` gives their matrices. `sites` is int64[place, exponential]: the site whose angle each exponential
    takes, in the order of the generators among the factors. `per_row`: some angle has an item slot. `real`: the
    matrices are. `names` are the gates, for people.
    """

    names: tuple[str, ...]
    dimension: int
    factors: tuple[Generator | Complex, ...]
    expansion: Expansion
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
        return bool(np.all(np.bincount(self.slot) <= 1))

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
    `name` is that of the segment it comes from. `steps` are the same operations as they are executed."""

    name: str
    parent: int | None
    stage: Stage
    operations: tuple[Operation, ...]
    steps: tuple[Step, ...]
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
    steps: tuple[Step, ...]
    results: tuple[int, ...]
    """Those of all tails, one after the other."""


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
    def node_of(self) -> Ints:
        """The node of each site."""
        return np.array([home.node for home in self.homes], np.int64)

    @cached_property
    def operation_of(self) -> Ints:
        """The operation of each site, in its node."""
        return np.array([home.operation for home in self.homes], np.int64)

    @cached_property
    def exponential_of(self) -> Ints:
        """Which exponential of its block each site is the angle of."""
        return np.array([home.exponential for home in self.homes], np.int64)

    @cached_property
    def order(self) -> Ints:
        """Each site's block, numbered in the order of execution."""
        steps = [{k: at for at, step in enumerate(node.steps) for k in step.operations} for node in self.nodes]
        keys = [(home.node, steps[home.node][home.operation], home.operation, home.wire) for home in self.homes]
        rank = {key: number for number, key in enumerate(sorted(set(keys)))}
        return np.array([rank[key] for key in keys], np.int64)
