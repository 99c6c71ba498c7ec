"""`qsanc resume` finishes a training that was stopped, and pays nothing twice; `qsanc tasks` agrees with the bill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from standin import Service

from qsanc.cli import main
from qsanc_braket.cloud import backend
from qsanc_braket.cloud.desk import Manner
from qsanc_braket.cloud.journal import Journal, Task, now
from qsanc_braket.cloud.session import TAG, BraketSession

pytest.importorskip("braket.aws", reason="needs the extra `braket`")


BIT = "OPENQASM 3.0;\nbit[1] b;\nqubit[1] q;\nx q[0];\nb[0] = measure q[0];\n"


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment().items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        yield running


def train(root: Path, out: Path, limit: str) -> list[str]:
    model = str(root / "models" / "vqe_h2.qsan")
    settings = ["--backend", "braket:SV1", "--shots", "40", "--grad", "spsa", "--epochs", "3", "--seed", "5"]
    return ["train", model, "--out", str(out), "--max-cost", limit, *settings]


def test_a_run_that_its_limit_stopped_is_finished_with_a_higher_one(
    service: Service, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = tmp_path / "stopped"
    assert main(train(root, stopped, "0.04")) == 1
    assert "QS802" in capsys.readouterr().err
    assert service.total_usd <= 0.04
    before = [task.arn for task in service.tasks]
    assert before
    assert main(["tasks", str(stopped), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [task["arn"] for task in found["tasks"]] == [task.arn for task in service.tasks]
    assert found["total"]["usd"] == pytest.approx(service.total_usd)
    assert main(["resume", str(stopped), "--max-cost", "5"]) == 0
    message = capsys.readouterr().err
    after = [task.arn for task in service.tasks]
    assert after[: len(before)] == before
    assert {task.token for task in service.tasks} == set(Journal.read(stopped).tasks), "every task was created once"
    assert f"{len(before)} task" in message
    assert f"{len(after) - len(before)} new task" in message
    assert f"the {len(before)} from before" in message
    assert main(["resume", str(stopped)]) == 1
    assert "finished" in capsys.readouterr().err


def test_a_run_that_costs_nothing_is_resumed_as_well(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, run = str(root / "models" / "vqe_h2.qsan"), tmp_path / "run"
    assert main(["train", model, "--out", str(run), "--epochs", "1", "--jit", "off"]) == 0
    assert main(["resume", str(run)]) == 1
    assert "tasks" not in capsys.readouterr().err
    assert main(["resume", str(tmp_path / "none")]) == 1


def test_open_tasks_are_looked_up(
    service: Service, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A client that died while its tasks were queued: the journal says what it knew, --live what has become of them."""
    assert main(train(root, tmp_path / "run", "5")) == 0
    journal = tmp_path / "run" / "tasks.jsonl"
    lines = journal.read_text().splitlines()
    kept = [line for line in lines if '"state"' not in line or json.loads(line).get("event") != "state"]
    without = [line for line in kept if '"created"' not in line]
    capsys.readouterr()
    for text, states in ((lines, {"COMPLETED"}), (kept, {"CREATED"}), (without, {"INTENDED"})):
        journal.write_text("\n".join(text) + "\n")
        assert main(["tasks", str(tmp_path / "run"), "--json"]) == 0
        assert {task["state"] for task in json.loads(capsys.readouterr().out)["tasks"]} == states
        assert main(["tasks", str(tmp_path / "run"), "--live", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)["tasks"]
        assert {task["state"] for task in found} == {"COMPLETED"}
        assert [task["arn"] for task in found] == [task.arn for task in service.tasks], "found by its token if need be"
        assert journal.read_text() == "\n".join(text) + "\n"


def open_tasks(folder: Path) -> None:
    """What a client leaves that dies: a task that waits, one whose ARN it never heard, and one that was never sent."""
    arn = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
    header = {"name": "braket.ir.openqasm.program", "version": "1"}
    session = BraketSession(arn, "bucket")

    def create(token: str) -> str:
        return session.create(
            {
                "clientToken": token,
                "deviceArn": arn,
                "shots": 10,
                "action": json.dumps({"braketSchemaHeader": header, "source": BIT}),
                "outputS3Bucket": "bucket",
                "outputS3KeyPrefix": "tasks",
                "tags": {TAG: token},
            }
        )

    with Journal.open(folder) as journal:
        tokens = [digit * 64 for digit in "abc"]
        journal.intend(
            [Task(t, arn, 0, "forward", k, 0, 1, 10, 0.01, now(), "a" * 64, "bucket") for k, t in enumerate(tokens)]
        )
        journal.created(tokens[0], create(tokens[0]))
        create(tokens[1])


def test_tasks_that_wait_are_cancelled(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The journal says so from then on, nothing is put aside any more, and nothing is left to be sent later."""
    monkeypatch.setattr(backend, "Manner", lambda: Manner(settled_s=0.01))
    service.faults.queued_s = 1e6
    open_tasks(tmp_path)
    assert main(["tasks", str(tmp_path), "--live", "--json"]) == 0
    states = [task["state"] for task in json.loads(capsys.readouterr().out)["tasks"]]
    assert states[2] == "INTENDED"
    assert set(states[:2]) <= {"CREATED", "QUEUED"}
    assert main(["tasks", str(tmp_path), "--cancel", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(task["state"], task["cost_usd"]) for task in found["tasks"]] == [("CANCELLED", 0.0)] * 3
    assert [task["arn"] for task in found["tasks"]] == [*(task.arn for task in service.tasks), None]
    assert [task.status for task in service.tasks] == ["CANCELLED", "CANCELLED"]
    journal = Journal.read(tmp_path)
    assert [task.state for task in journal.entries()] == ["CANCELLED"] * 3
    assert (journal.spent, journal.reserved) == (0.0, 0.0)
    before = (tmp_path / "tasks.jsonl").read_bytes()
    assert main(["tasks", str(tmp_path), "--cancel"]) == 0
    assert (tmp_path / "tasks.jsonl").read_bytes() == before, "a second time there is nothing to do"


def test_tasks_of_a_client_that_runs_are_not_cancelled_behind_its_back(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.faults.queued_s = 1e6
    open_tasks(tmp_path)
    with Journal.open(tmp_path):
        assert main(["tasks", str(tmp_path), "--cancel"]) == 1
    assert "QS939" in capsys.readouterr().err
    assert "CANCELLED" not in {task.status for task in service.tasks}


def test_who_stops_a_command_is_told_what_is_left_open(
    service: Service, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while the tasks of `qsanc run` wait, and the command once more."""
    service.faults.queued_s = 1e6

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    command = ["run", str(root / "models" / "vqe_h2.qsan"), "h2_energy", "th=[0.1,0.2]", "--shots", "20"]
    command += ["--backend", "braket:SV1", "--max-cost", "5", "--out", str(tmp_path / "out")]
    with monkeypatch.context() as patch:
        patch.setattr(backend, "Manner", lambda: Manner(sleep=interrupted, created_a_second=1e9))
        assert main(command) == 130
    err = capsys.readouterr().err
    created = len(service.tasks)
    assert f"{created} task" in err
    assert "give the same command again" in err
    assert f"`qsanc tasks {tmp_path / 'out'} --cancel`" in err
    service.faults.queued_s = 0.0
    assert main(command) == 0
    assert len(service.tasks) == created


def test_devices_are_asked_of_the_service(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.faults.offline = ["SV1"]
    assert main(["devices", "SV1", "--live", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["status"] == "offline"
    assert main(["devices", "Garnet", "--live"]) == 0
    assert "Garnet is as in the table" in capsys.readouterr().err, "the stand-in has no such device"
