"""The inner loops: small matrices on strided views of states [2^wires, ...].

A matrix here is given by flipped bits, X[x, a, ...] (see `matrices`); its further axes meet those of the state by
broadcasting. States can be stacked: [k * 2^wires, ...] is k states.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsanc_numpy.arrays import Numbers
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import Block


def apply(block: Block, matrix: Numbers, state: Numbers, out: Numbers | None = None) -> Numbers:
    """`matrix` on the wires of `block`. `out` must not overlap `state`."""
    wiring = block.wiring
    view = state.reshape(*wiring.shape, *state.shape[1:])
    first, *others = block.flips
    axes = state.ndim - 1
    if out is None:
        total = view[wiring.flips[first]] * wiring.meet(matrix[first], axes)
    else:
        total = out.reshape(*wiring.shape, *out.shape[1:])
        np.multiply(view[wiring.flips[first]], wiring.meet(matrix[first], axes), out=total)
    if others:
        part = np.empty_like(total)
        for x in others:
            np.multiply(view[wiring.flips[x]], wiring.meet(matrix[x], axes), out=part)
            total += part
    return total.reshape(state.shape[0], *total.shape[len(wiring.shape) :])


def contract(block: Block, costate: Numbers, state: Numbers, keep: int) -> Numbers:
    """K[x, a, ...]: the sum over the other wires of conj(costate)[a] state[a ^ x]. Of the further axes the first `keep`
    stay and the others are summed over too. Only the x of the block are computed; the others are zero."""
    wiring = block.wiring
    left = costate.reshape(*wiring.shape, *costate.shape[1:])
    right = state.reshape(*wiring.shape, *state.shape[1:])
    if np.iscomplexobj(left):
        left = left.conj()
    axes = list(range(left.ndim))
    spots = [2 * place + 1 for place in range(len(wiring.wires))]
    tail = axes[len(wiring.shape) : len(wiring.shape) + keep]
    d = 1 << len(wiring.wires)
    small = np.zeros((d, d, *costate.shape[1 : 1 + keep]), np.result_type(left, right))
    back = np.argsort(wiring.order)
    for x in block.flips:
        found = np.einsum(left, axes, right[wiring.flips[x]], axes, [*spots, *tail])
        if len(spots) > 1:
            found = found.transpose(*back, *range(len(spots), found.ndim))
        small[x] = found.reshape(d, *found.shape[len(spots) :])
    return small


def gather(operation: Gather, state: Numbers) -> Numbers:
    moved = state.take(operation.source, axis=0)
    if operation.phases is not None:
        moved = moved * operation.phases.reshape(-1, *(1,) * (state.ndim - 1))
    return moved


def gather_back(operation: Gather, states: Numbers) -> Numbers:
    """The inverse of `gather`, on stacked states [k * 2^wires, ...]."""
    d = len(operation.source)
    many = states.reshape(-1, d, *states.shape[1:])
    if operation.phases is not None:
        many = many * operation.phases.conj().reshape(-1, *(1,) * (states.ndim - 1))
    return many.take(operation.inverse, axis=1).reshape(states.shape)


def product_state(factors: Sequence[Numbers]) -> Numbers:
    """The product [2^len(factors), column] of one-qubit states [2, column]."""
    if len(factors) == 1:
        return factors[0]
    half = (len(factors) + 1) // 2
    left, right = product_state(factors[:half]), product_state(factors[half:])
    both = left[:, None] * right[None]
    return both.reshape(-1, both.shape[2])


def product_back(factors: Sequence[Numbers], costate: Numbers) -> list[Numbers]:
    """For each factor, the costate [2, column] contracted with the conjugates of all others."""
    if len(factors) == 1:
        return [costate]
    half = (len(factors) + 1) // 2
    left, right = product_state(factors[:half]), product_state(factors[half:])
    both = costate.reshape(len(left), len(right), costate.shape[1])
    by_left = np.einsum("lrc,rc->lc", both, _over(right.conj(), costate.shape[1]))
    by_right = np.einsum("lrc,lc->rc", both, _over(left.conj(), costate.shape[1]))
    return product_back(factors[:half], by_left) + product_back(factors[half:], by_right)


def _over(state: Numbers, columns: int) -> Numbers:
    return np.broadcast_to(state, (state.shape[0], columns))
