"""SV1's adjoint gradient: one task for each row and segment, where shifts take two for each angle.

    sum over results r at a segment of <cotangent[r], value of r>  =  <O>    for one observable O, a sum of Pauli words

With 0 shots SV1 gives <O> and its derivatives by the inputs of a program (Jones and Gacon 2020, arXiv:2009.02823). Each
angle that holds a slot is an input of its own; angles are affine in the slots, so the chain rule is ours. Only SV1 is
asked: the local simulators take the pragma and answer wrongly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.ir.circuit import (
    Angle,
    CircuitModule,
    Expectation,
    Gate,
    Instruction,
    Pauli,
    Probabilities,
    Probability,
)
from qsanc.ir.gates import GATES
from qsanc.target import Context, Floats, Gradient, Pullback, Request, Results
from qsanc.target.expand import PlainCircuit
from qsanc_braket import text
from qsanc_braket.cloud import errors, exact
from qsanc_braket.cloud.desk import Sent
from qsanc_braket.cloud.executable import CloudExecutable, parts, simulated
from qsanc_braket.devices.model import Device
from qsanc_braket.offered import ADJOINT
from qsanc_braket.text import Program

Words = dict[Pauli, float]


class AdjointExecutable(CloudExecutable):
    """A module on a device that differentiates by itself."""

    def vjp(self, request: Request, context: Context) -> tuple[Results, Pullback]:
        """Values at 0 shots, and the gradient of any scalar of them. Raises QsanError (QS801) for overlaps, for wires
        without end, and on a device that does not differentiate, and what `submit` and `collect` do."""
        if request.shots is not None or request.shifts is not None:
            raise CompilerBug("the adjoint method is exact and knows no shifts")
        desk, device = self._counter.desk(context)
        if ADJOINT not in device.exact_results:
            raise errors.refused(f"{device.name} gives no gradients", "use `--grad parameter_shift`")
        if request.pairs is not None:
            title = f"the adjoint gradient of {device.name} is of expectations, and `{self.module.name}` has overlaps"
            raise errors.refused(title, "use `--grad parameter_shift`")
        results = self.collect(self.submit(request, context))

        def pullback(cotangents: Mapping[int, Floats]) -> Gradient:
            tasks = self._tasks(request, cotangents, device)
            found = parts([task.sent for task in tasks], 0, device, context)
            desk.submit(found)
            outcomes = desk.collect(found)
            shared = np.zeros(len(self.module.shared))
            items = np.zeros((request.bindings.rows, len(self.module.items)))
            for task, outcome in zip(tasks, outcomes, strict=True):
                assert outcome.values is not None
                for angle, slope in zip(task.angles, outcome.values[1:], strict=True):
                    for slot, coefficient in angle.terms:
                        if slot < len(shared):
                            shared[slot] += coefficient * slope
                        else:
                            items[task.row, slot - len(shared)] += coefficient * slope
            return Gradient(shared, items)

        return results, pullback

    def _tasks(self, request: Request, cotangents: Mapping[int, Floats], device: Device) -> list[_Task]:
        module, bindings = self.module, request.bindings
        segments: dict[int, list[int]] = {}
        for number in request.results:
            result = module.results[number]
            if isinstance(result, Expectation | Probabilities | Probability) and number in cotangents:
                segments.setdefault(result.segment, []).append(number)
        tasks = []
        for segment, numbers in segments.items():
            for row in range(bindings.rows):
                words: Words = {}
                for number in numbers:
                    _observe(words, module, number, np.asarray(cotangents[number][row], np.float64))
                words = {word: factor for word, factor in words.items() if word.factors and factor}
                if words:
                    slots = [*bindings.shared.tolist(), *bindings.items[row].tolist()]
                    task = _task(module, segment, row, slots, words, device)
                    tasks += [task] if task.angles else []
        return tasks


@dataclass(frozen=True, slots=True)
class _Task:
    """The gradient of one row at the end of one segment, by `angles`, the inputs of its program in order."""

    row: int
    angles: tuple[Angle, ...]
    sent: Sent


def _observe(words: Words, module: CircuitModule, number: int, cotangent: Floats) -> None:
    """Add to `words` the observable whose expectation is <cotangent, value of the result>."""
    result = module.results[number]
    if isinstance(result, Expectation):
        for coefficient, word in result.observable.terms:
            words[word] = words.get(word, 0.0) + coefficient * float(cotangent)
        return
    assert isinstance(result, Probabilities | Probability)
    count = len(result.wires)
    if 1 << count > exact.PARITIES + 1:
        title = f"a gradient through the distribution over {count} wires takes too many observables"
        raise errors.refused(title, "read fewer wires at once, or give a number of shots")
    scores = np.zeros(1 << count)
    if isinstance(result, Probability):
        scores[result.index] = float(cotangent)
    else:
        scores[:] = cotangent
    for subset, factor in enumerate((exact.walsh(scores) / scores.size).tolist()):
        chosen = sorted(wire for k, wire in enumerate(result.wires) if subset >> (count - 1 - k) & 1)
        word = Pauli(tuple((wire, "Z") for wire in chosen))
        words[word] = words.get(word, 0.0) + factor


def _task(module: CircuitModule, segment: int, row: int, slots: list[float], words: Words, device: Device) -> _Task:
    body = tuple(step for at in module.path(segment) for step in module.segments[at].body)
    plain = PlainCircuit(module.wires, body, Pauli())
    read = sorted({wire for word in words for wire in word.wires})
    numbers = text.qubits(plain, read)
    idle = [wire for wire in read if all(wire not in step.wires for step in body)]
    angles: list[Angle] = []
    inputs: list[float] = []
    lines = []
    for step in body:
        if isinstance(step, Gate) and any(angle.terms for angle in step.angles):
            lines.append(_parametric(step, numbers, slots, angles, inputs))
        else:
            lines += text.body(PlainCircuit(module.wires, (step,), Pauli()), numbers)
    lines += [f"i q[{numbers[wire]}];" for wire in idle]
    names = [f"a{k}" for k in range(len(inputs))]
    head = ["OPENQASM 3.0;", *(f"input float {name};" for name in names), f"qubit[{len(numbers)}] q;"]
    pragma = f"#pragma braket result adjoint_gradient expectation({_sum(words, numbers)}) {', '.join(names)}"
    program = Program("\n".join([*head, *lines, pragma]) + "\n", tuple(range(len(numbers))), ())
    seconds = 3 * simulated(plain, device, 0, len(words))
    sent = Sent(program, 1 + len(names), seconds, tuple(zip(names, inputs, strict=True)))
    return _Task(row, tuple(angles), sent)


def _parametric(
    step: Instruction, numbers: Mapping[int, int], slots: list[float], angles: list[Angle], inputs: list[float]
) -> str:
    """The line of a gate with slots; its angles become inputs."""
    assert isinstance(step, Gate)
    given = []
    for angle in step.angles:
        value = angle.constant + sum(c * slots[slot] for slot, c in angle.terms)
        if not math.isfinite(value):
            help = "look for an overflow in the weights or in the data"
            raise text.refused(f"`{step.name}` is given {value}, which is no finite number", step.span, help)
        if angle.terms:
            given.append(f"a{len(inputs)}")
            angles.append(angle)
            inputs.append(value)
        else:
            given.append(repr(value))
    return f"{GATES[step.name].braket}({', '.join(given)}) {', '.join(f'q[{numbers[w]}]' for w in step.wires)};"


def _sum(words: Words, numbers: Mapping[int, int]) -> str:
    terms: list[str] = []
    for word, factor in words.items():
        factors = " @ ".join(f"{letter.lower()}(q[{numbers[wire]}])" for wire, letter in word.factors)
        terms.append(f"{'-' if factor < 0 else '+' if terms else ''} {abs(factor)!r} * {factors}".strip())
    return " ".join(terms)
