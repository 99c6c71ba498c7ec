"""Circuits of Braket, Qiskit and PennyLane as lists of unitaries on wires. None of them is imported here.

Labels of wires are in an order: Braket's qubits sorted, Qiskit's by index, PennyLane's wires sorted where they are
numbers and in order of appearance otherwise. Matrices have their first wire most significant, so Qiskit's are reversed
here. What stands for other operations (a Qiskit definition, a PennyLane decomposition) is opened only where the whole
is no gate of the gate table.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy.linalg import fractional_matrix_power  # type: ignore[import-untyped]

from qsanc.ir.gates import Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Unitary:
    """`matrix` complex128[2^k, 2^k] on k wires, the first of them most significant; k = 0 is a global phase.

    `name` and `angles` are what it is called elsewhere.
    """

    name: str
    matrix: Matrix
    wires: tuple[int, ...]
    angles: tuple[float, ...] = ()


Known = Callable[[Unitary], bool]
"""Whether a unitary is a gate of the gate table."""


def framework_of(candidate: object) -> str | None:
    """`braket`, `qiskit` or `pennylane`, if the object, or the first of a list of operations, comes from there."""
    if isinstance(candidate, list | tuple) and candidate:
        candidate = candidate[0]
    packages = [str(kind.__module__).partition(".")[0] for kind in type(candidate).__mro__]
    return next((package for package in packages if package in _READERS), None)


def read(circuit: object, known: Known, wires: Sequence[Hashable] | None) -> tuple[int, list[Unitary]]:
    """The number of wires and the unitaries. `wires` names the labels in order, if not as the module says.

    Raises TypeError for what is no circuit, ValueError for what is not unitary, for parameters without value, and for
    labels that are not among `wires`.
    """
    labels = labels_of(circuit)
    order = labels if wires is None else list(wires)
    if len(set(order)) != len(order):
        raise ValueError(f"a label occurs twice among the wires {order}")
    framework = framework_of(circuit)
    assert framework is not None
    parts = _READERS[framework](circuit, known)
    place = {label: number for number, label in enumerate(order)}
    strange = [label for part in parts for label in part[2] if label not in place]
    if strange:
        raise ValueError(f"the circuit uses {strange[0]!r}, which is not among the wires {order}")
    found = [
        Unitary(name, matrix, tuple(place[label] for label in on), tuple(map(float, angles)))
        for name, matrix, on, angles in parts
    ]
    return len(order), found


def labels_of(circuit: Any) -> list[Hashable]:
    """The labels of a circuit of a framework, in the order of wires. Raises TypeError for what is no circuit."""
    match framework_of(circuit):
        case "braket" if hasattr(circuit, "instructions"):
            return in_order(map(int, circuit.qubits))
        case "qiskit" if hasattr(circuit, "find_bit"):
            return list(range(circuit.num_qubits))
        case "pennylane" if isinstance(circuit, list | tuple) or hasattr(circuit, "operations"):
            return in_order(label for step in _operations(circuit) for label in step.wires.tolist())
    first = circuit[0] if isinstance(circuit, list | tuple) else circuit
    raise TypeError(
        f"a {type(first).__name__} is no circuit: give a Circuit of Braket, a QuantumCircuit of Qiskit, or a tape or a "
        "list of operations of PennyLane"
    )


def in_order(labels: Iterable[Any]) -> list[Any]:
    """Each label once: numbers sorted, others in order of appearance."""
    found = list(dict.fromkeys(labels))
    numbers: list[Any] = [label for label in found if isinstance(label, Real)]
    return sorted(numbers) if len(numbers) == len(found) else found


_Part = tuple[str, Matrix, tuple[Hashable, ...], tuple[float, ...]]
"""Name, matrix, labels, angles."""


def _braket(circuit: Any, known: Known) -> list[_Part]:
    _all_valued("Braket", circuit.parameters)
    parts: list[_Part] = []
    for instruction in circuit.instructions:
        gate = instruction.operator
        kinds = {kind.__name__ for kind in type(gate).__mro__}
        if "CompilerDirective" in kinds:
            continue
        if "Gate" not in kinds:
            raise ValueError(f"the Braket operation {gate.name} is not unitary")
        matrix, name = np.asarray(gate.to_matrix(), np.complex128), gate.name
        angles = tuple(float(angle) for angle in getattr(gate, "parameters", None) or ())
        controls, power = tuple(map(int, instruction.control)), instruction.power
        if power != 1:
            matrix, name, angles = fractional_matrix_power(matrix, power), f"{name}^{power:g}", ()
        if controls:
            matrix, name = _controlled(matrix, tuple(map(int, instruction.control_state))), f"controlled {name}"
        parts.append((name, matrix, (*controls, *map(int, instruction.target)), angles))
    return parts


def _qiskit(circuit: Any, known: Known) -> list[_Part]:
    _all_valued("Qiskit", circuit.parameters)
    return list(_qiskit_parts(circuit, known, tuple(range(circuit.num_qubits))))


def _qiskit_parts(circuit: Any, known: Known, labels: tuple[int, ...]) -> Iterator[_Part]:
    if circuit.global_phase:
        yield "phase", np.array([[np.exp(1j * float(circuit.global_phase))]]), (), ()
    for instruction in circuit.data:
        step = instruction.operation
        on = tuple(labels[circuit.find_bit(qubit).index] for qubit in instruction.qubits)
        if step.name == "barrier":
            continue
        small = hasattr(step, "to_matrix") and len(on) <= _SMALL
        part = _qiskit_part(step, on) if small else None
        if part is not None and known(_alone(part)):
            yield part
        elif getattr(step, "definition", None) is not None:
            yield from _qiskit_parts(step.definition, known, on)
        elif hasattr(step, "to_matrix"):
            yield part or _qiskit_part(step, on)
        else:
            raise ValueError(f"the Qiskit operation {step.name} is not unitary")


def _qiskit_part(step: Any, on: tuple[int, ...]) -> _Part:
    axes = (2,) * (2 * len(on))
    reverse = (*reversed(range(len(on))), *reversed(range(len(on), 2 * len(on))))
    matrix = np.asarray(step.to_matrix(), np.complex128)
    return step.name, matrix.reshape(axes).transpose(reverse).reshape(matrix.shape), on, _numbers(step.params)


def _pennylane(circuit: Any, known: Known) -> list[_Part]:
    return [part for step in _operations(circuit) for part in _pennylane_parts(step, known)]


def _operations(circuit: Any) -> list[Any]:
    steps = list(circuit if isinstance(circuit, list | tuple) else circuit.operations)
    for step in steps:
        if framework_of(step) != "pennylane" or not hasattr(step, "wires"):
            raise TypeError(f"a {type(step).__name__} is no operation of PennyLane")
        if getattr(step, "batch_size", None) is not None:
            raise TypeError(f"{step.name} has a batch of {step.batch_size} parameters: give one circuit of them")
    return steps


def _pennylane_parts(step: Any, known: Known) -> Iterator[_Part]:
    if not hasattr(step, "has_matrix"):
        raise ValueError(f"the PennyLane operation {getattr(step, 'name', step)} is not unitary")
    on = tuple(step.wires.tolist())
    small = step.has_matrix and len(on) <= _SMALL
    part = (step.name, np.asarray(step.matrix(), np.complex128), on, _numbers(step.parameters)) if small else None
    if part is not None and known(_alone(part)):
        yield part
    elif step.has_decomposition:
        for inner in step.decomposition():
            yield from _pennylane_parts(inner, known)
    elif step.has_matrix:
        yield part or (step.name, np.asarray(step.matrix(), np.complex128), on, ())
    else:
        raise ValueError(f"the PennyLane operation {step.name} is not unitary")


_READERS: dict[str, Callable[[Any, Known], list[_Part]]] = {
    "braket": _braket,
    "qiskit": _qiskit,
    "pennylane": _pennylane,
}

_SMALL = 3
"""The most wires of a gate in the gate table."""


def _alone(part: _Part) -> Unitary:
    name, matrix, on, angles = part
    return Unitary(name, matrix, tuple(range(len(on))), angles)


def _all_valued(framework: str, parameters: Iterable[object]) -> None:
    free = sorted(map(str, parameters))
    if free:
        raise ValueError(f"the {framework} circuit has parameters without value: {', '.join(free)}")


def _numbers(parameters: Iterable[Any]) -> tuple[float, ...]:
    """The parameters where all of them are single numbers; none otherwise (a matrix is no angle)."""
    arrays = [np.asarray(parameter) for parameter in parameters]
    if any(array.shape or array.dtype.kind not in "iuf" for array in arrays):
        return ()
    return tuple(float(array) for array in arrays)


def _controlled(matrix: Matrix, state: tuple[int, ...]) -> Matrix:
    """The matrix where the controls, which come first, read `state`, and the identity elsewhere."""
    size = len(matrix)
    whole = np.eye(size << len(state), dtype=np.complex128)
    start = size * int("".join(map(str, state)), 2)
    whole[start : start + size, start : start + size] = matrix
    return whole
