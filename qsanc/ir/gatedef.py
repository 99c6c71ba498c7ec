"""What a gate is: its generators or its matrix, and the rules that rewrite it. The gates are in `ir.gates`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsanc.ir.circuit import Angle, Gate

Matrix = NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class Generator:
    """The Hermitian G of exp(-i angle G), with its distinct `eigenvalues` and their `projectors` [eigenvalue, d, d]."""

    matrix: Matrix
    eigenvalues: tuple[float, ...]
    projectors: Matrix = field(init=False, repr=False)

    def __post_init__(self) -> None:
        one = np.eye(len(self.matrix))
        projectors = np.empty((len(self.eigenvalues), *self.matrix.shape), np.complex128)
        for k, value in enumerate(self.eigenvalues):
            projectors[k] = one
            for other in self.eigenvalues:
                if other != value:
                    projectors[k] = projectors[k] @ (self.matrix - other * one) / (value - other)
        projectors.setflags(write=False)
        object.__setattr__(self, "projectors", projectors)

    @property
    def gaps(self) -> tuple[float, ...]:
        """The distinct positive differences of eigenvalues, rising: the frequencies of an expectation in the angle."""
        return tuple(sorted({a - b for a in self.eigenvalues for b in self.eigenvalues if a > b}))

    def exponential(self, angle: NDArray[np.float64]) -> Matrix:
        """exp(-i angle G) for angles float64[...] in radians, as complex128[..., d, d]."""
        phases = np.exp(-1j * np.multiply.outer(angle, np.array(self.eigenvalues)))
        return np.tensordot(phases, self.projectors, axes=1)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A gate as a circuit: the gate equals e^(i phase) times `body`, exactly.

    Wires of `body` are wires of the gate; slots of its angles, and of `phase`, are the gate's angles.
    """

    body: tuple[Gate, ...]
    phase: Angle

    def expand(self, gate: Gate) -> tuple[Gate, ...]:
        """`body` in the place of `gate`, keeping its span. The phase is the caller's business."""
        return tuple(
            Gate(
                step.name,
                tuple(gate.wires[wire] for wire in step.wires),
                tuple(substitute(angle, gate.angles) for angle in step.angles),
                gate.span,
            )
            for step in self.body
        )


def substitute(angle: Angle, arguments: tuple[Angle, ...]) -> Angle:
    """`angle` with `arguments[k]` in the place of slot k."""
    total = Angle(angle.constant)
    for slot, coefficient in angle.terms:
        total = total + arguments[slot].scaled(coefficient)
    return total


@dataclass(frozen=True, slots=True, eq=False)
class GateDef:
    """One gate of the language.

    `angles` names its angles. `factors` are (angle index, generator) in the order of time, the gate being the product
    of their exponentials; a gate without angles has `fixed` instead, its matrix. `inverse` holds exactly, with phase 0.
    `decompositions` are ways to write it with other gates; `passes.decompose` picks the cheapest that it can use.

    The first `controls` wires control the gate `base` on the others (no controls: `base` is the gate itself).
    `symmetric` are the wires that can be exchanged. `diagonal` and `real` hold at all angles; `permutation` says that
    every entry is 0 or 1. `openqasm` is the name in OpenQASM 3 with `stdgates.inc`, `braket` the one in Braket's
    dialect, None where there is none and the gate has to be decomposed first.
    """

    name: str
    wires: int
    doc: str
    inverse: Rewrite
    decompositions: tuple[Rewrite, ...]
    openqasm: str | None
    braket: str | None
    angles: tuple[str, ...] = ()
    factors: tuple[tuple[int, Generator], ...] = ()
    fixed: Matrix | None = None
    controls: int = 0
    base: str = ""
    symmetric: tuple[int, ...] = ()
    diagonal: bool = False
    permutation: bool = False
    real: bool = False

    @property
    def generator(self) -> Generator | None:
        """G of a gate that is exp(-i angle G) with one angle; None for any other."""
        return self.factors[0][1] if len(self.factors) == 1 else None

    @property
    def gaps(self) -> tuple[tuple[float, ...], ...]:
        """For each angle, the positive eigenvalue gaps of its generator: what its shift rule follows from."""
        by_angle = dict(self.factors)
        return tuple(by_angle[k].gaps for k in range(len(self.angles)))

    def matrix(self, angles: ArrayLike = ()) -> Matrix:
        """The unitary at angles float64[..., k] in radians, as complex128[..., d, d] with d = 2^wires.

        Raises ValueError where the last axis is not the number of angles. The array may be read-only.
        """
        values = self._values(angles)
        if self.fixed is not None:
            return np.broadcast_to(self.fixed, values.shape[:-1] + self.fixed.shape)
        return self._product(values, None)

    def derivative(self, angles: ArrayLike = ()) -> Matrix:
        """The derivatives of `matrix` by each angle: complex128[..., k, d, d] for angles float64[..., k]."""
        values = self._values(angles)
        if not self.angles:
            return np.zeros((*values.shape[:-1], 0, 1 << self.wires, 1 << self.wires), np.complex128)
        return np.stack([self._product(values, k) for k in range(len(self.angles))], axis=-3)

    def _values(self, angles: ArrayLike) -> NDArray[np.float64]:
        values = np.asarray(angles, np.float64)
        if values.shape[-1:] != (len(self.angles),):
            raise ValueError(f"{self.name} takes angles [..., {len(self.angles)}], not {list(values.shape)}")
        return values

    def _product(self, values: NDArray[np.float64], by: int | None) -> Matrix:
        """The product of the exponentials, or its derivative by one angle: -i G beside that angle's exponential."""
        product: Matrix | None = None
        for index, generator in self.factors:
            step = generator.exponential(values[..., index])
            if index == by:
                step = -1j * generator.matrix @ step
            product = step if product is None else step @ product
        assert product is not None
        return product
