"""How large a program may grow while it is unrolled.

No program that anyone wants to run comes near these numbers; one with a mistyped size does, and ends with QS209 before
it has used up the machine's memory or anyone's patience.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from qsanc.elaborate.report import Report
from qsanc.source import Span

LARGEST_INTEGER = 2**63 - 1
MOST_STEPS = 200_000
"""Rounds of loops, and expansions of templates, which count as `STEPS_OF_A_CALL` each."""
STEPS_OF_A_CALL = 10
MOST_GATES = 200_000
MOST_QUBITS = 10_000
MOST_SLOTS = 100_000
"""Numbers that one circuit takes as angles."""
MOST_TERMS = 100_000
"""Pauli products in one observable."""
MOST_ITEMS = 100_000
"""Elements of a list, those of lists inside it included."""
DEEPEST_LIST = 32
DEEPEST_CALLS = 50
MOST_OPERATIONS = 20_000
"""Operations of one function of the model graph."""
MOST_ELEMENTS = 2**31
"""Numbers in one array."""


class TooLarge(Exception):
    """A program that outgrows a limit. Ends the elaboration of its entry, where `limited` reports it."""

    def __init__(self, title: str, span: Span | None) -> None:
        super().__init__(title)
        self.title = title
        self.span = span

    def report(self, report: Report) -> None:
        report.error("QS209", self.title, self.span)


@contextmanager
def limited(report: Report) -> Iterator[None]:
    """Report a `TooLarge` of the block as QS209, and go on after it."""
    try:
        yield
    except TooLarge as limit:
        limit.report(report)


class Steps:
    """The rounds of loops and expansions of templates so far."""

    def __init__(self) -> None:
        self._taken = 0

    def take(self, count: int, span: Span) -> None:
        """Count steps before they are made. Raises `TooLarge`."""
        self._taken += count
        if self._taken > MOST_STEPS:
            raise TooLarge(f"loops and calls of templates take more than {MOST_STEPS} steps", span)
