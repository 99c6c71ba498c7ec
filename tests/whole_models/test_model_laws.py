"""What holds for the models of `models/` whatever their parameters are: nothing here knows the right prediction."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import Arrays, Running

from qsanc.check.imports import load
from qsanc.driver import compile_entry
from qsanc.ir.layout import Layout
from qsanc.passes.model.pipeline import Level
from qsanc_numpy.backend import NumpyBackend

MODELS = Path(__file__).parents[2] / "models"

VOCABULARY, CLASSES = 5, 3
TEXT = ("qsann", "qsann_multihead", "qsann_multiclass", "qsann_blocks", "kernel_attention", "qsann_positional")
IN_ORDER = TEXT[-2:]
"""These know where a word stands: by a causal mask, and by sinusoids."""
Sentences = list[list[int]]

every_text_model = pytest.mark.parametrize("name", TEXT)


@cache
def running(name: str, level: Level = "O2") -> Running:
    """A model of `models/` on two qubits."""
    module = load(MODELS / f"{name}.qsan")
    sizes = {"vocab": VOCABULARY} if name in TEXT else {}
    sizes |= {"classes": CLASSES} if name == "qsann_multiclass" else {}
    found = compile_entry(module, name, NumpyBackend(), level=level, sizes={"n": 2}, data_sizes=sizes)
    return Running(found, {parameter.name: parameter.shape for parameter in found.program.models[0].parameters})


def parameters(name: str, seed: int) -> Arrays:
    generator = np.random.default_rng(seed)
    return {key: generator.normal(size=shape) for key, shape in running(name).shapes.items()}


def predictions(name: str, values: Arrays, batch: Sentences, level: Level = "O2") -> np.ndarray:
    inputs = {**values, "tokens": np.concatenate(batch), "label": np.zeros(len(batch), np.int64)}
    layout = Layout(len(batch), {"S": np.array([len(sentence) for sentence in batch])})
    return running(name, level).values(("predict",), inputs, layout)["predict"]


def same(one: object, other: object) -> None:
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)


words = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=5)
batches = st.lists(words, min_size=1, max_size=4)
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("name", TEXT[:-2])
@settings(max_examples=12)
@given(batch=batches, seed=seeds, data=st.data())
def test_without_places_a_sentence_is_a_bag_of_words(
    name: str, batch: Sentences, seed: int, data: st.DataObject
) -> None:
    values = parameters(name, seed)
    moved = [list(data.draw(st.permutations(sentence))) for sentence in batch]
    same(predictions(name, values, moved), predictions(name, values, batch))


@pytest.mark.parametrize("name", IN_ORDER)
def test_with_places_or_a_mask_the_order_of_words_matters(name: str) -> None:
    forwards, backwards = predictions(name, parameters(name, 1), [[0, 1, 2], [2, 1, 0]])
    assert abs(forwards - backwards) > 1e-3


@every_text_model
@settings(max_examples=12)
@given(batch=batches, seed=seeds, data=st.data())
def test_a_sentence_is_predicted_the_same_in_any_company(
    name: str, batch: Sentences, seed: int, data: st.DataObject
) -> None:
    """Alone, in another order and beside longer ones, with circuits shared among equal words (O2) and without (O0)."""
    values = parameters(name, seed)
    whole = predictions(name, values, batch)
    order = data.draw(st.permutations(range(len(batch))))
    same(predictions(name, values, [batch[k] for k in order]), whole[order])
    longer = data.draw(st.lists(st.integers(0, VOCABULARY - 1), min_size=6, max_size=8))
    same(predictions(name, values, [longer, *batch])[1:], whole)
    for k, sentence in enumerate(batch):
        same(predictions(name, values, [sentence])[0], whole[k])
    same(predictions(name, values, batch, "O0"), whole)


@every_text_model
@settings(max_examples=6)
@given(batch=st.lists(words, min_size=2, max_size=3), seed=seeds)
def test_the_gradient_of_a_batch_is_the_mean_of_those_of_its_sentences(name: str, batch: Sentences, seed: int) -> None:
    values = parameters(name, seed)
    labels = np.arange(len(batch)) % 2
    whole = gradient(name, values, batch, labels)
    each = [gradient(name, values, [sentence], labels[k : k + 1]) for k, sentence in enumerate(batch)]
    for key, slope in whole.items():
        same(slope, np.mean([one[key] for one in each], axis=0))


def gradient(name: str, values: Arrays, batch: Sentences, labels: np.ndarray) -> Arrays:
    inputs = {**values, "tokens": np.concatenate(batch), "label": labels}
    layout = Layout(len(batch), {"S": np.array([len(sentence) for sentence in batch])})
    return running(name).gradient(inputs, layout, "adjoint")[1]


@every_text_model
@settings(max_examples=12)
@given(batch=batches, seed=seeds, data=st.data())
def test_turns_of_trained_angles_change_nothing(name: str, batch: Sentences, seed: int, data: st.DataObject) -> None:
    """Query, key and value are turned by single-qubit rotations, which one turn brings back up to a sign. In blocks of
    the language with controlled rotations it takes two turns."""
    values = parameters(name, seed)
    key = data.draw(st.sampled_from(["tq", "tk", "tv"]))
    turns = data.draw(st.lists(st.integers(-1, 1), min_size=values[key].size, max_size=values[key].size))
    period = 4 * math.pi if name == "qsann_blocks" else 2 * math.pi
    turned = values[key] + period * np.array(turns).reshape(values[key].shape)
    same(predictions(name, {**values, key: turned}, batch), predictions(name, values, batch))


@every_text_model
@given(batch=batches, seed=seeds)
@settings(max_examples=6)
def test_a_head_of_zeros_knows_nothing(name: str, batch: Sentences, seed: int) -> None:
    """1/2 for two classes and 1/k for k, whatever the attention says."""
    values = parameters(name, seed)
    head = {key: 0 * values[key] for key in ("w", "b")}
    found = predictions(name, {**values, **head}, batch)
    np.testing.assert_array_equal(found, np.full_like(found, 1 / CLASSES if found.ndim == 2 else 0.5))


@every_text_model
@given(batch=batches, seed=seeds)
@settings(max_examples=6)
def test_words_that_do_not_occur_have_no_slope(name: str, batch: Sentences, seed: int) -> None:
    found = gradient(name, parameters(name, seed), batch, np.ones(len(batch), np.int64))["emb"]
    absent = sorted(set(range(VOCABULARY)) - {word for sentence in batch for word in sentence})
    assert not found[absent].any()


@settings(max_examples=15)
@given(seed=seeds, turns=st.integers(-1, 1), data=st.data())
def test_a_variational_classifier(seed: int, turns: int, data: st.DataObject) -> None:
    """Records of numbers: their order moves the predictions, and two turns of every trained angle change nothing."""
    model = running("vqc")
    generator = np.random.default_rng(seed)
    values = {key: generator.normal(size=shape) for key, shape in model.shapes.items()}
    x = generator.uniform(-1, 1, (4, 2))
    order = data.draw(st.permutations(range(4)))

    def predicted(values: Arrays, x: np.ndarray) -> np.ndarray:
        inputs = {**values, "x": x, "label": np.zeros(len(x), np.int64)}
        return model.values(("predict",), inputs, Layout(len(x)))["predict"]

    whole = predicted(values, x)
    same(predicted(values, x[order]), whole[order])
    same(predicted({**values, "th": values["th"] + 4 * math.pi * turns}, x), whole)
