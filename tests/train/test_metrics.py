"""Metrics against their definitions, and against scikit-learn where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qsanc.train.metrics import score

SCORES = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        arrays(np.int64, n, elements=st.integers(0, 4)), arrays(np.int64, n, elements=st.integers(0, 1))
    )
)


@given(SCORES)
def test_auc_is_the_share_of_pairs_in_order(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    fourths, truth = drawn
    p = fourths / 4
    ups, downs = p[truth == 1], p[truth == 0]
    found = score(p, truth, 2)["auc"]
    if len(ups) and len(downs):
        pairs = (ups[:, None] > downs[None]) + 0.5 * (ups[:, None] == downs[None])
        assert found == pytest.approx(pairs.mean(), abs=1e-12)
    else:
        assert found is None


@given(SCORES)
def test_accuracy_f1_and_confusion_by_counting(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    fourths, truth = drawn
    chosen = fourths >= 2
    found = score(fourths / 4, truth, 2)
    hits = int(np.sum(chosen & (truth == 1)))
    wrong = int(np.sum(chosen != truth))
    assert found["accuracy"] == pytest.approx(1 - wrong / len(truth))
    assert found["f1"] == pytest.approx(2 * hits / (2 * hits + wrong) if 2 * hits + wrong else 0)
    counts = [[int(np.sum((truth == t) & (chosen == p))) for p in (0, 1)] for t in (0, 1)]
    assert found.confusion == tuple(map(tuple, counts))


def test_two_columns_say_the_same_as_one() -> None:
    p, truth = np.array([0.1, 0.7, 0.5, 0.4]), np.array([0, 1, 1, 1])
    assert score(np.stack([1 - p, p], axis=1), truth, 2) == score(p, truth, 2)


def test_three_classes_by_hand() -> None:
    predict = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.3, 0.4, 0.3], [0.1, 0.1, 0.8]])
    found = score(predict, np.array([0, 1, 2, 2]), 3)
    assert found["accuracy"] == 0.75
    assert found["f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    assert found["auc"] == pytest.approx((1 + 1 + 0.875) / 3)
    assert found.confusion == ((1, 0, 0), (0, 1, 0), (0, 1, 1))


def test_real_labels() -> None:
    label = np.array([1.0, 2.0, 3.0, 6.0])
    found = score(label + np.array([1.0, -1.0, 1.0, -1.0]), label, None)
    assert found["rmse"] == pytest.approx(1.0)
    assert found["r2"] == pytest.approx(1 - 4 / 14)
    assert score(label, np.ones(4), None)["r2"] is None


def test_no_label_no_metrics() -> None:
    assert score(np.ones(1), None, None).values == ()


@pytest.mark.parametrize("classes", [2, 4])
def test_against_scikit_learn(classes: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    draw = np.random.default_rng(5)
    truth = draw.integers(0, classes, 300)
    raw = draw.random((300, classes)).round(1) + 0.05
    predict = raw / raw.sum(axis=1, keepdims=True)
    found = score(predict[:, 1] if classes == 2 else predict, truth, classes)
    chosen = (predict[:, 1] >= 0.5).astype(int) if classes == 2 else predict.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, chosen))
    assert found["f1"] == pytest.approx(metrics.f1_score(truth, chosen, average="binary" if classes == 2 else "macro"))
    given_scores = predict[:, 1] if classes == 2 else predict
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(truth, given_scores, multi_class="ovr", average="macro"))
    assert np.array_equal(found.confusion, metrics.confusion_matrix(truth, chosen))
