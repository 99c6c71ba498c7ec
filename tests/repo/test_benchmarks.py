"""The benchmarks measure what they say: one work for all engines, nothing timed that differs, tables from the files."""

from __future__ import annotations

import json
import math
from functools import reduce
from pathlib import Path

import numpy as np
import pytest

from benchmarks import results
from benchmarks.engines import attention, ours
from benchmarks.harness.compare import Entrant, compare, difference
from benchmarks.harness.question import RESULTS
from benchmarks.work.registers import register
from benchmarks.work.sentences import LONGEST, NAMES, Epoch, Floats, epoch

I, X, Y, Z = np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1.0])  # noqa: E741


def on(matrix: np.ndarray, qubit: int, n: int) -> np.ndarray:
    return np.asarray(reduce(np.kron, [matrix if i == qubit else I for i in range(n)]))


def turn(pauli: np.ndarray, angle: float) -> np.ndarray:
    return np.asarray(np.cos(angle / 2) * I - 1j * np.sin(angle / 2) * pauli)


def cx(control: int, target: int, n: int) -> np.ndarray:
    return np.asarray((on(I + Z, control, n) + on(I - Z, control, n) @ on(X, target, n)) / 2)


def template(angles: Floats, rings: int = 1) -> np.ndarray:
    """A column of RX, one of RY, then a ring and a column of RY: matrices of all qubits."""
    n = angles.shape[1]
    unitary = reduce(np.matmul, [on(turn(Y, angles[1, i]) @ turn(X, angles[0, i]), i, n) for i in range(n)])
    for column in range(2, 2 + rings):
        for i in range(n):
            unitary = cx(i, (i + 1) % n, n) @ unitary
        for i in range(n):
            unitary = on(turn(Y, angles[column, i]), i, n) @ unitary
    return unitary


class Dense(attention.Circuits):
    """Circuits as products of matrices, with derivatives by shifts."""

    def _one(self, x: Floats, tq: Floats, tk: Floats, tv: Floats) -> Floats:
        n = x.shape[1]
        state = template(x) @ np.full(2**n, 2 ** (-n / 2))
        wanted = [(tq, [(Z, 0)]), (tk, [(Z, 0)]), (tv, [(pauli, i) for pauli in (Z, X, Y) for i in range(n)])]
        ends = [(template(t) @ state, observables) for t, observables in wanted]
        return np.array([(end.conj() @ on(p, i, n) @ end).real for end, observables in ends for p, i in observables])

    def numbers(self, x: Floats, tq: Floats, tk: Floats, tv: Floats) -> Floats:
        return np.array([self._one(row, tq, tk, tv) for row in x])

    def gradient(
        self, x: Floats, tq: Floats, tk: Floats, tv: Floats, bars: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        slopes = [np.zeros_like(part) for part in (x, tq, tk, tv)]
        for k, row in enumerate(x):
            given = [row, tq, tk, tv]
            for part, place in [(k, place) for k, angles in enumerate(given) for place in np.ndindex(angles.shape)]:
                ends = []
                for shift in (np.pi / 2, -np.pi / 2):
                    moved = [angles.copy() for angles in given]
                    moved[part][place] += shift
                    ends.append(self._one(*moved))
                slope = float(bars[k] @ (ends[0] - ends[1]) / 2)
                slopes[part][(k, *place) if part == 0 else place] += slope
        return slopes[0], slopes[1], slopes[2], slopes[3]


def small(*, layers: int = 1) -> Epoch:
    return epoch(n=2, layers=layers, batch=3, sentences=5, length=3)


@pytest.mark.parametrize("layers", [1, 2])
def test_an_epoch_is_that_of_dense_matrices(layers: int) -> None:
    work = small(layers=layers)
    losses, parameters = ours.EpochEngine(work).epoch()
    truth, moved = attention.SentenceEngine(work, Dense()).epoch()
    assert np.allclose(losses, truth, atol=1e-12)
    assert all(np.allclose(parameters[name], moved[name], atol=1e-12) for name in NAMES)
    assert all(np.any(parameters[name] != work.parameters[name]) for name in NAMES)


def test_inference_is_that_of_the_epoch() -> None:
    work = small()
    found = ours.InferenceEngine(work).predict()
    (loss, *_), _ = ours.EpochEngine(work).epoch()
    decay = 0.2 * np.mean(work.parameters["w"] ** 2) / 2
    assert np.isclose(np.mean((np.array(found[:3]) - work.labels[:3]) ** 2) / 2 + decay, loss, atol=1e-12)


def test_a_register_is_that_of_dense_matrices() -> None:
    work = register(n=3, layers=2)
    engine = ours.RegisterEngine(work)

    def value(angles: Floats) -> float:
        state = np.eye(8)[0]
        for layer in angles:
            state = template(np.concatenate([layer, np.zeros((1, 3))])) @ state
        return float((state.conj() @ on(Z, 0, 3) @ state).real)

    slopes = np.zeros(work.angles.shape)
    for place in np.ndindex(slopes.shape):
        moved = np.zeros(slopes.shape)
        moved[place] = np.pi / 2
        slopes[place] = (value(work.angles + moved) - value(work.angles - moved)) / 2
    assert np.isclose(engine.value(), value(work.angles), atol=1e-12)
    assert np.allclose(engine.gradient(), slopes, atol=1e-12)


def test_padded_batches_are_the_batches() -> None:
    work = epoch(n=2, batch=32, sentences=70)
    padded = work.padded()
    for k, batch in enumerate(work.batches()):
        filled = padded.mask[k] == 1
        assert padded.tokens[k][filled].tolist() == batch.tokens.tolist()
        assert padded.distinct[k][padded.inverse[k][filled]].tolist() == batch.tokens.tolist()
        assert padded.tokens[k].ravel()[padded.filled[k]][padded.slots[k][filled]].tolist() == batch.tokens.tolist()
        assert padded.mask[k].sum(1).tolist()[: batch.sentences] == batch.lengths.tolist()
        assert padded.rows[k].sum() == batch.sentences
        assert padded.labels[k][: batch.sentences].tolist() == batch.labels.tolist()


def test_drawn_sentences_are_the_same_each_time_and_none_is_empty_or_too_long() -> None:
    one, other = epoch(n=2), epoch(n=2)
    assert all(np.array_equal(a, b) for a, b in zip(one.sentences, other.sentences, strict=True))
    assert {len(sentence) for sentence in one.sentences} == set(range(1, LONGEST + 1))
    assert max(int(sentence.max()) for sentence in one.sentences) < one.vocabulary


def entrant(name: str, engine: str = "ours", **options: str) -> Entrant:
    work = {"n": 2, "batch": 4, "sentences": 8}
    return Entrant(name, f"{engine}:EpochEngine", "epoch", work, ("epoch",), options)


def test_engines_that_agree_are_timed_and_others_say_why_not() -> None:
    adjoint, shifts = entrant("adjoint"), entrant("shifts", method="parameter_shift")
    absent, broken = entrant("absent", "no_such_engine"), entrant("broken", unknown="option")
    rows = compare([adjoint, shifts, absent, broken], adjoint, rounds=2)
    assert [len(row.seconds.get("epoch", [])) for row in rows] == [2, 2, 0, 0]
    assert rows[1].difference < 1e-12
    assert rows[1].ready > 0
    assert rows[2].reason == "benchmarks.engines.no_such_engine is not installed"
    assert rows[3].reason.startswith("failed: ")
    assert "seconds" not in rows[3].to_json()
    assert "numpy" in rows[0].to_json()["versions"]


def test_an_engine_that_differs_has_no_times() -> None:
    (row,) = compare([entrant("shifts", method="parameter_shift")], entrant("adjoint"), rounds=1, tolerance=-1.0)
    assert row.reason.startswith("differs from adjoint by ")
    assert "seconds" not in row.to_json()


def test_results_of_other_shapes_differ() -> None:
    assert difference({"a": np.zeros(2)}, {"a": np.zeros(3)}) == math.inf
    assert difference({"a": np.zeros(2)}, {"b": np.zeros(2)}) == math.inf
    assert math.isnan(difference({"a": np.array([np.nan])}, {"a": np.zeros(1)}))
    assert difference({"a": np.array([1.0, 2.0])}, {"a": np.array([1.0, 2.5])}) == 0.5


def spread(median: float) -> dict[str, float]:
    return {"median": median, "low": median, "high": median, "least": median, "runs": 3}


def test_tables_have_ratios_and_what_was_aimed_at(tmp_path: Path) -> None:
    medians = {"qsanc, NumPy": 0.06, "qsanc, native": 0.02, "JAX by hand": 0.03, "TensorCircuit-NG, scan": 0.09}
    rows = [
        {"name": name, "scale": 1.0, "megabytes": 50, "difference": 0.0, "versions": {"numpy": "2"},
         "seconds": {"epoch": spread(median)}}
        for name, median in medians.items()
    ]  # fmt: skip
    rows.append({"name": "Qulacs, backprop", "scale": 9.0, "reason": "qulacs is not installed"})
    place = {"processor": "P", "processors": 2, "threads": 2, "memory_gib": 8, "system": "S", "python": "3.11"}
    head = {"question": "A", "date": "2026-01-01", "machine": place, "sentences": "drawn", "quick": False}
    case = {"settings": {"n": 4}, "rows": rows}
    (tmp_path / "epoch.json").write_text(json.dumps({**head, "cases": [case]}), encoding="utf-8")
    page = results.page(tmp_path)
    assert "| TensorCircuit-NG, scan | 0.0900 (0.0900 to 0.0900) | 1.50 | 4.50 | 50 | 0 |" in page
    assert "| Qulacs, backprop * | qulacs is not installed |" in page
    assert "| A: TensorCircuit-NG with scan / NumPy | at least 1.4 | 1.50 | yes |" in page
    assert "| A: JAX by hand / native | at least 1.7 | 1.50 | no |" in page
    assert "real states / native" not in page


def test_the_report_is_made_from_the_files_beside_it() -> None:
    if not any(RESULTS.glob("*.json")):
        pytest.skip("nothing has been measured")
    assert results.REPORT.read_text(encoding="utf-8") == results.page(RESULTS)
