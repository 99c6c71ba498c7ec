"""`qsanc profile`: what it prints and writes, and what it says of wrong input."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from malformed import CLASSIFIER, NUMBERS, TEXTS, Case

from qsanc.cli import main
from qsanc.train.profile.steps import Profile

profile_command = import_module("qsanc.cli.profile")

QUICK = ["--jit", "off", "--seconds", "0.01"]


@pytest.fixture
def attention(root: Path) -> list[str]:
    models = root / "models"
    data = models / "data" / "food_or_computing.tsv"
    return ["profile", str(models / "qsann.qsan"), "--data", str(data), "--set", "n=2", "--batch", "4", *QUICK]


def test_a_table_and_a_picture(attention: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "p.svg"
    assert main([*attention, "--svg", str(picture)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("one step of qsann, 4 records, ")
    for words in ("node 1 (encode): gate by gate", "qsann.qsan:10,12-13", "calls and rest", "100.0 %", "GFlop/s"):
        assert words in said
    ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    assert os.listdir(tmp_path) == ["p.svg"]


def test_numbers_for_machines(attention: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*attention, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    parts = sum(part["seconds"] for part in found["parts"])
    assert found["rest"] - found["excess"] + parts == pytest.approx(found["seconds"])
    assert min(found["rest"], found["excess"]) == 0
    encode = next(p for p in found["parts"] if p["part"] == "node 1 (encode)" and p["phase"] == "forward")
    assert encode["section"] == "gpqsa"
    assert encode["flops"] > 0
    assert encode["states"] > 0
    assert all(":" in place for place in encode["source"])
    assert next(entry["threads"] for entry in found["machine"]["flops"]) == 1
    assert found["memory"] is None or found["memory"] > 1e6


@pytest.mark.parametrize("options", ["--grad parameter_shift", "--grad spsa", "--shots 10", "--jit on"])
def test_other_ways_to_train(options: str, attention: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*attention, *options.split()]) == 0
    assert "whole step" in capsys.readouterr().out


def test_a_model_without_data(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", str(root / "models" / "vqe_h2.qsan"), "vqe_h2", *QUICK]) == 0
    said = capsys.readouterr().out
    assert "one step of vqe_h2, 1 record, adjoint" in said
    assert "node 1 (h2_energy)" in said
    assert "shuffled" not in said


def test_parts_that_come_to_more_than_the_step(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = profile_command.profile

    def short(*arguments: Any, **named: Any) -> Profile:
        found = measured(*arguments, **named)
        return replace(found, seconds=0.5 * sum(timed.seconds for timed in found.parts))

    monkeypatch.setattr(profile_command, "profile", short)
    assert main(["profile", str(root / "models" / "vqe_h2.qsan"), *QUICK]) == 0
    said = capsys.readouterr().out
    assert "(100.0 %) more than the step" in said
    (rest,) = [line for line in said.splitlines() if line.startswith("calls and rest")]
    assert rest.split()[3:6] == ["0.000", "0.0", "%"]


def wrong(name: str, arguments: str, *says: str, code: int = 1, data: str = NUMBERS) -> Case:
    return Case(name, f"profile {arguments}", {"m.qsan": CLASSIFIER, "d.tsv": data}, says, code)


CASES = (
    wrong("no file", "", "FILE", code=2),
    wrong("missing file", "nowhere.qsan", "nowhere.qsan"),
    wrong("unknown model", "m.qsan k --data d.tsv", "k"),
    wrong("a circuit", "m.qsan f --data d.tsv", "f"),
    wrong("data missing", "m.qsan", "m"),
    wrong("data file missing", "m.qsan --data nowhere.tsv", "nowhere.tsv"),
    wrong("data of another kind", "m.qsan --data d.tsv", "d.tsv", data=TEXTS),
    wrong("unknown size", "m.qsan --data d.tsv --set nn=2", "nn"),
    wrong("size is no number", "m.qsan --data d.tsv --set n=six", "six", code=2),
    wrong("no records", "m.qsan --data d.tsv --batch 0", "batch", code=2),
    wrong("unknown gradient", "m.qsan --data d.tsv --grad guess", "guess", code=2),
    wrong("adjoint of samples", "m.qsan --data d.tsv --grad adjoint --shots 5", "QS405"),
    wrong("unknown backend", "m.qsan --data d.tsv --backend abacus", "abacus"),
    wrong("no time", "m.qsan --data d.tsv --seconds 0", "seconds", code=2),
    wrong("time is nan", "m.qsan --data d.tsv --seconds nan", "seconds", code=2),
    wrong("unknown tier", "m.qsan --data d.tsv --jit maybe", "maybe", code=2),
    wrong("independent without shots", "m.qsan --data d.tsv --independent-shots", "--shots", code=2),
    wrong("unknown column", "m.qsan --data d.tsv --column y=x_0", "y"),
    wrong("picture in no folder", "m.qsan --data d.tsv --seconds 0.01 --jit off --svg no/p.svg", "no/p.svg"),
    wrong("picture is a folder", "m.qsan --data d.tsv --seconds 0.01 --jit off --svg d.svg", "d.svg"),
    wrong("picture is the data", "m.qsan --data d.tsv --svg d.tsv", ".svg", "d.tsv", code=2),
    wrong("picture has no name", "m.qsan --data d.tsv --svg .", ".svg", code=2),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_wrong_input_is_told(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("d.svg")
    for name, content in case.files.items():
        Path(name).write_text(str(content), encoding="utf-8")
    code = main(shlex.split(case.arguments))
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    assert "bug in qsanc" not in captured.err
    assert code == case.code, captured.err
    for word in case.says:
        assert word in captured.err


def test_errors_are_json_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["profile", "--json", str(tmp_path / "none.qsan")]) == 1
    (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert "none.qsan" in found["title"]


def test_a_backend_without_a_profile_of_its_own_is_one_part(
    root: Path, attention: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    told = "this backend has no profile of its own"
    assert main(attention) == 0
    assert told not in capsys.readouterr().out
    pytest.importorskip("braket.default_simulator", reason="needs the extra `braket`")
    assert main(["profile", str(root / "models" / "vqe_h2.qsan"), "--backend", "braket:sv", *QUICK]) == 0
    assert told in capsys.readouterr().out


def test_shares_above_the_whole_are_told(
    attention: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after few repetitions on a busy machine: the step is as fast as it never is, its parts are not."""
    monkeypatch.setattr("qsanc.train.profile.steps.typical", lambda whole: 1e-6)
    assert main(attention) == 0
    assert "so shares may be above 100 %" in capsys.readouterr().out
