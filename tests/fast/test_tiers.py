"""Which tier runs when, what `run.json` says of it, and that `off` and `on` repeat themselves to the last bit."""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from small_kernels import LIBRARY

import qsanc
from qsanc.check.imports import load_text
from qsanc.cli import main
from qsanc.diagnostics import QsanError
from qsanc.fast import OFF, Mode, Tier
from qsanc.ir.circuit import CircuitModule
from qsanc.registry import load as load_backend
from qsanc.source import Source
from qsanc.target import Capabilities, Context, Executable, Floats, Gradient, Handle, Pullback, Request, Results
from qsanc.train.compiled import Compiled
from qsanc.train.progress import EpochRecord, Interrupted, StepRecord
from qsanc.train.run_folder import RunFolder
from qsanc.train.run_info import Jit, Ran
from qsanc.train.saving import describe
from qsanc.train.session import carry_out
from qsanc.train.tables import table_of
from qsanc.train.task import Choices, Tables, Task, assemble

CLASSIFIER = Path(__file__).with_name("classifier.qsan")
LOWEST = Path(__file__).with_name("lowest.qsan")

TEXT = """qsan 1.0
circuit turn(x: real, t: angle[2]) on q: qubit -> real { ry(x + t[0]) q; rx(x * t[1]) q; return expval(Z(q)); }
model m {
  data { x: real; label: bit; }
  params { t: angle[2] ~ normal(0, 1); w: real = 1.5; b: real; }
  flow { predict sigmoid(w * turn(x, t) + b); }
  loss mse(predict, label);
  train { optimizer: adam(lr = 0.1); epochs: 3; batch: 4; seed: 3; }
}
"""


class Asking:
    """The NumPy backend, whose executables also ask for the small library, note the answer, and compute with it.

    What comes from the library is a cosine of nothing: 1, in either tier.
    """

    def __init__(self) -> None:
        self.inner = load_backend("numpy")
        self.native: list[bool] = []

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[qsanc.Diagnostic, ...]:
        return self.inner.check(module, shots=shots)

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> Executable:
        tier.kernels(LIBRARY)
        return AskingExecutable(self.inner.lower(module, tier=tier), tier, self.native)


@dataclass
class AskingExecutable:
    inner: Executable
    tier: Tier
    native: list[bool]

    @property
    def module(self) -> CircuitModule:
        return self.inner.module

    def plan(self) -> str:
        return self.inner.plan()

    def submit(self, request: Request, context: Context) -> Handle:
        return self.inner.submit(self._asked(request), context)

    def collect(self, handle: Handle) -> Results:
        return self.inner.collect(handle)

    def vjp(self, request: Request, context: Context) -> tuple[Results, Pullback]:
        results, back = self.inner.vjp(self._asked(request), context)

        def pullback(cotangents: Mapping[int, Floats]) -> Gradient:
            self._asked(request)
            return back(cotangents)

        return results, pullback

    def _asked(self, request: Request) -> Request:
        kernels = self.tier.kernels(LIBRARY)
        self.native.append(kernels is not None)
        one = np.ones(1)
        if kernels is not None:
            kernels["quotients"](one, np.ones(1), np.ones(1))
        return replace(request, bindings=replace(request.bindings, items=request.bindings.items * one))


def task_of(tier: Tier, backend: Asking) -> Task:
    x = np.linspace(-1, 1, 20)
    labels = [int((k * 7) % 20 > 9) for k in range(20)]
    return assemble(
        load_text(Source("m.qsan", TEXT), None), "m", backend, Tables(table_of({"x": x, "label": labels})), tier=tier
    )


def new_run(path: Path, task: Task) -> RunFolder:
    module = load_text(Source("m.qsan", TEXT), None)
    info, texts = describe(module, task.compiled, backend="numpy", recipe=task.recipe, method=task.method)
    return RunFolder.create(path, info, texts, task.coding)


@dataclass
class At:
    """Does something after a step, counted from 1."""

    step: int
    act: Callable[[], None]
    seen: int = field(default=0, init=False)

    def on_step(self, record: StepRecord) -> None:
        self.seen += 1
        if self.seen == self.step:
            self.act()

    def on_epoch(self, record: EpochRecord) -> None:
        pass


def arrived(tier: Tier) -> None:
    """Wait until the other process is done; at most a minute."""
    end = time.monotonic() + 60
    while not tier._found.arrived and time.monotonic() < end:
        time.sleep(0.01)
    assert tier._found.arrived


def stop() -> None:
    raise KeyboardInterrupt


def weights(path: Path) -> bytes:
    return (path / "weights.safetensors").read_bytes()


def test_auto_changes_between_two_steps_and_says_when(partial: Path, tmp_path: Path) -> None:
    tier, backend = Tier("auto", partial), Asking()
    task = task_of(tier, backend)
    run = new_run(tmp_path / "run", task)
    carry_out(task, backend, run=run, observer=At(3, lambda: arrived(tier)), controls=False)
    changes = [k for k in range(1, len(backend.native)) if backend.native[k] != backend.native[k - 1]]
    assert len(changes) == 1
    assert backend.native[-1]
    # Three steps of a forward and a backward pass ran before it.
    assert changes[0] == 6
    (build,) = [key for name, key in tier.builds().items() if name == "small"]
    ran = RunFolder.open(run.path).info.jit.ran
    assert ran[0].step == 0
    assert "small" not in dict(ran[0].builds)
    assert next(entry.step for entry in ran if ("small", build) in entry.builds) == 3
    told = json.loads((run.path / "run.json").read_text())
    assert told["jit"]["mode"] == "auto"
    assert told["jit"]["ran"][-1]["builds"]["small"] == build
    assert {"numba", "llvmlite"} <= set(told["versions"])


def test_auto_with_a_build_is_native_from_the_start(whole: Path, tmp_path: Path) -> None:
    tier, backend = Tier("auto", whole), Asking()
    task = task_of(tier, backend)
    run = new_run(tmp_path / "run", task)
    carry_out(task, backend, run=run, controls=False)
    assert all(backend.native)
    assert "small" in dict(RunFolder.open(run.path).info.jit.ran[0].builds)


def test_what_ran_is_told_by_library(whole: Path, tmp_path: Path) -> None:
    """Large registers in single precision run in NumPy, whatever the graph around them does: no word for both."""
    name = "numpy:complex64"
    backend, table = load_backend(name), Tables(table_of({"x": np.linspace(-1, 1, 8), "label": [0, 1] * 4}))
    module = load_text(
        Source("m.qsan", TEXT.replace("q: qubit ->", "q: qubit[12] ->").replace("Z(q)", "Z(q[0])")), None
    )
    task = assemble(module, "m", backend, table, choices=Choices(epochs=1), tier=Tier("on", whole))
    info, texts = describe(module, task.compiled, backend=name, recipe=task.recipe, method=task.method)
    run = RunFolder.create(tmp_path / "run", info, texts, task.coding)
    carry_out(task, backend, run=run, controls=False)
    (ran,) = json.loads((run.path / "run.json").read_text())["jit"]["ran"]
    assert ran.keys() == {"step", "builds"}
    assert ran["builds"].keys() == {"graph"}


def test_a_background_build_serves_the_next_run(empty: Path) -> None:
    first = Tier("auto", empty)
    assert first.kernels(LIBRARY) is None
    assert first.kernels(LIBRARY) is None
    arrived(first)
    assert first.kernels(LIBRARY) is None, "nothing changes within a step"
    assert first.settle()
    assert not first.settle()
    assert first.kernels(LIBRARY) is not None
    assert Tier("auto", empty).kernels(LIBRARY) is not None


def test_tiers_are_values(folder: Path) -> None:
    asked = Tier("on", folder)
    asked.kernels(LIBRARY)
    assert asked == Tier("on", folder, note=print)
    assert hash(asked) == hash(Tier("on", folder))
    assert Tier() == OFF != asked


@pytest.mark.parametrize("mode", ["off", "on"])
@pytest.mark.parametrize("at", [1, 4, 6, 11])
def test_a_stopped_training_goes_on_to_the_same_bits(mode: Mode, at: int, whole: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        backend = Asking()
        task = task_of(Tier(mode, whole), backend)
        carry_out(task, backend, run=new_run(tmp_path / name, task), controls=False)
        assert set(backend.native) == {mode == "on"}
    assert weights(tmp_path / "one") == weights(tmp_path / "two")

    backend = Asking()
    task = task_of(Tier(mode, whole), backend)
    with pytest.raises(Interrupted):
        carry_out(task, backend, run=new_run(tmp_path / "cut", task), observer=At(at, stop), controls=False)
    run = RunFolder.open(tmp_path / "cut")
    assert run.info.jit.mode == mode
    carry_out(task_of(Tier(run.info.jit.mode, whole), backend), backend, run=run, controls=False)
    assert weights(tmp_path / "cut") == weights(tmp_path / "one")
    ran = RunFolder.open(tmp_path / "cut").info.jit.ran
    assert [entry.step for entry in ran] == [0, at]
    assert all(dict(entry.builds).keys() >= ({"small"} if mode == "on" else set()) for entry in ran)


def test_another_build_in_a_resumed_run_is_said(whole: Path, tmp_path: Path) -> None:
    task = task_of(Tier("on", whole), Asking())
    run = new_run(tmp_path / "run", task)
    run.note(replace(run.info, jit=Jit("on", (Ran(0, (("small", "another"),)),))))
    said: list[str] = []
    carry_out(task_of(Tier("on", whole, said.append), Asking()), Asking(), run=run, controls=False)
    assert said == ["the native code is not that of the run so far: its numbers may differ in their last digits"]


def test_both_tiers_train_alike() -> None:
    """With whatever libraries qsanc itself has."""
    pytest.importorskip("numba")
    found = []
    for mode in ("off", "on"):
        model = qsanc.load(CLASSIFIER, jit=mode)
        x = np.stack([np.linspace(-1, 1, 40), np.linspace(-1, 1, 40) ** 2], axis=1)
        history = model.fit(x, [int(value > 0.3) for value in x[:, 1]], epochs=2, seed=1)
        found.append((dict(model.params), history.epochs[-1].valid_loss, model.predict_proba(x)))
    for name, value in found[0][0].items():
        np.testing.assert_allclose(found[1][0][name], value, rtol=0, atol=1e-9)
    assert found[1][1] == pytest.approx(found[0][1], abs=1e-9)
    np.testing.assert_allclose(found[1][2], found[0][2], rtol=0, atol=1e-9)


def test_a_mode_that_there_is_not() -> None:
    with pytest.raises(QsanError) as caught:
        qsanc.load(LOWEST, jit="always")  # type: ignore[arg-type]
    assert caught.value.diagnostics[0].code == "QS922"


def child(tier: Tier, sent: multiprocessing.SimpleQueue[float]) -> None:
    out = np.zeros(1)
    kernels = tier.kernels(LIBRARY)
    assert kernels is not None
    kernels["quotients"](out, np.ones(1), np.full(1, 2.0))
    sent.put(float(out[0]))


@pytest.mark.skipif(sys.platform != "linux", reason="processes are not forked elsewhere")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_goes_on_with_native_code(folder: Path) -> None:
    tier = Tier("on", folder)
    assert tier.kernels(LIBRARY) is not None
    fork = multiprocessing.get_context("fork")
    for given in (tier, Tier("on", folder)):
        sent = fork.SimpleQueue()
        process = fork.Process(target=child, args=(given, sent))
        process.start()
        process.join(60)
        assert process.exitcode == 0
        assert sent.get() == 0.5


def test_the_command_line_records_the_mode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = str(LOWEST), tmp_path / "run"
    assert main(["train", file, "--epochs", "1", "--jit", "off", "--out", str(out)]) == 0
    told = json.loads((out / "run.json").read_text())
    assert told["jit"] == {"mode": "off", "ran": [{"step": 0, "builds": {}}]}
    assert "numba" not in told["versions"]
    assert qsanc.load_run(out)._tier == Tier("off")
    assert main(["train", "--resume", str(out), "--jit", "on"]) == 2
    assert "--resume goes on with the settings of the run" in capsys.readouterr().err
    assert main(["train", file, "--jit", "fast"]) == 2
    assert "'fast' is not one of 'off', 'on', 'auto'" in capsys.readouterr().err


def test_the_command_line_tells_of_a_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = (Ran(0), Ran(6, (("small", "00"),)))
    monkeypatch.setattr(Compiled, "ran", property(lambda self: changes))
    assert main(["train", str(LOWEST), "--epochs", "1", "--jit", "off"]) == 0
    assert "native code from step 7 on: its numbers agree to 1e-9" in capsys.readouterr().err


def test_the_command_line_keeps_code_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from qsanc.cli import options

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tier = options.tier("auto")
    assert tier.folder == tmp_path / "qsanc"
    assert tier.note is not None
    tier.note("compiling")
    assert capsys.readouterr().err == "compiling\n"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert options.tier("auto").folder is None
