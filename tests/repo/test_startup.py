"""What start-up costs: which modules are pulled in, and how long `qsanc --help` takes."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

HEAVY = ("braket", "numba", "llvmlite", "sklearn", "scipy", "pytest", "hypothesis", "matplotlib")


def loaded(statement: str) -> set[str]:
    """The top-level modules in a fresh interpreter after `statement`."""
    script = (
        f"{statement}\nimport sys\nprint('\\n'.join({{name.split('.')[0] for name in sys.modules}}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "statement",
    ["import qsanc", "import qsanc; qsanc.load; qsanc.Model", "from qsanc.cli import main; main(['--help'])"],
)
def test_heavy_modules_stay_out(statement: str) -> None:
    assert not loaded(statement) & set(HEAVY)


def test_help_needs_no_numpy_and_no_terminal_library() -> None:
    assert not loaded("from qsanc.cli import main; main(['--help'])") & {"numpy", "lark", "rich", "safetensors"}


def test_help_is_quick() -> None:
    """The best of five: a busy machine may slow one start, not all."""

    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "qsanc", "--help"], stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.35
