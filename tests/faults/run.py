"""Does the suite find faults? Each patch of `chosen/` and `drawn/` is applied to a copy of the tree, which is tested.

    make faults                                    all of them; fails below 95 %
    python tests/faults/run.py drawn/07 --record   one, and note the test that found it in `found.json`

A fault is found when a test fails in the copy that passes without it. The test noted in `found.json` is tried first,
and where there is none, or it passes, the whole suite is run to its first failure: the test noted is one of the suite,
so the verdict is that of the whole suite. A run that ends in no failed test (out of time, nothing collected) has found
nothing. A patch that does not apply is an error.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOUND = HERE / "found.json"
NEEDED = 0.95
LIMIT = 600
"""Seconds for one run of the whole suite. What takes longer has not been found."""
NOT_OF_THE_SUITE = {"tests/repo/test_faults_apply.py"}
"""Fails wherever a patch is applied already, and so says nothing of a fault."""
NUMBERS_FIRST = ("gates", "circuit", "backends", "gradients", "passes", "model", "train", "elaborate", "whole_models")
UNSHRUNK = """
from hypothesis import Phase

_phases = [phase for phase in settings().phases if phase not in (Phase.shrink, Phase.explain)]
settings.register_profile("unshrunk", settings(), phases=_phases)
settings.load_profile("unshrunk")
"""
"""Examples that fail are not made smaller, which takes a minute and changes no verdict."""
UNCOLLECTED = 5
"""Test files that may fail to be collected before a fault counts as one that keeps the suite from running."""
FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+?\.py::.+?)(?: - .*)?$", re.MULTILINE)
NOT_COLLECTED = re.compile(r"^ERROR (tests/\S+\.py)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one fault. `by` is the test that failed, None where none did; `seconds` is what that took."""

    fault: str
    by: str | None
    seconds: float
    remark: str = ""


class Copy:
    """The files of the checkout that git does not ignore, as they stand, with their packages first on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file() and name not in NOT_OF_THE_SUITE:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        with (folder / "tests" / "conftest.py").open("a") as conftest:
            conftest.write(UNSHRUNK)
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), str(folder / "backends")]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_CEILING_DIRECTORIES": str(folder.parent),
            "COLUMNS": "300",
        }
        script = "import qsanc, qsanc_numpy; print(qsanc.__file__, qsanc_numpy.__file__, sep='\\n')"
        imported = subprocess.run(
            [sys.executable, "-c", script],
            cwd=folder,
            env=self._environment,
            check=True,
            capture_output=True,
            text=True,
        )
        for line in imported.stdout.splitlines():
            if not Path(line).is_relative_to(folder):
                raise SystemExit(f"{line} would be tested, and not the copy in {folder}")

    def apply(self, patch: Path, *, reverse: bool = False) -> None:
        command = ["git", "apply", *(["--reverse"] if reverse else []), str(patch)]
        done = subprocess.run(command, cwd=self.folder, env=self._environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{name_of(patch)} does not apply: {done.stderr.strip()}")

    def failing(self, tests: Sequence[str]) -> tuple[str | None, str]:
        """The first test that fails, and a remark where a run did not end as runs of pytest do.

        A test file that cannot be collected is passed over: its tests did not run, so none of them found anything.
        """
        passed_over: list[str] = []
        while len(passed_over) <= UNCOLLECTED:
            code, output = self._pytest([*tests, *(f"--ignore={name}" for name in passed_over)])
            failed, uncollected = FAILED.findall(output), NOT_COLLECTED.findall(output)
            if code == 1 and failed:
                return failed[0], ""
            if code in (1, 2) and uncollected:
                passed_over += uncollected
                continue
            return (
                None,
                "" if code == 0 else f"stopped after {LIMIT} s" if code is None else f"pytest ended with {code}",
            )
        return None, "hardly a test can be collected"

    def _pytest(self, arguments: Sequence[str]) -> tuple[int | None, str]:
        """Exit code (None after the time limit) and output."""
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-rfE", "--tb=no", "-p", "no:cacheprovider", *arguments]
        run = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = run.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.communicate()
            return None, ""
        return run.returncode, output

    def whole_suite(self) -> list[str]:
        rest = sorted({path.parts[0] for path in self._tests()} - set(NUMBERS_FIRST))
        return [f"tests/{name}" for name in (*NUMBERS_FIRST, *rest)]

    def _tests(self) -> list[Path]:
        return [path.relative_to(self.folder / "tests") for path in self.folder.glob("tests/**/test_*.py")]


def judge(copy: Copy, patch: Path, noted: str | None) -> Verdict:
    """The noted test has passed without the fault already; any other has to, and to fail alone with it."""
    began = time.monotonic()
    doubtful: list[str] = []
    copy.apply(patch)
    failed, remark = copy.failing([noted]) if noted else (None, "")
    while failed is None or failed != noted:
        if failed is None:
            failed, remark = copy.failing([*copy.whole_suite(), *(f"--deselect={test}" for test in doubtful)])
        if failed is None:
            break
        if due_to_the_fault(copy, patch, failed):
            break
        doubtful.append(failed)
        failed = None
    copy.apply(patch, reverse=True)
    if doubtful:
        remark = f"{remark} (not due to the fault: {', '.join(doubtful)})"
    return Verdict(name_of(patch), failed, time.monotonic() - began, remark.strip())


def due_to_the_fault(copy: Copy, patch: Path, test: str) -> bool:
    """Whether the test, or else its file as a whole, fails with the fault that is there and passes without it."""
    for chosen in (test, test.partition("::")[0]):
        if copy.failing([chosen])[0]:
            copy.apply(patch, reverse=True)
            passes = copy.failing([chosen]) == (None, "")
            copy.apply(patch)
            if passes:
                return True
    return False


def name_of(patch: Path) -> str:
    return patch.relative_to(HERE).with_suffix("").as_posix()


def patches(wanted: Sequence[str]) -> list[Path]:
    every = sorted([*HERE.glob("chosen/*.patch"), *HERE.glob("drawn/*.patch")])
    return [p for p in every if not wanted or any(name_of(p).startswith(name) for name in wanted)]


def noted_tests() -> dict[str, str]:
    """The test that found each fault, by the name of the fault."""
    noted: dict[str, str] = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    return noted


def judge_all(chosen: Sequence[Path], noted: dict[str, str], workers: int) -> list[Verdict]:
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, ThreadPoolExecutor(workers) as pool:
        free: SimpleQueue[Copy] = SimpleQueue()
        for number in range(workers):
            free.put(Copy(Path(folder).resolve() / str(number) / "qsanc"))

        def one(patch: Path) -> Verdict:
            copy = free.get()
            try:
                verdict = judge(copy, patch, noted.get(name_of(patch)))
            finally:
                free.put(copy)
            print(
                f"{verdict.fault}: {verdict.by or 'not found ' + verdict.remark} ({verdict.seconds:.0f} s)",
                file=sys.stderr,
                flush=True,
            )
            return verdict

        known = sorted({noted[name_of(p)] for p in chosen if name_of(p) in noted})
        copy = free.get()
        failed, remark = copy.failing(known) if known else (None, "")
        free.put(copy)
        if failed or remark:
            raise SystemExit(f"without any fault, of the tests in {FOUND.name}: {failed or remark}")
        return list(pool.map(one, chosen))


def table(verdicts: Sequence[Verdict]) -> str:
    width = max(len(verdict.fault) for verdict in verdicts)
    tests = max(len(verdict.by or "") for verdict in verdicts)
    lines = [f"{'fault':<{width}}  {'found by':<{tests}}  seconds"]
    for verdict in verdicts:
        by = verdict.by or f"NOT FOUND {verdict.remark}"
        lines.append(f"{verdict.fault:<{width}}  {by:<{tests}}  {verdict.seconds:7.1f}")
    for kind in ("chosen", "drawn"):
        mine = [verdict for verdict in verdicts if verdict.fault.startswith(kind)]
        if mine:
            lines.append(f"{kind}: {sum(verdict.by is not None for verdict in mine)} of {len(mine)} found")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faults", nargs="*", help="beginnings of names, as drawn/07; all if none is given")
    parser.add_argument("--workers", type=int, choices=(1, 2), default=2)
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--record", action="store_true", help="note the tests that found faults in found.json")
    options = parser.parse_args()
    chosen = patches(options.faults)
    if not chosen:
        parser.error(f"no fault is called {' or '.join(options.faults)}")
    verdicts = judge_all(chosen, noted_tests(), options.workers)
    if options.record:
        noted = noted_tests() | {verdict.fault: verdict.by for verdict in verdicts if verdict.by}
        FOUND.write_text(json.dumps(dict(sorted(noted.items())), indent=2) + "\n")
    print(json.dumps([asdict(verdict) for verdict in verdicts], indent=2) if options.json else table(verdicts))
    return 0 if sum(verdict.by is not None for verdict in verdicts) >= NEEDED * len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
