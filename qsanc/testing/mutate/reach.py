"""Which definitions something uses: a mistake in any other cannot make it fail."""

from __future__ import annotations

from pathlib import Path

from qsanc.check.module import Definition, Module
from qsanc.syntax import ast
from qsanc.syntax.walk import dotted, walk


def reached(start: Definition, file: Path) -> frozenset[str]:
    """The definitions of `file` that a definition or block uses, or that these use. A local name that hides one counts
    as well."""
    wanted = file.resolve()
    found: set[str] = set()
    seen = {id(start.item)}
    waiting = [start]
    while waiting:
        at = waiting.pop()
        for used in filter(None, map(at.module.lookup, _mentioned(at.item))):
            if id(used.item) in seen:
                continue
            seen.add(id(used.item))
            waiting.append(used)
            if Path(used.module.file.source.name).resolve() == wanted:
                found.add(used.item.name)
    return frozenset(found)


def users(module: Module, name: str) -> tuple[str, ...]:
    """The file's own circuits, attention blocks and models that use one of its definitions."""
    kinds = (ast.Ansatz, ast.Circuit, ast.Attention, ast.Model)
    file = Path(module.file.source.name)
    items = [item for item in module.file.items if isinstance(item, kinds) and item.name != name]
    return tuple(item.name for item in items if name in reached(Definition(item, module), file))


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
