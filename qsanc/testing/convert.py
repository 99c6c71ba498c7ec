"""Anything that is a circuit, as something that is applied to states.

A `Bound` wherever the gates of the gate table are enough, which is where circuits can be drawn, inverted, reduced and
run on a backend; otherwise `Matrices`. Gates from elsewhere are recognised by their matrices, not by their names: a
name only decides between gates that are equal at these angles.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsanc.api import Circuit
from qsanc.elaborate import elaborate
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle, CircuitModule, Gate
from qsanc.ir.gates import GATES, GateDef, Matrix
from qsanc.ir.unitary import apply_matrix
from qsanc.ir.verify import instruction_fault
from qsanc.testing import foreign
from qsanc.testing.foreign import Unitary

_EXACT = 1e-10
"""How far entries of a matrix may be off for it to be recognised."""
MOST_WIRES = 26
"""States on more are not held in memory: these take one GiB."""


class Operator(Protocol):
    """What states can be put through."""

    @property
    def wires(self) -> int: ...

    def applied(self, states: Matrix) -> Matrix:
        """Columns complex128[2^wires, column], afterwards; wire 0 is the most significant."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Matrices:
    """Unitaries one after the other, some of which are no gates of the gate table."""

    wires: int
    steps: tuple[Unitary, ...]

    def applied(self, states: Matrix) -> Matrix:
        for step in self.steps:
            states = apply_matrix(step.matrix, step.wires, states)
        return states


def as_operator(candidate: object, *, segment: str | None = None, wires: Sequence[Hashable] | None = None) -> Operator:
    """What `as_bound` takes, a unitary matrix complex128[2^n, 2^n], or circuits with gates that qsanc does not have.

    Raises TypeError for anything else, and ValueError where it is no unitary circuit.
    """
    if isinstance(candidate, Bound):
        return checked(candidate)
    if isinstance(candidate, Matrices):
        return candidate
    if isinstance(candidate, CircuitModule):
        return checked(_path(candidate, segment))
    if isinstance(candidate, Circuit):
        return bound_at(candidate)
    if isinstance(candidate, np.ndarray):
        return _matrix(candidate)
    if foreign.framework_of(candidate) is not None:
        return _translated(*foreign.read(candidate, _is_known, wires))
    make = getattr(candidate, "bound", None)
    made = make() if callable(make) else None
    if isinstance(made, Bound):
        return checked(made)
    raise TypeError(
        f"a {type(candidate).__name__} is no circuit here: give a circuit of qsanc, Braket, Qiskit or PennyLane, "
        "or a unitary matrix"
    )


def as_operators(
    one: object, other: object, *, wires: Sequence[Hashable] | None = None
) -> tuple[Operator, Operator, list[Hashable]]:
    """Two circuits on the same wires, and the labels of these in order, which are `wires` if they are given.

    Integers are numbers of wires: a circuit from elsewhere on qubits 0 and 2 is on three wires, and on as many as the
    other has where those are more. Other labels stand for the same wire wherever they are equal. A matrix, and a
    circuit of qsanc next to labels that are no numbers, have wires in the order of the labels.
    """
    labels = [labels_of(each) for each in (one, other)]
    if wires is None and any(found is not None for found in labels):
        wires = _common([found for found in labels if found is not None], one, other)
    operators = as_operator(one, wires=wires), as_operator(other, wires=wires)
    order = next((found for found in (wires, *labels) if found is not None), range(operators[0].wires))
    return *operators, list(order)


def labels_of(candidate: object) -> list[Hashable] | None:
    """What a circuit from elsewhere calls its wires, in order; None for all others."""
    return foreign.labels_of(candidate) if foreign.framework_of(candidate) else None


def _common(labels: list[list[Hashable]], one: object, other: object) -> Sequence[Hashable] | None:
    """The labels of one or two circuits from elsewhere in one order; None where each goes by its own."""
    every = foreign.in_order(label for found in labels for label in found)
    numbers = [label for label in map(_natural, every) if label is not None]
    if len(labels) == 2:
        if len(numbers) < len(every):
            return every
        # Qubits of devices have high numbers: those that no circuit uses are left out there.
        return range(max(numbers) + 1) if every and max(numbers) < MOST_WIRES else every
    own = other if foreign.framework_of(one) else one
    if len(numbers) < len(every) or isinstance(own, np.ndarray):
        return None
    return range(max([as_operator(own).wires, *(k + 1 for k in numbers)]))


def _natural(label: Hashable) -> int | None:
    return int(label) if isinstance(label, Integral) and int(label) >= 0 else None


def checked(bound: Bound) -> Bound:
    """The circuit itself, if it is one. Raises ValueError with the number of the first gate that is none, and why."""
    if not isinstance(bound.wires, int) or bound.wires < 0 or not isinstance(bound.body, tuple):
        raise ValueError(f"a Bound has a number of wires and a tuple of gates, not {bound.wires!r} and {bound.body!r}")
    for number, gate in enumerate(bound.body):
        if fault := _fault(gate, bound.wires):
            raise ValueError(f"gate {number}: {fault}")
    return bound


def _fault(gate: Any, wires: int) -> str | None:
    if not isinstance(gate, Gate):
        return f"{gate!r} is no Gate"
    if not isinstance(gate.wires, tuple) or not all(isinstance(wire, Integral) for wire in gate.wires):
        return f"{gate.name}: wires are a tuple of integers, not {gate.wires!r}"
    if not isinstance(gate.angles, tuple) or not all(isinstance(angle, Angle) for angle in gate.angles):
        return f"{gate.name}: angles are a tuple such as (Angle(0.3),), not {gate.angles!r}"
    if any(angle.terms for angle in gate.angles):
        return f"{gate.name}: an angle depends on a slot; bind it with Bound.of"
    return instruction_fault(gate, wires, 0)


def unitary(operator: Operator) -> Operator:
    """The operator itself. Raises ValueError where a matrix in it is not unitary within 1e-6."""
    for step in operator.steps if isinstance(operator, Matrices) else ():
        off = np.abs(step.matrix.conj().T @ step.matrix - np.eye(len(step.matrix))).max()
        if not off <= 1e-6:
            raise ValueError(f"{step.name} is not unitary: inner products of its columns are off by {off:.3g}")
    return operator


def as_bound(candidate: object, *, segment: str | None = None, wires: Sequence[Hashable] | None = None) -> Bound:
    """The circuit in gates of the gate table: a `Bound`, a module without slots (`segment` names which of several), an
    object with a method `bound()`, a `qsanc.Circuit` of an ansatz without parameters (see `bound_at` for others), a
    Braket or Qiskit circuit, a PennyLane tape or list of operations (`wires` names the labels in order).

    Global phases are kept. Raises TypeError for what is no circuit, ValueError for one that has no such form.
    """
    found = as_operator(candidate, segment=segment, wires=wires)
    if isinstance(found, Bound):
        return found
    assert isinstance(found, Matrices)
    strange = next(step for step in found.steps if not _is_known(step))
    where = ", ".join(map(str, strange.wires))
    raise ValueError(f"{strange.name} on wires {where} is no gate of qsanc; it can be compared as a matrix only")


def as_unitary(candidate: object, *, segment: str | None = None, wires: Sequence[Hashable] | None = None) -> Matrix:
    """The matrix complex128[2^n, 2^n], 16 * 4^n bytes, of anything that `as_operator` takes."""
    found = as_operator(candidate, segment=segment, wires=wires)
    return found.applied(np.eye(1 << found.wires, dtype=np.complex128))


def bound_at(circuit: Circuit, /, *arguments: ArrayLike, **named: ArrayLike) -> Bound:
    """The gates of an ansatz at these arguments, given as in a call, before any optimisation.

    Raises QsanError for arguments that do not fit, ValueError for a circuit with results, and where angles are not
    affine in the arguments.
    """
    sizes, arrays = circuit._bound(arguments, named)
    shapes = {name: array.shape for name, array in arrays.items()}
    program, _ = elaborate(circuit._module, entry=circuit._entry, sizes=sizes, shapes=shapes)
    if program.functions:
        raise ValueError(f"`{circuit._entry}` measures; what is compared here is an ansatz")
    (module,) = program.modules
    values = {
        f"{name}[{', '.join(map(str, place))}]" if place else name: float(array[place])
        for name, array in arrays.items()
        for place in np.ndindex(*array.shape)
    }
    missing = [slot for slot in module.slots if slot not in values]
    if missing:
        raise ValueError(f"`{circuit._entry}` computes {missing[0]}, which is not affine in its arguments")
    return Bound.of(module, len(module.segments) - 1, np.array([values[slot] for slot in module.slots]))


def _path(module: CircuitModule, segment: str | None) -> Bound:
    if module.slots:
        raise ValueError(f"the module {module.name} has slots ({module.slots[0]}, ...): bind them with Bound.of")
    parents = {part.parent for part in module.segments}
    ends = [k for k in range(len(module.segments)) if k not in parents]
    if segment is not None:
        ends = [k for k, part in enumerate(module.segments) if part.name == segment]
    names = ", ".join(part.name for part in module.segments)
    if len(ends) != 1:
        which = "name one of its segments" if segment is None else f"it has no single segment `{segment}`"
        raise ValueError(f"the module {module.name} is several circuits; {which}: {names}")
    return Bound.of(module, ends[0], np.empty(0))


def _matrix(array: NDArray[np.generic]) -> Operator:
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.shape[0] & (array.shape[0] - 1) or not len(array):
        raise ValueError(f"a unitary is [2^n, 2^n], not {list(array.shape)}")
    wires = len(array).bit_length() - 1
    return _translated(wires, [Unitary("the matrix", array.astype(np.complex128), tuple(range(wires)))])


def _translated(wires: int, parts: list[Unitary]) -> Operator:
    body: list[Gate] = []
    total = 0.0
    for part in parts:
        found = _recognised(part)
        if found is None or (wires == 0 and part.wires == ()):
            return Matrices(wires, tuple(parts))
        gates, phase = found
        body += gates
        total += phase
    if wires and abs(cmath.exp(1j * total) - 1) > _EXACT:
        turn, flip = Gate("phaseshift", (0,), (Angle(total),)), Gate("x", (0,))
        body += [turn, flip, turn, flip]
    return Bound(wires, tuple(body))


def _is_known(part: Unitary) -> bool:
    return _recognised(part) is not None


def _recognised(part: Unitary) -> tuple[tuple[Gate, ...], float] | None:
    """Gates that equal e^(-i phase) times the unitary, and that phase."""
    size = len(part.matrix)
    if (phase := _phase(np.eye(size, dtype=np.complex128), part.matrix)) is not None:
        return (), phase
    rows = [row for row in GATES.values() if row.wires == len(part.wires)]
    for row in sorted(rows, key=lambda row: part.name.lower() not in (row.name, row.openqasm, row.braket)):
        for angles in {part.angles, ()}:
            if len(row.angles) == len(angles):
                phase = _phase(row.matrix(angles), part.matrix)
                if phase is not None:
                    return (Gate(row.name, part.wires, tuple(map(Angle, angles))),), phase
    return _turned(part) if size == 2 else None


def _phase(gate: Matrix, matrix: Matrix) -> float | None:
    """The phase of `matrix` over `gate`, if that is all they differ in."""
    if gate.shape != matrix.shape:
        return None
    phase = cmath.phase(complex(np.vdot(gate, matrix)))
    return phase if np.abs(matrix - cmath.exp(1j * phase) * gate).max() <= _EXACT else None


def _turned(part: Unitary) -> tuple[tuple[Gate, ...], float] | None:
    """Any unitary of one wire, as u3."""
    (a, b), (c, d) = part.matrix.tolist()
    theta = 2 * math.atan2(abs(c), abs(a))
    if abs(a) > abs(c):
        start = cmath.phase(a)
        phi, lam = (cmath.phase(c) - start if abs(c) > _EXACT else 0.0), cmath.phase(d) - start
        lam -= phi
    else:
        start = 0.0 if abs(a) <= _EXACT else cmath.phase(a)
        phi = cmath.phase(c) - start
        lam = cmath.phase(-b) - start
    row: GateDef = GATES["u3"]
    angles = (theta, phi, lam)
    phase = _phase(row.matrix(angles), part.matrix)
    return None if phase is None else ((Gate("u3", part.wires, tuple(map(Angle, angles))),), phase)
