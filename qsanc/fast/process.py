"""The process that compiles, as seen from the one that wants the code.

It has a session of its own, so that Ctrl-C in a terminal is no concern of it: a build in the background goes on and
serves the next run, one that is waited for is stopped by whoever waits.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from qsanc.fast.cache import Unusable
from qsanc.fast.library import Library


def start(library: Library, key: str, folder: Path, *, background: bool) -> subprocess.Popen[str]:
    """Begin to compile. Raises Unusable where no process can be started."""
    if not sys.executable:
        raise Unusable("there is no Python program to compile with")
    asked = {
        "module": library.module,
        "library": library.name,
        "key": key,
        "folder": str(folder),
        "background": background,
    }
    script = "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); from qsanc.fast.build import run; run()"
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", script, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as failure:
        raise Unusable(f"no process to compile in: {failure.strerror or type(failure).__name__}") from None
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(asked))
        process.stdin.close()
    except OSError:
        pass  # It has ended already, and says why.
    process.stdin = None
    return process


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for a build. Raises Unusable where it failed; stops it where the wait is interrupted."""
    try:
        said = process.communicate()[1]
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        reason = said.strip().splitlines()[-1:] or [f"the process ended with {process.returncode}"]
        raise Unusable(f"compiling failed: {reason[0]}")
