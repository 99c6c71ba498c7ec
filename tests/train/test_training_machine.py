"""A training as a machine: stopped, killed, refused, read, kept and gone on with in any order, it is the straight one.

The straight training is one that nobody disturbs; its states are numbered by the steps and epochs done. Whatever has
happened to a run, what is on disk is one of these states, bit for bit, and is never behind what was promised.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from qsanc import load_run
from qsanc.check.imports import load_text
from qsanc.diagnostics import QsanError
from qsanc.ir.program import Optimizer, Recipe
from qsanc.registry import load as load_backend
from qsanc.source import Source
from qsanc.target import BackendFailure, Context
from qsanc.train import checkpoint, session
from qsanc.train.compiled import Compiled as CompiledObjective
from qsanc.train.loop import Saving, fit
from qsanc.train.objective import Outputs, Parameters
from qsanc.train.optimizers import rule_of
from qsanc.train.parameters import initial, trained
from qsanc.train.progress import EpochRecord, History, Interrupted, Progress, StepRecord
from qsanc.train.records import Records
from qsanc.train.run_folder import RunFolder
from qsanc.train.run_info import Ran
from qsanc.train.saving import describe
from qsanc.train.session import carry_out
from qsanc.train.tables import table_of
from qsanc.train.task import Tables, Task, assemble
from qsanc.train.weights import packed

TEXT = """qsan 1.0
circuit turn(x: real, t: angle[2]) on q: qubit -> real { ry(x + t[0]) q; rx(x * t[1]) q; return expval(Z(q)); }
model m {
  data { x: real; label: bit; }
  params { t: angle[2] ~ normal(0, 1); w: real = 1.5; b: real; }
  flow { predict sigmoid(w * turn(x, t) + b); }
  loss mse(predict, label);
}
"""
MODULE = load_text(Source("m.qsan", TEXT), None)
BACKEND = load_backend("numpy")
X = [0.1 * k - 1 for k in range(20)]
ADAM = Optimizer("adam", (("lr", 0.3),))
MOMENTUM = Optimizer("sgd", (("lr", 2.0), ("momentum", 0.9)))
RECIPES: dict[str, tuple[Recipe, int | None]] = {
    "adam": (Recipe(ADAM, epochs=2, batch=5, seed=5), None),
    "momentum with patience": (Recipe(MOMENTUM, epochs=6, batch=7, seed=3, patience=1), None),
    "spsa": (Recipe(Optimizer("spsa", (("a", 0.5),)), epochs=2, batch=6, seed=8), None),
    "shots": (Recipe(ADAM, epochs=2, batch=6, seed=5), 20),
}


class Killed(BaseException):
    """The process is gone: nothing catches this."""


@dataclass
class Kept:
    """A keeper in memory, and every state it was given."""

    states: list[Progress] = field(default_factory=list)

    def keep(self, progress: Progress) -> None:
        if not self.states or progress.total != self.states[-1].total or progress.epoch != self.states[-1].epoch:
            self.states.append(progress)

    def record(self, epoch: EpochRecord) -> None:
        pass


@dataclass(frozen=True)
class Straight:
    """An undisturbed training: `states[k]` is what there is after k steps and ends of epochs."""

    task: Task
    states: list[Progress]
    history: History


@cache
def straight(name: str) -> Straight:
    recipe, shots = RECIPES[name]
    labels = [int((k * 7) % 20 > 9) for k in range(20)]
    tables = Tables(table_of({"x": X, "label": labels}))
    task = assemble(MODULE, "m", BACKEND, tables, recipe=recipe, shots=shots)
    start = initial(task.model, recipe.seed)
    begun = Progress(start, rule_of(recipe.optimizer).start({name: start[name] for name in trained(task.model)}), start)
    kept = Kept([begun])
    parts = {name: task.parts[name] for name in ("train", "valid", "test")}
    history = fit(task.model, task.objective, **parts, recipe=recipe, keeper=kept, saving=Saving(0, 0))
    return Straight(task, kept.states, history)


def same_arrays(one: Parameters, other: Parameters) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and one[name].tobytes() == other[name].tobytes() for name in one
    )


def same_state(one: Progress, other: Progress) -> bool:
    def numbers(state: Progress) -> tuple[object, ...]:
        counts = (state.epoch, state.step, state.total, state.hits, state.best_epoch)
        return (*counts, state.loss_sum, state.best_loss, state.history)

    arrays = ((one.parameters, other.parameters), (one.best, other.best), (one.optimizer, other.optimizer))
    return numbers(one) == numbers(other) and all(same_arrays(a, b) for a, b in arrays)


@dataclass
class Events:
    """Counts steps and epochs; after `left` of them the next raises, at its end or, for the objective, within it."""

    left: int
    failure: Callable[[], BaseException] | None = None
    within: bool = False
    look: Callable[[], None] = lambda: None
    seen: int = 0

    def on_step(self, record: StepRecord) -> None:
        self._event()

    def on_epoch(self, record: EpochRecord) -> None:
        self._event()

    def _event(self) -> None:
        self.seen += 1
        self.look()
        if not self.within and self.failure is not None and self.seen > self.left:
            raise self.failure()

    def before_work(self) -> None:
        if self.within and self.failure is not None and self.seen == self.left:
            raise self.failure()


@dataclass
class Watched:
    """An objective that asks before each piece of work."""

    inner: CompiledObjective
    events: Events

    @property
    def ran(self) -> tuple[Ran, ...]:
        return self.inner.ran

    def gradient(
        self, parameters: Parameters, records: Records, *, wrt: tuple[str, ...], context: Context
    ) -> tuple[Outputs, Parameters]:
        self.events.before_work()
        return self.inner.gradient(parameters, records, wrt=wrt, context=context)

    def outputs(self, parameters: Parameters, records: Records, *, context: Context) -> Outputs:
        self.events.before_work()
        return self.inner.outputs(parameters, records, context=context)


ENDINGS: dict[str, tuple[Callable[[], BaseException], type[BaseException], str]] = {
    "interrupted": (KeyboardInterrupt, Interrupted, "interrupted"),
    "failed": (lambda: BackendFailure("the device is gone", retryable=True), BackendFailure, "failed"),
    "killed": (Killed, Killed, "running"),
}


class TrainingMachine(RuleBasedStateMachine):
    """`at` is the number of the state on disk, None where there is no checkpoint yet."""

    @initialize(name=st.sampled_from(sorted(RECIPES)))
    def begin(self, name: str) -> None:
        self.name, self.straight = name, straight(name)
        self.task = self.straight.task
        self.temporary = TemporaryDirectory()
        self.path = Path(self.temporary.name) / "run"
        info, texts = describe(
            MODULE,
            self.task.compiled,
            backend="numpy",
            recipe=self.task.recipe,
            method=self.task.method,
            shots=RECIPES[name][1],
        )
        RunFolder.create(self.path, info, texts, self.task.coding)
        self.at: int | None = None
        self.status = "running"
        self.written_whole = True

    def teardown(self) -> None:
        if hasattr(self, "temporary"):
            self.temporary.cleanup()

    def carried_out(self, events: Events, *, often: bool) -> History:
        task = replace(self.task, objective=Watched(self.task.objective, events))
        saving = Saving(0, 0) if often else Saving(1000, 1000)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(session, "fit", lambda *given, **named: fit(*given, **{**named, "saving": saving}))
            return carry_out(task, BACKEND, run=RunFolder.open(self.path), observer=events, controls=False).history

    @property
    def last(self) -> int:
        return len(self.straight.states) - 1

    @precondition(lambda self: self.status != "finished")
    @rule(ending=st.sampled_from(sorted(ENDINGS)), events=st.integers(0, 7), within=st.booleans(), often=st.booleans())
    def train_and_stop(self, ending: str, events: int, within: bool, often: bool) -> None:
        """What was done is kept: all of it, or for a killed process what it had saved."""
        failure, raised, status = ENDINGS[ending]
        begun = self.at or 0
        remaining = self.last - begun
        stopping = Events(events, failure, within)
        if events > remaining or (events == remaining and not within):
            self.finish(often=often)
            return
        with pytest.raises(raised):
            self.carried_out(stopping, often=often)
        assert stopping.seen == events + (not within)
        self.status = status
        if ending != "killed":
            self.at, self.written_whole = begun + stopping.seen, True
        elif (often and events > 0) or events == remaining:
            self.at, self.written_whole = begun + events, True

    @precondition(lambda self: self.status != "finished")
    @rule(operation=st.integers(0, 30))
    def train_and_be_killed_while_writing(self, operation: int) -> None:
        """At any call that puts something on disk: the checkpoint is the one before it or the one after it.

        Of a file that was not forced to disk yet only half is there.
        """
        left = operation

        def killed() -> bool:
            nonlocal left
            left -= 1
            return left == -1

        def force(handle: int) -> None:
            if killed():
                with suppress(OSError):
                    os.ftruncate(handle, os.fstat(handle).st_size // 2)
                raise Killed

        def rename(old: Path, new: Path, real: Callable[[Path, Path], Path] = Path.replace) -> Path:
            if killed():
                raise Killed
            return real(old, new)

        events = Events(0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", force)
            patch.setattr(Path, "replace", rename)
            try:
                self.carried_out(events, often=True)
            except Killed:
                pass
            else:
                self.status, self.at, self.written_whole = "finished", self.last, True
                return
        self.status = RunFolder.open(self.path).info.status
        if self.status == "finished":
            self.at, self.written_whole = self.last, True
            return
        begun = self.at
        found = self.checkpoint()
        if found is not None:
            reached = (begun or 0) + events.seen
            (self.at,) = (k for k, state in enumerate(self.straight.states) if same_state(found, state))
            assert max(begun or 0, reached - 1) <= self.at <= reached
            self.written_whole = False

    @precondition(lambda self: self.status != "finished")
    @rule(often=st.booleans())
    def finish(self, often: bool) -> None:
        """The end is that of the straight training, and nobody goes on from there."""
        history, expected = self.carried_out(Events(0), often=often), self.straight.history
        assert same_arrays(history.parameters, expected.parameters)
        for name in ("epochs", "best_epoch", "valid", "test", "steps", "stopped_early"):
            assert getattr(history, name) == getattr(expected, name)
        self.status, self.at, self.written_whole = "finished", self.last, True
        results = RunFolder.open(self.path).info.results
        assert results is not None
        assert (results.best_epoch, results.valid, results.test) == (
            expected.best_epoch,
            expected.valid,
            expected.test,
        )

    @precondition(lambda self: self.status == "finished")
    @rule()
    def go_on_after_the_end(self) -> None:
        before = self.files()
        with pytest.raises(QsanError, match="QS938"):
            self.carried_out(Events(0), often=True)
        assert self.files() == before

    @precondition(lambda self: self.at is not None and self.status != "finished")
    @rule()
    def load_and_save(self) -> None:
        """A checkpoint that is read and kept again is the same to the byte."""
        before = self.checkpoint_files()
        run = RunFolder.open(self.path)
        with run.held():
            progress = run.progress(self.task.model)
            assert progress is not None
            run.keep(progress)
        self.written_whole = True
        assert self.checkpoint_files() == before

    @rule()
    def a_second_writer_is_refused(self) -> None:
        before = self.files()
        with RunFolder.open(self.path).held(), pytest.raises(QsanError, match="QS939"):
            self.carried_out(Events(0), often=True)
        assert self.files() == before

    @precondition(lambda self: self.status != "finished")
    @rule()
    def a_second_writer_is_refused_while_one_trains(self) -> None:
        """It is refused at every step, and who trains is not disturbed; here and there others read what is on disk."""

        def look() -> None:
            with pytest.raises(QsanError, match="QS939"):
                self.carried_out(Events(0), often=True)
            RunFolder.open(self.path).coding()
            if (self.path / "weights.safetensors").exists():
                RunFolder.open(self.path).weights(self.task.model)

        begun = self.at or 0
        left = min(2, self.last - begun)
        with pytest.raises(Interrupted):
            self.carried_out(Events(left, KeyboardInterrupt, within=True, look=look), often=True)
        self.status, self.at, self.written_whole = "interrupted", begun + left, True

    @precondition(lambda self: self.status != "finished")
    @rule(content=st.binary(max_size=8))
    def a_crash_leaves_rubbish(self, content: bytes) -> None:
        """Unfinished files under temporary names, an older state nobody names, and a torn line of metrics."""
        folder = self.path / "checkpoint"
        folder.mkdir(exist_ok=True)
        for name in (".checkpoint.json.tmp", f"state-{'0' * 16}.safetensors"):
            (folder / name).write_bytes(content)
        (self.path / ".run.json.tmp").write_bytes(content)
        lines = (self.path / "metrics.jsonl").read_bytes() if (self.path / "metrics.jsonl").exists() else b""
        (self.path / "metrics.jsonl").write_bytes(lines + b'{"epoch": 9, "tr')
        RunFolder.open(self.path).progress(self.task.model)

    @precondition(lambda self: self.at is not None and self.written_whole)
    @rule()
    def predict_and_evaluate(self) -> None:
        """From the folder alone, with the weights of the best epoch so far; nothing on disk changes."""
        before = self.files()
        model = load_run(self.path)
        best = self.straight.states[self.at].best
        assert same_arrays({name: model.params[name] for name in best}, best)
        if RECIPES[self.name][1] is None:
            test = self.task.parts["test"]
            expected = self.task.objective.predict(best, test, context=Context())
            np.testing.assert_array_equal(model.predict_proba({"x": test.columns["x"]})[:, 1], expected)
        assert self.files() == before

    def checkpoint(self) -> Progress | None:
        folder = self.path / "checkpoint"
        if not (folder / checkpoint.NAME).exists():
            return None
        return checkpoint.read(folder, self.task.model, self.task.recipe)

    def checkpoint_files(self) -> dict[str, bytes]:
        folder = self.path / "checkpoint"
        named = json.loads((folder / checkpoint.NAME).read_text())["arrays"]
        return {name: (folder / name).read_bytes() for name in (checkpoint.NAME, named)}

    def files(self) -> dict[str, bytes]:
        """Everything on disk but the lock, which means nothing."""
        files = (file for file in self.path.rglob("*") if file.is_file() and file.name != "lock")
        return {str(file.relative_to(self.path)): file.read_bytes() for file in files}

    @invariant()
    def what_is_on_disk_is_whole(self) -> None:
        if not hasattr(self, "path"):
            return
        run = RunFolder.open(self.path)
        run.sources()
        assert run.info.status == self.status
        assert run.coding() == self.task.coding
        found = self.checkpoint()
        assert (found is None) == (self.at is None)
        if found is not None:
            assert same_state(found, self.straight.states[self.at])
        reached = self.straight.states[: (self.at or 0) + 1]
        if (self.path / "weights.safetensors").exists():
            weights = (self.path / "weights.safetensors").read_bytes()
            possible = [packed(state.best) for state in reached]
            assert weights == possible[-1] if self.written_whole else weights in possible
        if (self.path / "metrics.jsonl").exists():
            lines = (self.path / "metrics.jsonl").read_text().splitlines()
            assert len(lines) >= reached[-1].epoch
            for line, epoch in zip(lines, self.straight.history.epochs, strict=False):
                assert {**json.loads(line), "seconds": 0.0} == {**checkpoint.epoch_json(epoch), "seconds": 0.0}


@pytest.fixture(autouse=True)
def unforced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug in here: files are not forced to disk, which takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


TestTraining = TrainingMachine.TestCase
TestTraining.settings = settings(max_examples=50, stateful_step_count=10)
