"""Which item of a file a command is about."""

from __future__ import annotations

from qsanc.check.module import Module
from qsanc.check.nearest import nearest
from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.elaborate import entries
from qsanc.syntax import ast


def chosen_entry(module: Module, name: str | None) -> str:
    """`name`, or the only model of the file, or its only item that can be compiled. Raises QsanError (QS101)."""
    known = entries(module)
    file = module.file.source.name
    if name is not None:
        if module.lookup(name) is None:
            near = nearest(name, known)
            help = f"did you mean `{near}`?" if near else f"it has {', '.join(known)}" if known else ""
            raise QsanError([Diagnostic("QS101", Severity.ERROR, f"{file} has no `{name}`", help=help)])
        return name
    models = [entry for entry in known if isinstance(getattr(module.lookup(entry), "item", None), ast.Model)]
    choices = models or list(known)
    if len(choices) != 1:
        title = f"{file} has several items that can be compiled" if choices else f"{file} has nothing to compile"
        raise QsanError(
            [
                Diagnostic(
                    "QS101", Severity.ERROR, title, help=", ".join(choices) and f"name one of {', '.join(choices)}"
                )
            ]
        )
    return choices[0]
