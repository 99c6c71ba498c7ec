"""Records as flat arrays: what a model function takes for its data inputs, for all records or for one batch of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qsanc.target import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """`count` records, ragged and without padding.

    `columns[field]` is int64[token row] for tokens (the rows of all records one after another), float64 or int64
    [record, axis...] for numbers, and int64[record] (classes) or float64[record] for the label. `dims[field]` names
    the dim of a token field. `lengths[dim]` is int64[record], and `offsets[dim]`, int64[record + 1], says where the
    rows of each record begin.
    """

    count: int
    columns: Mapping[str, NDArray[np.int64] | Floats]
    dims: Mapping[str, str]
    lengths: Mapping[str, Ints]
    offsets: Mapping[str, Ints]

    @classmethod
    def of(
        cls,
        count: int,
        columns: Mapping[str, NDArray[np.int64] | Floats],
        dims: Mapping[str, str],
        lengths: Mapping[str, Ints],
    ) -> Records:
        return cls(count, columns, dims, lengths, {dim: _offsets(length) for dim, length in lengths.items()})

    def take(self, indices: Ints) -> Records:
        """These records, in this order, copied."""
        rows = {
            dim: np.repeat(self.offsets[dim][indices] - _offsets(length[indices])[:-1], length[indices])
            + np.arange(int(length[indices].sum()), dtype=np.int64)
            for dim, length in self.lengths.items()
        }
        columns = {
            name: column[rows[self.dims[name]]] if name in self.dims else column[indices]
            for name, column in self.columns.items()
        }
        return Records.of(
            len(indices), columns, self.dims, {dim: length[indices] for dim, length in self.lengths.items()}
        )

    def slice(self, start: int, stop: int) -> Records:
        """The records start..stop, as views."""
        stop = min(stop, self.count)
        bounds = {dim: (int(offset[start]), int(offset[stop])) for dim, offset in self.offsets.items()}
        columns = {
            name: column[slice(*bounds[self.dims[name]])] if name in self.dims else column[start:stop]
            for name, column in self.columns.items()
        }
        return Records(
            stop - start,
            columns,
            self.dims,
            {dim: length[start:stop] for dim, length in self.lengths.items()},
            {dim: offset[start : stop + 1] - offset[start] for dim, offset in self.offsets.items()},
        )


ONE = Records(1, {}, {}, {}, {})
"""The single record of a model without data."""


def _offsets(lengths: Ints) -> Ints:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
