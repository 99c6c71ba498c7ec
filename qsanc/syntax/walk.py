"""Going through a tree: all nodes below one, the names an expression mentions."""

from __future__ import annotations

from qsanc.syntax import ast

_PLACES = frozenset({"span", "name_span", "callee_span", "target_span", "gate_spans", "source"})


def walk(node: object) -> list[ast.Node]:
    """A node, or the nodes of a tuple, and all below, in the order of the text."""
    found: list[ast.Node] = []
    stack = [node]
    while stack:
        at = stack.pop()
        if isinstance(at, ast.Node):
            found.append(at)
            stack.extend(reversed(below(at)))
        elif isinstance(at, tuple):
            stack.extend(reversed(at))
    return found


def below(node: ast.Node) -> list[object]:
    """What a node is made of, in the order of the text: nodes, tuples of nodes, and words."""
    return [getattr(node, name) for name in node.__dataclass_fields__ if name not in _PLACES]


def names_in(node: object) -> list[str]:
    """The names that expressions mention, in order, each once."""
    return list(dict.fromkeys(found.name for found in walk(node) if isinstance(found, ast.Name)))


def dotted(node: ast.Expr) -> str | None:
    """`a.b.c` as text, where an expression is such a path."""
    if isinstance(node, ast.Name):
        return node.name
    if isinstance(node, ast.Attr):
        base = dotted(node.base)
        return f"{base}.{node.name}" if base else None
    return None
