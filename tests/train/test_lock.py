"""One training at a time writes a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qsanc.diagnostics import QsanError
from qsanc.ir.program import Recipe
from qsanc.train.data import Coding
from qsanc.train.run_folder import RunFolder, hashes
from qsanc.train.run_info import RunInfo

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="this system has no such locks")

HOLDER = """
import sys
from pathlib import Path
from qsanc.train import lock
with lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    sources = {"toy.qsan": "qsan 1.0\n"}
    info = RunInfo("toy", "toy.qsan", tuple(hashes(sources).items()), Recipe())
    return RunFolder.create(tmp_path / "run", info, sources, Coding())


def test_a_second_process_is_refused_and_a_killed_one_leaves_the_run_free(run: RunFolder) -> None:
    command = [sys.executable, "-c", HOLDER, str(run.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(QsanError) as caught, run.held():
            pytest.fail("two at once")
        assert [found.code for found in caught.value.diagnostics] == ["QS939"]
        assert str(run.path) in caught.value.diagnostics[0].title
        RunFolder.open(run.path).coding()
        other.kill()
        other.wait()
    with run.held():
        pass


def test_whoever_waited_goes_on_from_where_the_run_stands(run: RunFolder) -> None:
    late = RunFolder.open(run.path)
    with run.held():
        run.mark("failed")
    with late.held():
        assert late.info.status == "failed"


def test_the_lock_ends_with_an_error(run: RunFolder) -> None:
    with pytest.raises(KeyboardInterrupt), run.held():
        raise KeyboardInterrupt
    with run.held():
        pass
