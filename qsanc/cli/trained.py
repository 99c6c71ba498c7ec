"""The model of a run, with what a command's options say about how it is executed."""

from __future__ import annotations

from pathlib import Path

from qsanc import registry
from qsanc.api import Model, load_run
from qsanc.cli import options
from qsanc.cli.spending import allowed, named
from qsanc.fast import Mode
from qsanc.train.run_folder import RunFolder


def loaded(
    run: Path,
    backend: str | None,
    shots: int | None,
    seed: int,
    jit: Mode | None,
    *,
    native: bool,
    max_cost: float | None,
    again: bool,
) -> Model:
    """Backend, shots and `jit` are those of the training where they are None. Raises QsanError and click.UsageError."""
    info = RunFolder.open(run).info
    name = named(backend or info.backend, native=native)
    return load_run(
        run,
        backend=name,
        shots=shots,
        seed=seed,
        jit=options.tier(jit or info.jit.mode),
        max_cost=allowed(registry.load(name), max_cost, run, shots or info.shots, give="RUN"),
        again=again,
    )
