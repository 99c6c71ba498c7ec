"""The wheel: what it holds, that a source distribution builds the same, and that it works away from the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

SKIPPED = shutil.ignore_patterns(".*", "__pycache__", "runs", "build", "dist", "node_modules")


def build(project: Path, target: str) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target], cwd=project, check=True, capture_output=True
    )
    (built,) = (project / "dist").glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    project = tmp_path_factory.mktemp("build") / "qsanc"
    shutil.copytree(root, project, ignore=SKIPPED)
    wheel = build(project, "wheel")
    source = build(project, "sdist")
    unpacked = tmp_path_factory.mktemp("sdist")
    with tarfile.open(source) as archive:
        archive.extractall(unpacked, filter="data")
    (again,) = unpacked.iterdir()
    return wheel, build(again, "wheel")


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(name for name in archive.namelist() if ".dist-info/" not in name)


def test_the_wheel_holds_what_the_program_reads(built: tuple[Path, Path], root: Path) -> None:
    held = set(names(built[0]))
    assert "qsanc/syntax/qsan.lark" in held
    assert {f"qsanc/models/{path.name}" for path in (root / "models").glob("*.qsan")} <= held
    assert {f"qsanc/std/{path.name}" for path in (root / "qsanc" / "std").glob("*.qsan")} <= held
    assert {"qsanc_numpy/backend.py", "qsanc/py.typed", "qsanc_numpy/py.typed"} <= held
    assert not [name for name in held if name.startswith(("backends/", "tests/"))]


def test_the_source_distribution_builds_the_same_wheel(built: tuple[Path, Path]) -> None:
    assert names(built[0]) == names(built[1])


def test_the_wheel_works_by_itself(built: tuple[Path, Path], tmp_path: Path) -> None:
    """Unpacked elsewhere, with its entry points: a shipped model is checked, and the backend is found."""
    site = tmp_path / "site"
    with zipfile.ZipFile(built[0]) as archive:
        archive.extractall(site)
    script = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import qsanc, pathlib; here = pathlib.Path(qsanc.__file__).parent\n"
        f"assert here == pathlib.Path({str(site)!r}) / 'qsanc', here\n"
        "from qsanc.cli import main\n"
        "assert main(['run', str(here / 'models' / 'vqe_h2.qsan'), 'h2_energy', 'th=[0, 0]']) == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
