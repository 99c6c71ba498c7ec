"""The import contracts of pyproject.toml hold."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path


def test_floors_hold(root: Path) -> None:
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


OF_COMMANDS = {"cli", "commands", "job", "job_entry"}


def test_every_part_of_brakets_backend_is_held_to_what_a_backend_sees(root: Path) -> None:
    """All of its package but what its commands are made of: a part that is new has to be listed."""
    there = (root / "backends" / "qsanc_braket").iterdir()
    names = {path.stem for path in there if path.suffix in ("", ".py") and not path.name.startswith(("_", "."))}
    parts = {f"qsanc_braket.{name}" for name in names - OF_COMMANDS}
    tools = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contracts = tools["importlinter"]["contracts"]
    for name in ("a backend sees target, passes, ir, diagnostics and source", "only the command line knows a terminal"):
        (contract,) = [each for each in contracts if each["name"] == name]
        assert parts <= set(contract["source_modules"]), name
