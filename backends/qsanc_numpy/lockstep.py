"""Tails side by side: sequences of operations that are nearly alike, merged into one.

A query, a key and a value often come from one template: the same gates at other angles, less what light cones remove.
Merged, they run as one sequence on all their columns; where a tail lacks a block, it has the identity there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsanc_numpy.groups import grouped
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import Block, Kind, Lockstep, Node, Operation, Tail

_SLACK = 1.5
"""A merged sequence may be this much longer than its members are on average."""


def in_lockstep(
    nodes: Sequence[Node], kinds: Sequence[Kind], tails: Sequence[Tail], register: int
) -> tuple[Lockstep, ...]:
    """The tails in groups of one parent whose operations merge."""
    groups: list[tuple[int, list[Tail], list[list[Operation | None]]]] = []
    for tail in tails:
        node = nodes[tail.node]
        assert node.parent is not None
        for at, (parent, members, columns) in enumerate(groups):
            merged = _merged(columns, node.operations, kinds) if parent == node.parent else None
            if merged is not None:
                groups[at] = (parent, [*members, tail], merged)
                break
        else:
            groups.append((node.parent, [tail], [[operation] for operation in node.operations]))
    found = []
    for parent, members, columns in groups:
        operations = tuple(_joint(column, kinds) for column in columns)
        results = tuple(k for tail in members for k in tail.results)
        found.append(Lockstep(parent, tuple(members), operations, grouped(operations, kinds, register), results))
    return tuple(found)


def _merged(
    columns: list[list[Operation | None]], operations: Sequence[Operation], kinds: Sequence[Kind]
) -> list[list[Operation | None]] | None:
    """The columns with one more member, or None where that does not pay: a shortest common supersequence, greedily."""
    one = [_key(next(op for op in column if op is not None), kinds) for column in columns]
    other = [_key(operation, kinds) for operation in operations]
    lengths = _common(one, other)
    out: list[list[Operation | None]] = []
    members = len(columns[0]) if columns else 0
    i = j = 0
    while i < len(one) or j < len(other):
        if i < len(one) and j < len(other) and one[i] == other[j]:
            out.append([*columns[i], operations[j]])
            i, j = i + 1, j + 1
        elif j == len(other) or (i < len(one) and lengths[i + 1][j] >= lengths[i][j + 1]):
            out.append([*columns[i], None])
            i += 1
        else:
            out.append([*[None] * members, operations[j]])
            j += 1
    filled = sum(operation is not None for column in out for operation in column)
    if len(out) * (members + 1) > _SLACK * filled:
        return None
    if any(None in column and any(isinstance(op, Gather) for op in column) for column in out):
        return None
    return out


def _common(one: Sequence[object], other: Sequence[object]) -> list[list[int]]:
    """Lengths of longest common subsequences of all pairs of rests."""
    lengths = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in reversed(range(len(one))):
        for j in reversed(range(len(other))):
            same = one[i] == other[j]
            lengths[i][j] = lengths[i + 1][j + 1] + 1 if same else max(lengths[i + 1][j], lengths[i][j + 1])
    return lengths


def _key(operation: Operation, kinds: Sequence[Kind]) -> object:
    if isinstance(operation, Gather):
        return operation.gates
    assert isinstance(operation, Block)
    return operation.kind, operation.wiring.wires


def _joint(column: Sequence[Operation | None], kinds: Sequence[Kind]) -> Operation:
    first = next(operation for operation in column if operation is not None)
    if isinstance(first, Gather):
        return first
    assert isinstance(first, Block)
    places = [op.place if isinstance(op, Block) else kinds[first.kind].count for op in column]
    return Block(first.wiring, first.flips, first.kind, np.array(places, np.int64))
