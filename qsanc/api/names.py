"""Which file, and which of its items, a caller means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qsanc.check.imports import load as load_file
from qsanc.check.imports import load_text
from qsanc.check.module import Module
from qsanc.elaborate import entries
from qsanc.source import Source
from qsanc.syntax import ast
from qsanc.train import errors


def model_named(module: Module, name: str | None, option: str = "") -> str:
    """`name`, or the only model of the file; `option` is how a command is told it.

    Raises QsanError (QS101) where there is none, or the choice is open.
    """
    models = [entry for entry in entries(module) if isinstance(item_of(module, entry), ast.Model)]
    if name is not None and isinstance(item_of(module, name), ast.Model):
        return name
    if name is not None:
        title = f"{module.file.source.name} has no model `{name}`"
        raise errors.fail(errors.error("QS101", title, help=errors.near(name, models) or ", ".join(models[:12])))
    return only(models, "model", module, option)


def only(names: Sequence[str], kind: str, module: Module, option: str = "") -> str:
    if len(names) == 1:
        return names[0]
    file = module.file.source.name
    if not names:
        raise errors.fail(errors.error("QS101", f"{file} has no {kind}"))
    title = f"{file} has several {kind}s: {errors.listed(names)}"
    raise errors.fail(errors.error("QS101", title, help=f"name one of them, as in `{f'{option} {names[0]}'.strip()}`"))


def item_of(module: Module, name: str) -> object:
    definition = module.lookup(name)
    return None if definition is None else definition.item


def module_of(source: str | Path) -> Module:
    if isinstance(source, str) and "\n" in source:
        return load_text(Source("<text>", source), None)
    return load_file(Path(source))
