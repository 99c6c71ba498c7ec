"""What executes a plan: NumPy (`execute`, `adjoint`) or compiled kernels (`compiled`), said alike.

Shared    what all rows share at one set of values
Rows      a chunk of rows, run forward; its states are the engine's own, arrays or something of its making
Sweep     the reverse sweep over all chunks
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from qsanc_numpy.arrays import Floats, Numbers
from qsanc_numpy.measure import Readout

Kept: TypeAlias = Any
"""The states of a node, [2^wires, column], as an engine keeps them."""


class SharedValues(Protocol):
    def by_observables(self, group: int) -> bool:
        """Whether a group of tails is read by its observables."""
        ...


class Rows(Protocol):
    def states(self, wanted: frozenset[int]) -> Mapping[int, Kept]:
        """The states of the wanted nodes and of all those they start from."""
        ...

    def visit(self, wanted: frozenset[int], read: Callable[[int, Kept], None]) -> None:
        """Calls `read` with each wanted node and its states, which may be let go behind it."""
        ...

    def observe(self, group: int, state: Kept) -> Floats:
        """The results of tails read by observables, float64[result, column], on the state before them."""
        ...

    def read(self, readout: Readout, state: Kept, wanted: frozenset[int]) -> Mapping[int, Numbers]:
        """The wanted results of a segment at its end, [column, ...] each."""
        ...

    def read_back(self, readout: Readout, state: Kept, cotangents: Mapping[int, Floats]) -> Numbers | None:
        """d/d conj(state) of the sum over results of <cotangent, value>."""
        ...

    def forgotten(self, states: Mapping[int, Kept]) -> Mapping[int, Kept]:
        """The same states, found again when they are asked for, where the engine can do that."""
        ...

    def numbers(self, state: Kept) -> Numbers:
        """States as one array."""
        ...


class Sweep(Protocol):
    def add(
        self,
        run: Any,
        states: Any,
        costates: Sequence[tuple[int, Callable[[], Kept]]],
        observed: Mapping[int, Floats],
    ) -> Floats:
        """Derivatives by the angles with item slots, float64[item site, row], of one chunk.

        `costates` find parts of d/d conj(state) of the scalar, each with its node, and are called once, when they are
        needed; `observed` are the cotangents float64[result, column] of the results of groups.
        """
        ...

    def finish(self) -> Floats:
        """Derivatives by the shared part of the angles, float64[site]."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """`shared` starts one from values float64[shared slot] and the number of columns there will be, `run` takes rows
    float64[row, item slot], `sweep` begins the way back."""

    shared: Callable[[Floats, int], SharedValues]
    run: Callable[[Any, Floats], Any]
    sweep: Callable[[Any], Sweep]
