"""What a legal circuit module satisfies. Runs after elaboration, after each pass and after reading.

- Gates are in the table, with its number of wires and angles; wires are distinct and in range.
- Angles are finite; their terms are sorted by slot, each slot once and in range, without zero coefficients.
- Channels have a name, wires and finite numbers. Which channels there are is the backends' business.
- Segments have distinct names and come after their parents.
- Results speak of segments that are there, of distinct wires in range and of finite, distinct Pauli products;
  a state is asked only of a segment without channels on its path.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from qsanc.diagnostics import CompilerBug
from qsanc.ir.circuit import (
    Angle,
    Channel,
    CircuitModule,
    Expectation,
    Instruction,
    Observable,
    Overlap,
    Probabilities,
    Probability,
    Result,
    State,
)
from qsanc.ir.gates import GATES


def verify(module: CircuitModule) -> None:
    """Do nothing if `module` is legal. Raises CompilerBug naming the first fault's segment and position, or result."""
    if module.wires < 1:
        raise CompilerBug(f"circuit {module.name}: {module.wires} wires")
    slots = len(module.slots)
    names: set[str] = set()
    for s, segment in enumerate(module.segments):
        where = f"circuit {module.name}, segment {s} ({segment.name})"
        if not segment.name or segment.name in names:
            raise CompilerBug(f"{where}: the name is empty or taken")
        names.add(segment.name)
        if segment.parent is not None and not 0 <= segment.parent < s:
            raise CompilerBug(f"{where}: parent {segment.parent} is not an earlier segment")
        for position, instruction in enumerate(segment.body):
            if fault := instruction_fault(instruction, module.wires, slots):
                raise CompilerBug(f"{where}, position {position}: {fault}")
    for r, result in enumerate(module.results):
        if fault := result_fault(result, module):
            raise CompilerBug(f"circuit {module.name}, result {r}: {fault}")


def instruction_fault(instruction: Instruction, wires: int, slots: int) -> str | None:
    """What is wrong with `instruction` on a register of `wires` with `slots` slots, or None."""
    operands = instruction.wires
    if isinstance(instruction, Channel):
        kind, strength = instruction.kind, instruction.strength
        if not kind or not operands:
            return "channel without a name or without wires"
        if not all(math.isfinite(number) for number in strength):
            return f"{kind}: strength {strength} is not finite"
        return _wires_fault(kind, operands, wires)
    name, angles = instruction.name, instruction.angles
    gate = GATES.get(name)
    if gate is None:
        return f"{name}: no such gate"
    if len(operands) != gate.wires:
        return f"{name} acts on {gate.wires} wires, not on {len(operands)}"
    if len(angles) != len(gate.angles):
        return f"{name} takes {len(gate.angles)} angles, not {len(angles)}"
    for angle in angles:
        if fault := _angle_fault(angle, slots):
            return f"{name}: {fault}"
    return _wires_fault(name, operands, wires)


def result_fault(result: Result, module: CircuitModule) -> str | None:
    """What is wrong with `result` in `module`, or None."""
    segments = (result.left, result.right) if isinstance(result, Overlap) else (result.segment,)
    for segment in segments:
        if not 0 <= segment < len(module.segments):
            return f"there is no segment {segment}"
    match result:
        case Expectation(_, observable):
            return _observable_fault(observable, module.wires)
        case Probabilities(_, wires) | Overlap(_, _, wires):
            return _wires_fault("result", wires, module.wires) if wires else "no wires"
        case Probability(_, wires, index):
            if not wires or not 0 <= index < 1 << len(wires):
                return f"{len(wires)} wires have no basis state {index}"
            return _wires_fault("result", wires, module.wires)
        case State(segment):
            if any(isinstance(step, Channel) for s in module.path(segment) for step in module.segments[s].body):
                return f"segment {module.segments[segment].name} is noisy and has no state vector"
            return None


def _wires_fault(name: str, operands: Sequence[int], wires: int) -> str | None:
    for wire in operands:
        if not 0 <= wire < wires:
            return f"{name}: wire {wire} is not in 0..{wires}"
    if len(operands) > 1 and len(set(operands)) != len(operands):
        return f"{name}: a wire occurs twice in {tuple(operands)}"
    return None


def _angle_fault(angle: Angle, slots: int) -> str | None:
    if not math.isfinite(angle.constant):
        return f"the angle's constant is {angle.constant}"
    last = -1
    for slot, coefficient in angle.terms:
        if not 0 <= slot < slots:
            return f"slot {slot} is not in 0..{slots}"
        if slot <= last:
            return "the angle's terms are not sorted by slot"
        if coefficient == 0 or not math.isfinite(coefficient):
            return f"slot {slot} has coefficient {coefficient}"
        last = slot
    return None


def _observable_fault(observable: Observable, wires: int) -> str | None:
    seen = set()
    for coefficient, pauli in observable.terms:
        if not math.isfinite(coefficient):
            return f"coefficient {coefficient}"
        if pauli in seen:
            return f"the product {pauli.factors} occurs twice"
        seen.add(pauli)
        if any(letter not in ("X", "Y", "Z") for _, letter in pauli.factors):
            return f"a letter of {pauli.factors} is none of X, Y, Z"
        if list(pauli.wires) != sorted(pauli.wires):
            return f"the factors of {pauli.factors} are not sorted by wire"
        if fault := _wires_fault("product", pauli.wires, wires):
            return fault
    return None
