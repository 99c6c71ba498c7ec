"""Items that use themselves: templates cannot recurse, and constants cannot be made of each other."""

from __future__ import annotations

from qsanc.check import block_errors
from qsanc.check.scope import Findings
from qsanc.source import Span


def check_recursion(findings: Findings) -> None:
    """QS106 once for each cycle of uses, at the use that closes it."""
    uses = findings.uses
    finished: set[str] = set()
    for start in uses:
        path: list[str] = []
        _walk(start, uses, path, finished, findings)


def _walk(name: str, uses: dict[str, dict[str, Span]], path: list[str], finished: set[str], findings: Findings) -> None:
    """Depth first; the nesting is at most the number of items, followed with a stack of its own."""
    stack: list[tuple[str, list[tuple[str, Span]]]] = []
    if name in finished:
        return
    stack.append((name, list(uses.get(name, {}).items())))
    path.append(name)
    while stack:
        current, left = stack[-1]
        if not left:
            stack.pop()
            path.pop()
            finished.add(current)
            continue
        target, span = left.pop(0)
        if target in path:
            findings.add(block_errors.recursion([*path[path.index(target) :], target], span))
        elif target not in finished and target in uses:
            stack.append((target, list(uses[target].items())))
            path.append(target)
