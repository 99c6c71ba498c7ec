"""One property or test as a file that needs no other file of the user's."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any, TypeAlias

import numpy as np

from qsanc.check.module import Definition, Module
from qsanc.ir.gates import GATES
from qsanc.syntax import ast
from qsanc.syntax.walk import dotted
from qsanc.testing.reduce.tree import NOWHERE, fields_below, number, own_text, rewritten

Argument: TypeAlias = "bool | int | float | Sequence[Argument] | np.ndarray[tuple[int, ...], np.dtype[np.generic]]"

_SHIPPED = re.compile(r"std/([A-Za-z_][A-Za-z0-9_]*)\.qsan")
_ONCE = frozenset({"examples"})


def self_contained(
    module: Module,
    block: ast.Property | ast.Test,
    values: Mapping[str, Argument],
    *,
    sizes: Mapping[str, int | float] | None = None,
) -> ast.File:
    """A file with what `block` of `module` reaches, and the block as a test on these arguments.

    Definitions come along from all files, renamed where two of them, or one and a name in force where it is used, would
    be called alike; those of `std` are imported. `sizes` are those that were set from outside. Each argument becomes a
    `let`; the range of a single one stays as `assume`, so that who makes the arguments smaller stays within it. A
    language without empty lists writes an array of no elements as a parameter: then the block stays a property,
    with one example.

    Raises ValueError where `values` are not those of the block's parameters, or are not finite.
    """
    params = block.params if isinstance(block, ast.Property) else ()
    if {param.name for param in params} != set(values):
        wanted = ", ".join(param.name for param in params) or "nothing"
        raise ValueError(f"`{block.name}` takes {wanted}, not {', '.join(values) or 'nothing'}")
    needed, renamed = _in_one_file(block, module, sizes or {})
    return own_text([*needed, _on(renamed, values)], name=f"{block.name}.qsan")


# ---- the block ------------------------------------------------------------------------------------------------------


def _on(block: ast.Property | ast.Test, values: Mapping[str, Argument]) -> ast.Property | ast.Test:
    params = block.params if isinstance(block, ast.Property) else ()
    lets: list[ast.CheckStmt] = []
    bounds: list[ast.CheckStmt] = []
    empty: list[ast.Param] = []
    known: dict[str, ast.Expr] = {}
    for param in params:
        value = values[param.name]
        if _is_empty(value):
            dims = tuple(rewritten(dim, lambda node: known.get(getattr(node, "name", ""))) for dim in param.type.dims)
            empty.append(replace(param, type=replace(param.type, dims=dims)))
            continue
        known[param.name] = literal(value)
        lets.append(ast.Let(param.name, None, known[param.name], span=NOWHERE, name_span=NOWHERE))
        if param.within is not None and not param.type.dims:
            bounds += _assumed(param.name, param.within)
    body = tuple(s for s in block.body if not (isinstance(s, ast.Setting) and s.name in _ONCE))
    settings = tuple(s for s in body if isinstance(s, ast.Setting))
    rest = tuple(s for s in body if not isinstance(s, ast.Setting))
    if not empty:
        return ast.Test(block.name, (*settings, *lets, *bounds, *rest), span=NOWHERE, name_span=NOWHERE)
    once = ast.Setting("examples", number(1), span=NOWHERE, name_span=NOWHERE)
    everything = (once, *settings, *lets, *bounds, *rest)
    return ast.Property(block.name, tuple(empty), everything, span=NOWHERE, name_span=NOWHERE)


def _assumed(name: str, within: ast.Expr) -> Iterator[ast.Assume]:
    """`assume` for each end of a range that is written as one."""
    if isinstance(within, ast.Range):
        variable = ast.Name(name, span=NOWHERE)
        yield ast.Assume(ast.Compare(">=", variable, within.low, span=NOWHERE), span=NOWHERE)
        yield ast.Assume(ast.Compare("<=" if within.closed else "<", variable, within.high, span=NOWHERE), span=NOWHERE)


def _is_empty(value: Argument) -> bool:
    if isinstance(value, np.ndarray):
        return value.size == 0
    return isinstance(value, Sequence) and all(_is_empty(part) for part in value)


def literal(value: Argument) -> ast.Expr:
    """A value as an expression that evaluates to the same: floats to the same bits.

    Raises ValueError for an infinity or no number, which the language cannot write, and for an integer it cannot hold.
    """
    if isinstance(value, (bool, np.bool_)):
        return ast.Bool(bool(value), span=NOWHERE)
    if isinstance(value, (int, np.integer)):
        if abs(int(value)) >= 2**63:
            raise ValueError(f"the language has no integer {value}")
        return number(int(value))
    if isinstance(value, (float, np.floating)):
        if not math.isfinite(value):
            raise ValueError(f"the language has no number {float(value)}")
        return number(float(value))
    return ast.ListOf(tuple(literal(part) for part in value), span=NOWHERE)


# ---- definitions ----------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Read:
    """What an item of `home` mentions: definitions, each with the words for it there; names that are bound in the item;
    and names that are the language's own."""

    item: ast.TopLevel
    home: Module
    reached: dict[int, tuple[Definition, set[str]]] = field(default_factory=dict)
    local: set[str] = field(default_factory=set)
    free: set[str] = field(default_factory=set)
    names: Mapping[int, str] | None = None

    def read(self) -> _Read:
        self._at(self.item, set())
        return self

    def renamed(self, names: Mapping[int, str]) -> ast.TopLevel:
        """The item with these names for the definitions, which are known by the identity of their items."""
        self.names = names
        item: ast.TopLevel = self._at(self.item, set())
        return item

    def _word(self, definition: Definition, written: str) -> str:
        self.reached.setdefault(id(definition.item), (definition, set()))[1].add(written)
        return written if self.names is None else self.names[id(definition.item)]

    def _at(self, node: Any, bound: set[str]) -> Any:
        """The node with its names replaced; a name that it introduces is added to `bound`."""
        if isinstance(node, tuple):
            return tuple(self._at(part, bound) for part in node)
        match node:
            case ast.Name(name=name):
                meant = self.home.names.get(name) if name not in bound else None
                if isinstance(meant, Definition):
                    return replace(node, name=self._word(meant, name))
                if name not in bound:
                    self.free.add(name)
                return node
            case ast.Attr():
                path = dotted(node)
                meant = self.home.lookup(path) if path and path.partition(".")[0] not in bound else None
                if path and meant is not None:
                    return ast.Name(self._word(meant, path), span=node.span)
                return replace(node, base=self._at(node.base, bound))
            case ast.Apply(callee=callee):
                meant = self.home.lookup(callee)
                word = self._word(meant, callee) if meant is not None else callee
                return replace(self._inside(node, bound), callee=word)
            case ast.Comprehension(body=body, name=name, over=over):
                return replace(node, over=self._at(over, bound), body=self._at(body, self._bind(name, set(bound))))
            case ast.For(name=name, over=over, body=body) | ast.Repeat(name=name, over=over, body=body):
                return replace(node, over=self._at(over, bound), body=self._at(body, self._bind(name, set(bound))))
            case ast.Block() | ast.Part():
                return self._inside(node, set(bound))
            case _ if node is self.item:
                return self._inside(node, bound)
            case ast.Let() | ast.Bind() | ast.Generic() | ast.Param() | ast.Register() | ast.Size() | ast.Hyper():
                return self._introduced(node, bound)
            case ast.Dim() | ast.DataField() | ast.ParamDecl():
                return self._introduced(node, bound)
            case ast.Node():
                return self._inside(node, bound)
            case _:
                return node

    def _inside(self, node: Any, bound: set[str]) -> Any:
        return replace(node, **{name: self._at(value, bound) for name, value in fields_below(node)})

    def _introduced(self, node: Any, bound: set[str]) -> Any:
        inside = self._inside(node, bound)
        self._bind(node.name, bound)
        return inside

    def _bind(self, name: str, bound: set[str]) -> set[str]:
        self.local.add(name)
        bound.add(name)
        return bound


def _in_one_file(
    block: ast.Property | ast.Test, module: Module, sizes: Mapping[str, int | float]
) -> tuple[list[ast.TopLevel], ast.Property | ast.Test]:
    """The items that a block needs, those that others use first, and the block with their names."""
    reads: dict[int, _Read] = {}

    def read(item: ast.TopLevel, home: Module) -> None:
        found = _Read(item, home).read()
        for definition, _ in found.reached.values():
            if id(definition.item) not in reads:
                read(definition.item, definition.module)
        reads[id(item)] = found

    read(block, module)
    names = _named(block, reads)
    shipped: list[ast.TopLevel] = []
    own: list[ast.TopLevel] = []
    for found in list(reads.values())[:-1]:
        item, name = found.item, names[id(found.item)]
        assert not isinstance(item, ast.Import)
        target = _std(found.home)
        if target is not None:
            part = ast.ImportName(item.name, name if name != item.name else None, span=NOWHERE)
            shipped.append(ast.Import(target, NOWHERE, is_file=False, names=(part,), span=NOWHERE))
        else:
            own.append(_called(name, rewritten(found.renamed(names), lambda node: _chosen(node, sizes))))
    renamed = reads[id(block)].renamed(names)
    assert isinstance(renamed, (ast.Property, ast.Test))
    return [*shipped, *own], renamed


def _named(block: ast.Property | ast.Test, reads: Mapping[int, _Read]) -> dict[int, str]:
    """A name for each definition: its own where that means nothing else in the new file."""
    words: dict[int, tuple[Definition, set[str]]] = {}
    hidden: dict[int, set[str]] = {}
    for found in reads.values():
        for key, (definition, written) in found.reached.items():
            words.setdefault(key, (definition, set()))[1].update(written)
            if definition.item.name not in written:
                hidden.setdefault(key, set()).update(found.local)
    free = {name for found in reads.values() for name in found.free}
    local = {name for found in reads.values() for name in found.local}
    names: dict[int, str] = {}
    taken = {block.name}
    for key in reads:
        if key in words:
            name = words[key][0].item.name
            if name not in taken | free | hidden.get(key, set()):
                names[key] = name
                taken.add(name)
    for key in reads:
        if key in words and key not in names:
            name = words[key][0].item.name
            numbered = (f"{name}_{k}" for k in itertools.count(2))
            names[key] = next(word for word in numbered if word not in taken | free | local and word not in GATES)
            taken.add(names[key])
    return names


def _called(name: str, item: ast.TopLevel) -> ast.TopLevel:
    assert not isinstance(item, ast.Import)
    changed: ast.TopLevel = replace(item, name=name)
    return changed


def _chosen(node: ast.Node, sizes: Mapping[str, int | float]) -> ast.Node | None:
    """A size or setting with the value that was set from outside."""
    if isinstance(node, (ast.Size, ast.Hyper)) and node.name in sizes and node.value != literal(sizes[node.name]):
        return replace(node, value=literal(sizes[node.name]))
    return None


def _std(home: Module) -> str | None:
    """The name of a file that comes with qsanc; None for the user's own."""
    found = _SHIPPED.fullmatch(home.file.source.name)
    if found is None:
        return None
    shipped = resources.files("qsanc") / "std" / f"{found[1]}.qsan"
    same = shipped.is_file() and shipped.read_text(encoding="utf-8") == home.file.source.text
    return f"std.{found[1]}" if same else None
