"""Trees that were put together or taken apart, as files with a text of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar, cast

from qsanc.source import Source, Span
from qsanc.syntax import ast
from qsanc.syntax.parse import parse
from qsanc.syntax.printer import print_file
from qsanc.syntax.walk import below

N = TypeVar("N")

_BLANK = Source("reduced.qsan", "qsan 1.0\n{")
"""What the printer takes layout from, where there is none: a header, and one brace behind all that stands nowhere."""
NOWHERE: Span = _BLANK.span(9, 9)

_SPANS = ("span", "name_span", "callee_span", "target_span")


def own_text(items: Sequence[ast.TopLevel], *, name: str = "reduced.qsan") -> ast.File:
    """A file of these items, in canonical form, whose places are in its own text. Comments are not kept.

    Raises `QsanError` where no text has this tree, such as one nested too deep.
    """
    return parse(Source(name, text_of(items)))


def text_of(items: Sequence[ast.TopLevel]) -> str:
    """The canonical text of items, wherever they came from."""
    return print_file(ast.File(_BLANK, "1.0", tuple(_nowhere(item) for item in items), span=NOWHERE))


def _nowhere(node: N) -> N:
    """The same tree without places and documentation."""
    if isinstance(node, tuple):
        return cast(N, tuple(_nowhere(part) for part in node))
    if not isinstance(node, ast.Node):
        return node
    fields = node.__dataclass_fields__
    changes: dict[str, object] = {name: _nowhere(getattr(node, name)) for name in fields if name not in _SPANS}
    changes |= {name: NOWHERE for name in _SPANS if name in fields}
    if isinstance(node, ast.NoiseRule):
        changes["gate_spans"] = (NOWHERE,) * len(node.gates)
    if isinstance(node, ast.Item):
        changes["doc"] = None
    return cast(N, replace(node, **changes))  # type: ignore[arg-type]


# ---- places in a tree -----------------------------------------------------------------------------------------------

Path: TypeAlias = tuple[tuple[str, int], ...]
"""The way to a node: fields, and the place in those that are tuples (-1 in those that are not)."""


def paths(root: ast.Node) -> Iterator[tuple[Path, ast.Node]]:
    """Every node below `root` with the way to it, in the order of the text."""
    stack: list[tuple[Path, ast.Node]] = [((), root)]
    while stack:
        path, node = stack.pop()
        yield path, node
        inner: list[tuple[Path, ast.Node]] = []
        for name, value in fields_below(node):
            parts = enumerate(value) if isinstance(value, tuple) else ((-1, value),)
            inner += [((*path, (name, at)), part) for at, part in parts if isinstance(part, ast.Node)]
        stack.extend(reversed(inner))


def fields_below(node: ast.Node) -> Iterator[tuple[str, object]]:
    """The fields of a node that are no places, with their names."""
    values = below(node)
    names = [n for n in node.__dataclass_fields__ if n not in _SPANS and n not in ("gate_spans", "source")]
    return zip(names, values, strict=True)


def with_parts(root: N, changes: Mapping[Path, tuple[object, ...]]) -> N:
    """`root` with other nodes in some places: none, one, or, where the place is in a tuple, several.

    Where one place lies within another, the outer one counts.
    """
    if not changes:
        return root
    by_field: dict[str, dict[int, dict[Path, tuple[object, ...]]]] = {}
    for path, parts in changes.items():
        name, at = path[0]
        by_field.setdefault(name, {}).setdefault(at, {})[path[1:]] = parts
    fields: dict[str, object] = {}
    for name, places in by_field.items():
        value = getattr(root, name)
        if -1 in places:
            (fields[name],) = _changed(value, places[-1])
        else:
            fields[name] = tuple(
                new
                for at, part in enumerate(value)
                for new in (_changed(part, places[at]) if at in places else (part,))
            )
    return cast(N, replace(cast(ast.Node, root), **fields))  # type: ignore[arg-type]


def _changed(part: object, changes: Mapping[Path, tuple[object, ...]]) -> tuple[object, ...]:
    return changes[()] if () in changes else (with_parts(part, changes),)


def renamed(node: N, name: str, to: ast.Expr) -> N:
    """A tree in which an expression stands for a name."""
    return rewritten(node, lambda found: to if isinstance(found, ast.Name) and found.name == name else None)


def rewritten(node: N, rule: Callable[[ast.Node], ast.Node | None]) -> N:
    """A tree with `rule(node)` in the place of each node for which that is not None, from the outside in."""
    if isinstance(node, tuple):
        return cast(N, tuple(rewritten(part, rule) for part in node))
    if not isinstance(node, ast.Node):
        return node
    if (instead := rule(node)) is not None:
        return cast(N, instead)
    fields = {
        name: rewritten(value, rule) for name, value in fields_below(node) if isinstance(value, (tuple, ast.Node))
    }
    return cast(N, replace(node, **fields)) if fields else node  # type: ignore[arg-type]


def number(value: int | float) -> ast.Expr:
    """A number as it reads back to the same value; a negative one with its sign."""
    if value < 0 or (isinstance(value, float) and str(value).startswith("-")):
        return ast.Unary("-", number(-value), span=NOWHERE)
    return ast.Number(value, repr(value), span=NOWHERE)
