"""A mutant: a program with one small mistake in it."""

from __future__ import annotations

from dataclasses import dataclass

from qsanc.source import Span


@dataclass(frozen=True, slots=True)
class Mutant:
    """`after` stands in the place of `span`; `operator` names the kind of mistake, `definition` what it was made in."""

    operator: str
    definition: str
    span: Span
    after: str

    @property
    def before(self) -> str:
        return self.span.text

    @property
    def text(self) -> str:
        """The whole file."""
        whole = self.span.source.text
        return whole[: self.span.start] + self.after + whole[self.span.end :]

    @property
    def line(self) -> int:
        """The line of the mistake, from 1."""
        return self.span.source.position(self.span.start)[0]

    @property
    def lines(self) -> tuple[str, str]:
        """The source lines that it touches, before and after, as one line each."""
        whole = self.span.source.text
        start = whole.rfind("\n", 0, self.span.start) + 1
        end = whole.find("\n", self.span.end)
        end = len(whole) if end < 0 else end
        return _one_line(whole[start:end]), _one_line(self.text[start : end + len(self.after) - len(self.before)])


def _one_line(text: str) -> str:
    return " ".join(text.split())
