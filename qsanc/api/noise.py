"""Noise that this version reads and checks but does not execute, and what is said about it."""

from __future__ import annotations

from qsanc.check.module import Module
from qsanc.diagnostics import Diagnostic, Severity
from qsanc.syntax import ast


def warnings_of_noise(module: Module) -> list[Diagnostic]:
    """For each noise block of the file itself, that circuits run without it."""
    return [unexecuted(item, Severity.WARNING) for item in module.file.items if isinstance(item, ast.Noise)]


def unexecuted(block: ast.Noise, severity: Severity) -> Diagnostic:
    """QS505."""
    title = f"noise `{block.name}` is checked, but this version does not execute noise: circuits run without it"
    return Diagnostic("QS505", severity, title, block.name_span)
