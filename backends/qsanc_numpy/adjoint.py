"""The adjoint method: one reverse sweep over the tree, from d/d conj(final states) to derivatives by all slots.

Gates are undone on the state and on the costate together (Jones and Gacon 2020, arXiv:2009.02823). A block's slope
is read from the small matrix K[a, b], the sum of conj(costate)[a] state[b] over the other wires: for a derivative D of
the block's matrix it is 2 Re sum D[a, b] K[a, b]. A shared stretch that ran as a matrix U is swept once for all rows:
its state is U and its costate the sum over rows of |costate><state before|, column by column.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qsanc_numpy.execute import Ends, Run, closure
from qsanc_numpy.kernels import apply, contract, scatter_back
from qsanc_numpy.matrices import block_derivatives
from qsanc_numpy.plan import Block, Complex, Floats, Gather, Operation, Stage, Step


class Adjoint:
    """The reverse sweep of one run, given its final states."""

    def __init__(self, run: Run, ends: Ends) -> None:
        self._run = run
        self._ends = ends
        rows = run.matrices.rows
        self._small = [
            np.zeros((kind.dimension, kind.dimension, kind.count, *((rows,) if kind.per_row else ())), np.complex128)
            for kind in run.plan.kinds
        ]

    def gradient(self, costates: Mapping[int, Complex]) -> tuple[Floats, Floats]:
        """Derivatives by shared slots' angles, float64[site], and by angles with item slots, float64[item site, row].

        `costates` gives d/d conj(state) of the scalar at the ends of segments, alike in shape.
        """
        plan = self._run.plan
        pending = dict(costates)
        for number in reversed(closure(plan, frozenset(costates))):
            segment = plan.segments[number]
            bra = pending.pop(number).conj()
            ket = self._ends[number]
            for at in reversed(range(len(segment.steps))):
                if segment.steps[at].stage is Stage.ONCE:
                    ket, bra = ket[:, :1], _one_column(bra)
                ket, bra = self._back(number, at, segment.steps[at], ket, bra)
            if segment.parent is not None:
                bra = bra if plan.segments[segment.parent].per_row else _one_column(bra)
                costate = bra.conj()
                known = pending.get(segment.parent)
                pending[segment.parent] = costate if known is None else known + costate
        return self._by_angles()

    def _back(self, segment: int, at: int, step: Step, ket: Complex, bra: Complex) -> tuple[Complex, Complex]:
        if self._run.as_matrix(step, ket.shape[1]):
            unitary = self._run.unitary(segment, at, step)
            before: Complex = unitary.conj().T @ ket
            columns, costate = unitary, bra @ before.T
            for operation in reversed(step.operations):
                columns, costate = self._undo(operation, columns, costate)
            return before, unitary.T @ bra
        for operation in reversed(step.operations):
            ket, bra = self._undo(operation, ket, bra)
        return ket, bra

    def _undo(self, operation: Operation, ket: Complex, bra: Complex) -> tuple[Complex, Complex]:
        """One operation back, on the state and on the conjugate of the costate."""
        if isinstance(operation, Gather):
            return scatter_back(operation, ket, conjugate=True), scatter_back(operation, bra, conjugate=False)
        matrix = self._run.matrices.of(operation)
        transposed = matrix.swapaxes(0, 1)
        ket = apply(operation, transposed.conj(), ket)
        self._collect(operation, bra, ket)
        return ket, apply(operation, transposed, bra)

    def _collect(self, block: Block, bra: Complex, ket: Complex) -> None:
        kind = self._run.plan.kinds[block.kind]
        if kind.sites.shape[1]:
            self._small[block.kind][:, :, block.place] += contract(block, bra, ket, kind.per_row)

    def _by_angles(self) -> tuple[Floats, Floats]:
        plan, matrices = self._run.plan, self._run.matrices
        by_site = np.zeros(len(plan.homes))
        by_item = np.zeros((len(plan.item_sites), matrices.rows))
        for kind, small in zip(plan.kinds, self._small, strict=True):
            if not kind.sites.shape[1]:
                continue
            for k, derivative in enumerate(block_derivatives(kind, matrices.angles(kind))):
                slopes = 2 * np.add.reduce((derivative * small).real, axis=(0, 1))
                sites = kind.sites[:, k]
                if kind.per_row:
                    by_site[sites] += slopes.sum(axis=1)
                    place = plan.item_place[sites]
                    np.add.at(by_item, place[place >= 0], slopes[place >= 0])
                else:
                    by_site[sites] += slopes
        return by_site, by_item


def _one_column(bra: Complex) -> Complex:
    """The costate of a state that all rows share."""
    total: Complex = np.add.reduce(bra, axis=1, keepdims=True)
    return total
