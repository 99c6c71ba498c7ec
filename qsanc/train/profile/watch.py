"""The watch: seconds by section and part, of one step after another.

Other processes interrupt a step now and then, for longer than it takes. So times are medians over the fastest twentieth
of the repetitions, of undisturbed steps as of those on the watch: over what nothing interrupted, if there was any such
step. Over these parts add up; medians over all steps would not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from qsanc.target.profile import Part, Work

Clock = Callable[[], float]
"""Seconds since some moment."""

Key = tuple[str, Part]
"""A part, and the section of the step that it stands in: a circuit, the model graph, the trainer."""


def quiet(seconds: Sequence[float]) -> list[int]:
    """Which of the repetitions are the fastest twentieth, three at least."""
    order = sorted(range(len(seconds)), key=seconds.__getitem__)
    return order[: max(3, len(seconds) // 20)]


def typical(seconds: Sequence[float]) -> float:
    """The median of the fastest twentieth."""
    return median(seconds[k] for k in quiet(seconds))


@dataclass(frozen=True, slots=True)
class Timed:
    """A part of a step: its seconds, and its counted work, None where there is no count."""

    section: str
    part: Part
    seconds: float
    work: Work | None


class Stopwatch:
    """Times parts by a stack, so that what runs inside another part is not counted twice."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self._clock = clock
        self._inner: list[float] = []
        self._now: dict[Key, float] = {}
        self._steps: list[Mapping[Key, float]] = []
        self._works: dict[Key, Work] = {}
        self.counting = False

    def section(self, name: str) -> Section:
        return Section(self, name)

    @contextmanager
    def step(self, *, counting: bool = False) -> Iterator[None]:
        """One repetition. The one that counts work is not timed."""
        self.counting, self._now = counting, {}
        yield
        if not counting:
            self._steps.append(self._now)
        self.counting = False

    def enter(self, key: Key) -> float:
        self._now.setdefault(key, 0.0)
        self._inner.append(0.0)
        return self._clock()

    def leave(self, began: float, key: Key) -> None:
        elapsed = self._clock() - began
        inside = self._inner.pop()
        self._now[key] += elapsed - inside
        if self._inner:
            self._inner[-1] += elapsed

    def count(self, key: Key, work: Work) -> None:
        if self.counting:
            self._works[key] = self._works.get(key, Work()) + work

    def parts(self) -> Sequence[Timed]:
        """In the order in which they began."""
        chosen = quiet([sum(step.values()) for step in self._steps])
        steps = [self._steps[k] for k in chosen]
        keys = dict.fromkeys(key for step in steps for key in step)
        return tuple(
            Timed(key[0], key[1], median(step.get(key, 0.0) for step in steps), self._works.get(key)) for key in keys
        )


class Section:
    """The watch of one section, as executions see it."""

    def __init__(self, watch: Stopwatch, name: str) -> None:
        self.watch, self.name = watch, name

    @property
    def counting(self) -> bool:
        return self.watch.counting

    def time(self, part: Part) -> Lap:
        return Lap(self.watch, (self.name, part))

    def count(self, part: Part, work: Work) -> None:
        self.watch.count((self.name, part), work)


class Lap:
    """From where a part begins to where it ends."""

    __slots__ = ("_began", "_key", "_watch")

    def __init__(self, watch: Stopwatch, key: Key) -> None:
        self._watch, self._key = watch, key

    def __enter__(self) -> None:
        self._began = self._watch.enter(self._key)

    def __exit__(self, *_: object) -> None:
        self._watch.leave(self._began, self._key)
