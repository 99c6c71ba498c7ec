"""From a compiled model to its run folder: what `run.json` says of it, and the source with all that it imports."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

from qsanc.check.module import Module
from qsanc.driver import Compiled
from qsanc.ir.program import Recipe
from qsanc.syntax import ast
from qsanc.syntax.parse import parse
from qsanc.syntax.read import read_source
from qsanc.target import Floats
from qsanc.train.data import Coding
from qsanc.train.progress import History
from qsanc.train.run_folder import RunFolder, hashes
from qsanc.train.run_info import DataSource, Jit, Ran, Results, RunInfo, Setting
from qsanc.train.weights import write_weights


def sources_of(module: Module) -> tuple[str, dict[str, str]]:
    """The name of a file in its own folder, and the texts by name of it and of all files that it imports.

    What comes with qsanc (`std`) is not among them; `versions` of the run names it.
    """
    source = module.file.source
    entry = Path(source.name).name if source.name.endswith(".qsan") else "model.qsan"
    texts = {entry: source.text}
    open_ = [(PurePosixPath(entry), module.file)]
    while open_:
        name, file = open_.pop()
        for item in file.items:
            if isinstance(item, ast.Import) and item.is_file:
                target = name.parent / item.target
                if str(target) not in texts:
                    found = read_source(Path(source.name).parent / target)
                    texts[str(target)] = found.text
                    open_.append((target, parse(found)))
    return entry, texts


def describe(
    module: Module,
    compiled: Compiled,
    *,
    backend: str,
    recipe: Recipe,
    method: str,
    shots: int | None = None,
    settings: tuple[tuple[str, Setting], ...] = (),
    data: tuple[DataSource, ...] = (),
    parts: tuple[tuple[str, int], ...] = (),
) -> tuple[RunInfo, dict[str, str]]:
    """What `run.json` says when a run begins, and the source texts that belong to it."""
    entry, texts = sources_of(module)
    model = compiled.program.models[0]
    info = RunInfo(
        model.name,
        entry,
        tuple(sorted(hashes(texts).items())),
        recipe,
        model.sizes,
        backend,
        shots,
        method,
        "\n".join(executable.plan() for executable in compiled.executables.values()),
        settings,
        (
            *versions(),
            *(() if compiled.tier.mode == "off" else compilers()),
        ),
        data,
        parts,
        jit=Jit(compiled.tier.mode),
    )
    return info, texts


def versions() -> tuple[tuple[str, str], ...]:
    """What computes here, and where."""
    return (
        ("qsanc", version("qsanc")),
        ("python", platform.python_version()),
        ("numpy", version("numpy")),
        ("platform", platform.platform()),
    )


def compilers() -> tuple[tuple[str, str], ...]:
    """The versions of what compiles native code; none where it is not installed."""
    try:
        return tuple((name, version(name)) for name in ("numba", "llvmlite"))
    except PackageNotFoundError:
        return ()


def save_model(
    folder: Path,
    module: Module,
    compiled: Compiled,
    parameters: Mapping[str, Floats],
    coding: Coding,
    *,
    backend: str,
    shots: int | None,
    history: History | None,
    ran: tuple[Ran, ...] = (),
) -> None:
    """A new run folder of a model as it stands. Raises QsanError where the folder is taken or cannot be written."""
    info, texts = describe(
        module,
        compiled,
        backend=backend,
        recipe=compiled.program.models[0].recipe,
        method="adjoint" if "adjoint" in compiled.capabilities.gradients else "parameter_shift",
        shots=shots,
    )
    run = RunFolder.create(folder, replace(info, jit=replace(info.jit, ran=ran)), texts, coding)
    write_weights(folder / "weights.safetensors", parameters)
    run.finish(results_of(history) if history is not None else Results(0, 0, 0, 0.0, False))


def results_of(history: History) -> Results:
    """The results of a finished training, without baselines."""
    return Results(
        history.best_epoch,
        len(history.epochs),
        history.steps,
        history.seconds,
        history.stopped_early,
        history.valid,
        history.test,
    )
