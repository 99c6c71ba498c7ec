"""Blocks that this version reads and checks but does not execute, and what is said about them."""

from __future__ import annotations

from typing import TypeAlias

from qsanc.check.module import Module
from qsanc.diagnostics import Diagnostic, Severity
from qsanc.syntax import ast

Unexecuted: TypeAlias = ast.Noise | ast.Property | ast.Test


def blocks(module: Module) -> list[Unexecuted]:
    """Those of the file itself, in its order."""
    return [item for item in module.file.items if isinstance(item, ast.Noise | ast.Property | ast.Test)]


def unexecuted(block: Unexecuted, severity: Severity) -> Diagnostic:
    """QS505 for noise, QS702 for tests and properties."""
    if isinstance(block, ast.Noise):
        title = f"noise `{block.name}` is checked, but this version does not execute noise: circuits run without it"
        return Diagnostic("QS505", severity, title, block.name_span)
    title = f"`{block.name}` is checked, but this version of qsanc does not run tests and properties"
    return Diagnostic("QS702", severity, title, block.name_span)
