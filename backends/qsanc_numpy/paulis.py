"""Expectations of Pauli sums, all those of one segment together, and their adjoint.

A product of Paulis maps basis state i to phase(i) times state i ^ x, where x marks the wires with X or Y. With
w_x[i] = conj(psi[i ^ x]) psi[i] its expectation is a signed sum of Re w_x (an even number of Y) or Im w_x (odd): the
observables of a segment are products of tables of signs with w_x, for each x that occurs. Only wires with Z or Y matter
for the sign; over the others w_x is summed first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from qsanc.ir.circuit import Observable, Pauli
from qsanc_numpy.arrays import Floats, Index, Ints, Numbers
from qsanc_numpy.folds import Fold

TABLE_WIRES = 10
"""Products share a table as long as it reads at most so many wires together, or no more than one of them does alone."""

BLOCK = 16
"""Larger registers are read in blocks of 2^BLOCK amplitudes: beside the state are a few blocks, and no copies of it."""

_Wires = frozenset[int]


def split(pauli: Pauli) -> tuple[_Wires, _Wires]:
    """The wires that a product flips (X, Y) and those that decide its sign (Z, Y)."""
    flipped = frozenset(wire for wire, letter in pauli.factors if letter in "XY")
    return flipped, frozenset(wire for wire, letter in pauli.factors if letter in "ZY")


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Signs float64[observable, folded state] for some `observables`, against Im w_x or Re w_x."""

    fold: Fold
    imaginary: bool
    observables: Ints
    signs: Floats
    outer: tuple[int, ...]
    """The bits of a block's number that decide the sign, the most significant first."""

    def signs_in(self, block: int) -> Floats:
        """The signs of one block, float64[observable, folded state]."""
        if not self.outer:
            return self.signs
        at = 0
        for bit in self.outer:
            at = at << 1 | block >> bit & 1
        within = self.signs.shape[1] >> len(self.outer)
        part: Floats = self.signs[:, at * within : (at + 1) * within]
        return part


@dataclass(frozen=True, slots=True, eq=False)
class _Flip:
    """The products with one x: a block reshaped to `shape` and indexed by `index` (None: as it is) is flipped there.
    Block b of the flipped state is the flipped block b ^ `outer`."""

    shape: tuple[int, ...]
    index: Index | None
    outer: int
    tables: tuple[_Table, ...]

    def of(self, blocks: Numbers, block: int) -> Numbers:
        """A block of the flipped state, shaped like `shape`."""
        view: Numbers = blocks[block ^ self.outer].reshape(*self.shape, blocks.shape[2])
        flipped: Numbers = view if self.index is None else view[self.index]
        return flipped


@dataclass(frozen=True, slots=True)
class _Term:
    observable: int
    coefficient: float
    signed: _Wires


@dataclass(frozen=True, slots=True, eq=False)
class Paulis:
    """Several observables of one register. `constants` are their multiples of the identity, float64[observable]."""

    constants: Floats
    flips: tuple[_Flip, ...]

    @staticmethod
    def of(observables: Sequence[Observable], register: int) -> Paulis:
        constants = np.zeros(len(observables))
        grouped: dict[_Wires, list[_Term]] = {}
        for k, observable in enumerate(observables):
            for coefficient, pauli in observable.terms:
                if pauli.factors:
                    flipped, signed = split(pauli)
                    grouped.setdefault(flipped, []).append(_Term(k, coefficient, signed))
                else:
                    constants[k] += coefficient
        return Paulis(constants, tuple(_flip(flipped, terms, register) for flipped, terms in grouped.items()))

    def values(self, state: Numbers) -> Floats:
        """float64[observable, column]."""
        total = np.repeat(self.constants[:, None], state.shape[1], axis=1)
        blocks = _blocks(state)
        for number, block in enumerate(blocks):
            for flip in self.flips:
                if flip.index is None and not flip.outer:
                    real = block.real**2 + block.imag**2
                    imaginary = real
                else:
                    flipped = flip.of(blocks, number)
                    product = (flipped.conj() * block.reshape(flipped.shape)).reshape(block.shape)
                    real, imaginary = product.real, product.imag
                for table in flip.tables:
                    if table.imaginary and not np.iscomplexobj(state):
                        continue
                    folded = table.fold.sum(imaginary if table.imaginary else real)
                    total[table.observables] += table.signs_in(number) @ folded
        return total

    def adjoint(self, state: Numbers, cotangents: Floats) -> Numbers:
        """sum over observables of cotangents[observable, column] times the observable applied to the state; its real
        part where the state is real."""
        constant = (cotangents * self.constants[:, None]).sum(axis=0)
        total: Numbers = constant.astype(state.real.dtype) * state
        blocks, targets = _blocks(state), _blocks(total)
        for number, target in enumerate(targets):
            for flip in self.flips:
                flipped = flip.of(blocks, number).reshape(target.shape)
                for table in flip.tables:
                    if table.imaginary and not np.iscomplexobj(state):
                        continue
                    weight = table.fold.spread(table.signs_in(number).T @ cotangents[table.observables])
                    turned = 1j * flipped if table.imaginary else flipped
                    shape = (*table.fold.shape, state.shape[1])
                    part = target.reshape(shape)
                    part += weight * turned.reshape(shape)
        return total


def _blocks(state: Numbers) -> Numbers:
    """[block, amplitude, column], as a view."""
    size = min(len(state), 1 << BLOCK)
    return state.reshape(len(state) // size, size, state.shape[1])


def _flip(flipped: _Wires, terms: list[_Term], register: int) -> _Flip:
    above = max(0, register - BLOCK)
    shape, index = _mirror(sorted(wire - above for wire in flipped if wire >= above), register - above)
    outer = sum(1 << (above - 1 - wire) for wire in flipped if wire < above)
    tables = []
    for odd in (False, True):
        alike = [term for term in terms if (len(flipped & term.signed) % 2 == 1) == odd]
        tables += [_table(part, support, flipped, odd, register) for support, part in _parts(alike)]
    return _Flip(shape, index, outer, tuple(tables))


def _parts(terms: list[_Term]) -> list[tuple[_Wires, list[_Term]]]:
    """Terms by table, each with the wires it reads; those that read most come first."""
    parts: list[tuple[_Wires, list[_Term]]] = []
    for term in sorted(terms, key=lambda term: -len(term.signed)):
        for place, (support, part) in enumerate(parts):
            together = support | term.signed
            if together == support or len(together) <= TABLE_WIRES:
                parts[place] = together, [*part, term]
                break
        else:
            parts.append((term.signed, [term]))
    return parts


def _table(terms: list[_Term], support: _Wires, flipped: _Wires, odd: bool, register: int) -> _Table:
    wires = sorted(support)
    states = np.arange(1 << len(wires))
    observables = sorted({term.observable for term in terms})
    signs = np.zeros((len(observables), len(states)))
    for term in terms:
        parity = np.zeros_like(states)
        for wire in term.signed:
            parity ^= (states >> (len(wires) - 1 - wires.index(wire))) & 1
        power = len(flipped & term.signed) % 4
        scale = term.coefficient if power in (0, 3) else -term.coefficient
        signs[observables.index(term.observable)] += scale * (1 - 2 * parity)
    above = max(0, register - BLOCK)
    fold = Fold.onto([wire - above for wire in wires if wire >= above], register - above)
    outer = tuple(above - 1 - wire for wire in wires if wire < above)
    return _Table(fold, odd, np.array(observables, np.int64), signs, outer)


def _mirror(wires: list[int], register: int) -> tuple[tuple[int, ...], Index | None]:
    """A view of a state reshaped to the first result, indexed by the second, has `wires` flipped."""
    if not wires:
        return (1 << register,), None
    edges = [-1, *wires, register]
    shape: list[int] = []
    index: list[slice | int] = []
    for left, right in pairwise(edges):
        shape += [1 << (right - left - 1), 2]
        index += [slice(None), slice(None, None, -1)]
    return tuple(shape[:-1]), tuple(index[:-1])
