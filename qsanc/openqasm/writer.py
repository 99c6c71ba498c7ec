"""Circuits as OpenQASM 3 text, the same text for the same circuit, always.

    slots           `input float th_0;  // th[0]`         angles are affine expressions over them, numbers exact
    registers       one array of qubits `q`, one of bits `b`; qubit k is wire k, and bit k reads it
    measurement     the gates that turn the measured letters into Z, then every qubit is measured

A module is a family of circuits, and one program can measure each qubit in one basis only. So there is a program for
each segment that a result reads and for each group of observables that one measurement serves. The results of the
module are sums over the outcomes of these programs; which they are stands in the first comment of each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.ir.circuit import (
    Angle,
    Channel,
    CircuitModule,
    Expectation,
    Gate,
    Observable,
    Overlap,
    Pauli,
    Probabilities,
    Probability,
    Segment,
)
from qsanc.ir.gates import GATES
from qsanc.openqasm.names import mangled, words
from qsanc.passes.decompose import decompose
from qsanc.passes.grouping import groups

Dialect = Literal["standard", "braket"]

STANDARD = frozenset(name for name, gate in GATES.items() if gate.openqasm is not None)
"""Gates with a name in `stdgates.inc`, or built into the language."""
BRAKET = frozenset(name for name, gate in GATES.items() if gate.braket is not None)
"""Gates with a name in Braket's dialect: what its simulators take."""
PORTABLE = words("x y z h s si t ti rx ry rz cx swap")
"""Gates that all of Braket's devices take outside a verbatim box."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program text. `name` is that of the circuit, with those of the segment and the basis where there are several.

    `inputs` are the names of its inputs with the slots that they stand for, in order.
    """

    name: str
    text: str
    inputs: tuple[tuple[str, str], ...]


def write(
    module: CircuitModule, dialect: Dialect = "standard", *, gates: frozenset[str] | None = None
) -> tuple[Program, ...]:
    """The programs of a module, by segment and basis in order of the results.

    `gates` are names of the gate table in which circuits are written: by default all of `stdgates.inc`, and for Braket
    the portable ones. Raises QsanError (QS826) for a circuit with noise, and ValueError for gates that do not suffice
    or that have no name in the dialect.
    """
    chosen = gates if gates is not None else STANDARD if dialect == "standard" else PORTABLE
    if nameless := chosen - (STANDARD if dialect == "standard" else BRAKET):
        raise ValueError(f"the {dialect} dialect has no {', '.join(sorted(nameless))}")
    for part in module.segments:
        for step in part.body:
            if isinstance(step, Channel):
                title = f"the circuit `{module.name}` holds noise ({step.kind}), and OpenQASM 3 has no noise"
                help = "leave the noise out; a noise model belongs to the backend that runs the program"
                raise QsanError([Diagnostic("QS826", Severity.ERROR, title, step.span, help=help)])
    module = decompose(module, chosen)
    inputs = mangled(module.slots)
    read = _read(module)
    segments = dict.fromkeys(segment for segment, _ in read)
    programs = []
    for segment, basis in read:
        name = module.name if len(segments) == 1 else f"{module.name}.{module.segments[segment].name}"
        bases = [other for at, other in read if at == segment]
        if len(bases) > 1:
            name += f".{bases.index(basis)}"
        turn = Segment("turned", None, _turned(basis))
        steps = [step for at in module.path(segment) for step in module.segments[at].body]
        steps += decompose(CircuitModule("turned", module.wires, (), (), (turn,), ()), chosen).segments[0].body
        body = [step for step in steps if isinstance(step, Gate)]
        programs.append(_program(module, body, basis, name, inputs, dialect))
    return tuple(programs)


def _read(module: CircuitModule) -> list[tuple[int, Pauli]]:
    """Each segment that is read with each basis that it is measured in, in order of the results."""
    observed: dict[int, list[Observable]] = {}
    for result in module.results:
        match result:
            case Overlap(left, right):
                observed.setdefault(left, [])
                observed.setdefault(right, [])
            case Expectation(segment, observable):
                observed.setdefault(segment, []).append(observable)
            case Probabilities(segment, wires) | Probability(segment, wires):
                z = Pauli(tuple((wire, "Z") for wire in sorted(wires)))
                observed.setdefault(segment, []).append(Observable(((1.0, z),)))
            case _:
                observed.setdefault(result.segment, [])
    return [
        (segment, basis)
        for segment, observables in observed.items()
        for basis in [group.basis for group in groups(observables)] or [Pauli()]
    ]


def _program(
    module: CircuitModule, body: Sequence[Gate], basis: Pauli, name: str, inputs: Sequence[str], dialect: Dialect
) -> Program:
    used = sorted({slot for gate in body for angle in gate.angles for slot, _ in angle.terms})
    slots = module.slots
    lines = ["OPENQASM 3.0;"]
    if dialect == "standard":
        lines.append('include "stdgates.inc";')
    letters = " ".join(f"{letter}{wire}" for wire, letter in basis.factors if letter != "Z")
    lines.append(f"// {_plain(name)}{f', measured in {letters} and Z elsewhere' if letters else ''}")
    lines += [f"input float {inputs[slot]}; // {_plain(slots[slot])}" for slot in used]
    lines += [f"bit[{module.wires}] b;", f"qubit[{module.wires}] q;"]
    lines += [gate_line(gate, inputs, dialect) for gate in body]
    lines += [f"b[{wire}] = measure q[{wire}];" for wire in range(module.wires)]
    return Program(name, "\n".join(lines) + "\n", tuple((inputs[slot], slots[slot]) for slot in used))


def gate_line(gate: Gate, inputs: Sequence[str], dialect: Dialect) -> str:
    """`rx(0.5*th_0) q[1];`: a gate that has a name in the dialect, its slots called `inputs`."""
    row = GATES[gate.name]
    word = row.openqasm if dialect == "standard" else row.braket
    if word is None:
        raise ValueError(f"the {dialect} dialect has no gate for {gate.name}")
    angles = f"({', '.join(expression(angle, inputs) for angle in gate.angles)})" if gate.angles else ""
    return f"{word}{angles} {', '.join(f'q[{wire}]' for wire in gate.wires)};"


def expression(angle: Angle, inputs: Sequence[str]) -> str:
    """The affine form as an expression: `-th_0 + 0.5*th_1 + 3.141592653589793`. Numbers read back to the last bit."""
    text = ""
    for slot, coefficient in angle.terms:
        size = abs(coefficient)
        term = inputs[slot] if size == 1 else f"{size!r}*{inputs[slot]}"
        text += (" - " if text else "-") + term if coefficient < 0 else (" + " if text else "") + term
    if not text:
        return repr(float(angle.constant))
    if angle.constant:
        text += f" {'-' if angle.constant < 0 else '+'} {abs(angle.constant)!r}"
    return text


def _turned(basis: Pauli) -> tuple[Gate, ...]:
    """Gates after which Z reads the letters of `basis`."""
    turns = {"X": ("h",), "Y": ("si", "h"), "Z": ()}
    return tuple(Gate(name, (wire,)) for wire, letter in basis.factors for name in turns[letter])


def _plain(name: str) -> str:
    """A name as it may stand in a comment: on one line."""
    return re.sub(r"[^ -~]+", " ", name)
