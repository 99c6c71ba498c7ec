"""Which definitions a test or property depends on: a mistake in any other cannot make it fail."""

from __future__ import annotations

from pathlib import Path

from qsanc.check.module import Definition
from qsanc.syntax import ast
from qsanc.syntax.walk import dotted, walk
from qsanc.testing.blocks.cases import Case


def reached(case: Case, file: Path) -> frozenset[str]:
    """The definitions of `file` that a block uses, or that these use. A local name that hides one counts as well."""
    wanted = file.resolve()
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [Definition(case.item, case.module)]
    while waiting:
        at = waiting.pop()
        if id(at.item) in seen:
            continue
        seen.add(id(at.item))
        if Path(at.module.file.source.name).resolve() == wanted:
            found.add(at.item.name)
        uses = (at.module.lookup(name) for name in _mentioned(at.item))
        waiting.extend(definition for definition in uses if definition is not None)
    return frozenset(found)


def _mentioned(item: ast.Item) -> set[str]:
    names: set[str] = set()
    for node in walk(item):
        match node:
            case ast.Apply(callee=callee):
                names.add(callee)
            case ast.Name(name=name):
                names.add(name)
            case ast.Attr():
                names.add(dotted(node) or "")
    return names
