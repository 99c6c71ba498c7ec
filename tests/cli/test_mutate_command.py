"""`qsanc mutate`: what it prints, and when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qsanc.cli import main

PROGRAM = """qsan 1.0
circuit turned(a: angle, b: angle) on q: qubit -> real {
  rx(a) q;
  rz(b) q;
  return expval(Z(q));
}
"""
BLIND = "test upright { assert turned(0, 0) ~= 1; }\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("turned.qsan")
    path.write_text(PROGRAM + BLIND, encoding="utf-8")
    return path


def test_survivors_are_shown_with_their_lines(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutate", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "turned.qsan:3: survived: gate dropped\n  - rx(a) q;\n    its result is" in shown
    assert "; passed by upright\n" in shown
    assert (
        "turned.qsan:4: gate dropped, equivalent: the same values on 6 random bindings\n    without `rz(b) q;`" in shown
    )
    *_, part, total = shown.splitlines()
    assert part == "turned  2 of 5 killed"
    assert total.startswith("2 killed, 3 survived, 5 equivalent, 0 invalid; score 0.400 in ")


def test_further_files_and_a_least_score(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutate", str(file), "--min", "0.9"]) == 1
    text = 'qsan 1.0\nfrom "turned.qsan" import turned;\ntest known { assert turned(1, 2) ~= cos(1); }\n'
    Path("tests.qsan").write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert main(["mutate", str(file), "--tests", "tests.qsan", "--min", "0.9", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: found[name] for name in ("killed", "survived", "equivalent", "invalid")} == {
        "killed": 5, "survived": 0, "equivalent": 5, "invalid": 0,
    }  # fmt: skip
    first = found["mutants"][0]
    assert (first["operator"], first["line"], first["before"], first["after"]) == ("gate replaced", 3, "rx", "ry")


def test_nothing_to_mutate_is_no_score(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("qsan 1.0\ntest sum_of_two { assert 1 + 1 == 2; }\n", encoding="utf-8")
    assert main(["mutate", str(file)]) == 0
    assert capsys.readouterr().out.startswith("nothing to mutate in ")
    assert main(["mutate", str(file), "--min", "0.5"]) == 1


def test_properties_have_to_hold_first(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(PROGRAM + "test wrong { assert turned(0, 0) ~= 0; }\n", encoding="utf-8")
    assert main(["mutate", str(file)]) == 1
    message = capsys.readouterr().err
    assert "error[QS703]" in message
    assert "nothing was mutated: tests and properties have to pass first" in message


def test_the_packages_for_tests_may_be_missing(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("qsanc.testing.packages.find_spec", lambda name: None)
    assert main(["mutate", str(file)]) == 1
    assert "error[QS706]" in capsys.readouterr().err
