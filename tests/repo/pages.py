"""What pages for people say, in a form that a test can hold them to: fenced blocks, commands with their output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

NUMBER = re.compile(r"-?\d+(\.\d+)?")
VARYING = re.compile(r"[\d.]+ s\b|(?<=-)[0-9a-f]{10}(?=\.qsan)")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: what it is marked with, its text, and the line of prose before it."""

    kind: str
    body: str
    before: str

    @property
    def file(self) -> str | None:
        """The file that the prose names at its end: `turns.qsan`: and then the block."""
        found = re.search(r"`([\w/]+\.\w+)`:$", self.before)
        return None if found is None else found[1]


def fenced(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [
        Block(found[1], found[2], text[: found.start()].rstrip().rpartition("\n\n")[2].replace("\n", " "))
        for found in FENCED.finditer(text)
    ]


def blocks(text: str, kind: str) -> list[str]:
    """The texts of the blocks marked with `kind`, in order."""
    return [block.body for block in fenced(text) if block.kind == kind]


def commands(body: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block with the lines it is said to print."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, *printed = part.rstrip("\n").split("\n")
        yield command, printed


def close(said: str, found: str) -> bool:
    """The same words; numbers within 0.02, times and names of kept failures whatever they are. `...` at the end stands
    for any rest."""
    if said.endswith("..."):
        return found.startswith(said.removesuffix("..."))
    words, others = (VARYING.sub("", line).split() for line in (said, found))
    return len(words) == len(others) and all(
        a == b or (NUMBER.fullmatch(a) and NUMBER.fullmatch(b) and abs(float(a) - float(b)) <= 0.02)
        for a, b in zip(words, others, strict=True)
    )


def check(said: list[str], found: list[str]) -> None:
    """A line `...` stands for any number of lines."""
    place = 0
    for number, line in enumerate(said):
        if line == "...":
            following = said[number + 1] if number + 1 < len(said) else None
            while following is not None and place < len(found) and not close(following, found[place]):
                place += 1
            continue
        assert place < len(found), f"missing: {line}"
        assert close(line, found[place]), f"said:  {line}\nfound: {found[place]}"
        place += 1
