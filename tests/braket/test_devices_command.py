"""`qsanc devices`: limits and dated prices from our own table, or from a sheet, without the network or the SDK."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qsanc.cli import main
from qsanc_braket.devices.table import known


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["devices", *arguments]) == 0
    return capsys.readouterr().out


def test_every_device_has_a_line_with_its_price_and_date(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys).splitlines()
    for device, line in zip(known(), lines[1:], strict=False):
        assert line.split()[0] == device.name
        assert line.endswith(device.price.as_of)
    (garnet,) = [line for line in lines if line.startswith("Garnet ")]
    assert "20  1 to 20 000" in garnet
    assert "100 with 200 000 shots" in garnet
    assert "0.3 a task, 0.00145 a shot" in garnet
    (sv1,) = [line for line in lines if line.startswith("SV1 ")]
    assert "0.075 a minute, at least 3 s a task" in sv1
    assert any(line.startswith("prices of ") and "Garnet" in line for line in lines), "where prices come from"
    assert not any(line.startswith("Ankaa") for line in lines)


def test_json_has_what_the_table_has(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["name"]: row for row in json.loads(printed(capsys, "--json"))}
    assert set(rows) == {device.name for device in known()}
    assert rows["Garnet"]["program_sets"] == {"executables": 100, "shots": 200_000}
    assert rows["Forte-1"]["program_sets"] is None
    assert (rows["SV1"]["exact"], rows["SV1"]["concurrent_tasks"]) == (True, 35)
    assert rows["Emerald"]["price"]["shot_usd"] == 0.0016


def test_one_device_in_any_case(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = json.loads(printed(capsys, "garnet", "--json"))
    assert row["arn"] == "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet"
    assert json.loads(printed(capsys, "braket:Garnet", "--json")) == [row], "as other commands call it"


def test_a_sheet_says_what_the_device_is_today(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = json.loads((shared_data / "devices" / "garnet.json").read_text())
    sheet["service"]["deviceCost"]["price"] = 0.5
    sheet["service"]["shotsRange"] = [1, 12]
    (tmp_path / "garnet.json").write_text(json.dumps(sheet))
    (row,) = json.loads(printed(capsys, "Garnet", "--sheet", str(tmp_path / "garnet.json"), "--json"))
    assert (row["price"]["shot_usd"], row["shots"]) == (0.5, [1, 12])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["Garnett"], 1, ["QS810", "braket:Garnet"]),
        (["Ankaa-3"], 1, ["retired"]),
        (["--sheet", "x.json"], 2, ["DEVICE"]),
        (["Garnet", "--sheet", "no.json"], 1, ["no.json"]),
        (["Garnet", "--sheet", "no.json", "--live"], 2, ["--live"]),
    ],
)
def test_what_cannot_be_shown_is_told(
    arguments: list[str], code: int, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["devices", *arguments]) == code
    message = capsys.readouterr().err
    assert all(word in message for word in words), message


@pytest.mark.parametrize("command", ["explain", "devices", "tasks", "resume"])
def test_commands_are_listed_and_explained(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert any(line.split()[:1] == [command] for line in capsys.readouterr().out.splitlines())
    assert main([command, "--help"]) == 0
    assert f"Usage: qsanc {command}" in capsys.readouterr().out


def test_neither_the_sdk_nor_the_network_is_touched() -> None:
    """In a process of its own: what is imported, and any attempt at a connection, are seen there."""
    program = (
        "import socket, sys\n"
        "def refused(*given, **named): raise AssertionError('a connection')\n"
        "socket.socket.connect = refused; socket.getaddrinfo = refused\n"
        "from qsanc.cli import main\n"
        "assert main(['devices']) == 0\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('braket', 'boto3', 'botocore')))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
