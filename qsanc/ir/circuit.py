"""The circuit language of the IR: straight-line gates on integer wires, in a tree of segments, with results.

    CircuitModule ::= wires, slots (shared, then per item), segments (a tree), results
    Segment       ::= name, parent segment or none, instructions
    Instruction   ::= Gate(name, wires, angles) | Channel(kind, wires, strength)
    Angle         ::= constant + sum of coefficient * slot
    Result        ::= Expectation | Probabilities | Probability | Overlap | State

A segment starts from its parent's final state (a root from |0...0>). One *row* of an execution binds every slot to a
number: the shared slots are the same in all rows, the item slots differ. Rows are what a caller makes of them: the
tokens of a batch, its records, or a single one. `Overlap` alone is a function of two rows, so its rows are pairs.

Wire 0 is the most significant one: X on wire 0 of two prepares basis state 2, written `10`.
Nothing here knows matrices: that is the gate table's (`ir.gates`). What a legal module satisfies is said in
`ir.verify`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from qsanc.source import Span


@dataclass(frozen=True, slots=True)
class Angle:
    """`constant + sum(coefficient * slot)`, in radians. `terms` are sorted by slot, without zero coefficients."""

    constant: float = 0.0
    terms: tuple[tuple[int, float], ...] = ()

    @staticmethod
    def slot(index: int, coefficient: float = 1.0) -> Angle:
        return Angle(0.0, ((index, coefficient),) if coefficient else ())

    def __add__(self, other: Angle) -> Angle:
        merged = dict(self.terms)
        for index, coefficient in other.terms:
            merged[index] = merged.get(index, 0.0) + coefficient
        return Angle(self.constant + other.constant, tuple(sorted((i, c) for i, c in merged.items() if c)))

    def __neg__(self) -> Angle:
        return self.scaled(-1.0)

    def scaled(self, factor: float) -> Angle:
        return Angle(self.constant * factor, tuple((i, c * factor) for i, c in self.terms if c * factor))

    def shifted(self, delta: float) -> Angle:
        return Angle(self.constant + delta, self.terms)

    @property
    def is_constant(self) -> bool:
        return not self.terms


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate of the gate table on distinct wires. `span` is the line of source it came from, if any."""

    name: str
    wires: tuple[int, ...]
    angles: tuple[Angle, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Channel:
    """A noise channel by name, with its numbers; executed only by backends whose capabilities say so."""

    kind: str
    wires: tuple[int, ...]
    strength: tuple[float, ...]
    span: Span | None = field(default=None, compare=False, repr=False)


Instruction: TypeAlias = Gate | Channel


@dataclass(frozen=True, slots=True)
class Segment:
    """Instructions after those of `parent` (an index of an earlier segment), or after |0...0> where it is None."""

    name: str
    parent: int | None
    body: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Pauli:
    """A product of Paulis such as `X0 Z2`: (wire, letter) sorted by wire. Empty is the identity."""

    factors: tuple[tuple[int, str], ...] = ()

    @property
    def wires(self) -> tuple[int, ...]:
        return tuple(wire for wire, _ in self.factors)


@dataclass(frozen=True, slots=True)
class Observable:
    """A real sum of Pauli products; `terms` are (coefficient, product), each product once."""

    terms: tuple[tuple[float, Pauli], ...]

    @property
    def wires(self) -> tuple[int, ...]:
        return tuple(sorted({wire for _, pauli in self.terms for wire in pauli.wires}))


@dataclass(frozen=True, slots=True)
class Expectation:
    """<observable> in the final state of `segment`: one real number a row."""

    segment: int
    observable: Observable


@dataclass(frozen=True, slots=True)
class Probabilities:
    """The distribution over `wires` (first is most significant): 2^len(wires) numbers a row."""

    segment: int
    wires: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Probability:
    """The probability of reading basis state `index` on `wires`: one number a row."""

    segment: int
    wires: tuple[int, ...]
    index: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """Tr(rho_left rho_right) of two segments, both reduced to `wires`: one number a *pair* of rows.

    The left segment is bound to the pair's first row, the right one to its second. It is linear in each of the two
    states, so a shift rule is exact as long as one side is shifted at a time.
    """

    left: int
    right: int
    wires: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class State:
    """The state vector of `segment`, 2^wires complex numbers a row; for tests and `qsanc run`. Not differentiable."""

    segment: int


Result: TypeAlias = Expectation | Probabilities | Probability | Overlap | State


@dataclass(frozen=True, slots=True)
class Site:
    """One angle of one gate: where a shift is applied."""

    segment: int
    position: int
    angle: int


@dataclass(frozen=True, slots=True)
class CircuitModule:
    """A family of circuits that share prefixes, with everything that is read from them.

    Slots are numbered shared first: slot `k` is `shared[k]` for k < len(shared), else `items[k - len(shared)]`.
    `shared` and `items` hold the slots' names (`tq[0, 1]`), for people.
    """

    name: str
    wires: int
    shared: tuple[str, ...]
    items: tuple[str, ...]
    segments: tuple[Segment, ...]
    results: tuple[Result, ...]

    @property
    def slots(self) -> tuple[str, ...]:
        return self.shared + self.items

    def path(self, segment: int) -> tuple[int, ...]:
        """The segments from the root down to `segment`, itself included."""
        path: list[int] = []
        at: int | None = segment
        while at is not None:
            path.append(at)
            at = self.segments[at].parent
        return tuple(reversed(path))

    def sites(self) -> Iterator[Site]:
        """Every gate angle, constant ones included, in order of segment, position and angle.

        The place in this order is the *site index* that shifts refer to.
        """
        for s, segment in enumerate(self.segments):
            for p, instruction in enumerate(segment.body):
                if isinstance(instruction, Gate):
                    for a in range(len(instruction.angles)):
                        yield Site(s, p, a)

    def angle_at(self, site: Site) -> Angle:
        gate = self.segments[site.segment].body[site.position]
        assert isinstance(gate, Gate)
        return gate.angles[site.angle]
