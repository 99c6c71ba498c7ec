"""Affine maps of basis states over GF(2): what x, cx and swap do to all amplitudes at once.

Bit p of an index is the wire n - 1 - p: wire 0 is the most significant. A map is kept by its columns, one integer a
bit, so that composing and inverting cost n^2 operations on integers and no map ever needs a table of 2^n indices: with
the indices of a block in `table`, those of the whole register are table[low] ^ map(high).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qsanc.diagnostics import CompilerBug

LinearGate = tuple[str, tuple[int, ...]]
"""("x", (w,)), ("cx", (control, target)) or ("swap", (a, b))."""


@dataclass(frozen=True, slots=True)
class Affine:
    """map(x) = constant ^ XOR of columns[p] over the bits p that are set in x."""

    columns: tuple[int, ...]
    constant: int = 0

    @staticmethod
    def identity(wires: int) -> Affine:
        return Affine(tuple(1 << p for p in range(wires)))

    @staticmethod
    def of(gates: Iterable[LinearGate], wires: int) -> Affine:
        """Where each basis state goes: the amplitude of x before the gates is that of map(x) after them."""
        columns = [1 << p for p in range(wires)]
        constant = 0
        for name, on in gates:
            bits = [wires - 1 - wire for wire in on]
            columns = [_moved(name, bits, column, linear=True) for column in columns]
            constant = _moved(name, bits, constant, linear=False)
        return Affine(tuple(columns), constant)

    def __call__(self, x: int) -> int:
        return self.constant ^ self.linear(x)

    def linear(self, x: int) -> int:
        """The map without its constant."""
        result = 0
        for p, column in enumerate(self.columns):
            if x >> p & 1:
                result ^= column
        return result

    def then(self, after: Affine) -> Affine:
        """x -> after(self(x))."""
        return Affine(tuple(after.linear(column) for column in self.columns), after(self.constant))

    def inverse(self) -> Affine:
        """x -> y with self(y) = x, by elimination over GF(2)."""
        wires = len(self.columns)
        left, right = list(self.columns), [1 << p for p in range(wires)]
        for p in range(wires):
            pivot = next((k for k in range(p, wires) if left[k] >> p & 1), None)
            if pivot is None:
                raise CompilerBug("a map of basis states that is not one to one")
            left[p], left[pivot], right[p], right[pivot] = left[pivot], left[p], right[pivot], right[p]
            for k in range(wires):
                if k != p and left[k] >> p & 1:
                    left[k] ^= left[p]
                    right[k] ^= right[p]
        linear = Affine(tuple(right))
        return Affine(linear.columns, linear.linear(self.constant))

    @property
    def is_identity(self) -> bool:
        return self == Affine.identity(len(self.columns))

    def table(self, bits: Sequence[int]) -> NDArray[np.int64]:
        """The linear part on all values of `bits`, int64[2^len(bits)]; bits[0] is the most significant of the place."""
        result = np.zeros(1, np.int64)
        for bit in bits:
            result = (result[:, None] ^ np.array([0, self.columns[bit]], np.int64)).reshape(-1)
        return result


def _moved(name: str, bits: Sequence[int], x: int, *, linear: bool) -> int:
    if name == "x":
        return x if linear else x ^ 1 << bits[0]
    if name == "cx":
        return x ^ (x >> bits[0] & 1) << bits[1]
    if name == "swap":
        differ = (x >> bits[0] ^ x >> bits[1]) & 1
        return x ^ (differ << bits[0] | differ << bits[1])
    raise CompilerBug(f"{name} is no permutation of basis states that this module knows")
