"""Backends that are billed: a folder for their tasks and leave to spend come first, and reach every execution."""

from __future__ import annotations

import json
import math
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from malformed import CLASSIFIER, NUMBERS

from qsanc import registry
from qsanc.cli import main
from qsanc.target import Capabilities, Context, Handle, Request
from qsanc.train.progress import Progress

CIRCUIT = "qsan 1.0\ncircuit c(x: angle) on q: qubit -> real { rx(x) q; return expval(Z(q)); }\n"


@pytest.fixture
def asked(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Context, Request]]:
    """What the billed backend `fake` is asked for, in a folder with a model, its data and a circuit."""
    monkeypatch.syspath_prepend(str(root / "tests" / "backends"))
    import fake

    points = registry._points()
    monkeypatch.setattr(registry, "_points", lambda: (*points, EntryPoint("fake", "fake:FakeBackend", registry.GROUP)))
    found: list[tuple[Context, Request]] = []
    submit = fake.FakeExecutable.submit

    def watched(self: fake.FakeExecutable, request: Request, context: Context) -> Handle:
        found.append((context, request))
        return submit(self, request, context)

    monkeypatch.setattr(fake.FakeExecutable, "submit", watched)
    monkeypatch.chdir(tmp_path)
    for name, text in (("m.qsan", CLASSIFIER), ("d.tsv", NUMBERS), ("c.qsan", CIRCUIT)):
        (tmp_path / name).write_text(text)
    return found


TRAIN = ["train", "m.qsan", "--data", "d.tsv", "--backend", "fake", "--shots", "20", "--epochs", "1", "--grad", "spsa"]


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    return main(arguments), capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*TRAIN, "--max-cost", "1"], "give --out RUN"),
        ([*TRAIN, "--out", "run"], "give --max-cost USD"),
        ([*TRAIN, "--out", "run", "--max-cost", "0"], "not a positive number"),
        ([*TRAIN, "--out", "run", "--max-cost", "nan"], "not a positive number"),
        ([*TRAIN, "--out", "run", "--max-cost", "1", "--native"], "braket:NAME"),
        (["run", "c.qsan", "c", "x=1", "--backend", "fake", "--shots", "9", "--max-cost", "1"], "give --out FOLDER"),
        (["run", "c.qsan", "c", "x=1", "--backend", "fake", "--shots", "9", "--out", "f"], "give --max-cost USD"),
        (
            ["run", "c.qsan", "c", "x=1", "--backend", "fake"],
            "give --out FOLDER, where its tasks are kept; --max-cost USD; --shots NUMBER",
        ),
        (["run", "c.qsan", "c", "x=1", "--max-cost", "1"], "numpy costs nothing"),
        (["train", "m.qsan", "--data", "d.tsv", "--max-cost", "1"], "numpy costs nothing"),
    ],
)
def test_nothing_runs_before_there_is_leave_to_spend(
    arguments: list[str], words: str, asked: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    code, message = said(arguments, capsys)
    assert (code, asked) == (2, [])
    assert words in " ".join(message.split())
    assert not Path("run").exists()


def test_a_person_at_the_terminal_is_asked(
    asked: list[tuple[Context, Request]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", "c.qsan", "c", "x=1", "--backend", "fake", "--shots", "9", "--out", "f"]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    assert main(command) == 130
    assert asked == []
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "y")
    assert main(command) == 0
    assert [(context.budget_usd, context.run_folder) for context, _ in asked] == [(math.inf, Path("f"))]


def test_folder_limit_and_leave_reach_every_execution(
    asked: list[tuple[Context, Request]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN, "--out", "run", "--max-cost", "2.5", "--again", "--no-controls"]) == 0
    assert asked
    assert {(c.run_folder, c.budget_usd, c.again) for c, _ in asked} == {(Path("run"), 2.5, True)}
    kept = json.loads(Path("run/run.json").read_text())
    assert kept["settings"]["max_cost"] == 2.5
    assert kept["jit"]["mode"] == "off", "native code may differ in last bits, and so ask for circuits not yet paid"
    for command in ("eval", "predict"):
        asked.clear()
        arguments = [command, "run", "--data", "d.tsv", "--shots", "30", "--seed", "4"]
        assert said(arguments, capsys)[0] == 2, "another command asks anew"
        assert asked == []
        assert main([*arguments, "--max-cost", "3"]) == 0
        assert {(c.run_folder, c.budget_usd, c.again, c.seed, r.shots) for c, r in asked} == {
            (Path("run"), 3.0, False, 4, 30)
        }


def test_shots_are_those_of_training_unless_given(asked: list[tuple[Context, Request]]) -> None:
    assert main([*TRAIN, "--out", "run", "--max-cost", "2", "--no-controls"]) == 0
    asked.clear()
    assert main(["predict", "run", "0.1, 0.2", "--max-cost", "2"]) == 0
    assert {(context.seed, request.shots) for context, request in asked} == {(0, 20)}


def test_samples_of_a_prediction_follow_its_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.qsan").write_text(CLASSIFIER)
    (tmp_path / "d.tsv").write_text(NUMBERS)
    run = str(tmp_path / "run")
    options = ["--data", str(tmp_path / "d.tsv")]
    assert main(["train", str(tmp_path / "m.qsan"), *options, "--out", run, "--jit", "off"]) == 0
    printed = []
    for seed in ("1", "1", "2"):
        capsys.readouterr()
        assert main(["eval", run, *options, "--shots", "5", "--seed", seed, "--json", "--jit", "off"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != printed[2]


def test_a_resumed_run_keeps_its_limit_or_takes_a_new_one(
    asked: list[tuple[Context, Request]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import fake

    from qsanc.target import BackendFailure

    watched = fake.FakeExecutable.submit

    def failing(self: fake.FakeExecutable, request: Request, context: Context) -> Handle:
        raise BackendFailure("the device is offline", retryable=True)

    monkeypatch.setattr(fake.FakeExecutable, "submit", failing)
    code, message = said([*TRAIN, "--out", "run", "--max-cost", "2", "--no-controls"], capsys)
    assert code == 1
    assert "the device is offline; trying again may help" in message
    monkeypatch.setattr(fake.FakeExecutable, "submit", watched)
    for given in ([], ["--max-cost", "7"]):
        monkeypatch.setattr(fake.FakeExecutable, "submit", failing)
        assert main(["train", "--resume", "run", *given]) == 1
        settings = json.loads(Path("run/run.json").read_text())["settings"]
        assert settings["max_cost"] == (7.0 if given else 2.0)
    monkeypatch.setattr(fake.FakeExecutable, "submit", watched)
    assert main(["train", "--resume", "run", "--again"]) == 0
    assert {(c.budget_usd, c.again) for c, _ in asked} == {(7.0, True)}


def test_the_fake_is_billed(asked: list[object]) -> None:
    offered: Capabilities = registry.load("fake").capabilities
    assert offered.billed


def test_every_step_of_what_is_billed_is_kept_at_once(
    asked: list[tuple[Context, Request]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies loses at most the step under way, whose tasks have the names they had."""
    from qsanc.train.run_folder import RunFolder

    kept: list[int] = []
    keep = RunFolder.keep

    def watched(self: RunFolder, progress: Progress) -> None:
        kept.append(progress.total)
        keep(self, progress)

    monkeypatch.setattr(RunFolder, "keep", watched)
    assert main([*TRAIN, "--batch", "2", "--out", "run", "--max-cost", "2", "--no-controls"]) == 0
    assert sorted(set(kept)) == list(range(1, max(kept) + 1))


def test_a_run_that_goes_on_with_another_version_says_what_that_may_cost(
    asked: list[tuple[Context, Request]], capsys: pytest.CaptureFixture[str]
) -> None:
    import fake

    from qsanc.target import BackendFailure

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            fake.FakeExecutable, "submit", lambda *_: (_ for _ in ()).throw(BackendFailure("offline", retryable=True))
        )
        assert main([*TRAIN, "--out", "run", "--max-cost", "2", "--no-controls"]) == 1
    path = Path("run/run.json")
    info = json.loads(path.read_text())
    info["versions"]["numpy"] = "1.0.0"
    path.write_text(json.dumps(info))
    code, message = said(["train", "--resume", "run"], capsys)
    assert code == 0
    assert "begun with numpy 1.0.0" in message
