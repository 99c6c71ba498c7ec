"""qsanc compiles quantum attention models and variational circuits written in `.qsan`.

    load(source, ...) -> Model         a model: fit, predict, predict_proba, gradient, params, inspect, circuit, save
    load_run(folder) -> Model          a trained one
    compile(source, entry) -> Circuit  a circuit as a function of arrays

Mistakes in files, data and arguments raise `QsanError`, which carries `Diagnostic`s. The names are imported when they
are first used, so that `import qsanc` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qsanc.api import Circuit, Model, Parameters, compile, load, load_run
    from qsanc.diagnostics import CompilerBug, Diagnostic, QsanError, Severity
    from qsanc.train.progress import History

_HOMES = {
    "Circuit": "qsanc.api",
    "CompilerBug": "qsanc.diagnostics",
    "Diagnostic": "qsanc.diagnostics",
    "History": "qsanc.train.progress",
    "Model": "qsanc.api",
    "Parameters": "qsanc.api",
    "QsanError": "qsanc.diagnostics",
    "Severity": "qsanc.diagnostics",
    "compile": "qsanc.api",
    "load": "qsanc.api",
    "load_run": "qsanc.api",
}

__all__ = [
    "Circuit",
    "CompilerBug",
    "Diagnostic",
    "History",
    "Model",
    "Parameters",
    "QsanError",
    "Severity",
    "compile",
    "load",
    "load_run",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'qsanc' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
