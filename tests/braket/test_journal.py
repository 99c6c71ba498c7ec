"""The journal of tasks: on the disk before anything follows from it, whole after every crash, never believed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qsanc.diagnostics import CompilerBug, QsanError
from qsanc_braket.cloud.journal import Journal, Task

ARN = "arn:aws:braket:us-east-1:123456789012:quantum-task/a"


def task(number: int = 0, **other: Any) -> Task:
    made = Task(
        token=f"{number:064x}",
        device="arn:aws:braket:::device/qpu/x/Y",
        step=3,
        purpose="gradient",
        part=number,
        attempt=0,
        executables=2,
        shots=200,
        reserved_usd=0.5,
        intended="2026-05-06T14:00:00.000+00:00",
        action="a" * 64,
        bucket="amazon-braket-b",
    )
    return replace(made, **other)


def code(call: Callable[[], object]) -> str:
    with pytest.raises(QsanError) as caught:
        call()
    return caught.value.diagnostics[0].code


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        run = journal.run
        journal.intend([task(0), task(1)])
        journal.created(task(0).token, ARN)
        journal.state(task(0).token, "QUEUED")
        journal.state(task(0).token, "COMPLETED", cost_usd=0.25, message="fine")
        assert (journal.spent, journal.reserved) == (0.25, 0.5)
    for again in (Journal.open(tmp_path), Journal.read(tmp_path)):
        assert again.run == run
        assert again.entries() == (
            task(0, arn=ARN, state="COMPLETED", cost_usd=0.25, message="fine"),
            task(1),
        )
        again.close()


def test_a_torn_last_line_is_cut_off_and_nothing_else(tmp_path: Path) -> None:
    """Whatever part of the last line a crash left: what came before stands, and the next line begins anew."""
    with Journal.open(tmp_path) as journal:
        journal.intend([task(0)])
        whole = journal.path.read_bytes()
        journal.created(task(0).token, ARN)
        last = journal.path.read_bytes()[len(whole) :]
    for kept in range(len(last)):
        journal.path.write_bytes(whole + last[:kept])
        assert Journal.read(tmp_path).entries() == (task(0),), "looking takes it as absent"
        with Journal.open(tmp_path) as again:
            assert again.entries() == (task(0),)
            again.created(task(0).token, ARN)
        assert journal.path.read_bytes() == whole + last


HEADER = b'{"kind": "qsanc tasks", "version": 1, "run": "0123456789abcdef0123456789abcdef"}'


@pytest.mark.parametrize("left", [b"", b"{", b'{"kind": "qsanc tasks"', HEADER[:-12], HEADER])
def test_a_torn_header_with_nothing_beside_it_is_begun_anew(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "tasks.jsonl").write_bytes(left)
    with Journal.open(tmp_path) as journal:
        assert len(journal.run) == 32
        assert journal.entries() == ()
    assert Journal.read(tmp_path).run == journal.run


@pytest.mark.parametrize("beside", ["device.json", "tasks/a.json"])
@pytest.mark.parametrize("left", [None, b"", HEADER[:20], b"\0" * 100, b"\0" * 100 + b"\n", HEADER[5:] + b"\n"])
def test_a_journal_that_is_lost_is_not_begun_anew(tmp_path: Path, left: bytes | None, beside: str) -> None:
    """Under another run every task would be another, and be paid again. The file is left as it is."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / beside).write_text('{"kind": "qsanc devices", "version": 1, "run": "0", "devices": {}}')
    path = tmp_path / "tasks.jsonl"
    if left is not None:
        path.write_bytes(left)
    for look in (Journal.open, Journal.open, Journal.read, Journal.begun):
        assert code(lambda look=look: look(tmp_path)) == "QS933"  # type: ignore[misc]
        assert path.exists() == (left is not None)
        assert left is None or path.read_bytes() == left


@pytest.mark.parametrize("left", [b"\0" * 100, b"{}", b"shopping", HEADER + b" "])
def test_what_is_no_beginning_of_a_journal_is_left_alone(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "tasks.jsonl").write_bytes(left)
    assert code(lambda: Journal.open(tmp_path)) == "QS933"
    assert (tmp_path / "tasks.jsonl").read_bytes() == left


def test_the_journal_of_another_run_is_refused(tmp_path: Path) -> None:
    """`device.json` names the run as well; what was written before it did so is believed."""
    run = Journal.begun(tmp_path)
    assert Journal.begun(tmp_path) == run
    for named, expected in (({"run": run}, None), ({}, None), ({"run": "f" * 32}, "QS933"), ({"run": 5}, "QS933")):
        (tmp_path / "device.json").write_text(json.dumps({"kind": "qsanc devices", "version": 1, **named}))
        for look in (Journal.open, Journal.read):
            if expected is None:
                look(tmp_path).close()
            else:
                assert code(lambda look=look: look(tmp_path)) == expected  # type: ignore[misc]


def test_runs_have_names_of_their_own(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "a") as a, Journal.open(tmp_path / "b") as b:
        assert a.run != b.run


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with Journal.open(tmp_path):
        assert code(lambda: Journal.open(tmp_path)) == "QS939"
        program = (
            "import sys, pathlib\nfrom qsanc.diagnostics import QsanError\n"
            "from qsanc_braket.cloud.journal import Journal\n"
            "try: Journal.open(pathlib.Path(sys.argv[1]))\n"
            "except QsanError as error: print(error.diagnostics[0].code)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "QS939"
        assert Journal.read(tmp_path).entries() == (), "looking is allowed"
    Journal.open(tmp_path).close()


def test_what_another_wrote_in_between_is_read(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.intend([task(0)])
    journal.close()
    assert not journal.reopen(), "nobody wrote"
    journal.close()
    with Journal.open(tmp_path) as other:
        other.intend([task(1)])
    assert journal.reopen()
    assert len(journal.entries()) == 2
    journal.close()
    with pytest.raises(CompilerBug):
        journal.intend([task(2)])


FIELDS = "token device step purpose part attempt executables shots reserved_usd intended action bucket"
INTENT = {name: getattr(task(), name) for name in FIELDS.split()} | {"event": "intent"}
T = task().token


@pytest.mark.parametrize(
    ("lines", "at", "what"),
    [
        (["{"], 2, "JSON"),
        (["[]"], 2, "object"),
        ([{"event": "paid", "token": T}], 2, "event"),
        ([{"event": "created", "token": T, "arn": ARN}], 2, "never intended"),
        ([INTENT, INTENT], 3, "before"),
        ([INTENT | {"token": "z" * 64}], 2, "token"),
        ([INTENT | {"shots": -1}], 2, "shots"),
        ([INTENT | {"shots": True}], 2, "shots"),
        ([INTENT | {"reserved_usd": -0.5}], 2, "reserved_usd"),
        ([json.dumps(INTENT).replace("0.5", "NaN")], 2, "JSON"),
        ([json.dumps(INTENT).replace("0.5", "1e400")], 2, "reserved_usd"),
        ([INTENT | {"purpose": "fun"}], 2, "purpose"),
        ([INTENT | {"intended": "yesterday"}], 2, "intended"),
        ([INTENT | {"intended": "2026-05-06T14:00:00"}], 2, "intended"),
        ([INTENT | {"action": 5}], 2, "action"),
        ([INTENT, {"event": "created", "token": T}], 3, "arn"),
        (
            [INTENT, {"event": "created", "token": T, "arn": ARN}, {"event": "created", "token": T, "arn": ARN + "b"}],
            4,
            "second ARN",
        ),
        ([INTENT, {"event": "state", "token": T, "state": "LOST"}], 3, "state"),
        ([INTENT, {"event": "state", "token": T, "state": "COMPLETED"}], 3, "no ARN"),
        ([INTENT, {"event": "state", "token": T, "state": "RUNNING"}], 3, "no ARN"),
        ([INTENT, {"event": "state", "token": T, "state": "FAILED", "cost_usd": "1"}], 3, "cost_usd"),
        ([INTENT, {"event": "state", "token": T, "state": "FAILED", "message": 1}], 3, "message"),
        (["[" * 100_000], 2, "JSON"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, lines: list[Any], at: int, what: str) -> None:
    Journal.open(tmp_path).close()
    with (tmp_path / "tasks.jsonl").open("a") as file:
        file.writelines((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    for look in (Journal.open, Journal.read):
        with pytest.raises(QsanError) as caught:
            look(tmp_path)
        (found,) = caught.value.diagnostics
        assert found.code == "QS933"
        assert f"line {at}," in found.title
        assert what in found.title


def test_a_journal_of_a_newer_qsanc_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({"kind": "qsanc tasks", "version": 2, "run": "0" * 32}) + "\nwhat is new")
    before = path.read_bytes()
    assert code(lambda: Journal.open(tmp_path)) == "QS937"
    assert path.read_bytes() == before


def test_another_file_of_that_name_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "tasks.jsonl").write_text('{"kind": "shopping"}\n')
    assert code(lambda: Journal.open(tmp_path)) == "QS933"
    assert code(lambda: Journal.read(tmp_path / "nowhere")) == "QS933"


def test_intents_are_on_the_disk_before_intend_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last thing done to the file is fsync, and several intents take one."""
    with Journal.open(tmp_path) as journal:
        done: list[str] = []
        write, sync = os.write, os.fsync
        monkeypatch.setattr(os, "write", lambda *a: (done.append("write"), write(*a))[1])
        monkeypatch.setattr(os, "fsync", lambda *a: (done.append("fsync"), sync(*a))[1])
        journal.intend([task(n) for n in range(5)])
        assert done == ["write", "fsync"]


def test_a_full_disk_leaves_nothing_that_was_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line on the disk, then no room: the intent does not count, and the next process reads on."""
    journal = Journal.open(tmp_path)
    write = os.write

    def full(file: int, content: bytes) -> int:
        write(file, content[:10])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert code(lambda: journal.intend([task(0)])) == "QS936"
    assert journal.entries() == ()
    assert journal.reopen(), "what is on the disk is read anew"
    journal.intend([task(0)])
    journal.close()
    assert Journal.read(tmp_path).entries() == (task(0),)


def test_results_are_kept_whole(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        assert journal.kept(T) is None
        journal.keep(T, {"executables": [1]})
        kept = journal.kept(T)
        assert kept is not None
        assert kept["executables"] == [1]
        path = journal.result_path(T)
        assert [file.name for file in path.parent.iterdir()] == [f"{T}.json"], "no temporary file is left"
        newer = path.read_bytes().replace(b'"version": 1', b'"version": 9')
        for content, expected in ((b"{", "QS933"), (b"[]", "QS933"), (newer, "QS937")):
            path.write_bytes(content)
            assert code(lambda: journal.kept(T)) == expected
        other = json.dumps({"kind": "qsanc task result", "version": 1, "token": "f" * 64})
        path.write_text(other)
        assert code(lambda: journal.kept(T)) == "QS933", "the result of another task"
