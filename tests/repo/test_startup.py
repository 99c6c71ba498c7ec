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


NUMPY_RUNS = """
import qsanc
from qsanc import registry
from qsanc.cli import main
circuit = "qsan 1.0\\n\\ncircuit c on q: qubit[1] -> real { h q; return expval(X(q[0])); }\\n"
assert abs(qsanc.compile(circuit)() - 1) < 1e-12
main(["backends"])
registry.load("braket:sv"), registry.load("braket:dm").capabilities
"""


def test_running_on_numpy_and_listing_backends_import_no_sdk() -> None:
    """Nor does making Braket's local backends, until something is compiled for them."""
    assert not loaded(NUMPY_RUNS) & {"braket", "boto3", "botocore", "numba"}


def test_help_needs_no_numpy_and_no_terminal_library() -> None:
    assert not loaded("from qsanc.cli import main; main(['--help'])") & {"numpy", "lark", "rich", "safetensors"}


def test_help_is_quick() -> None:
    """The best of five: a busy machine may slow one start, not all."""

    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "qsanc", "--help"], stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.35
