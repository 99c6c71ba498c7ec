"""What a run keeps, that it is always whole, and what is said where it is not."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import MeanEmbedding, text_model, text_records

from qsanc.diagnostics import QsanError
from qsanc.ir.program import Optimizer, Recipe, SizeOrigin, SizeValue
from qsanc.train import atomic
from qsanc.train.data import Coding
from qsanc.train.labels import Labels
from qsanc.train.loop import fit
from qsanc.train.metrics import Metrics
from qsanc.train.progress import Report
from qsanc.train.run_folder import RunFolder, hashes
from qsanc.train.run_info import DataSource, Jit, Ran, Results, RunInfo
from qsanc.train.weights import packed
from qsanc.train.words import Vocabulary

SOURCES = {"toy.qsan": "qsan 1.0\n// é\r\n", "parts/ring.qsan": "qsan 1.0\n"}
RECIPE = Recipe(
    Optimizer("sgd", (("lr", 0.1), ("momentum", 0.5))), epochs=2, batch=4, seed=2**70, patience=2, grad="adjoint"
)
CODING = Coding((("label", "class"),), Vocabulary(("a", "it's")), Labels(("-1", "1"), True), True)
INFO = RunInfo(
    "toy",
    "toy.qsan",
    tuple(hashes(SOURCES).items()),
    RECIPE,
    sizes=(SizeValue("n", 4, "default"), SizeValue("lambda", 0.5, "set")),
    backend="numpy",
    shots=100,
    gradient="parameter_shift",
    plan="one\ntwo",
    settings=(("independent", False), ("level", "O1")),
    versions=(("numpy", "2"),),
    data=(DataSource("train", "d.tsv", "00", 12),),
    parts=(("train", 10), ("valid", 1), ("test", 1)),
    jit=Jit("auto", (Ran(0), Ran(7, (("graph", "00"), ("other", "01"))))),
)
REPORT = Report(0.25, Metrics((("accuracy", 0.5), ("f1", 0.1), ("auc", None)), ((1, 2), (3, 4))), 10)
MODEL = text_model(recipe=RECIPE)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run stopped after its training, before its results."""
    folder = RunFolder.create(tmp_path_factory.mktemp("run") / "toy", INFO, SOURCES, CODING)
    fit(MODEL, MeanEmbedding(), train=text_records(10, 1), valid=text_records(4, 2), keeper=folder)
    return folder.path


def copy(run: Path, to: Path) -> Path:
    for file in run.rglob("*"):
        if file.is_file():
            (to / file.relative_to(run)).parent.mkdir(parents=True, exist_ok=True)
            (to / file.relative_to(run)).write_bytes(file.read_bytes())
    return to


def read_all(path: Path) -> None:
    folder = RunFolder.open(path)
    folder.sources()
    folder.coding()
    folder.weights(MODEL)
    folder.progress(MODEL)


def test_everything_reads_back(trained: Path, tmp_path: Path) -> None:
    folder = RunFolder.open(copy(trained, tmp_path))
    assert replace(folder.info, written=()) == INFO
    assert folder.sources() == SOURCES
    assert folder.entry.read_bytes() == (tmp_path / "model.qsan").read_bytes() == SOURCES["toy.qsan"].encode()
    assert folder.coding() == CODING
    assert folder.progress(MODEL).epoch == 2
    results = Results(1, 2, 6, 0.5, True, REPORT, REPORT, (("majority", replace(REPORT, loss=None)),))
    folder.finish(results)
    read = RunFolder.open(tmp_path).info
    assert replace(read, written=()) == replace(INFO, status="finished", results=results)
    for name in ("vocabulary.json", "weights.safetensors"):
        assert dict(read.written)[name] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["test"]["accuracy"] == 0.5
    assert run["source"]["sha256"] == hashes(SOURCES)["toy.qsan"]
    assert run["recipe"]["seed"] == 2**70


def test_the_weights_are_those_of_the_best_epoch(trained: Path) -> None:
    folder = RunFolder.open(trained)
    best = folder.progress(MODEL).best
    weights = folder.weights(MODEL)
    assert all(np.array_equal(weights[name], best[name]) for name in best)


def test_the_parts_name_their_records_from_1(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", INFO, SOURCES, CODING)
    folder.note_parts({"train": ("d.tsv", np.array([0, 3])), "test": ("t.tsv", np.array([1]))})
    parts = json.loads((folder.path / "parts.json").read_text())["parts"]
    assert parts == {"train": {"file": "d.tsv", "records": [1, 4]}, "test": {"file": "t.tsv", "records": [2]}}


def test_metrics_have_one_line_an_epoch(trained: Path) -> None:
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert set(lines[0]) == {"epoch", "train", "valid", "best", "seconds"}
    assert set(lines[0]["valid"]) == {"loss", "accuracy", "f1", "auc", "confusion"}


def test_a_torn_last_line_of_metrics_is_mended_on_resume(trained: Path, tmp_path: Path) -> None:
    run = copy(trained, tmp_path)
    whole = (run / "metrics.jsonl").read_bytes()
    (run / "metrics.jsonl").write_bytes(whole + b'{"epoch": 3, "tr')
    RunFolder.open(run).progress(MODEL)
    assert (run / "metrics.jsonl").read_bytes() == whole


def test_a_kill_between_write_and_rename_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    path = tmp_path / "run.json"
    atomic.write(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", kill)
        with pytest.raises(Killed):
            atomic.write(path, b"new, and longer")
    assert path.read_bytes() == b"old"
    atomic.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


def test_killed_at_any_file_operation_the_checkpoint_is_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    folder = RunFolder.create(tmp_path / "run", INFO, SOURCES, CODING)
    fit(MODEL, MeanEmbedding(), train=text_records(10, 1), valid=text_records(4, 2), keeper=folder)
    old = folder.progress(MODEL)
    new = replace(old, total=7, parameters={**old.parameters, "b": old.parameters["b"] + 1})
    seen = set()
    for left in range(20):
        calls = [left]

        def count(real, calls=calls):  # type: ignore[no-untyped-def]
            def counted(*arguments, **options):  # type: ignore[no-untyped-def]
                calls[0] -= 1
                if calls[0] == -1:
                    raise Killed
                return real(*arguments, **options)

            return counted

        folder.keep(old)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", count(Path.replace))
            patch.setattr(Path, "unlink", count(Path.unlink))
            patch.setattr(os, "fsync", count(os.fsync))
            try:
                folder.keep(new)
            except Killed:
                pass
            else:
                break
        found = RunFolder.open(folder.path).progress(MODEL)
        assert found.total in (6, 7)
        assert float(found.parameters["b"]) == float((new if found.total == 7 else old).parameters["b"])
        seen.add(found.total)
    assert seen == {6, 7}
    assert len(list((folder.path / "checkpoint").glob("state-*"))) == 1


def test_folders_that_are_not_free(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for path, code in ((tmp_path, "QS930"), (trained, "QS931"), (tmp_path / "notes.txt", "QS936")):
        with pytest.raises(QsanError, match=code):
            RunFolder.create(path, INFO, SOURCES, CODING)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_finished_run_is_not_resumed(trained: Path, tmp_path: Path) -> None:
    folder = RunFolder.open(copy(trained, tmp_path))
    folder.finish(Results(1, 2, 6, 0.5, False))
    with pytest.raises(QsanError, match="QS938"):
        RunFolder.open(tmp_path).progress(MODEL)


def test_other_data_than_the_run_began_with() -> None:
    folder = RunFolder(Path("run"), INFO)
    folder.check_data([DataSource("train", "elsewhere/d.tsv", "00", 12)])
    for wrong in ([], [DataSource("train", "d.tsv", "01", 12)]):
        with pytest.raises(QsanError, match="QS935"):
            folder.check_data(wrong)


@pytest.mark.parametrize(
    ("file", "change", "code"),
    [
        ("run.json", lambda b: b"", "QS933"),
        ("run.json", lambda b: b[: len(b) // 2], "QS933"),
        ("run.json", lambda b: b"[" * 100_000, "QS933"),
        ("run.json", lambda b: b.replace(b'"epochs": 2', b'"epochs": "2"'), "QS933"),
        ("run.json", lambda b: b.replace(b'"epochs": 2', b'"epochs": -2'), "QS933"),
        ("run.json", lambda b: b.replace(b'"version": 1', b'"version": 2'), "QS937"),
        ("run.json", lambda b: b.replace(b"parts/ring", b"../../ring"), "QS933"),
        ("run.json", lambda b: b.replace(b"parts/ring", b"\\ud800"), "QS933"),
        ("run.json", None, "QS932"),
        ("source/parts/ring.qsan", lambda b: b + b" ", "QS934"),
        ("model.qsan", lambda b: b + b" ", "QS934"),
        ("source/toy.qsan", None, "QS932"),
        ("vocabulary.json", lambda b: b.replace(b'"it\'s"', b"7"), "QS933"),
        ("vocabulary.json", lambda b: b.replace(b'"it\'s"', b'"a"'), "QS933"),
        ("vocabulary.json", lambda b: b.replace(b'"-1"', b'"one"'), "QS933"),
        ("weights.safetensors", lambda b: b[:-3], "QS933"),
        ("weights.safetensors", lambda b: b[:5], "QS933"),
        ("weights.safetensors", lambda b: b"\xff" * 100, "QS933"),
        ("weights.safetensors", lambda b: b.replace(b'"F64"', b'"I64"', 1), "QS924"),
        ("weights.safetensors", lambda b: b.replace(b'"emb"', b'"emc"'), "QS924"),
        ("weights.safetensors", lambda b: packed({"emb": np.zeros((9, 3))}), "QS924"),
        ("weights.safetensors", None, "QS932"),
        ("checkpoint/checkpoint.json", lambda b: b.replace(b'"step": ', b'"stop": '), "QS933"),
        ("checkpoint/checkpoint.json", lambda b: b.replace(b"state-", b"../state-"), "QS933"),
        ("checkpoint/checkpoint.json", lambda b: b.replace(b'"epoch": 2,', b'"epoch": 7,'), "QS933"),
    ],
)
def test_damaged_files(trained: Path, tmp_path: Path, file: str, change, code: str) -> None:  # type: ignore[no-untyped-def]
    run = copy(trained, tmp_path)
    if change is None:
        (run / file).unlink()
    else:
        before = (run / file).read_bytes()
        after = change(before)
        assert after != before
        (run / file).write_bytes(after)
        if file == "vocabulary.json":
            as_if_written(run, file)
    with pytest.raises(QsanError) as caught:
        read_all(run)
    assert [found.code for found in caught.value.diagnostics[:1]] == [code]
    assert Path(file).name in str(caught.value)


def as_if_written(run: Path, name: str) -> None:
    """Let run.json hold the hash of a file as it is now."""
    value = json.loads((run / "run.json").read_text())
    value["written"][name] = hashlib.sha256((run / name).read_bytes()).hexdigest()
    (run / "run.json").write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("vocabulary.json", b'"a",', b'"b",'),
        ("vocabulary.json", b'"a",\n    "it\'s"', b'"it\'s",\n    "a"'),
        ("vocabulary.json", b'"truncate": true', b'"truncate": false'),
        ("weights.safetensors", b"", b""),
    ],
)
def test_whole_files_that_the_run_did_not_write(
    trained: Path, tmp_path: Path, file: str, old: bytes, new: bytes
) -> None:
    run = copy(trained, tmp_path)
    RunFolder.open(run).mark("interrupted")
    before = (run / file).read_bytes()
    weights = RunFolder.open(run).weights(MODEL)
    after = before.replace(old, new) if old else packed({name: array + 1 for name, array in weights.items()})
    assert after != before
    (run / file).write_bytes(after)
    with pytest.raises(QsanError) as caught:
        read_all(run)
    [found] = caught.value.diagnostics
    digest = dict(RunFolder.open(run).info.written)[file]
    assert found.code == "QS933"
    assert file in found.title
    assert digest[:16] in found.expected


@pytest.mark.parametrize(
    ("origin", "vocab", "fits"), [("data", 3, True), ("data", 4, False), ("set", 4, True), ("set", 2, False)]
)
def test_the_vocabulary_has_the_recorded_size(tmp_path: Path, origin: SizeOrigin, vocab: int, fits: bool) -> None:
    folder = RunFolder.create(
        tmp_path / "run", replace(INFO, sizes=(SizeValue("vocab", vocab, origin),)), SOURCES, CODING
    )
    if fits:
        assert folder.coding() == CODING
    else:
        with pytest.raises(QsanError, match=f"QS933.*words.*{vocab - 1} words, but of 2"):
            folder.coding()


def test_while_a_training_runs_its_weights_may_change(trained: Path, tmp_path: Path) -> None:
    run = RunFolder.open(copy(trained, tmp_path))
    run.mark("interrupted")
    assert "weights.safetensors" in dict(run.info.written)
    run.mark("running")
    progress = run.progress(MODEL)
    run.keep(replace(progress, best={**progress.best, "b": progress.best["b"] + 1}))
    assert float(RunFolder.open(tmp_path).weights(MODEL)["b"]) == float(progress.best["b"] + 1)


def test_a_run_of_before_the_hashes_is_read(trained: Path, tmp_path: Path) -> None:
    run = copy(trained, tmp_path)
    value = json.loads((run / "run.json").read_text())
    del value["written"]
    (run / "run.json").write_text(json.dumps(value))
    read_all(run)


@given(st.data())
def test_any_damage_to_any_file_is_read_or_refused(
    trained: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    run = copy(trained, tmp_path_factory.getbasetemp() / "damaged")
    names = ["run.json", "vocabulary.json", "weights.safetensors", "checkpoint/checkpoint.json"]
    file = run / data.draw(st.sampled_from(names))
    content = bytearray(file.read_bytes())
    start = data.draw(st.integers(0, len(content) - 1))
    stop = data.draw(st.integers(start, min(len(content), start + 40)))
    content[start:stop] = data.draw(st.binary(max_size=8) | st.sampled_from([b"null", b"NaN", b"1e999", b"{}", b'"x"']))
    file.write_bytes(bytes(content))
    with suppress(QsanError):
        read_all(run)


@pytest.mark.parametrize("there", [False, True])
def test_a_run_that_is_stopped_while_it_is_made_leaves_nothing(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that its folder can be used again; an empty folder may be there before."""
    path = tmp_path / "run"
    if there:
        path.mkdir()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "note", stop)
        with pytest.raises(KeyboardInterrupt):
            RunFolder.create(path, INFO, SOURCES, CODING)
    assert [entry.name for entry in tmp_path.rglob("*")] == (["run"] if there else [])
    monkeypatch.chdir(tmp_path)
    made = RunFolder.create(Path("run"), INFO, SOURCES, CODING)
    assert RunFolder.open(path).info == made.info
