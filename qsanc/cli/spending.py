"""Leave to spend money, which no command takes for itself."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import click

from qsanc.target import Backend

NATIVE = "+native"


def named(backend: str, *, native: bool) -> str:
    """The name of a backend, with what `--native` adds to it."""
    if not native or backend.endswith(NATIVE):
        return backend
    if ":" not in backend:
        raise click.UsageError("--native stands beside a device, as in --backend braket:NAME")
    return backend + NATIVE


def allowed(
    backend: Backend, max_cost: float | None, folder: Path | None, shots: int | None, *, give: str
) -> float | None:
    """What may be spent on a backend, in US dollars: `max_cost`, or infinity once a person at the terminal has agreed;
    None for a backend that costs nothing.

    `give` is the option that names the folder in which tasks are kept. Raises click.UsageError where a billed backend
    has no such folder, no shots though it has no exact values, or nobody has said that it may cost something, with all
    that is lacking at once; and for a cost that nothing can have.
    """
    if not backend.capabilities.billed:
        if max_cost is not None:
            raise click.UsageError(f"--max-cost: {backend.capabilities.name} costs nothing")
        return None
    lacking = [f"{give}, where its tasks are kept"] if folder is None else []
    if max_cost is None and not sys.stdin.isatty():
        lacking.append("--max-cost USD")
    if shots is None and not backend.capabilities.exact:
        lacking.append("--shots NUMBER, as it has no exact values")
    if lacking:
        raise click.UsageError(f"{backend.capabilities.name} is billed: give {'; '.join(lacking)}")
    if max_cost is None:
        click.confirm(
            f"{backend.capabilities.name} is billed, and nothing limits the cost (--max-cost USD would; "
            "`qsanc explain` says what it comes to). Go on?",
            abort=True,
            err=True,
        )
        return math.inf
    return max_cost
