"""What an assertion found, and how it is said where it does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qsanc.diagnostics import Diagnostic, Note, Severity
from qsanc.ir.bound import Bound
from qsanc.syntax import ast

_MOST_PARTS = 6
"""Comparisons of one assertion that a message tells of."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One comparison: whether it held, with the numbers. `sides` are the circuits it compared, to `tolerance`."""

    node: ast.Expr
    held: bool
    found: str
    sides: tuple[Bound, Bound] | None = None
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """An assertion that does not hold for some arguments."""

    assertion: ast.Assert
    evidence: tuple[Evidence, ...]

    @property
    def decisive(self) -> Evidence | None:
        """The first comparison that did not hold; where there is none, the first one."""
        return next((e for e in self.evidence if not e.held), self.evidence[0] if self.evidence else None)

    def diagnostic(
        self, arguments: Mapping[str, str], *, seed: int, example: int | None, reproduction: str = ""
    ) -> Diagnostic:
        """QS703: the assertion underlined, with the values of its sides and of the arguments."""
        condition = self.assertion.condition
        alone = next((e for e in self.evidence if e.node is condition), None)
        parts = [] if alone is not None else self.evidence[:_MOST_PARTS]
        notes = [Note(f"{part.found}: {'true' if part.held else 'false'}", part.node.span) for part in parts]
        notes += [Note(f"with {name} = {value}") for name, value in arguments.items()]
        tried = "" if example is None else f", example {example}"
        notes.append(Note(f"seed {seed}{tried}"))
        text = self.assertion.message or f"`{_short(condition.span.text)}` does not hold"
        label = "false here" if alone is None else alone.found
        return Diagnostic("QS703", Severity.ERROR, text, condition.span, label, notes=tuple(notes), help=reproduction)


def _short(text: str, most: int = 72) -> str:
    """One line of source."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 3]}..."
