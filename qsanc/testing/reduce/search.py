"""The search that all reductions share: try smaller ones in a fixed order, keep those that still fail.

An edit is a generator: it yields a smaller thing, is told whether that was taken, and goes on from what it has then.
So an edit that walks over a circuit goes on where it is and does not begin again after each success.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Part = TypeVar("Part")

Steps: TypeAlias = Generator[T, bool, None]
"""Yields what to try and is sent whether it was taken."""

Edit: TypeAlias = Callable[[T], Steps[T]]


def reduced(start: T, edits: Sequence[Edit[T]], accepts: Callable[[T, T], bool], *, seconds: float) -> T:
    """`start` after all edits, in rounds until a round changes nothing or the time is over.

    `accepts(now, candidate)` says whether the candidate is smaller than what there is now and still fails. The clock
    decides only when to stop; what is tried, and in which order, follows from `start`.
    """
    until = time.monotonic() + seconds
    now, changed = start, True
    while changed:
        changed = False
        for edit in edits:
            steps = edit(now)
            taken: bool | None = None
            while True:
                if time.monotonic() >= until:
                    return now
                try:
                    candidate = next(steps) if taken is None else steps.send(taken)
                except StopIteration:
                    break
                taken = accepts(now, candidate)
                if taken:
                    now, changed = candidate, True
    return now


def fewer(parts: Sequence[Part], rebuilt: Callable[[list[Part]], T]) -> Steps[T]:
    """Windows of `parts` left out, from all of them down to single ones, each size from the end to the beginning.

    `rebuilt` makes the thing of the parts that remain. The end first, since what comes later depends on what was
    earlier.
    """
    left = list(parts)
    size = len(left)
    while size:
        end = len(left)
        while end > 0:
            begin = max(0, end - size)
            without = left[:begin] + left[end:]
            if (yield rebuilt(without)):
                left = without
            end = begin
        size = min(size // 2, len(left))
