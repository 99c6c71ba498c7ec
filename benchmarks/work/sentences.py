"""Question A: one epoch of a quantum self-attention network over a thousand sentences.

For each batch: its loss, the gradient of the loss by everything that is trained, embeddings included, and a step of
plain gradient descent. The step is there so that nothing can be kept from one batch to the next; what it leaves in the
parameters is the sum of the gradients, and is compared between the engines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

NAMES = ("emb", "tq", "tk", "tv", "w", "b")
LAMBDA = 0.2
LONGEST = 20
SENTENCES = 1000

_VOCABULARY = 2000
_MEAN_LENGTH = 11.0


@dataclass(frozen=True, slots=True)
class Batch:
    """`tokens` int64[token] of all sentences, one after another; `lengths` and `labels` int64[sentence]."""

    tokens: Ints
    lengths: Ints
    labels: Ints

    @property
    def sentences(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True, slots=True)
class Padded:
    """A batch as engines with fixed shapes take it: rows of `LONGEST` places, and rows without a sentence at the end.

    `distinct` int64[U] are its different tokens and `inverse` int64[sentence, place] where each place finds its own.
    `filled` int64[T] are the places of the grid that hold a token and `slots` int64[sentence, place] where each place
    finds itself among them. `mask` float64[sentence, place] is 1 at tokens, `rows` float64[sentence] is 1 at sentences.
    """

    tokens: Ints
    distinct: Ints
    inverse: Ints
    filled: Ints
    slots: Ints
    mask: Floats
    rows: Floats
    labels: Ints


@dataclass(frozen=True, slots=True)
class Epoch:
    """The sentences, the sizes of the network, its parameters at the start, and the rate of the descent."""

    n: int
    layers: int
    batch: int
    sentences: tuple[Ints, ...]
    labels: Ints
    vocabulary: int
    source: str
    parameters: dict[str, Floats] = field(repr=False)
    rate: float = 0.05

    @property
    def tokens(self) -> int:
        return sum(map(len, self.sentences))

    def batches(self) -> Iterator[Batch]:
        for start in range(0, len(self.sentences), self.batch):
            part = self.sentences[start : start + self.batch]
            lengths = np.array([len(sentence) for sentence in part])
            yield Batch(np.concatenate(part), lengths, self.labels[start : start + self.batch])

    def padded(self) -> Padded:
        """All batches, stacked along a first axis."""
        batches = list(self.batches())
        shape = (len(batches), self.batch, LONGEST)
        most = max(len(np.unique(batch.tokens)) for batch in batches) + 1
        tokens, inverse, slots = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        places = np.zeros((len(batches), max(len(batch.tokens) for batch in batches)), np.int64)
        distinct = np.zeros((len(batches), most), np.int64)
        mask, rows, labels = np.zeros(shape), np.zeros(shape[:2]), np.zeros(shape[:2], np.int64)
        for k, batch in enumerate(batches):
            filled = np.arange(LONGEST) < batch.lengths[:, None]
            different, found = np.unique(batch.tokens, return_inverse=True)
            distinct[k, : len(different)] = different
            tokens[k, : batch.sentences][filled] = batch.tokens
            slots[k, : batch.sentences][filled] = np.arange(len(batch.tokens))
            places[k, : len(batch.tokens)] = np.flatnonzero(filled)
            inverse[k, : batch.sentences][filled] = found
            mask[k, : batch.sentences] = filled
            rows[k, : batch.sentences] = 1.0
            labels[k, : batch.sentences] = batch.labels
        return Padded(tokens, distinct, inverse, places, slots, mask, rows, labels)


def epoch(
    *,
    n: int,
    layers: int = 1,
    batch: int = 32,
    data: str | None = None,
    sentences: int = SENTENCES,
    length: int | None = None,
) -> Epoch:
    """The work on the first sentences of the file `data`, or of drawn ones where there is none.

    Where more are asked for than there are they come again. With `length` all have this length: a sentence goes on with
    the words of those after it.
    """
    numbers, labels, vocabulary = _drawn() if data is None else _read(Path(data))
    numbers = [numbers[k % len(numbers)] for k in range(sentences)]
    labels = np.resize(labels, sentences)
    if length is not None:
        starts = np.cumsum([0, *map(len, numbers)])
        words = np.resize(np.concatenate(numbers), starts[-1] + length)
        numbers = [words[start : start + length] for start in starts[:-1]]
    generator = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"emb": (vocabulary, 3, n)}
    shapes |= dict.fromkeys(("tq", "tk", "tv"), (layers, 3, n))
    shapes |= {"w": (3 * n,), "b": ()}
    parameters = {name: np.asarray(generator.normal(0.0, 0.3, shape)) for name, shape in shapes.items()}
    source = "drawn" if data is None else "file"
    return Epoch(n, layers, batch, tuple(numbers), labels, vocabulary, source, parameters)


def _read(path: Path) -> tuple[list[Ints], Ints, int]:
    """The first sentences of a table with the columns text and label, cut, as numbers of words."""
    lines = path.read_text(encoding="utf-8").split("\n")[1 : SENTENCES + 1]
    pairs = [line.split("\t") for line in lines if line]
    words = [(re.findall(r"[a-z0-9']+", text.lower()), int(label)) for text, label in pairs]
    known = {word: k + 1 for k, word in enumerate(sorted({word for sentence, _ in words for word in sentence}))}
    numbers = [np.array([known[word] for word in sentence[:LONGEST]]) for sentence, _ in words if sentence]
    return numbers, np.array([label for sentence, label in words if sentence]), len(known) + 1


def _drawn() -> tuple[list[Ints], Ints, int]:
    """Sentences with the statistics of short reviews: words by Zipf's law, lengths from a negative binomial law."""
    generator = np.random.default_rng(2205)
    weights = 1.0 / (np.arange(_VOCABULARY) + 2.7)
    shape = 2.5
    lengths = 1 + generator.negative_binomial(shape, shape / (shape + _MEAN_LENGTH - 1), SENTENCES)
    numbers = [1 + generator.choice(_VOCABULARY, min(length, LONGEST), p=weights / weights.sum()) for length in lengths]
    return numbers, generator.integers(0, 2, SENTENCES), _VOCABULARY + 1
