"""Question E: how long it takes to start, and until the first gradient of question A.

    python -m benchmarks.starting --peers --data sentences.tsv

A first gradient is that of one batch, or of an epoch where an engine compiles no less; the time counts from the start
of the process. Native code lies in the cache, or is not there (cold). Bytecode is there, as it is for an installed
package, whatever the environment says: each command and engine has run once before it is timed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from benchmarks.epoch import FAST, entrant
from benchmarks.harness.compare import Gone, Server, say, spread
from benchmarks.harness.machine import ROOT
from benchmarks.harness.question import NATIVE, NUMPY, Options, announce, run

TITLE = "E. Start-up and first gradient"

COLD = "qsanc, auto, cold"

COMMANDS = {
    "python, nothing": ["-c", "pass"],
    "python, import numpy": ["-c", "import numpy"],
    "python, import qsanc": ["-c", "import qsanc"],
    "qsanc --help": ["-m", "qsanc", "--help"],
}


def command(arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


@contextmanager
def bytecode_kept() -> Iterator[None]:
    """Processes started meanwhile write their bytecode to a folder of their own and read it from there."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def measure(options: Options) -> dict[str, Any]:
    with bytecode_kept():
        return _measure(options)


def _measure(options: Options) -> dict[str, Any]:
    sizes = {**options.sentences, "n": 4, "layers": 1, "batch": 32}
    ours = [
        entrant(NUMPY, "ours", {}, sizes, {}),
        entrant(NATIVE, "ours", {"jit": "on"}, sizes, {}),
        entrant("qsanc, auto", "ours", {"jit": "auto"}, sizes, {}),
        entrant(COLD, "ours", {"jit": "auto"}, sizes, {}),
    ]
    peers = [entrant(name, module, given, sizes, {}) for name, module, given in FAST] if options.peers else []
    reasons: dict[str, str] = {}
    times: dict[str, list[float]] = {name: [] for name in (*COMMANDS, *(e.name for e in (*ours, *peers)))}
    for number in range(options.rounds + 1):
        announce(f"start-up: round {number} of {options.rounds}" if number else "start-up: round before")
        for name, arguments in COMMANDS.items():
            seconds = command(arguments)
            if number:
                times[name].append(seconds)
        for candidate in (*ours, *(peers if number < 3 else ())):
            if candidate.name in reasons:
                continue
            try:
                with tempfile.TemporaryDirectory() as empty:
                    folder = {"folder": empty} if candidate.name == COLD else {}
                    given = {**candidate.options, **folder}
                    server = Server(replace(candidate, options=given), 300.0)
                    server.close()
            except Gone as reason:
                reasons[candidate.name] = str(reason)
                say(f"  {candidate.name}: {reason}")
                continue
            if number:
                times[candidate.name].append(server.ready)
    commands = [{"name": name, "seconds": spread(times[name])} for name in COMMANDS]
    first: list[dict[str, Any]] = [
        {"name": e.name, "reason": reasons[e.name]}
        if e.name in reasons
        else {"name": e.name, "seconds": spread(times[e.name])}
        for e in (*ours, *peers)
    ]
    return {"commands": commands, "first": first}


if __name__ == "__main__":
    run("starting", TITLE, __doc__, measure)
