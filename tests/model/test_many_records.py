"""Evaluation of more records than at once: what they share once, the rest in parts, and the same values."""

from __future__ import annotations

import numpy as np
import pytest
from small_attention import batch, model
from test_reverse import KINDS, Recorder, sizes

from qsanc.grad import reverse
from qsanc.grad.reverse import evaluate, prepare
from qsanc.ir.layout import Layout
from qsanc.passes.model.pipeline import run_model
from qsanc_numpy.backend import NumpyBackend

LENGTHS = np.array([3, 1, 4, 2, 2, 5, 1])


def many(kind: dict[str, int]) -> tuple[dict[str, np.ndarray], Layout]:
    inputs, _ = batch(**sizes(kind))
    rng = np.random.default_rng(2)
    tokens, labels = rng.integers(0, 5, LENGTHS.sum()), rng.integers(0, 2, len(LENGTHS))
    return {**inputs, "tokens": tokens, "label": labels}, Layout(len(LENGTHS), {"S": LENGTHS})


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("level", ["O0", "O2"])
@pytest.mark.parametrize("at_once", [1, 3, 7])
def test_parts_give_what_the_whole_gives(
    kind: dict[str, int], level: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, module = model(**kind)
    function = run_model(written, [module], level)
    inputs, layout = many(kind)
    executables = {module.name: NumpyBackend().lower(module)}
    prepared = prepare(function, [module], [*dict(function.outputs), *dict(function.probes)])
    expected = evaluate(prepared, executables, inputs, layout)
    monkeypatch.setattr(reverse, "AT_ONCE", at_once)
    found = evaluate(prepared, executables, inputs, layout)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-12)


def test_a_word_is_run_once_for_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    written, module = model()
    function = run_model(written, [module], "O2")
    inputs, layout = many({})
    recorder = Recorder(NumpyBackend().lower(module))
    monkeypatch.setattr(reverse, "AT_ONCE", 2)
    evaluate(prepare(function, [module], ("predict",)), {module.name: recorder}, inputs, layout)
    assert [request.bindings.rows for request in recorder.requests] == [len(np.unique(inputs["tokens"]))]
