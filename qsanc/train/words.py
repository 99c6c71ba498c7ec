"""Text to word numbers. A word is a longest run of a-z, 0-9 and ' in the lower-cased text; all else divides words.

Number 0 is the unknown word. The distinct words of the training part follow from 1 on, sorted by code point.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_WORD = re.compile(r"[a-z0-9']+")


def tokenise(text: str) -> list[str]:
    return _WORD.findall(text.lower())


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`words[i]` has number i + 1."""

    words: tuple[str, ...]
    _numbers: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_numbers", {word: place + 1 for place, word in enumerate(self.words)})

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        """The vocabulary of the training texts."""
        found: set[str] = set()
        for text in texts:
            found.update(tokenise(text))
        return cls(tuple(sorted(found)))

    @property
    def size(self) -> int:
        """Rows of an embedding: the words and the unknown word."""
        return len(self.words) + 1

    def numbers(self, text: str) -> list[int]:
        known = self._numbers
        return [known.get(word, 0) for word in tokenise(text)]
