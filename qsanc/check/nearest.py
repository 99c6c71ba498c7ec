"""The known name that someone probably meant."""

from __future__ import annotations

from collections.abc import Iterable


def distance(a: str, b: str) -> int:
    """How many insertions, deletions, substitutions and exchanges of neighbours lead from a to b."""
    before: list[int] = []
    above = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, first of equals; None where even the closest differs in over a third of it.

    A difference of case alone counts as nothing, so that `H` finds `h`.
    """
    best: tuple[int, str] | None = None
    allowed = 1 if len(name) == 2 else len(name) // 3
    for candidate in dict.fromkeys(known):
        if candidate == name or abs(len(candidate) - len(name)) > allowed:
            continue
        away = distance(name.lower(), candidate.lower())
        if away <= allowed and (best is None or away < best[0]):
            best = (away, candidate)
    return best[1] if best else None
