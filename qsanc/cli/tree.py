"""A syntax tree as indented text: one node a line, its plain fields beside its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from qsanc.syntax.ast import Comment, File, Node


def tree(file: File) -> str:
    return "\n".join(_lines(file, "", ""))


def _lines(node: Node, indent: str, label: str) -> Iterator[str]:
    plain, inner = [], []
    for field in fields(node):
        value = getattr(node, field.name)
        if not field.compare or value is None or value == ():
            continue
        if isinstance(value, Node):
            inner.append((f"{field.name}: ", value))
        elif isinstance(value, tuple) and all(isinstance(item, Node) for item in value):
            inner.extend((f"{field.name}: ", item) for item in value if not isinstance(item, Comment))
        else:
            plain.append(f"{field.name}={value!r}")
    yield f"{indent}{label}{type(node).__name__}({', '.join(plain)})"
    for name, child in inner:
        yield from _lines(child, indent + "  ", name)
