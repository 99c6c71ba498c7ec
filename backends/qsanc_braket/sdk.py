"""Whether the SDK is installed, found out without importing it."""

from __future__ import annotations

from importlib.util import find_spec

from qsanc.diagnostics import Diagnostic, Severity

SIMULATOR = "braket.default_simulator"
"""The local simulators."""


def missing(module: str = SIMULATOR) -> Diagnostic | None:
    """QS812 where `module` of the SDK is not installed."""
    try:
        found = find_spec(module) is not None
    except ModuleNotFoundError:
        found = False
    if found:
        return None
    return Diagnostic(
        "QS812",
        Severity.ERROR,
        f"the backend `braket` needs something that is not installed: there is no module `{module}`",
        help="pip install 'qsanc[braket]'",
    )
