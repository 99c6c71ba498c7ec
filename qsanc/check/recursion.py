"""Items that use themselves: templates cannot recurse, and constants cannot be made of each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from qsanc.source import Span


def cycles(uses: Mapping[str, Mapping[str, Span]]) -> Iterator[tuple[list[str], Span]]:
    """The chains of names that end where they began, each with the use that closes it; every item is followed once."""
    finished: set[str] = set()
    for start in uses:
        if start not in finished:
            yield from _from(start, uses, finished)


def _from(name: str, uses: Mapping[str, Mapping[str, Span]], finished: set[str]) -> Iterator[tuple[list[str], Span]]:
    """Depth first, on a stack of our own: a chain may be longer than Python's calls may nest."""
    stack: list[tuple[str, list[tuple[str, Span]]]] = [(name, list(uses[name].items()))]
    path = [name]
    while stack:
        current, left = stack[-1]
        if not left:
            stack.pop()
            path.pop()
            finished.add(current)
            continue
        target, span = left.pop(0)
        if target in path:
            yield [*path[path.index(target) :], target], span
        elif target not in finished and target in uses:
            stack.append((target, list(uses[target].items())))
            path.append(target)
