"""A state on disk: what is written comes back bit for bit, and no damage to any byte of it goes unnoticed."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from toys import MeanEmbedding, text_model, text_records

from qsanc.diagnostics import QsanError
from qsanc.ir.program import Parameter
from qsanc.train import atomic, checkpoint
from qsanc.train.loop import Saving, fit
from qsanc.train.progress import EpochRecord, Progress
from qsanc.train.weights import packed, read_weights, unpacked, write_weights

FINITE = st.floats(allow_nan=False, allow_infinity=False)
MODEL = text_model()


@pytest.fixture(autouse=True)
def unforced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are not forced to disk, which takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture(scope="module")
def progress() -> Progress:
    """A state in the middle of the second epoch."""

    class Keeper:
        kept: Progress | None = None

        def keep(self, progress: Progress) -> None:
            if (progress.epoch, progress.step) == (1, 2):
                self.kept = progress

        def record(self, epoch: EpochRecord) -> None:
            pass

    keeper = Keeper()
    data = {"train": text_records(10, 1), "valid": text_records(4, 2)}
    fit(MODEL, MeanEmbedding(), keeper=keeper, saving=Saving(0, 0), **data)
    assert keeper.kept is not None
    return keeper.kept


def test_a_checkpoint_of_before_the_check_is_read(progress: Progress, tmp_path: Path) -> None:
    checkpoint.write(tmp_path, progress)
    whole = content(tmp_path)
    value = json.loads((tmp_path / checkpoint.NAME).read_bytes())
    del value["check"]
    (tmp_path / checkpoint.NAME).write_text(json.dumps(value))
    checkpoint.write(tmp_path, read(tmp_path))
    assert content(tmp_path) == whole


def read(folder: Path) -> Progress:
    return checkpoint.read(folder, MODEL, MODEL.recipe)


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@given(st.dictionaries(st.text(min_size=1, max_size=5), arrays(np.float64, array_shapes(min_dims=0, min_side=0))))
def test_arrays_come_back_with_every_bit(values: dict[str, np.ndarray]) -> None:
    """NaN, infinities and -0.0 among them; whether they make sense is asked later."""
    found = unpacked(packed(values), "here")
    assert found.keys() == values.keys()
    for name, array in values.items():
        assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
        assert found[name].tobytes() == array.tobytes()


@given(st.data())
def test_weights_come_back_with_every_bit(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    shapes = data.draw(st.dictionaries(st.sampled_from("abc"), array_shapes(max_dims=3, max_side=3), min_size=1))
    model = replace(MODEL, parameters=tuple(Parameter(name, "real", shape, 0.0) for name, shape in shapes.items()))
    values = {name: data.draw(arrays(np.float64, shape, elements=FINITE)) for name, shape in shapes.items()}
    path = tmp_path_factory.getbasetemp() / "w.safetensors"
    write_weights(path, values)
    found = read_weights(path, model)
    assert {name: array.tobytes() for name, array in found.items()} == {n: a.tobytes() for n, a in values.items()}


@given(numbers=st.lists(FINITE, min_size=6, max_size=6), counts=st.lists(st.integers(0, 2**62), min_size=3, max_size=3))
@settings(max_examples=50)
def test_a_state_that_is_read_and_kept_again_is_the_same_to_the_byte(
    progress: Progress, tmp_path_factory: pytest.TempPathFactory, numbers: list[float], counts: list[int]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "state"
    hits, step, total = counts
    scalars = {"loss_sum": numbers[0], "best_loss": numbers[1], "seconds": numbers[2]}
    parameters = {**progress.parameters, "emb": np.repeat([numbers[3:]], 9, axis=0)}
    state = replace(progress, parameters=parameters, hits=hits, step=step, total=total, **scalars)
    checkpoint.write(folder, state)
    before = content(folder)
    checkpoint.write(folder, read(folder))
    assert content(folder) == before
    found = read(folder)
    assert (found.history, found.best_epoch, found.best_loss) == (state.history, state.best_epoch, state.best_loss)
    assert (found.hits, found.step, found.total, found.loss_sum) == (hits, step, total, numbers[0])


@pytest.fixture
def memory(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The files of a checkpoint by name, held in memory, where thousands of them cost nothing."""
    files: dict[str, bytes] = {}
    real = atomic.read
    monkeypatch.setattr(atomic, "make_folder", lambda path: None)
    monkeypatch.setattr(atomic, "write", lambda path, content: files.__setitem__(path.name, content))
    monkeypatch.setattr(atomic, "read", lambda path: files[path.name] if path.name in files else real(path))
    checkpoint.write(NOWHERE, progress)
    return files


NOWHERE = Path("nowhere")


def test_no_byte_can_be_changed_without_notice(memory: dict[str, bytes]) -> None:
    """Each byte of both files in turn, in its lowest bit and in another one."""
    generator = np.random.default_rng(0)
    for name, before in dict(memory).items():
        for place in range(len(before)):
            for flipped in (1, 1 << int(generator.integers(1, 8))):
                damaged = bytearray(before)
                damaged[place] ^= flipped
                unnoticed_or_told(memory, name, bytes(damaged))


def test_no_byte_can_be_missing_without_notice(memory: dict[str, bytes]) -> None:
    """Both files cut short at each place, and without one byte of the middle."""
    for name, before in dict(memory).items():
        for place in range(len(before)):
            unnoticed_or_told(memory, name, before[:place])
            unnoticed_or_told(memory, name, before[:place] + before[place + 1 :])


def unnoticed_or_told(memory: dict[str, bytes], name: str, damaged: bytes) -> None:
    """What can be read is the state that was written."""
    whole = dict(memory)
    memory[name] = damaged
    try:
        found = read(NOWHERE)
    except QsanError as failure:
        codes = {diagnostic.code for diagnostic in failure.diagnostics}
    else:
        codes = {"QS933"}
        checkpoint.write(NOWHERE, found)
        assert memory == whole
    assert codes <= {"QS932", "QS933", "QS937"}
    memory[name] = whole[name]
