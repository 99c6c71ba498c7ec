"""Stop anywhere, go on: weights, history and test results are the same to the last bit as never having stopped."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from toys import Bowl, MeanEmbedding, bowl_model, text_model, text_records

from qsanc.ir.program import Optimizer, Recipe
from qsanc.target import Context
from qsanc.train.data import Coding
from qsanc.train.loop import Saving, fit
from qsanc.train.progress import EpochRecord, History, Interrupted, StepRecord
from qsanc.train.records import Records
from qsanc.train.run_folder import RunFolder, hashes
from qsanc.train.run_info import RunInfo

TRAIN, VALID, TEST = text_records(7, 1), text_records(4, 2), text_records(5, 3)
SOURCES = {"toy.qsan": "qsan 1.0\n"}
RECIPES = {
    "adam": Recipe(Optimizer("adam", (("lr", 0.3),)), epochs=3, batch=3, seed=5),
    "momentum": Recipe(Optimizer("sgd", (("lr", 0.5), ("momentum", 0.9))), epochs=3, batch=3, seed=5),
    "spsa": Recipe(Optimizer("spsa", (("a", 0.5),)), epochs=3, batch=3, seed=5),
    "adam by spsa": Recipe(Optimizer("adam", (("lr", 0.3),)), epochs=3, batch=3, seed=5, grad="spsa"),
}


def new_folder(path: Path, recipe: Recipe) -> RunFolder:
    info = RunInfo("toy", "toy.qsan", tuple(hashes(SOURCES).items()), recipe)
    return RunFolder.create(path, info, SOURCES, Coding())


class Stopper:
    """Presses Ctrl-C at the call, step or epoch of this number (from 0), counted together."""

    def __init__(self, at: int) -> None:
        self.left = at

    def count(self) -> None:
        self.left -= 1
        if self.left == -1:
            raise KeyboardInterrupt

    def call(self, kind: str, records: Records) -> None:
        self.count()

    def on_step(self, record: StepRecord) -> None:
        self.count()

    def on_epoch(self, record: EpochRecord) -> None:
        self.count()


def train(folder: RunFolder, at: int, saving: Saving | None = None) -> History:
    stopper = Stopper(at)
    model = text_model(recipe=folder.info.recipe)
    return fit(
        model,
        MeanEmbedding(stopper.call),
        train=TRAIN,
        valid=VALID,
        test=TEST,
        progress=folder.progress(model),
        context=Context(run_folder=folder.path),
        keeper=folder,
        observer=stopper,
        saving=saving,
    )


def same(one: History, other: History) -> None:
    assert one.epochs == other.epochs
    assert (one.best_epoch, one.steps, one.valid, one.test) == (other.best_epoch, other.steps, other.valid, other.test)
    for name, value in one.parameters.items():
        assert value.tobytes() == other.parameters[name].tobytes()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_stopped_at_every_moment_and_resumed(recipe: Recipe, tmp_path: Path) -> None:
    whole = train(new_folder(tmp_path / "whole", recipe), -1)
    expected = (tmp_path / "whole" / "weights.safetensors").read_bytes()
    at = 0
    while True:
        path = tmp_path / str(at)
        folder = new_folder(path, recipe)
        try:
            train(folder, at)
            break
        except Interrupted as stopped:
            stopped_in = stopped.folder
        assert stopped_in == path
        resumed = train(RunFolder.open(path), -1)
        same(whole, resumed)
        assert (path / "weights.safetensors").read_bytes() == expected
        assert len((path / "metrics.jsonl").read_text().splitlines()) == 3
        at += 1
    assert at > 3 * 3 * 2


def test_stopped_again_and_again(tmp_path: Path) -> None:
    whole = train(new_folder(tmp_path / "whole", RECIPES["adam"]), -1)
    folder = new_folder(tmp_path / "run", RECIPES["adam"])
    for _ in range(100):
        try:
            same(whole, train(folder, 3))
            return
        except Interrupted:
            folder = RunFolder.open(folder.path)
    pytest.fail("a training that never ends")


def test_killed_without_warning_it_goes_on_from_the_last_checkpoint(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill_at(call: int) -> Callable[[str, Records], None]:
        left = [call]

        def count(kind: str, records: Records) -> None:
            left[0] -= 1
            if left[0] == -1:
                raise Killed

        return count

    recipe = RECIPES["adam"]
    whole = train(new_folder(tmp_path / "whole", recipe), -1)
    for saving in (Saving(0, 0), Saving(0, 60), Saving(1000, 1000)):
        for call in range(0, 13, 2):
            path = tmp_path / f"{saving.after_epoch}-{saving.after_step}-{call}"
            folder = new_folder(path, recipe)
            with pytest.raises(Killed):
                fit(
                    text_model(recipe=recipe),
                    MeanEmbedding(kill_at(call)),
                    train=TRAIN,
                    valid=VALID,
                    test=TEST,
                    keeper=folder,
                    saving=saving,
                )
            same(whole, train(RunFolder.open(path), -1))


def test_a_model_without_data_resumes_too(tmp_path: Path) -> None:
    model = bowl_model(Recipe(Optimizer("adam", (("lr", 0.1),)), epochs=6))
    whole = fit(model, Bowl())
    for at in range(12):
        folder = new_folder(tmp_path / str(at), model.recipe)
        with pytest.raises(Interrupted):
            fit(model, Bowl(), keeper=folder, observer=Stopper(at))
        resumed = fit(model, Bowl(), progress=RunFolder.open(folder.path).progress(model), keeper=folder)
        assert resumed.parameters["x"].tobytes() == whole.parameters["x"].tobytes()
        assert resumed.epochs == whole.epochs


def test_seconds_add_up_over_interruptions(tmp_path: Path) -> None:
    model = bowl_model(Recipe(epochs=4))
    ticks = iter(np.arange(0.0, 1000.0))
    folder = new_folder(tmp_path / "run", model.recipe)
    with pytest.raises(Interrupted):
        fit(model, Bowl(), keeper=folder, observer=Stopper(3), clock=lambda: next(ticks))
    found = folder.progress(model)
    assert found.seconds > 0
    history = fit(model, Bowl(), progress=found, clock=lambda: next(ticks))
    assert history.seconds > found.seconds


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer signals")
def test_interrupted_at_any_instruction_and_resumed(tmp_path: Path) -> None:
    def press(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    recipe = RECIPES["adam"]
    whole = train(new_folder(tmp_path / "whole", recipe), -1)
    before = signal.signal(signal.SIGALRM, press)
    stopped = 0
    try:
        for k in range(25):
            folder = new_folder(tmp_path / str(k), recipe)
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0005 * (k + 1))
                train(folder, -1, Saving(0, 0))
                signal.setitimer(signal.ITIMER_REAL, 0)
            except (Interrupted, KeyboardInterrupt):
                stopped += 1
            same(whole, train(RunFolder.open(folder.path), -1))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert stopped > 5
