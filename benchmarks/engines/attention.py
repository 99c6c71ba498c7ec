"""The part of the network around its circuits, with its derivative by hand: for engines that only simulate circuits."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from benchmarks.work.sentences import LAMBDA, NAMES, Batch, Epoch, Floats


class Circuits(ABC):
    """The circuits of tokens one after another."""

    @abstractmethod
    def numbers(self, x: Floats, tq: Floats, tk: Floats, tv: Floats) -> Floats:
        """query, key and values [token, 2 + 3 n] for angles x[token, 3, n]."""

    @abstractmethod
    def gradient(
        self, x: Floats, tq: Floats, tk: Floats, tv: Floats, bars: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """The derivative of sum(bars * numbers) by x, tq, tk and tv."""


def sentence(
    parameters: dict[str, Floats], tokens: np.ndarray, label: int, circuits: Circuits
) -> tuple[float, dict[str, Floats], Floats]:
    """The squared error of one sentence, halved, its gradient by all but the embeddings, and by those of its tokens."""
    rows = parameters["emb"][tokens]
    layers = len(parameters["tq"])
    x, kept = rows, []
    for layer in range(layers):
        shared = [parameters[name][layer] for name in ("tq", "tk", "tv")]
        found = circuits.numbers(x, *shared)
        query, key, value = found[:, 0], found[:, 1], found[:, 2:]
        difference = query[:, None] - key[None, :]
        score = np.exp(-(difference**2))
        weights = score / score.sum(1, keepdims=True)
        kept.append((x, shared, value, difference, weights))
        x = x + (weights @ value).reshape(x.shape)
    mean = x.reshape(len(tokens), -1).mean(0)
    predicted = 1.0 / (1.0 + np.exp(-(mean @ parameters["w"] + parameters["b"])))
    slope = (predicted - label) * predicted * (1 - predicted)
    gradient = {name: np.zeros_like(parameters[name]) for name in NAMES[1:]}
    gradient["w"], gradient["b"] = slope * mean, np.asarray(slope)
    bar = np.tile(slope * parameters["w"] / len(tokens), (len(tokens), 1))
    for layer in reversed(range(layers)):
        x, shared, value, difference, weights = kept[layer]
        by_weight = bar @ value.T
        by_score = weights * (by_weight - (by_weight * weights).sum(1, keepdims=True))
        by_difference = -2.0 * difference * by_score
        bars = np.concatenate([by_difference.sum(1)[:, None], -by_difference.sum(0)[:, None], weights.T @ bar], 1)
        tq, tk, tv = shared
        by_x, *by_shared = circuits.gradient(x, tq, tk, tv, bars)
        for name, part in zip(("tq", "tk", "tv"), by_shared, strict=True):
            gradient[name][layer] = part
        bar = bar + by_x.reshape(bar.shape)
    return float((predicted - label) ** 2 / 2), gradient, bar.reshape(rows.shape)


class SentenceEngine:
    """An epoch, one sentence after another."""

    def __init__(self, work: Epoch, circuits: Circuits) -> None:
        self.work, self.circuits = work, circuits

    def gradient(self, parameters: dict[str, Floats], batch: Batch) -> tuple[float, dict[str, Floats]]:
        total, gradient = 0.0, {name: np.zeros_like(parameters[name]) for name in NAMES}
        ends = np.cumsum(batch.lengths)
        for end, length, label in zip(ends, batch.lengths, batch.labels, strict=True):
            tokens = batch.tokens[end - length : end]
            loss, part, rows = sentence(parameters, tokens, int(label), self.circuits)
            total += loss
            for name, value in part.items():
                gradient[name] = gradient[name] + value
            np.add.at(gradient["emb"], tokens, rows)
        gradient = {name: value / batch.sentences for name, value in gradient.items()}
        gradient["w"] = gradient["w"] + LAMBDA * parameters["w"] / parameters["w"].size
        return total / batch.sentences + LAMBDA * float((parameters["w"] ** 2).mean()) / 2, gradient

    def first(self) -> None:
        self.gradient(self.work.parameters, next(self.work.batches()))

    def epoch(self) -> tuple[list[float], dict[str, Floats]]:
        parameters, losses = dict(self.work.parameters), []
        for batch in self.work.batches():
            loss, gradient = self.gradient(parameters, batch)
            losses.append(loss)
            for name in NAMES:
                parameters[name] = parameters[name] - self.work.rate * gradient[name]
        return losses, parameters
