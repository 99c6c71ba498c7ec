"""Backends by name: found by the entry-point group `qsanc.backends`, imported only when asked for.

A name is `ENTRY` or `ENTRY:TARGET`: `numpy`, `braket:sv`. The object that makes a backend may have `targets`, a mapping
from what can stand behind the colon to a few words about it. What can go wrong is told apart: no such entry (QS810),
two distributions that offer the same one (QS811), or an entry whose import lacks a dependency (QS812).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from qsanc.check.nearest import nearest
from qsanc.diagnostics import CompilerBug, Diagnostic, Note, QsanError, Severity
from qsanc.target import Backend

GROUP = "qsanc.backends"


@dataclass(frozen=True, slots=True)
class Offer:
    """A backend that is installed: its entry name, the object that makes it, and the distribution it comes from."""

    entry: str
    object: str
    distribution: str
    version: str


def available() -> tuple[Offer, ...]:
    """All offers, sorted by entry. Nothing is imported, so one that lacks a dependency is among them."""
    return tuple(sorted((_offer(point) for point in _points()), key=lambda offer: (offer.entry, offer.distribution)))


def load(name: str) -> Backend:
    """The backend called `ENTRY[:TARGET]`. Raises QsanError with QS810, QS811 or QS812."""
    entry, _, target = name.partition(":")
    point = choose(entry, _points())
    backend = _maker(point)(target or None)
    if not _is_backend(backend):
        raise CompilerBug(f"{point.value}, the backend `{entry}`, is not a Backend")
    loaded: Backend = backend
    return loaded


def targets(entry: str) -> Mapping[str, str]:
    """What can stand behind the colon, with a few words about each, as far as the backend says. Raises as `load`."""
    found: Mapping[str, str] = getattr(_maker(choose(entry, _points())), "targets", {})
    return found


def choose(entry: str, points: Iterable[EntryPoint]) -> EntryPoint:
    """The one entry point of that name. Raises QsanError with QS810 or QS811."""
    points = tuple(points)
    found = [point for point in points if point.name == entry]
    if not found:
        known = sorted({point.name for point in points})
        meant = nearest(entry, known)
        raise QsanError(
            [
                Diagnostic(
                    "QS810",
                    Severity.ERROR,
                    f"there is no backend `{entry}`",
                    expected=f"one of {', '.join(known)}" if known else "a backend, but none is installed",
                    help=f"did you mean `{meant}`?" if meant else "",
                )
            ]
        )
    if len(found) > 1:
        raise QsanError(
            [
                Diagnostic(
                    "QS811",
                    Severity.ERROR,
                    f"the backend `{entry}` is offered {len(found)} times",
                    notes=tuple(Note(f"by {offer.distribution} {offer.version}") for offer in map(_offer, found)),
                    help="uninstall all but one of these",
                )
            ]
        )
    return found[0]


def _maker(point: EntryPoint) -> Any:
    try:
        return point.load()
    except ImportError as error:
        raise QsanError([_missing(point, error)]) from error


def _points() -> tuple[EntryPoint, ...]:
    """The entry points of the group, each once: a checkout can be on the path twice."""
    unique = {(point.name, point.value, _offer(point).distribution): point for point in entry_points(group=GROUP)}
    return tuple(unique.values())


def _offer(point: EntryPoint) -> Offer:
    distribution = point.dist
    return Offer(
        point.name,
        point.value,
        distribution.metadata["Name"] if distribution else "an unknown distribution",
        distribution.version if distribution else "",
    )


def _missing(point: EntryPoint, error: ImportError) -> Diagnostic:
    offer = _offer(point)
    extras = set(point.dist.metadata.get_all("Provides-Extra") or ()) if point.dist else set()
    wanted = f"{offer.distribution}[{point.name}]" if point.name in extras else error.name or offer.distribution
    return Diagnostic(
        "QS812",
        Severity.ERROR,
        f"the backend `{point.name}` needs something that is not installed: {error}",
        help=f"pip install '{wanted}'",
    )


def _is_backend(candidate: object) -> bool:
    return all(hasattr(candidate, name) for name in ("capabilities", "check", "lower"))
