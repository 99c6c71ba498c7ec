"""The command line: the only place that prints and that reads arguments and the environment.

Nothing is imported here before `main`, so that Ctrl-C finds it also while the rest is loading.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    try:
        from qsanc.cli.shell import main as run

        return run(arguments)
    except KeyboardInterrupt:
        return 130
