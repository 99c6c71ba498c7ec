"""How good predictions are: accuracy, F1, AUC and the confusion matrix for classes, RMSE and R2 for real labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.target import Floats, Ints


@dataclass(frozen=True, slots=True)
class Metrics:
    """Numbers by name, None where one is not defined (the AUC of a single class, R2 of equal labels).

    `confusion[t][p]` counts the records of class t that were predicted as p.
    """

    values: tuple[tuple[str, float | None], ...] = ()
    confusion: tuple[tuple[int, ...], ...] | None = None

    def __getitem__(self, name: str) -> float | None:
        return dict(self.values)[name]


def score(predict: Floats, label: Ints | Floats | None, classes: int | None) -> Metrics:
    """The metrics of predictions float64[record] (probability of class 1, or a real value) or [record, class].

    `label` None (a model without label) has none. `classes` None means real labels.
    """
    if label is None:
        return Metrics()
    if classes is None:
        return _real(predict.reshape(len(label)), label.astype(np.float64))
    probabilities = by_class(predict, classes)
    truth = label.astype(np.int64)
    chosen = chosen_class(predict, classes)
    confusion = np.bincount(truth * classes + chosen, minlength=classes * classes).reshape(classes, classes)
    values = (
        ("accuracy", float(np.mean(chosen == truth))),
        ("f1", _f1(confusion)),
        ("auc", _auc(probabilities, truth)),
    )
    return Metrics(values, tuple(tuple(row) for row in confusion.tolist()))


def by_class(predict: Floats, classes: int) -> Floats:
    """float64[record, class]; a probability p of class 1 alone becomes (1 - p, p)."""
    flat = predict.reshape(len(predict), -1)
    if flat.shape[1] == classes:
        return flat
    if flat.shape[1] == 1 and classes == 2:
        return np.concatenate([1.0 - flat, flat], axis=1)
    raise CompilerBug(f"predictions of shape {list(predict.shape)} for {classes} classes")


def chosen_class(predict: Floats, classes: int) -> Ints:
    """int64[record]: the likeliest class, the last of equals for two classes (p >= 1/2 is class 1), else the first."""
    probabilities = by_class(predict, classes)
    if classes == 2:
        return (probabilities[:, 1] >= probabilities[:, 0]).astype(np.int64)
    best: Ints = np.argmax(probabilities, axis=1).astype(np.int64)
    return best


def _f1(confusion: Ints) -> float:
    """2 tp / (2 tp + fp + fn): of class 1 of two, else the mean over the classes that occur or are predicted."""
    hits = np.diag(confusion).astype(np.float64)
    involved = confusion.sum(axis=0) + confusion.sum(axis=1)
    scores = np.divide(2.0 * hits, involved, out=np.zeros_like(hits), where=involved > 0)
    return float(scores[1]) if len(confusion) == 2 else float(scores[involved > 0].mean())


def _auc(probabilities: Floats, truth: Ints) -> float | None:
    """The chance that a record of the class scores above one of another, ties counting half: of class 1 of two, else
    the mean over the classes (each against the rest) for which it is defined."""
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    areas = [area for k in classes if (area := _area(probabilities[:, k], truth == k)) is not None]
    return float(np.mean(areas)) if areas else None


def _area(scores: Floats, positive: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float | None:
    ups, downs = int(positive.sum()), int((~positive).sum())
    if not ups or not downs:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2.0)[place]
    return float((ranks[positive].sum() - ups * (ups + 1) / 2.0) / (ups * downs))


def _real(predict: Floats, label: Floats) -> Metrics:
    residual = float(np.sum((predict - label) ** 2))
    total = float(np.sum((label - label.mean()) ** 2))
    return Metrics(
        (("rmse", float(np.sqrt(residual / len(label)))), ("r2", 1.0 - residual / total if total > 0 else None))
    )
