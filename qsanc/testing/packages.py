"""Whether the packages of the extra `testing` are there. Nothing else is imported to find that out."""

from __future__ import annotations

from importlib.util import find_spec

from qsanc.diagnostics import Diagnostic, QsanError, Severity


def need_packages() -> None:
    """Raises QsanError (QS706) where Hypothesis or SciPy is not installed."""
    missing = [name for name in ("hypothesis", "scipy") if find_spec(name) is None]
    if missing:
        title = f"tests and properties need {' and '.join(missing)}"
        raise QsanError([Diagnostic("QS706", Severity.ERROR, title, help="pip install 'qsanc[testing]'")])
