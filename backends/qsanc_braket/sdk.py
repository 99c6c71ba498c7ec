"""Whether the SDK is installed, found out without importing it."""

from __future__ import annotations

from importlib.machinery import PathFinder
from importlib.util import find_spec

from qsanc.diagnostics import Diagnostic, Severity

SIMULATOR = "braket.default_simulator"
"""The local simulators."""


def missing(module: str = SIMULATOR) -> Diagnostic | None:
    """QS812 where `module`, one of the package `braket`, is not installed."""
    package = find_spec("braket")
    if package is not None and PathFinder.find_spec(module, package.submodule_search_locations) is not None:
        return None
    return Diagnostic(
        "QS812",
        Severity.ERROR,
        f"the backend `braket` needs something that is not installed: there is no module `{module}`",
        help="pip install 'qsanc[braket]'",
    )
