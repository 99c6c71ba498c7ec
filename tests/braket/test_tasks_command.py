"""`qsanc tasks` reads the ledger of a run: without the SDK from its journal, with --live from the service as well."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qsanc.cli import main
from qsanc_braket.cloud.journal import Journal, Task

GARNET = "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet"


def task(number: int, *, reserved: float = 0.5) -> Task:
    return Task(
        f"{number:064x}", GARNET, 3, "gradient", number, 0, 10, 1000, reserved, f"2026-05-06T14:00:0{number}.000+02:00",
        "a" * 64, "amazon-braket-eu-north-1-1",
    )  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Four tasks: one that ended, one that failed, one under way, and one that the service may not know of."""
    with Journal.open(tmp_path / "run") as journal:
        journal.intend([task(number) for number in range(4)])
        for number in range(3):
            journal.created(f"{number:064x}", f"arn:aws:braket:eu-north-1:1:quantum-task/task-{number}")
        journal.state(f"{0:064x}", "COMPLETED", cost_usd=0.445)
        journal.state(f"{1:064x}", "FAILED", cost_usd=0.0, message="a calibration began")
        journal.state(f"{2:064x}", "QUEUED")
    return tmp_path / "run"


def test_every_task_has_a_line_and_the_sum_holds_what_is_put_aside(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run / "tasks.jsonl").read_bytes()
    assert main(["tasks", str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:8] == ["2026-05-06", "12:00:00", "3", "gradient", "0", "completed", "10", "1"]
    assert "0.4450" in lines[1]
    assert lines[1].endswith("quantum-task/task-0")
    assert "failed" in lines[2]
    assert lines[2].endswith("task-1: a calibration began")
    assert "(0.5000)" in lines[3]
    assert "no ARN" in lines[4]
    assert lines[5] == (
        "4 tasks (1 completed, 1 failed, 1 queued, 1 intended), 40 executables, 4 000 shots, 1.4450 USD"
    )
    assert lines[6].startswith("1.0000 USD of that")
    assert (run / "tasks.jsonl").read_bytes() == before, "looking writes nothing"


def test_json_for_machines(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", str(run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in found["tasks"]] == ["COMPLETED", "FAILED", "QUEUED", "INTENDED"]
    assert found["tasks"][0]["cost_usd"] == 0.445
    assert found["tasks"][3]["arn"] is None
    assert found["total"] == {"tasks": 4, "executables": 40, "shots": 4000, "usd": 1.445, "reserved_usd": 1.0}


def test_a_running_training_does_not_bar_the_view(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Journal.open(run):
        assert main(["tasks", str(run)]) == 0


def test_a_folder_without_tasks_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, told in ((tmp_path, "tasks.jsonl"), (tmp_path / "none", "there is no folder")):
        assert main(["tasks", str(folder)]) == 1
        assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [], "and none is begun"


def test_a_damaged_journal_is_told(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (run / "tasks.jsonl").read_text().splitlines()
    (run / "tasks.jsonl").write_text("\n".join([*text[:3], "not JSON", *text[3:]]) + "\n")
    assert main(["tasks", str(run)]) == 1
    assert "line 4" in capsys.readouterr().err


def test_the_sdk_is_not_needed_to_look(run: Path) -> None:
    program = (
        "import sys\nfrom qsanc.cli import main\n"
        f"assert main(['tasks', {str(run)!r}]) == 0\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('braket', 'boto3', 'botocore')))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_run_that_was_never_billed_is_told_from_no_run(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "here"
    train = ["train", str(root / "models" / "vqe_h2.qsan"), "--epochs", "1", "--jit", "off"]
    assert main([*train, "--out", str(folder)]) == 0
    capsys.readouterr()
    assert main(["tasks", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder} has no tasks: nothing was billed in it\n"
    assert main(["tasks", str(folder), "--live", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["run"], found["tasks"], found["total"]["usd"]) == (None, [], 0)
    assert main(["tasks", str(tmp_path / "nowhere")]) == 1
    assert "there is no folder" in capsys.readouterr().err
    assert main(["tasks", str(tmp_path)]) == 1
    assert "not a run folder" in capsys.readouterr().err
    (folder / "device.json").write_text("{}")
    assert main(["tasks", str(folder)]) == 1, "something was asked of a device, and the journal is lost"
