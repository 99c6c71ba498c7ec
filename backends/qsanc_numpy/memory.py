"""How much memory a module needs for one row."""

from __future__ import annotations

import numpy as np

from qsanc.ir.circuit import CircuitModule, Expectation, Observable, Overlap
from qsanc_numpy.paulis import TABLE_WIRES, split

_BYTES = 16
_SINGLE_BYTES = 8
_FIXED = 16 << 20
"""Tables, and blocks that are worked on."""
_WORKING_STATES = 3
"""While a gate runs: the state, what becomes of it, and a product of half a state; measuring needs no more."""


def needed(module: CircuitModule, *, single: bool = False) -> int:
    """Bytes for a forward pass of one row: final states of all segments at once, and what the kernels work on."""
    state = (_SINGLE_BYTES if single else _BYTES) << module.wires
    reduced = [4 ** len(result.wires) * _BYTES for result in module.results if isinstance(result, Overlap)]
    partial = max((size for size in reduced if size != _BYTES * 4**module.wires), default=0)
    tables = sum(_signs(result.observable) for result in module.results if isinstance(result, Expectation))
    return (len(module.segments) + _WORKING_STATES) * state + 2 * partial + tables


def needed_for_gradient(module: CircuitModule, *, single: bool = False) -> int:
    """Bytes for a gradient of one row on a large register: the final states of all segments that are read, and while
    one of them is undone, a state and a costate, each with room for what becomes of it."""
    read: set[int] = set()
    for result in module.results:
        read |= {result.left, result.right} if isinstance(result, Overlap) else {result.segment}
    state = (_SINGLE_BYTES if single else _BYTES) << module.wires
    return max(needed(module, single=single), (max(len(read), 1) + 3) * state + _FIXED)


def needed_for_overlaps(module: CircuitModule, rows: int, *, single: bool = False, gradient: bool = False) -> int:
    """Bytes for overlaps of pairs of `rows` rows on a large register. Any two rows may be a pair, so that the states of
    all rows are kept: where a segment ends that is read, and where segments part. Those of an overlap are set side by
    side in double precision, one of them also conjugated; a gradient has costates beside them, undone in turn.
    """
    overlaps = [result for result in module.results if isinstance(result, Overlap)]
    ends = {segment for overlap in overlaps for segment in (overlap.left, overlap.right)}
    parents = [segment.parent for segment in module.segments if segment.parent is not None]
    parting = {parent for parent in parents if parents.count(parent) > 1}
    double, state = _BYTES << module.wires, (_SINGLE_BYTES if single else _BYTES) << module.wires
    beside = 3 * double + (2 * len(overlaps) * double + 2 * state if gradient else 0)
    reduced = max((2 * _BYTES * 4 ** len(o.wires) for o in overlaps if len(o.wires) < module.wires), default=0)
    columns = rows if module.items else 1
    return columns * (len(ends | parting) * state + beside + reduced) + _WORKING_STATES * double + _FIXED


def _signs(observable: Observable) -> int:
    """Bytes of the tables of signs, where they are large: for products that read many wires."""
    supports = {split(pauli)[1] for _, pauli in observable.terms}
    return sum(8 << len(support) for support in supports if len(support) > TABLE_WIRES)


def keep_pages() -> None:
    """Tell the allocator that memory will be asked for again.

    The GNU C library gives a large block back to the system as soon as it is free, and the next one costs a page fault
    every 4 KB; how large follows from the largest block it has seen freed. This one is never written to.
    """
    np.empty(30 << 20, np.uint8)
