"""The inner loops: small matrices on strided views of states [..., 2^wires, column].

A matrix of a block is given by flipped bits, X[x, ..., a, column] (see `matrices`), and meets a state by broadcasting.
Axes before that of the basis states stack states: a state and its costate, members of a lockstep.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from qsanc_numpy.arrays import Floats, Numbers
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import Block, Group


def apply(block: Block, matrix: Numbers, state: Numbers) -> Numbers:
    """`matrix` on the wires of `block`."""
    wiring = block.wiring
    view, entries = wiring.view(state), wiring.meet(matrix)
    first, *others = block.flips
    total: Numbers = view[wiring.flips[first]] * entries[first]
    if others:
        part = np.empty_like(total)
        for x in others:
            np.multiply(view[wiring.flips[x]], entries[x], out=part)
            total += part
    shape = total.shape
    return total.reshape(*shape[: -len(wiring.shape) - 1], -1, shape[-1])


def contract(block: Block, costate: Numbers, state: Numbers, out: Numbers, keep: tuple[bool, bool]) -> None:
    """Set out[x, a, ...] to the sum over the other wires of conj(costate)[a] state[a ^ x] for the x of the block. The
    axes of members and of columns are kept, in this order, where `keep` says so, and else summed over too."""
    wiring = block.wiring
    left, right = wiring.view(costate), wiring.view(state)
    if left.dtype.kind == "c":
        left = left.conj()
    lead = left.ndim - len(wiring.shape) - 1
    axes = list(range(left.ndim))
    found = [lead + axis for axis in wiring.axes]
    found += axes[:lead] * keep[0] + axes[-1:] * keep[1]
    shape = (len(out), *(2,) * len(wiring.axes), *out.shape[2:])
    entries = out.reshape(shape)
    for x in block.flips:
        np.einsum(left, axes, right[wiring.flips[x]], axes, found, out=entries[x])


def apply_group(group: Group, matrix: Numbers, state: Numbers) -> Numbers:
    """`matrix`, [..., 2^blocks, 2^blocks], on the wires of a group."""
    out = matmul(matrix[..., None, :, :], _view(group, state))
    return out.reshape(*out.shape[:-3], *state.shape[-2:])


def contract_group(group: Group, costate: Numbers, state: Numbers) -> Numbers:
    """For each block K[a, b], the sum over the other wires and the columns of conj(costate)[a] state[b]:
    [..., block, 2, 2]."""
    left, right = _view(group, costate), _view(group, state)
    both = matmul(left.conj() if left.dtype.kind == "c" else left, right.swapaxes(-1, -2))
    total = np.add.reduce(both, axis=-3) if group.left > 1 else both[..., 0, :, :]
    count = len(group.blocks)
    if count == 1:
        return total[..., None, :, :]
    traces: Numbers = total.reshape(*total.shape[:-2], -1) @ _traces(count).astype(total.dtype, copy=False)
    return traces.reshape(*total.shape[:-2], count, 2, 2)


def _view(group: Group, state: Numbers) -> Numbers:
    return state.reshape(*state.shape[:-2], group.left, group.dimension, group.right * state.shape[-1])


@lru_cache(maxsize=8)
def _traces(count: int) -> Floats:
    """[entry of a matrix on so many wires, (wire, a, b)]: the trace over all wires but one."""
    d = 1 << count
    row, column = np.divmod(np.arange(d * d), d)
    table = np.zeros((d * d, count, 2, 2))
    for wire in range(count):
        bit = count - 1 - wire
        same = (row ^ column) & ~(1 << bit) == 0
        table[same, wire, (row[same] >> bit) & 1, (column[same] >> bit) & 1] = 1.0
    return table.reshape(d * d, -1)


def matmul(matrix: Numbers, state: Numbers) -> Numbers:
    """`matrix @ state`, a real matrix being applied to the parts of a complex state."""
    if state.dtype.kind == "c" and matrix.dtype.kind == "f":
        product: Floats = matrix @ np.ascontiguousarray(state).view(np.float64)
        return product.view(np.complex128)
    if matrix.dtype.kind == "c" and state.dtype.kind == "f":
        out = np.empty(
            (*np.broadcast_shapes(matrix.shape[:-2], state.shape[:-2]), matrix.shape[-2], state.shape[-1]),
            np.complex128,
        )
        out.real = matrix.real @ state
        out.imag = matrix.imag @ state
        return out
    found: Numbers = matrix @ state
    return found


def gather(operation: Gather, state: Numbers) -> Numbers:
    moved = state.take(operation.source, axis=-2)
    if operation.phases is not None:
        moved = moved * operation.phases[:, None]
    return moved


def gather_back(operation: Gather, state: Numbers) -> Numbers:
    """The inverse of `gather`."""
    if operation.phases is not None:
        state = state * operation.phases.conj()[:, None]
    return state.take(operation.inverse, axis=-2)


def product_state(factors: Sequence[Numbers]) -> Numbers:
    """The product [2^len(factors), column] of one-qubit states [2, column]."""
    if len(factors) == 1:
        return factors[0]
    half = (len(factors) + 1) // 2
    return _outer(product_state(factors[:half]), product_state(factors[half:]))


def _outer(left: Numbers, right: Numbers) -> Numbers:
    both = left[:, None] * right
    return both.reshape(-1, both.shape[2])


def product_back(factors: Sequence[Numbers], costate: Numbers) -> list[Numbers]:
    """For each factor, the costate [2, column] contracted with the conjugates of all others."""
    if len(factors) == 1:
        return [costate]
    half = (len(factors) + 1) // 2
    left, right = product_state(factors[:half]), product_state(factors[half:])
    both = costate.reshape(len(left), len(right), -1)
    by_left = np.einsum("lrc,rc->lc", both, right.conj())
    by_right = np.einsum("lrc,lc->rc", both, left.conj())
    return product_back(factors[:half], by_left) + product_back(factors[half:], by_right)
