"""One-qubit blocks on neighbouring wires as one Kronecker product: few large matrix products instead of many small."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from qsanc_numpy.plan import Block, Group, Kind, Operation, Part, Product, Step

GROUP_WIRES = 4
"""A group has at most so many blocks: beyond, multiplications cost more than calls."""


def grouped(operations: Sequence[Operation], kinds: Sequence[Kind], register: int) -> tuple[Step, ...]:
    """The operations with one-qubit blocks that all rows share in groups. What commutes may change places."""
    steps: list[Step] = []
    waiting: dict[int, tuple[int, Block]] = {}
    for number, operation in enumerate(operations):
        alone = _alone(operation, kinds)
        touched = range(register) if isinstance(operation, Product) else _wires(operation)
        if not waiting.keys().isdisjoint(touched):
            steps += _groups(waiting, register)
            waiting = {}
        if alone is None:
            steps.append(Step(operation, (number,)))
        else:
            waiting[touched[0]] = (number, alone)
    return (*steps, *_groups(waiting, register))


def _alone(operation: Operation, kinds: Sequence[Kind]) -> Block | None:
    """The operation, if it is a block that a group can have."""
    if not isinstance(operation, Block) or len(operation.wiring.wires) > 1 or kinds[operation.kind].per_row:
        return None
    return operation


def _wires(operation: Operation) -> Sequence[int]:
    assert not isinstance(operation, Product)
    return operation.wiring.wires if isinstance(operation, Block) else operation.wires


def _groups(waiting: dict[int, tuple[int, Block]], register: int) -> Iterable[Step]:
    for run in _runs(sorted(waiting)):
        blocks = tuple(waiting[wire][1] for wire in run)
        left, right = 1 << run[0], 1 << (register - 1 - run[-1])
        yield Step(Group(blocks, left, right, _parts(blocks)), tuple(waiting[wire][0] for wire in run))


def _runs(wires: Sequence[int]) -> Iterable[Sequence[int]]:
    """Neighbours, in pieces of nearly the same length."""
    breaks = [k for k in range(1, len(wires)) if wires[k] != wires[k - 1] + 1]
    for start, stop in zip([0, *breaks], [*breaks, len(wires)], strict=True):
        length = stop - start
        pieces = -(-length // GROUP_WIRES)
        edges = [start + length * k // pieces for k in range(pieces + 1)] if length else []
        yield from (wires[a:b] for a, b in pairwise(edges))


def _parts(blocks: Sequence[Block]) -> tuple[Part, ...]:
    kinds = dict.fromkeys(block.kind for block in blocks)
    chosen = {kind: [k for k, block in enumerate(blocks) if block.kind == kind] for kind in kinds}
    return tuple(
        Part(kind, np.array(at, np.int64), np.stack([np.asarray(blocks[k].place, np.int64) for k in at], axis=-1))
        for kind, at in chosen.items()
    )
