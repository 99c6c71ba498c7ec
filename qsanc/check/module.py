"""A checked file with everything its names refer to: what `check` hands to `elaborate`.

A `Module` exists only if its file, and every file it imports, has no error that can be found without knowing sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from qsanc.diagnostics import Diagnostic
from qsanc.syntax import ast

Declaration: TypeAlias = (
    ast.Const
    | ast.Size
    | ast.Hyper
    | ast.Ansatz
    | ast.Circuit
    | ast.Attention
    | ast.Noise
    | ast.Model
    | ast.Property
    | ast.Test
)


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A declaration and the module whose scope its body is read in."""

    item: Declaration
    module: Module


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """`names` are all names visible at the top of the file: its own items, imported ones (under their alias), and whole
    imported modules (`import std.ring as r;` makes `r` a module, used as `r.ring`). `warnings` are those of this file.
    """

    file: ast.File
    names: Mapping[str, Definition | Module]
    warnings: tuple[Diagnostic, ...] = ()

    def lookup(self, dotted: str) -> Definition | None:
        """The definition that a name such as `entangler` or `r.ring` refers to, if there is one."""
        found: Definition | Module | None = self
        for part in dotted.split("."):
            if not isinstance(found, Module):
                return None
            found = found.names.get(part)
        return found if isinstance(found, Definition) else None
