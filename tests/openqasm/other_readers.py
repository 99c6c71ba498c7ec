"""OpenQASM text as a unitary, read by Amazon Braket's simulator, and as a module, read by ours through .qsan."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from oracle.dense import embed

from qsanc.check.imports import load_text
from qsanc.elaborate import elaborate
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.unitary import segment_unitary
from qsanc.openqasm.qsan import qsan
from qsanc.openqasm.reader import read
from qsanc.source import Source
from qsanc.syntax.parse import parse
from qsanc.syntax.printer import print_file

Array = NDArray[np.complex128]

# Braket's simulator opens no include. These are the standard gates that it has under other names, by definition.
STANDARD_LIBRARY = {
    "id": "gate id a { gphase(0) a; }",
    "p": "gate p(x) a { ctrl @ gphase(x) a; }",
    "sdg": "gate sdg a { inv @ pow(0.5) @ z a; }",
    "tdg": "gate tdg a { inv @ pow(0.25) @ z a; }",
    "sx": "gate sx a { pow(0.5) @ x a; }",
    "cx": "gate cx a, b { ctrl @ x a, b; }",
    "ch": "gate ch a, b { ctrl @ h a, b; }",
    "cp": "gate cp(x) a, b { ctrl @ ctrl @ gphase(x) a, b; }",
    "crx": "gate crx(x) a, b { ctrl @ rx(x) a, b; }",
    "cry": "gate cry(x) a, b { ctrl @ ry(x) a, b; }",
    "crz": "gate crz(x) a, b { ctrl @ rz(x) a, b; }",
    "ccx": "gate ccx a, b, c { ctrl @ ctrl @ x a, b, c; }",
}


def by_braket(text: str, wires: int, inputs: Mapping[str, float]) -> Array:
    """The unitary complex128[2^wires, 2^wires] of a program, up to a global phase."""
    from braket.default_simulator.openqasm.interpreter import Interpreter

    words = set(re.findall(r"\w+", text))
    library = "\n".join(line for name, line in STANDARD_LIBRARY.items() if name in words)
    text = text.replace('include "stdgates.inc";', library)
    circuit = Interpreter().build_circuit(text, dict(inputs))
    whole = np.eye(2**wires, dtype=complex)
    for operation in circuit.instructions:
        if operation.targets:
            matrix = under(np.asarray(operation.matrix), tuple(operation.control_state))
            whole = embed(matrix, tuple(operation.targets), wires) @ whole
    return whole


def under(matrix: Array, controls: tuple[int, ...]) -> Array:
    """The matrix where wires in front of its own read `controls`, and the identity elsewhere."""
    for bit in reversed(controls):
        one = np.eye(len(matrix))
        zero = np.zeros_like(matrix)
        matrix = np.block([[one, zero], [zero, matrix]] if bit else [[matrix, zero], [zero, one]])
    return matrix


def as_qsan(text: str, name: str = "program") -> str:
    """The .qsan text of a program, as `qsanc import` prints it."""
    return print_file(parse(Source("import.qsan", qsan(read(Source("import.qasm", text)), name))))


def by_qsanc(text: str, name: str = "program") -> CircuitModule:
    """The program as a module, compiled from its .qsan text without passes."""
    module = load_text(Source("import.qsan", as_qsan(text, name)), None)
    (circuit,) = elaborate(module, entry=name)[0].modules
    return circuit


def unitary(circuit: CircuitModule, inputs: Mapping[str, float]) -> Array:
    """The unitary of an imported module at these inputs."""
    return segment_unitary(circuit, 0, np.array([inputs[slot] for slot in circuit.slots]))


def distance(one: Array, other: Array) -> float:
    """The largest difference of two matrices, up to a global phase."""
    turn = np.vdot(one, other)
    return float(np.abs(one * (turn / abs(turn)) - other).max()) if abs(turn) > 1e-6 else float(np.inf)
