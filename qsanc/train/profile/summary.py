"""A profile in groups of rows, for people: what takes little time is taken together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from qsanc.source import Span
from qsanc.target.profile import Phase, Work
from qsanc.train.profile.steps import Profile
from qsanc.train.profile.watch import Timed


@dataclass(frozen=True, slots=True)
class Row:
    """One part of at least the share asked for, or several that take less (`merged` of them)."""

    name: str
    lines: str
    seconds: float
    work: Work | None
    reached: float | None
    merged: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one section and phase, in the order in which they run."""

    section: str
    phase: Phase
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        return self.section if self.phase == "step" else f"{self.section}, {self.phase}"

    @property
    def seconds(self) -> float:
        return sum(row.seconds for row in self.rows)


def groups(profile: Profile, least: float = 0.01) -> tuple[Group, ...]:
    """All groups; parts whose share is below `least` are one row at the end of theirs."""
    keys = dict.fromkeys((timed.section, timed.part.phase) for timed in profile.parts)
    found = []
    for section, phase in keys:
        mine = [t for t in profile.parts if (t.section, t.part.phase) == (section, phase)]
        large = [timed for timed in mine if profile.share(timed.seconds) >= least]
        small = [timed for timed in mine if profile.share(timed.seconds) < least]
        if len(small) == 1:
            large, small = mine, []
        rows = [_row(profile, timed) for timed in large]
        found.append(Group(section, phase, (*rows, *_together(small, bool(large)))))
    return tuple(found)


def lines(spans: Iterable[Span]) -> str:
    """The lines where spans begin, by file: `m.qsan:9-10,12`."""
    places: dict[str, set[int]] = {}
    for span in spans:
        places.setdefault(span.source.name, set()).add(span.source.position(span.start)[0])
    return " ".join(f"{PurePath(file).name}:{','.join(_runs(sorted(found)))}" for file, found in places.items())


def _runs(numbers: Sequence[int]) -> Iterator[str]:
    """Neighbouring numbers as one stretch."""
    start = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] != numbers[at - 1] + 1:
            first, last = numbers[start], numbers[at - 1]
            yield str(first) if first == last else f"{first}-{last}"
            start = at


def _row(profile: Profile, timed: Timed) -> Row:
    part = timed.part
    name = f"{part.name}: {part.how}" if part.how else part.name
    return Row(name, lines(part.spans), timed.seconds, timed.work, profile.reached(timed))


def _together(small: Sequence[Timed], beside: bool) -> Iterator[Row]:
    if not small:
        return
    name = f"{len(small)} {'others' if beside else 'parts'}"
    yield Row(name, "", sum(timed.seconds for timed in small), None, None, len(small))
