"""Diagnostics: findings about the user's input, as values."""

from qsanc.diagnostics.model import CompilerBug, Diagnostic, Note, QsanError, Severity

__all__ = ["CompilerBug", "Diagnostic", "Note", "QsanError", "Severity"]
