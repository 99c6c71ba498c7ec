"""The faults of `make faults` still fit the code, and each is noted with a test that there is."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

FAULTS = sorted((Path(__file__).resolve().parent.parent / "faults").glob("*/*.patch"))


@pytest.mark.parametrize("patch", FAULTS, ids=[f"{path.parent.name}/{path.stem}" for path in FAULTS])
def test_the_fault_applies(patch: Path, root: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git, which applies patches, is not installed")
    done = subprocess.run(["git", "apply", "--check", str(patch)], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_fault_says_what_it_is_and_who_finds_it(root: Path) -> None:
    noted = json.loads((root / "tests" / "faults" / "found.json").read_text(encoding="utf-8"))
    assert sorted(noted) == [f"{path.parent.name}/{path.stem}" for path in FAULTS]
    assert all(path.read_text(encoding="utf-8").partition("\n--- ")[0].strip() for path in FAULTS)
    for test in noted.values():
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (root / file).read_text(encoding="utf-8"), test


def test_there_are_as_many_drawn_as_the_aim_asks_for() -> None:
    kinds = [path.parent.name for path in FAULTS]
    assert kinds.count("chosen") >= 10
    assert kinds.count("drawn") >= 10
