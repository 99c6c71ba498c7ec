"""Wrong input never ends in a traceback: exit code 1 or 2, and a message on stderr that names the place."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from malformed import CASES, READER, TEXTS, Case
from safetensors.numpy import load_file, save_file

from qsanc.cli import main


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "m.qsan").write_text(READER)
    (folder / "d.tsv").write_text(TEXTS)
    assert main(["train", str(folder / "m.qsan"), "--data", str(folder / "d.tsv"), "--out", str(folder / "run")]) == 0
    return folder / "run"


def outcome(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    code = main(arguments)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    assert "bug in qsanc" not in captured.err
    return code, captured.err


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_wrong_input_is_told(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], trained: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("d.dir")
    where = Path("run") if "{run}" in case.arguments else Path()
    if where != Path():
        shutil.copytree(trained, where)
    for name, content in case.files.items():
        (where / name).write_bytes(content.encode() if isinstance(content, str) else content)
    code, message = outcome(shlex.split(case.arguments.format(run="run")), capsys)
    assert code == case.code, message
    for word in case.says:
        assert word in message


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 100


@pytest.mark.parametrize("change", ["nan", "infinite", "shape", "missing", "extra", "truth values"])
def test_wrong_weights_are_told(change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    weights = dict(load_file(run / "weights.safetensors"))
    emb = weights["emb"]
    changed = {
        "nan": {"emb": np.where(emb == emb.max(), np.nan, emb)},
        "infinite": {"emb": np.full_like(emb, np.inf)},
        "shape": {"emb": emb[:, :1].copy()},
        "missing": {"emb": None},
        "extra": {"other": emb},
        "truth values": {"emb": np.zeros(emb.shape, dtype=np.bool_)},
    }[change]
    weights |= changed
    save_file({name: array for name, array in weights.items() if array is not None}, run / "weights.safetensors")
    code, message = outcome(["predict", str(run), "good meal"], capsys)
    assert code == 1
    assert "other" in message if change == "extra" else "emb" in message


@pytest.mark.parametrize("name", ["run.json", "weights.safetensors", "model.qsan"])
def test_missing_parts_of_a_run_are_told(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], trained: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / name).unlink()
    code, message = outcome(["predict", str(run), "good meal"], capsys)
    assert code == 1
    assert name in message
