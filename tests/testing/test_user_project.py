"""A project as a user has it, away from the checkout: `tests/user_project` after `pip install 'qsanc[testing]'`.

The wheel is installed into an environment of its own. What it requires with the extra `testing`, and nothing else, is
lent to it by the environment of these tests, so that no package index is asked.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections import deque
from importlib.metadata import distribution, distributions
from pathlib import Path
from venv import EnvBuilder

import pytest
from packaging.requirements import Requirement

PARTS = ("qsanc", "backends", "grammar", "models", "README.md", "LICENSE", "pyproject.toml")


def wheel(root: Path, folder: Path) -> Path:
    project = folder / "qsanc"
    project.mkdir()
    for part in PARTS:
        if (root / part).is_dir():
            shutil.copytree(root / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(root / part, project)
    run(folder, sys.executable, "-m", "hatchling", "build", "-d", folder / "dist", "-t", "wheel", within=project)
    (built,) = (folder / "dist").glob("*.whl")
    return built


def required(requirements: list[str], extra: str) -> set[str]:
    """The names of the packages of these lines of metadata that apply with `extra`, and of all that they require."""
    found: set[str] = set()
    waiting = deque((line, extra) for line in requirements)
    while waiting:
        line, its_extra = waiting.popleft()
        requirement = Requirement(line)
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": its_extra})
        if applies and requirement.name not in found:
            found.add(requirement.name)
            more = distribution(requirement.name).requires or ()
            waiting.extend((needed, name) for needed in more for name in requirement.extras or {""})
    return found


def lend(names: set[str], site: Path) -> None:
    """Links to the installed packages of these names."""
    for name in names:
        package = distribution(name)
        for part in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            (site / part).symlink_to(Path(str(package.locate_file(part))))


def run(folder: Path, *command: str | Path, within: Path | None = None, passes: bool = True) -> str:
    done = subprocess.run([*map(str, command)], cwd=within or folder, capture_output=True, text=True)
    if passes and done.returncode:
        pytest.fail(f"{command} failed\n{done.stdout}{done.stderr}")
    return done.stdout


@pytest.fixture(scope="module")
def environment(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its Python."""
    folder = tmp_path_factory.mktemp("user")
    EnvBuilder(with_pip=False, symlinks=True).create(folder / "venv")
    scheme = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    python = Path(sysconfig.get_path("scripts", vars=scheme)) / "python"
    pip = ("-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", "--no-compile")
    run(folder, sys.executable, *pip, wheel(root, folder))
    site = Path(sysconfig.get_path("purelib", vars=scheme))
    (installed,) = distributions(name="qsanc", path=[str(site)])
    lend(required(installed.requires or [], "testing"), site)
    assert Path(run(folder, python, "-c", "import qsanc; print(qsanc.__file__)")).is_relative_to(site)
    return python


def test_a_project_of_a_user_is_tested(environment: Path, root: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(root / "tests" / "user_project", project, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    passed = run(project, environment, "-m", "pytest")
    assert re.search(r"^plugins: .*\bqsanc-\d", passed, re.MULTILINE)
    assert re.search(r"^bell\.qsan \.{4} ", passed, re.MULTILINE)
    assert re.search(r"^test_bell\.py \.+ ", passed, re.MULTILINE)
    assert " 9 passed in " in passed

    bell = project / "bell.qsan"
    bell.write_text(bell.read_text(encoding="utf-8").replace("cx q[0], q[1];", "cx q[1], q[0];"), encoding="utf-8")
    failed = run(project, environment, "-m", "pytest", "bell.qsan", passes=False)
    assert " 1 failed, 3 passed in " in failed
    assert "assert agreement(t) ~= 1 tol 1e-9" in failed
    assert re.search(r"error\[QS703\]: both qubits say the same\n +--> bell\.qsan:\d+:10", failed)
    assert "again: pytest bell.qsan::qubits_agree" in failed
    assert ".py" not in failed.partition("FAILURES")[2], "no line of Python is shown"
    (kept,) = (project / ".qsanc" / "failures").glob("*.qsan")
    again = run(project, environment, "-m", "qsanc", "test", kept, passes=False)
    assert "0 passed, 1 failed" in again
