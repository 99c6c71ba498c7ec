"""Executions that can be watched piece by piece: where the time of a request goes, and how much work that was.

An executable that is `Profiled` carries a request out by the components that it always uses, one after the other, and
says to a `Watch` when each begins and ends. The results are those of any other execution. One that is not is watched
as a whole.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from qsanc.source import Span
from qsanc.target.protocol import Context, Pullback, Request, Results

Phase = Literal["forward", "backward", "step"]
"""On the way to the values, on the way back, or neither."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an execution, known by `phase` and `name` (`node 2 (query)`).

    `how` is the strategy it is executed by, `spans` the places of the source it comes from. `threads` is how many
    threads its products may use.
    """

    phase: Phase
    name: str
    how: str = field(default="", compare=False)
    spans: tuple[Span, ...] = field(default=(), compare=False)
    threads: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Work:
    """Counted, not measured: `flops` real additions and multiplications, `bytes` that have to be read or written once.

    `states` are the bytes of the states that it leaves in memory. `reach` are the bytes that its largest operation
    touches, which say what memory they can lie in.
    """

    flops: float = 0.0
    bytes: float = 0.0
    states: int = 0
    reach: float = 0.0

    def __add__(self, other: Work) -> Work:
        """Both, one after the other."""
        return Work(
            self.flops + other.flops,
            self.bytes + other.bytes,
            self.states + other.states,
            max(self.reach, other.reach),
        )


class Watch(Protocol):
    """Is told what runs. Parts may stand within parts: the time of the inner one is not that of the outer."""

    @property
    def counting(self) -> bool:
        """Whether work is to be counted this time; it is the same every time."""
        ...

    def time(self, part: Part) -> AbstractContextManager[object]:
        """The time inside is that of this part. Times of equal parts add up."""
        ...

    def count(self, part: Part, work: Work) -> None:
        """This work was done in the part. Works of equal parts add up."""
        ...


@runtime_checkable
class Profiled(Protocol):
    """An executable that can be watched."""

    def profile(self, request: Request, context: Context, watch: Watch) -> tuple[Results, Pullback]:
        """The results of an exact request without shifts, and the way back, both on the watch."""
        ...

    def profile_shifts(self, request: Request, context: Context, watch: Watch) -> Results:
        """The results of an exact request at shifts, on the watch."""
        ...
