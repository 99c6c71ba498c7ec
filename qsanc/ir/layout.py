"""The layout of a batch: how many tokens each of its records has, and what follows from that.

A row space `(record, d1, ..., dk)` has, in record r, one row for each combination of places along d1 ... dk, in
row-major order; the rows of all records follow one another without padding. The segments *at depth p* of a row space
are the runs of rows that share their first p coordinates: at depth 1 those of one record, at depth k those along the
last axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from qsanc.diagnostics import CompilerBug

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Array = NDArray[Any]
Rows = tuple[str, ...]
T = TypeVar("T")

RECORD = "record"

WASTE = 2
"""Blocks are padded to one size as long as that makes no more than so many times their places, or `FEW` places."""
FEW = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Padded:
    """The d by e blocks of row space (..., d, e) as one array [block, height, width]: where their rows lie in it.

    `pairs`, `left` and `right` are the places of the rows of (..., d, e), (..., d) and (..., e), in the flat arrays of
    blocks times height times width, blocks times height and blocks times width; None where they lie in order already.
    """

    blocks: int
    height: int
    width: int
    pairs: Ints | None
    left: Ints | None
    right: Ints | None


class Index:
    """An array of ints that things are looked up by, with what was found out about it.

    `increasing` says that each number is larger than the one before. `largest` is that of the numbers read as unsigned,
    so that one below 0 exceeds all others; 0 where there are none.
    """

    __slots__ = ("_flat", "array", "increasing", "largest")

    def __init__(self, array: Ints, *, increasing: bool = False) -> None:
        self.array = array
        self.increasing = increasing
        ordered = increasing and array.size and array[0] >= 0
        self.largest = int(array[-1] if ordered else array.view(np.uint64).max()) if array.size else 0
        self._flat: dict[int, Ints] = {}

    def sums(self, values: Array, places: int) -> Array:
        """out[place, :] = sum of values[..., :] where the index is that place: its axes are the leading ones."""
        rest = values.shape[self.array.ndim :]
        if self.increasing:
            out = np.zeros((places, *rest))
            out[self.array] = values
            return out
        width = prod(rest)
        if width not in self._flat:
            flat = self.array.reshape(-1)
            self._flat[width] = flat if width == 1 else (flat[:, None] * width + np.arange(width)).reshape(-1)
        total = np.bincount(self._flat[width], weights=values.reshape(-1), minlength=places * width)
        return total.reshape(places, *rest)


class Layout:
    """The rows of one batch, as index arrays that are made when first asked for.

    `records` is the number of records, `lengths` the length int64[record] of each run-time dim. `sizes` gives the
    lengths of the axes U0, U1, ... that belong to the batch as a whole.
    """

    __slots__ = ("_known", "lengths", "records", "sizes")

    def __init__(
        self, records: int, lengths: Mapping[str, Ints] | None = None, sizes: Mapping[str, int] | None = None
    ) -> None:
        self.records = records
        self.lengths = {dim: np.asarray(length, dtype=np.int64) for dim, length in (lengths or {}).items()}
        self.sizes = dict(sizes or {})
        self._known: dict[tuple[object, ...], object] = {}
        for dim, length in self.lengths.items():
            if length.shape != (records,):
                raise CompilerBug(f"the lengths of {dim} have shape {length.shape}, and there are {records} records")

    def with_size(self, axis: str, size: int) -> Layout:
        """The same batch, with the length of one more axis U0, U1, ... known."""
        layout = Layout.__new__(Layout)
        layout.records, layout.lengths, layout._known = self.records, self.lengths, self._known
        layout.sizes = {**self.sizes, axis: size}
        return layout

    def count(self, rows: Rows) -> int:
        """How many rows the batch has in this row space (1 where there are no run-time axes)."""
        if not rows:
            return 1
        if rows[0] != RECORD:
            return self.sizes[rows[0]]
        if len(rows) == 1:
            return self.records
        return int(self.stops(rows, 1)[-1]) if self.records else 0

    def widths(self, rows: Rows, depth: int) -> Ints:
        """int64[row of rows[:depth]]: how many rows lie in each segment at this depth, which is at least 1."""
        return self._once(("widths", rows, depth), lambda: self._widths(rows, depth))

    def stops(self, rows: Rows, depth: int) -> Ints:
        """The row after the last of each segment."""
        return self._once(("stops", rows, depth), lambda: np.cumsum(self.widths(rows, depth)))

    def starts(self, rows: Rows, depth: int) -> Ints:
        """The first row of each segment."""
        return self._once(("starts", rows, depth), lambda: self.stops(rows, depth) - self.widths(rows, depth))

    def owner(self, rows: Rows, depth: int) -> Ints:
        """int64[row]: the row of rows[:depth] that each row belongs to; at depth 1 its record."""
        return self._once(
            ("owner", rows, depth),
            lambda: self.repeat(np.arange(self.count(rows[:depth]), dtype=np.int64), rows, depth),
        )

    def repeat(self, x: Array, rows: Rows, depth: int) -> Array:
        """x[owner]: each row of x, which belongs to rows[:depth], at all rows of its segment."""
        return np.repeat(x, self.widths(rows, depth), axis=0)

    def place(self, rows: Rows) -> Ints:
        """int64[row]: the place of each row along the last axis, from 0."""
        return self._once(("place", rows), lambda: self._place(rows))

    def right(self, rows: Rows) -> Ints:
        """int64[pair]: for each pair (s, j) of `rows`, which ends in one dim twice, the row of j in rows[:-1]."""
        return self._once(("right", rows), lambda: self._right(rows))

    def future(self, rows: Rows) -> Bools:
        """bool[pair]: whether j > s in the pair (s, j) of `rows`, which ends in one dim twice."""
        return self._once(
            ("future", rows),
            lambda: self.place(rows) > self.repeat(self.place(rows[:-1]), rows, len(rows) - 1),
        )

    def occupied(self, rows: Rows, depth: int) -> Ints | None:
        """The segments that have rows at all, or None where all do."""
        return self._once(("occupied", rows, depth), lambda: self._occupied(rows, depth))

    def blocks(self, rows: Rows) -> list[tuple[int, int, int, int, int]]:
        """The d by e blocks of row space (..., d, e), each as (rows, columns, first pair, first left, first right):

        its numbers of rows and columns, and its first row in `rows`, in (..., d) and in (..., e).
        """
        return self._once(("blocks", rows), lambda: self._blocks(rows))

    def padded(self, rows: Rows) -> Padded | None:
        """Those blocks padded to the size of the largest, or None where that is more waste than it saves."""
        return self._once(("padded", rows), lambda: self._padded(rows))

    def index(self, array: Ints, *, increasing: bool = False) -> Index:
        """What is known of these ints, which stay as they are; found out once, as long as it is the same array."""
        return self._once(("index", id(array)), lambda: Index(array, increasing=increasing))

    def _once(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        if key not in self._known:
            self._known[key] = make()
        return cast(T, self._known[key])

    def _numbers(self, rows: Rows) -> Ints:
        return self._once(("numbers", rows), lambda: np.arange(self.count(rows), dtype=np.int64))

    def _widths(self, rows: Rows, depth: int) -> Ints:
        if rows[0] != RECORD or not 1 <= depth <= len(rows):
            raise CompilerBug(f"row space {rows} has no segments at depth {depth}")
        product = np.ones(self.records, dtype=np.int64)
        for dim in rows[depth:]:
            product = product * self.lengths[dim]
        return product if depth == 1 else product[self.owner(rows[:depth], 1)]

    def _place(self, rows: Rows) -> Ints:
        count = self._numbers(rows)
        if len(rows) == 1:
            return count
        depth = len(rows) - 1
        return count - self.repeat(self.starts(rows, depth), rows, depth)

    def _right(self, rows: Rows) -> Ints:
        inner = rows[:-1]
        return self._counted(self.repeat(self.starts(inner, len(inner) - 1), inner, len(inner) - 1), rows)

    def _counted(self, first: Ints, rows: Rows) -> Ints:
        """int64[row]: first[segment] + place, over the segments along the last axis."""
        depth = len(rows) - 1
        return self._numbers(rows) + self.repeat(first - self.starts(rows, depth), rows, depth)

    def _padded(self, rows: Rows) -> Padded | None:
        outer, left, right = rows[:-2], rows[:-1], (*rows[:-2], rows[-1])
        heights, widths = self.widths(left, len(outer)), self.widths(right, len(outer))
        blocks = len(heights)
        height, width = int(heights.max(initial=0)), int(widths.max(initial=0))
        if blocks * height * width > max(WASTE * self.count(rows), FEW):
            return None
        block = np.arange(blocks, dtype=np.int64)
        at_left = None if (heights == height).all() else self._counted(block * height, left)
        at_right = None if (widths == width).all() else self._counted(block * width, right)
        if at_left is None and at_right is None:
            return Padded(blocks, height, width, None, None, None)
        rows_of_pairs = np.arange(blocks * height, dtype=np.int64) if at_left is None else at_left
        return Padded(blocks, height, width, self._counted(rows_of_pairs * width, rows), at_left, at_right)

    def _occupied(self, rows: Rows, depth: int) -> Ints | None:
        widths = self.widths(rows, depth)
        return None if widths.all() else np.flatnonzero(widths)

    def _blocks(self, rows: Rows) -> list[tuple[int, int, int, int, int]]:
        left, right = rows[:-1], (*rows[:-2], rows[-1])
        depth = len(rows) - 2
        heights, widths = self.widths(left, depth), self.widths(right, depth)
        firsts = (self.starts(space, depth) for space in (rows, left, right))
        return list(zip(heights.tolist(), widths.tolist(), *(first.tolist() for first in firsts), strict=True))
