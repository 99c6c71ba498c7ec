"""Circuits as OpenQASM 3 for Braket: our own text, equal for equal circuits in every process.

    program(circuit)            one array `q`, one register `b`, gates by Braket's names, every qubit measured
    verbatim(native)            native gates on physical qubits `$n` in a box that the service leaves as it is
    exact(circuit)              for 0 shots: the distribution over the measured wires
    expectations(circuit, ps)   for 0 shots: one expectation for each Pauli product

Wires without a gate or a measurement get no qubit; the others keep their order. Angles are written as `repr` does, so
that the reader has the same number. What is measured in X or Y is turned to Z before. Names are ours alone (`b`, `q`):
the readers of Braket take `pi`, `tau` and `euler` for constants, whatever was declared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from qsanc.diagnostics import CompilerBug, Diagnostic, QsanError, Severity
from qsanc.ir.circuit import Angle, Gate, Instruction, Pauli
from qsanc.ir.gates import GATES
from qsanc.source import Span
from qsanc.target import BackendFailure, Floats
from qsanc.target.expand import PlainCircuit
from qsanc.target.sampling import basis_change
from qsanc_braket.native import NativeCircuit

CHANNELS: Mapping[str, tuple[int, int]] = {
    "bit_flip": (1, 1),
    "phase_flip": (1, 1),
    "depolarizing": (1, 1),
    "two_qubit_depolarizing": (2, 1),
    "two_qubit_dephasing": (2, 1),
    "amplitude_damping": (1, 1),
    "generalized_amplitude_damping": (1, 2),
    "phase_damping": (1, 1),
    "pauli_channel": (1, 3),
}
"""The noise channels that Braket knows by our names and in our order of numbers: (wires, numbers)."""


@dataclass(frozen=True, slots=True)
class Program:
    """`text` of a program; bit k of its register is read from the qubit `qubits[k]`, as the device numbers them in a
    verbatim box. `reads` are the bits of the measured wires, first wire first."""

    text: str
    qubits: tuple[int, ...]
    reads: tuple[int, ...]

    @property
    def bits(self) -> int:
        return len(self.qubits)


def program(circuit: PlainCircuit) -> Program:
    """The circuit in portable form: what every device takes whose gates it is written in.

    Raises QsanError (QS801) for an angle that is not a finite number and for a channel that Braket has not, CompilerBug
    for a gate without a name there: those were to be decomposed before.
    """
    numbers = qubits(circuit)
    lines = [*_head(len(numbers), bits=True), *body(circuit, numbers)]
    lines += [f"b[{k}] = measure q[{k}];" for k in range(len(numbers))]
    reads = tuple(numbers[wire] for wire, _ in circuit.measured.factors)
    return Program(_lines(lines), tuple(range(len(numbers))), reads)


def verbatim(native: NativeCircuit) -> Program:
    """Native gates, untouched by the service's compiler.

    Every qubit that is used is measured, in rising order, as the service lists what it measured by number. Raises
    QsanError (QS801) for an angle that is not a finite number, ValueError where nothing is used or read.
    """
    if not native.qubits:
        raise ValueError("nothing is measured")
    lines = ["OPENQASM 3.0;", f"bit[{len(native.qubits)}] b;", "#pragma braket verbatim", "box{"]
    lines += [_call(gate.name, gate.angles, [f"${qubit}" for qubit in gate.qubits], None) for gate in native.gates]
    lines.append("}")
    lines += [f"b[{k}] = measure ${qubit};" for k, qubit in enumerate(native.qubits)]
    return Program(_lines(lines), native.qubits, tuple(native.qubits.index(qubit) for qubit in native.reads))


def exact(circuit: PlainCircuit) -> Program:
    """For 0 shots: the probabilities of the outcomes of `circuit`, float64[outcome], as the only result.

    Not for SV1 and DM1, which give probabilities for shots alone: `parities` and `distribution` are for these.
    Raises as `program` does, and ValueError for a circuit that measures nothing.
    """
    if not circuit.measured.factors:
        raise ValueError("no wire is measured")
    numbers = qubits(circuit)
    reads = tuple(numbers[wire] for wire, _ in circuit.measured.factors)
    result = f"#pragma braket result probability {', '.join(f'q[{k}]' for k in reads)}"
    return Program(_lines([*_head(len(numbers)), *body(circuit, numbers), result]), tuple(range(len(numbers))), reads)


def expectations(circuit: PlainCircuit, products: Sequence[Pauli]) -> Program:
    """For 0 shots: the expectations of `products` at the end of the circuit's body, in this order.

    What the circuit measures does not matter. A wire that is read has a gate, be it `i`: the service leaves out qubits
    without any. Raises as `program` does, and ValueError for the empty product, whose expectation is 1.
    """
    if not products or not all(word.factors for word in products):
        raise ValueError("an expectation needs a wire to read")
    plain = PlainCircuit(circuit.wires, circuit.body, Pauli())
    numbers = qubits(plain, (wire for word in products for wire in word.wires))
    used = {wire for step in circuit.body for wire in step.wires}
    idle = [f"i q[{number}];" for wire, number in numbers.items() if wire not in used]
    lines = [*_head(len(numbers)), *body(plain, numbers), *idle]
    for word in products:
        factors = " @ ".join(f"{letter.lower()}(q[{numbers[wire]}])" for wire, letter in word.factors)
        lines.append(f"#pragma braket result expectation {factors}")
    return Program(_lines(lines), tuple(range(len(numbers))), ())


def parities(circuit: PlainCircuit) -> tuple[Pauli, ...]:
    """The products of the measured letters over every subset of wires but the empty one: 2^wires - 1 of them.

    Their expectations hold the distribution: `distribution` gives it back.
    """
    subsets = product((False, True), repeat=len(circuit.measured.factors))
    chosen = (tuple(f for f, kept in zip(circuit.measured.factors, subset, strict=True) if kept) for subset in subsets)
    return tuple(Pauli(factors) for factors in chosen if factors)


def distribution(values: Sequence[float]) -> Floats:
    """Probabilities float64[outcome] from the expectations of `parities`, by the Walsh-Hadamard transform.

    Rounding is cut off at zero, and the sum is 1.
    """
    parity = np.array([1.0, *values])
    wires = parity.size.bit_length() - 1
    axes = parity.reshape((2,) * wires)
    for axis in range(wires):
        even, odd = np.take(axes, 0, axis), np.take(axes, 1, axis)
        axes = np.stack([even + odd, even - odd], axis)
    chances = np.maximum(axes.reshape(-1) / parity.size, 0.0)
    found: Floats = chances / chances.sum()
    return found


def counts_of(program: Program, seen: Mapping[str, int]) -> Floats:
    """Counts float64[outcome] of the measured wires, the first on top, from how often each string of bits was seen.

    Bit 0 of the register is the leftmost. Bits that are read by no wire are summed over. Raises BackendFailure where a
    string is none of this program's, or a number is no count.
    """
    counts = np.zeros(1 << len(program.reads))
    for bits, times in seen.items():
        if len(bits) != program.bits or set(bits) - {"0", "1"}:
            raise BackendFailure(f"{bits!r} are not {program.bits} bits", retryable=False)
        if isinstance(times, bool) or not isinstance(times, int) or times < 0:
            raise BackendFailure(f"{bits} was seen {times!r} times, which is no count", retryable=False)
        counts[int("".join(bits[k] for k in program.reads) or "0", 2)] += times
    return counts


def qubits(circuit: PlainCircuit, read: Iterable[int] = ()) -> dict[int, int]:
    """The qubit of each wire that has a gate, a channel or a measurement, or is in `read`; at least one wire."""
    used = {wire for step in circuit.body for wire in step.wires} | set(circuit.measured.wires) | set(read)
    return {wire: k for k, wire in enumerate(sorted(used or {0}))}


def body(circuit: PlainCircuit, numbers: Mapping[int, int]) -> list[str]:
    """One line for each gate and channel, and those that turn what is measured to Z."""
    steps: tuple[Instruction, ...] = (*circuit.body, *basis_change(circuit.measured))
    return [_step(step, [f"q[{numbers[wire]}]" for wire in step.wires]) for step in steps]


def _step(step: Instruction, operands: list[str]) -> str:
    if isinstance(step, Gate):
        name = GATES[step.name].braket
        if name is None:
            raise CompilerBug(f"the gate {step.name} has no name in Braket and was not decomposed")
        return _call(name, tuple(map(_number, step.angles)), operands, step.span)
    known = CHANNELS.get(step.kind)
    if known is None or known != (len(step.wires), len(step.strength)):
        raise refused(f"Braket has no noise channel `{step.kind}`", step.span, f"it has {', '.join(CHANNELS)}")
    _finite(step.kind, step.strength, step.span)
    return f"#pragma braket noise {step.kind}({_numbers(step.strength)}) {', '.join(operands)}"


def _call(name: str, angles: Sequence[float], operands: list[str], span: Span | None) -> str:
    _finite(name, angles, span)
    return f"{name}{f'({_numbers(angles)})' if angles else ''} {', '.join(operands)};"


def _number(angle: Angle) -> float:
    if angle.terms:
        raise CompilerBug("a plain circuit has no slots")
    return angle.constant


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(repr(float(value)) for value in values)


def _finite(name: str, values: Sequence[float], span: Span | None) -> None:
    for value in values:
        if not math.isfinite(value):
            title = f"`{name}` is given {float(value)}, which is no finite number"
            raise refused(title, span, "look for an overflow in the weights or in the data")


def refused(title: str, span: Span | None = None, help: str = "") -> QsanError:
    """QS801: nothing is sent."""
    return QsanError([Diagnostic("QS801", Severity.ERROR, title, span, help=help)])


def _head(count: int, *, bits: bool = False) -> list[str]:
    return ["OPENQASM 3.0;", *([f"bit[{count}] b;"] if bits else []), f"qubit[{count}] q;"]


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
