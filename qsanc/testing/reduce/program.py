"""A failing program made minimal by edits of its tree, one small function for each kind of edit.

An assertion is never edited: it can only go as a whole, and neither can `assume` and the settings of a test. What an
assertion compares can be, so that in the end the caller's predicate says what still is the same failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from qsanc.diagnostics import QsanError
from qsanc.source import Source
from qsanc.syntax import ast
from qsanc.syntax.parse import parse
from qsanc.syntax.walk import walk
from qsanc.testing.reduce.search import Edit, Steps, fewer, reduced
from qsanc.testing.reduce.tree import Path, number, own_text, paths, renamed, with_parts

_Changes: TypeAlias = Mapping[Path, tuple[object, ...]]


def reduce_program(program: str, fails: Callable[[str], bool], *, seconds: float = 5.0) -> str:
    """The text of the smallest program that was found to fail like `program` within about `seconds`.

    `fails` is asked about texts that parse, and answers False for one that is wrong in another way. Items, assertions
    and statements are left out, loops and branches replaced by what is in them, sizes, lists and numbers made smaller
    and rounder. What comes back fails, is never larger, and is in canonical form without comments.

    Raises TypeError where `program` is no text or `fails` no function, QsanError where the text does not parse, and
    ValueError where it does not fail.

    >>> program = "qsan 1.0\\nconst far: real = 3.25;\\nconst near: real = 1.0;"
    >>> print(reduce_program(program, lambda text: "far" in text))
    qsan 1.0
    <BLANKLINE>
    const far: real = 0;
    <BLANKLINE>
    """
    if not isinstance(program, str):
        raise TypeError(f"a program to reduce is its text, not {type(program).__name__}")
    if not callable(fails):
        raise TypeError(f"`fails` is a function of a program's text, not {type(fails).__name__}")
    file = parse(Source("program.qsan", program))
    return reduce_file(file, lambda candidate: fails(candidate.source.text), seconds=seconds).source.text


def reduce_file(file: ast.File, fails: Callable[[ast.File], bool], *, seconds: float = 5.0) -> ast.File:
    """As `reduce_program`, with trees. `fails` is asked about files whose text is their own (`file.source.text`).

    Raises ValueError where `file` does not fail.
    """
    start = own_text(file.items, name=file.source.name)
    if not fails(start):
        raise ValueError("there is nothing to reduce: the program does not fail")
    seen = {start.source.text}

    def accepts(now: ast.File, candidate: ast.File) -> bool:
        if _weight(candidate) >= _weight(now):
            return False
        try:
            written = own_text(candidate.items, name=file.source.name)
        except QsanError:
            return False  # a block too deep, or a statement where none of its kind can stand
        if written.source.text in seen:
            return False
        seen.add(written.source.text)
        return fails(written)

    found = reduced(start, EDITS, accepts, seconds=seconds)
    return own_text(found.items, name=file.source.name)


def _weight(file: ast.File) -> tuple[int, int, int]:
    """How large a program is: nodes, then characters of its numbers, then its integers."""
    nodes = walk(file)
    numbers = [node for node in nodes if isinstance(node, ast.Number)]
    whole = sum(abs(n.value) for n in numbers if isinstance(n.value, int))
    return len(nodes), sum(len(n.text) for n in numbers), whole


# ---- leaving out ----------------------------------------------------------------------------------------------------

_STATEMENTS = (
    ast.Apply, ast.For, ast.If, ast.Let, ast.Require, ast.Mask, ast.Normalize, ast.NoiseRule,
    ast.Size, ast.Hyper, ast.Data, ast.Train, ast.Dim, ast.DataField, ast.ParamDecl, ast.Bind, ast.Repeat,
)  # fmt: skip
"""What may be missing from a block."""


def _items(file: ast.File) -> Steps[ast.File]:
    return _without(file, [path for path, node in paths(file) if len(path) == 1])


def _assertions(file: ast.File) -> Steps[ast.File]:
    return _without(file, [path for path, node in paths(file) if isinstance(node, ast.Assert)])


def _statements(file: ast.File) -> Steps[ast.File]:
    return _without(file, [path for path, node in paths(file) if isinstance(node, _STATEMENTS) and len(path) > 1])


def _without(file: ast.File, places: list[Path]) -> Steps[ast.File]:
    def rebuilt(kept: list[Path]) -> ast.File:
        stays = set(kept)
        return with_parts(file, {path: () for path in places if path not in stays})

    return fewer(places, rebuilt)


# ---- one change at a time -------------------------------------------------------------------------------------------


def _each(choices: Callable[[ast.File], Iterator[_Changes]]) -> Edit[ast.File]:
    """The edit that makes one of the changes that there are. After one that was taken, it goes on behind it."""

    def edit(file: ast.File) -> Steps[ast.File]:
        tried, again = 0, True
        while again:
            again = False
            for place, changes in enumerate(choices(file)):
                if place < tried:
                    continue
                candidate = with_parts(file, changes)
                if (yield candidate):
                    file, again = candidate, True
                    break
                tried = place + 1

    return edit


def _unwrapped(file: ast.File) -> Iterator[_Changes]:
    """A loop as its body for the first value of its variable, a branch as one of its blocks."""
    for path, node in paths(file):
        match node:
            case ast.For(name=name, over=ast.Range(low=low), body=ast.Block(body=body)):
                yield {path: renamed(body, name, low)}
            case ast.Repeat(name=name, over=ast.Range(low=low), body=body):
                yield {path: renamed(body, name, low)}
            case ast.If(then=then, orelse=orelse):
                yield {path: then.body}
                yield {path: orelse.body if orelse is not None else ()}
            case _:
                pass


def _simpler_lines(file: ast.File) -> Iterator[_Changes]:
    """Gate lines without their modifiers."""
    for path, node in paths(file):
        if isinstance(node, ast.Apply) and node.modifiers:
            yield {path: (replace(node, modifiers=()),)}


def _parts_of_expressions(file: ast.File) -> Iterator[_Changes]:
    """An expression replaced by a part of it: an operand, an argument, the array of an element, one item of a list."""
    for path, node in _editable(file):
        match node:
            case ast.Binary(left=left, right=right):
                yield from ({path: (part,)} for part in (left, right))
            case ast.Unary(operand=part) if not isinstance(part, ast.Number):
                yield {path: (part,)}
            case ast.Call(args=args):
                yield from ({path: (arg.value,)} for arg in args)
            case ast.ListOf(items=items) if len(items) > 1:
                yield {path: (replace(node, items=items[:1]),)}
            case _:
                pass


# ---- sizes and lists ------------------------------------------------------------------------------------------------


def _sizes(file: ast.File) -> Iterator[_Changes]:
    """A size, the bound of a loop or an integer argument made smaller: first wherever this number is a size, with the
    lists of that length; then at one place, with lists of one length and depth, which may follow from it or not."""
    places = dict(_integers(file))
    lists = list(_lists(file))
    for value in dict.fromkeys(places.values()):
        for smaller in _smaller(value):
            changes: dict[Path, tuple[object, ...]] = {
                path: (number(smaller),) for path, found in places.items() if found == value
            }
            for path, found in lists:
                changes[path] = (_shortened(found, None, value, smaller),)
            yield changes
    depths = dict.fromkeys(depth for _, found in lists for depth in _lengths(found))
    for place, value in places.items():
        for smaller in _smaller(value):
            yield {place: (number(smaller),)}
            for level, length in depths:
                by = value - smaller
                if by <= length:
                    yield {place: (number(smaller),), **_with_lists(lists, level, length, length - by)}


def _shorter_lists(file: ast.File) -> Iterator[_Changes]:
    """All lists of one length at one depth made shorter."""
    lists = list(_lists(file))
    for level, length in dict.fromkeys(depth for _, found in lists for depth in _lengths(found)):
        for smaller in _smaller(length):
            yield _with_lists(lists, level, length, smaller)


def _smaller(value: int) -> Iterator[int]:
    yield from (other for other in dict.fromkeys((0, 1, value // 2, value - 1)) if 0 <= other < value)


def _integers(file: ast.File) -> Iterator[tuple[Path, int]]:
    """Integers that are the value of a name, the end of a range, a length, an argument of a call, or the size of a
    template in brackets; not those that choose an element or a qubit."""
    items = {getattr(item, "name", None) for item in file.items}
    for path, node in _editable(file):
        if isinstance(node, ast.Number) and isinstance(node.value, int):
            parent = _at(file, path[:-1])
            if isinstance(parent, ast.Arg):
                whole = _at(file, path[:-2])
                if isinstance(whole, (ast.Call, ast.Apply)) or (
                    isinstance(whole, ast.Index) and isinstance(whole.base, ast.Name) and whole.base.name in items
                ):
                    yield path, node.value
            elif isinstance(parent, (ast.Let, ast.Const, ast.Size, ast.Range, ast.Type, ast.Generic)):
                yield path, node.value


def _at(root: ast.Node, path: Path) -> ast.Node:
    for name, place in path:
        value = getattr(root, name)
        root = value if place == -1 else value[place]
    return root


def _lists(file: ast.File) -> Iterator[tuple[Path, ast.ListOf]]:
    """The outermost lists that are not in an assertion."""
    inside: set[Path] = set()
    for path, node in _editable(file):
        if isinstance(node, ast.ListOf):
            inside.add(path)
            if not any(path[:k] in inside for k in range(len(path))):
                yield path, node


def _lengths(found: ast.Expr, level: int = 0) -> Iterator[tuple[int, int]]:
    if isinstance(found, ast.ListOf):
        yield level, len(found.items)
        for item in found.items:
            yield from _lengths(item, level + 1)


def _with_lists(lists: list[tuple[Path, ast.ListOf]], level: int, length: int, to: int) -> _Changes:
    return {path: (_shortened(found, level, length, to),) for path, found in lists}


def _shortened(found: ast.Expr, level: int | None, length: int, to: int) -> ast.Expr:
    """The list with its lists of this length, at this depth or (None) at each, cut after `to` items."""
    if not isinstance(found, ast.ListOf):
        return found
    items = found.items[:to] if level in (0, None) and len(found.items) == length else found.items
    below = None if level is None else level - 1
    return replace(found, items=tuple(_shortened(item, below, length, to) for item in items))


# ---- numbers --------------------------------------------------------------------------------------------------------


def _zeros(file: ast.File) -> Steps[ast.File]:
    return _rounded(file, lambda value: 0)


def _digits(count: int) -> Edit[ast.File]:
    return lambda file: _rounded(file, lambda value: round(value, count))


def _rounded(file: ast.File, to: Callable[[float], float]) -> Steps[ast.File]:
    """Windows of numbers with a point replaced by rounder ones, all of them first."""
    values = dict(_reals(file))
    instead: Mapping[Path, ast.Expr] = {path: _round_number(to(value)) for path, value in values.items()}

    def rebuilt(kept: list[Path]) -> ast.File:
        stays = set(kept)
        return with_parts(file, {path: (instead[path],) for path in values if path not in stays})

    return fewer(list(values), rebuilt)


def _round_number(value: float) -> ast.Expr:
    return number(int(value)) if float(value).is_integer() and abs(value) < 1e6 else number(value)


def _reals(file: ast.File) -> Iterator[tuple[Path, float]]:
    """Numbers with a point, each with the sign in front of it."""
    signed: set[Path] = set()
    for path, node in _editable(file):
        if isinstance(node, ast.Unary) and node.op == "-" and _is_real(node.operand):
            assert isinstance(node.operand, ast.Number)
            signed.add((*path, ("operand", -1)))
            yield path, -float(node.operand.value)
        elif _is_real(node) and path not in signed:
            assert isinstance(node, ast.Number)
            yield path, float(node.value)


def _is_real(node: ast.Node) -> bool:
    return isinstance(node, ast.Number) and isinstance(node.value, float)


def _editable(file: ast.File) -> Iterator[tuple[Path, ast.Node]]:
    """All nodes but those of assertions, assumptions and settings."""
    fixed: set[Path] = set()
    for path, node in paths(file):
        if isinstance(node, (ast.Assert, ast.Assume, ast.Setting)):
            fixed.add(path)
        if not any(path[:k] in fixed for k in range(len(path) + 1)):
            yield path, node


EDITS: tuple[Edit[ast.File], ...] = (
    _items,
    _assertions,
    _statements,
    _each(_unwrapped),
    _each(_simpler_lines),
    _each(_parts_of_expressions),
    _zeros,
    _each(_sizes),
    _each(_shorter_lists),
    *(_digits(count) for count in range(4)),
)
"""All edits, those that take most away first."""
