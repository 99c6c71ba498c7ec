"""The inner loops: small matrices on strided views of states complex128[2^wires, column].

A matrix here is complex128[d, d] or, one for each column, complex128[d, d, column].
"""

from __future__ import annotations

import numpy as np

from qsanc_numpy.plan import Block, Complex, Gather


def apply(block: Block, matrix: Complex, state: Complex, out: Complex | None = None) -> Complex:
    """`matrix` on the wires of `block`. A state of one column meets a matrix for each column by broadcasting.

    `out` must not overlap `state`.
    """
    wiring, entries = block.wiring, block.entries
    view = state.reshape(*wiring.shape, state.shape[1])
    if out is None:
        columns = state.shape[1] if matrix.ndim == 2 else max(state.shape[1], matrix.shape[2])
        out = np.empty((state.shape[0], columns), np.complex128)
    target = out.reshape(*wiring.shape, out.shape[1])
    for a, sources in enumerate(entries):
        row = target[wiring.index[a]]
        if not sources:
            row[...] = view[wiring.index[a]]
            continue
        np.multiply(matrix[a, sources[0]], view[wiring.index[sources[0]]], out=row)
        for b in sources[1:]:
            row += matrix[a, b] * view[wiring.index[b]]
    return out


def contract(block: Block, bra: Complex, ket: Complex, per_column: bool) -> Complex:
    """sum over all other wires of bra[a] ket[b], complex128[d, d, column], or summed over the columns too.

    `bra` is not conjugated here. Only entries that the block can have are computed; the others are zero.
    """
    wiring, entries = block.wiring, block.entries
    left = bra.reshape(*wiring.shape, bra.shape[1])
    right = ket.reshape(*wiring.shape, ket.shape[1])
    d = len(entries)
    columns = max(bra.shape[1], ket.shape[1])
    total = np.zeros((d, d, columns) if per_column else (d, d), np.complex128)
    for a, sources in enumerate(entries):
        for b in sources:
            x, y = left[wiring.index[a]], right[wiring.index[b]]
            if per_column:
                np.add.reduce((x * y).reshape(-1, columns), axis=0, out=total[a, b])
            elif bra.shape[1] == ket.shape[1]:
                total[a, b] = np.dot(x.ravel(), y.ravel())
            else:
                total[a, b] = np.add.reduce(x * y, axis=None)
    return total


def gather(operation: Gather, state: Complex, out: Complex | None = None) -> Complex:
    moved = np.take(state, operation.source, axis=0, out=out, mode="clip")
    if operation.phases is not None:
        moved *= operation.phases[:, None]
    return moved


def scatter_back(operation: Gather, state: Complex, conjugate: bool) -> Complex:
    """The transpose of `gather`, or with `conjugate` its inverse."""
    if operation.phases is not None:
        phases = operation.phases.conj() if conjugate else operation.phases
        state = state * phases[:, None]
    return state.take(operation.inverse, axis=0)


def product(left: Complex, right: Complex) -> Complex:
    """Matrix product over the first two axes, entrywise over the others: complex128[d, d, ...]."""
    d = left.shape[0]
    total: Complex = left[:, 0, None] * right[None, 0]
    for k in range(1, d):
        total += left[:, k, None] * right[None, k]
    return total
