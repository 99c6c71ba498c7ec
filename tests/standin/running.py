"""Runs programs on the default simulator and draws outcomes that depend on the client token alone."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from standin.trees import tree_of

MOST_QUBITS = {"sv": 20, "dm": 10}
REMEMBERED = 20_000

_DISTRIBUTIONS: OrderedDict[tuple[str, str, str], Distribution] = OrderedDict()


@dataclass(frozen=True)
class Distribution:
    """`probabilities` float64[outcome] of reading `measured`, the first the most significant bit of the outcome;
    `results` are the result types asked for, as the SDK knows them."""

    probabilities: NDArray[np.float64]
    measured: tuple[int, ...]
    results: tuple[Any, ...]


class CannotRun(Exception):
    """Why a task fails on the device."""


def lock() -> Lock:
    """That of the local backends: the simulator's kernels may not run in two threads at once, whoever starts them."""
    from qsanc_braket.local_simulator import LOCK

    return LOCK


def _simulator(kind: str) -> Any:
    if kind == "dm":
        from braket.default_simulator import DensityMatrixSimulator

        return DensityMatrixSimulator()
    from braket.default_simulator import StateVectorSimulator

    return StateVectorSimulator()


def _interpreted(kind: str, source: str, inputs: dict[str, Any], without: str | None = None) -> Any:
    """A simulator and the circuit of a program on contiguous qubits."""
    from braket.default_simulator.openqasm.interpreter import Interpreter

    simulator = _simulator(kind)
    interpreter = Interpreter(simulator.create_program_context())
    if inputs:
        interpreter.context.load_inputs(inputs)
    tree = tree_of(source)
    if without is not None:
        tree.statements = [s for s in tree.statements if without not in getattr(s, "command", "")]
    try:
        interpreter.visit(tree)
        circuit = interpreter.context.circuit
        circuit.validate_single_measured_register()
    except Exception as problem:  # whatever the interpreter raises is what the device would have to say
        raise CannotRun(f"{type(problem).__name__}: {problem}") from problem
    if circuit.num_qubits > MOST_QUBITS[kind]:
        raise CannotRun(f"the stand-in simulates no more than {MOST_QUBITS[kind]} qubits")
    return simulator, circuit


def _evolved(kind: str, source: str, inputs: dict[str, Any]) -> Any:
    simulator, circuit = _interpreted(kind, source, inputs)
    measured = list(circuit.measured_qubits) or sorted(circuit.qubit_set)
    numbers = simulator._map_circuit_to_contiguous_qubits(circuit)
    try:
        simulator._validate_input_provided(circuit)
        simulation = simulator.initialize_simulation(qubit_count=circuit.num_qubits, shots=0, batch_size=1)
        simulation.evolve(circuit.instructions)
    except Exception as problem:  # as above: the task fails with the simulator's own words
        raise CannotRun(f"{type(problem).__name__}: {problem}") from problem
    return simulator, circuit, simulation, measured, [numbers[q] for q in measured]


def distribution(kind: str, source: str, inputs: dict[str, Any]) -> Distribution:
    """What a program's measurements give; equal programs are simulated once."""
    key = (kind, source, json.dumps(inputs, sort_keys=True))
    with lock():
        if key in _DISTRIBUTIONS:
            _DISTRIBUTIONS.move_to_end(key)
            return _DISTRIBUTIONS[key]
        _, circuit, simulation, measured, mapped = _evolved(kind, source, inputs)
        if rotations := circuit.basis_rotation_instructions:
            simulation.evolve(rotations)
        wires = circuit.num_qubits
        cube = np.asarray(simulation.probabilities, dtype=float).reshape((2,) * wires)
        rest = tuple(w for w in range(wires) if w not in mapped)
        kept = [w for w in range(wires) if w in mapped]
        cube = cube.sum(axis=rest).transpose([kept.index(w) for w in mapped])
        flat = np.clip(cube.reshape(-1), 0, None)
        found = Distribution(flat / flat.sum(), tuple(measured), tuple(circuit.results))
        _DISTRIBUTIONS[key] = found
        while len(_DISTRIBUTIONS) > REMEMBERED:
            _DISTRIBUTIONS.popitem(last=False)
        return found


def exact(kind: str, source: str, inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """The values of the result types of a program, as JSON."""
    if "adjoint_gradient" in source:
        return [gradient(source, inputs)]
    with lock():
        simulator, circuit, simulation, *_ = _evolved(kind, source, inputs)
        try:
            kinds = simulator._translate_result_types(circuit.results)
            return [
                {"type": json.loads(asked.json()), "value": plain(kind.calculate(simulation))}
                for asked, kind in zip(circuit.results, kinds, strict=True)
            ]
        except Exception as problem:  # as above, of results that cannot be computed
            raise CannotRun(f"{type(problem).__name__}: {problem}") from problem


def plain(value: Any) -> Any:
    """A value as JSON: complex numbers are pairs."""
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, complex | np.complexfloating):
        return [float(value.real), float(value.imag)]
    if isinstance(value, np.integer | np.floating):
        return value.item()
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def sampled(found: Distribution, token: str, index: int, shots: int) -> NDArray[np.int64]:
    """Outcomes int[shot], the same for the same token and index of the executable in any process."""
    seed = int.from_bytes(sha256(f"{token}\n{index}".encode()).digest()[:16], "big")
    draw = np.random.Generator(np.random.PCG64(seed))
    counts = draw.multinomial(shots, found.probabilities)
    return draw.permutation(np.repeat(np.arange(len(counts)), counts))


def bits_of(outcomes: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Outcomes as bits, int[shot, bit]."""
    return outcomes[:, None] >> np.arange(width - 1, -1, -1)[None, :] & 1


def observed(found: Distribution, bits: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The result types of a program, computed from measurements, as JSON."""
    from braket.tasks import GateModelQuantumTaskResult

    asked = json.dumps({"results": [json.loads(r.json()) for r in found.results]})
    values = GateModelQuantumTaskResult._calculate_result_types(asked, bits, list(found.measured))
    return [
        {"type": json.loads(kind.json()), "value": plain(value.value)}
        for kind, value in zip(found.results, values, strict=True)
    ]


# -- adjoint gradients, as SV1 computes them

PAULI = {
    "x": np.array([[0, 1], [1, 0]], complex),
    "y": np.array([[0, -1j], [1j, 0]]),
    "z": np.diag([1.0 + 0j, -1]),
    "i": np.eye(2, dtype=complex),
    "h": np.array([[1, 1], [1, -1]], complex) / np.sqrt(2),
}
TERM = re.compile(
    r"([+-]?\s*(?:[0-9.]+(?:[eE][+-]?[0-9]+)?\s*\*\s*)?)((?:[xyzhi]\s*\([^)]*\))(?:\s*@\s*[xyzhi]\s*\([^)]*\))*)"
)
ANGLES = ("_angle", "_angle_1", "_angle_2", "_angle_3")
STEP = 1e-5


def _on(matrix: NDArray[Any], wires: Sequence[int], state: NDArray[Any]) -> NDArray[Any]:
    k = len(wires)
    moved = np.tensordot(matrix.reshape((2,) * (2 * k)), state, axes=(range(k, 2 * k), list(wires)))
    return np.moveaxis(moved, range(k), list(wires))


def gradient(source: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The AdjointGradient of a program: the expectation of a sum of Pauli words and its derivatives by the inputs.

    Derivatives of a gate's matrix by its angle are central differences, those of an angle by the inputs are symbolic;
    one sweep back through the circuit combines them.
    """
    import sympy

    pragma = re.search(r"#pragma braket result adjoint_gradient\s+(expectation\s*\((.*)\)\s*([\w, ]*))$", source, re.M)
    if pragma is None:
        raise CannotRun("adjoint_gradient is not written as it should be")
    with lock():
        simulator, circuit = _interpreted("sv", source, {}, without="adjoint_gradient")
        numbers = simulator._map_circuit_to_contiguous_qubits(circuit)
    wires = circuit.num_qubits
    terms = []
    for factor, word in TERM.findall(pragma[2]):
        text = re.sub(r"[\s*]", "", factor)
        factors = re.findall(r"([xyzhi])\s*\(\s*\w*\[(\d+)\]\s*\)", word)
        if any(int(q) not in numbers for _, q in factors):
            raise CannotRun("adjoint_gradient observes a qubit that the program does not use")
        terms.append(
            (float(f"{text}1" if text in ("", "+", "-") else text), [(p, numbers[int(q)]) for p, q in factors])
        )
    if not terms or "hermitian" in pragma[2]:
        raise CannotRun("the stand-in takes sums of Pauli words for adjoint_gradient")
    asked = [name.strip() for name in pragma[3].split(",") if name.strip()]
    names = list(inputs) if asked in ([], ["all"]) else asked
    values = {sympy.Symbol(name): float(value) for name, value in inputs.items()}

    def angle(text: Any) -> float:
        value = sympy.sympify(text).subs(values)
        if value.free_symbols:
            raise CannotRun(f"no value for input {value.free_symbols.pop()}")
        return float(value)

    steps = []  # (wires, matrix, [(derivative by an angle, the angle)])
    for instruction in circuit.instructions:
        numeric = copy(instruction)
        asked_angles = {a: getattr(instruction, a) for a in ANGLES if hasattr(instruction, a)}
        for a, text in asked_angles.items():
            setattr(numeric, a, angle(text))
        slopes = []
        for a, text in asked_angles.items():
            if getattr(sympy.sympify(text), "free_symbols", None):
                up, down = copy(numeric), copy(numeric)
                setattr(up, a, getattr(numeric, a) + STEP)
                setattr(down, a, getattr(numeric, a) - STEP)
                slopes.append(((up.matrix - down.matrix) / (2 * STEP), sympy.sympify(text)))
        steps.append((instruction.targets, numeric.matrix, slopes))
    state = np.zeros((2,) * wires, complex)
    state[(0,) * wires] = 1
    for where, matrix, _ in steps:
        state = _on(matrix, where, state)
    observable = np.zeros_like(state)
    for factor, word in terms:
        term = state
        for name, wire in word:
            term = _on(PAULI[name], (wire,), term)
        observable = observable + factor * term
    value = float(np.vdot(state, observable).real)
    slopes_by = dict.fromkeys(names, 0.0)
    for where, matrix, slopes in reversed(steps):
        state = _on(matrix.conj().T, where, state)
        for derivative, text in slopes:
            by_angle = 2 * float(np.vdot(observable, _on(derivative, where, state)).real)
            for name in names:
                slopes_by[name] += by_angle * float(sympy.diff(text, sympy.Symbol(name)).subs(values))
        observable = _on(matrix.conj().T, where, observable)
    return {
        "type": {
            "type": "adjoint_gradient",
            "parameters": names,
            "observable": [" @ ".join(p for p, _ in word) for _, word in terms],
            "targets": [[wire for _, wire in word] for _, word in terms],
        },
        "value": {"expectation": value, "gradient": slopes_by},
    }
