"""Where a definition can be mutated: its gate lines, its angles, its observables, its arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from qsanc.syntax import ast
from qsanc.syntax.walk import walk

Mutable: TypeAlias = ast.Ansatz | ast.Circuit | ast.Attention | ast.Model
PAULIS = ("X", "Y", "Z")


def inside(item: Mutable) -> list[ast.Node]:
    """Every node of what a definition does: the body of a circuit, the parts of an attention block, flow and loss of a
    model. What it requires, declares and how it is trained stays out."""
    match item:
        case ast.Ansatz() | ast.Circuit():
            parts: list[ast.Node] = list(item.body.body)
        case ast.Attention():
            parts = list(item.parts)
        case ast.Model():
            parts = [part for part in item.parts if isinstance(part, ast.Flow | ast.Loss | ast.Let)]
    required = {id(node) for part in walk(tuple(parts)) if isinstance(part, ast.Require) for node in walk(part)}
    return [node for node in walk(tuple(parts)) if id(node) not in required]


def gate_lines(item: Mutable) -> list[ast.Apply]:
    return [node for node in inside(item) if isinstance(node, ast.Apply)]


def measured(item: Mutable) -> Iterator[ast.Expr]:
    """What a circuit returns and the parts of an attention block measure, and what is bound to a name on the way."""
    for node in inside(item):
        match node:
            case ast.Return(value=value) | ast.Part(result=value) | ast.Let(value=value) if value is not None:
                yield value


def computed(item: Mutable) -> Iterator[ast.Expr]:
    """Where numbers are computed: angles, bound names, scores, flow and loss. Observables have rules of their own."""
    for node in inside(item):
        match node:
            case ast.Apply(args=args):
                yield from (arg.value for arg in args)
            case ast.Let(value=value) | ast.Bind(value=value) | ast.Predict(value=value):
                if not observes(value):
                    yield value
            case ast.Score(value=value) | ast.Loss(value=value):
                yield value


def observes(node: ast.Node) -> bool:
    """Whether an expression is made of Paulis."""
    return any(
        isinstance(part, ast.Call) and isinstance(part.base, ast.Name) and part.base.name in (*PAULIS, "I", "paulis")
        for part in walk(node)
    )


def outside_indices(node: ast.Node) -> list[ast.Node]:
    """A node and all below, without what stands in an index: there a number is a place."""
    found = walk(node)
    places = {id(part) for index in found if isinstance(index, ast.Index) for part in walk(index.args)}
    return [part for part in found if id(part) not in places]
