"""Ctrl-C and going on: the weights are those of a training that was never stopped, bit for bit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qsanc.cli import main

SETTINGS = ["--set", "n=2", "--epochs", "16", "--batch", "2", "--seed", "5", "--no-controls"]


def command(root: Path, out: Path, jit: str = "off") -> list[str]:
    data = root / "models" / "data" / "food_or_computing.tsv"
    model = root / "models" / "qsann_multihead.qsan"
    return ["train", str(model), "--data", str(data), "--out", str(out), "--jit", jit, *SETTINGS]


def listen() -> None:
    """In the child: a shell that starts the tests in the background has them ignore Ctrl-C, and their children too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("jit", ["off", "on"])
def test_ctrl_c_then_resume_gives_the_same_weights(jit: str, root: Path, tmp_path: Path) -> None:
    if jit == "on":
        pytest.importorskip("numba", reason="the extra `fast` is not installed")
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert main(command(root, whole, jit)) == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "qsanc", *command(root, stopped, jit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen,
    )
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline().startswith("epoch")
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130, message
    assert f"qsanc train --resume {stopped}" in message
    assert "Traceback" not in message
    assert json.loads((stopped / "run.json").read_text())["status"] == "interrupted"

    assert main(["train", "--resume", str(stopped)]) == 0
    assert (stopped / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    runs = [json.loads((folder / "run.json").read_text()) for folder in (whole, stopped)]
    assert runs[0]["test"] == runs[1]["test"]
    assert runs[1]["status"] == "finished"


def test_a_finished_run_is_not_resumed(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its test part has been read; going on would choose by it."""
    out = tmp_path / "run"
    arguments = command(root, out)
    arguments[arguments.index("16")] = "1"
    assert main(arguments) == 0
    assert main(["train", "--resume", str(out)]) == 1
    assert "QS938" in capsys.readouterr().err
