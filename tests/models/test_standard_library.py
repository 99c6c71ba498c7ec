"""The files of `std` are held to `standard_library.qsan`, which uses each of their definitions."""

from __future__ import annotations

from pathlib import Path

import pytest

from qsanc.check.imports import load
from qsanc.cli import main
from qsanc.syntax import ast
from qsanc.syntax.walk import walk

LAWS = Path(__file__).with_name("standard_library.qsan")


def test_the_laws_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check", str(LAWS)]) == 0
    assert main(["fmt", "--check", str(LAWS)]) == 0
    assert main(["test", str(LAWS)]) == 0, capsys.readouterr().out


def test_every_definition_is_used(root: Path) -> None:
    used = {node.name for item in load(LAWS).file.items for node in walk(item) if isinstance(node, ast.Attr)}
    for path in sorted((root / "qsanc" / "std").glob("*.qsan")):
        for item in load(path).file.items:
            if isinstance(item, ast.Ansatz | ast.Circuit | ast.Attention | ast.Model):
                assert item.name in used, f"{path.name}: {item.name}"
