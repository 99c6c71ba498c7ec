"""The circuit language as text, and back to the same value.

    circuit @gpqsa wires 2
      shared tq[0, 0], tq[0, 1]
      items x[0, 0], x[0, 1]
      segment encode
        h 0
        rx(s2) 0
        ry(2*s3 + 0.1) 1
      segment query after encode
        crz(-s0 + pi/2) 0, 1
        channel depolarizing(0.01) 1
      r0 = expectation query: Z0 + 0.5*X0 Y1 - 0.25*I
      r1 = probabilities query: 0, 1
      r2 = probability query: 0, 1 is 3
      r3 = overlap query, encode: 0, 1
      r4 = state encode

Slot k is written `sk`, shared ones first. Numbers read back bit for bit; `pi/2` is the float nearest to it.
Names that are not words (with an index) stand in double quotes, as in JSON. `//` begins a comment.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence

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
from qsanc.ir.reader import SLOT_NAME, WORD, read_module

__all__ = ["angle_text", "number_text", "observable_text", "print_module", "read_module", "result_text"]

_LINE_WIDTH = 100


def print_module(module: CircuitModule) -> str:
    """The text of a module, ending in a newline. `read_module` gives the same module again, but for spans."""
    return "\n".join(_lines(module)) + "\n"


def number_text(number: float) -> str:
    """A number as short as it reads back to the same float: `2`, `0.1`, `pi/2`, `-3*pi/4`."""
    number = float(number)
    if number < 0 or (number == 0 and math.copysign(1, number) < 0):
        return "-" + number_text(-number)
    for below in (1, 2, 3, 4, 6, 8):
        times = round(number * below / math.pi) if number < 100 else 0
        if times and times * math.pi / below == number:
            return ("pi" if times == 1 else f"{times}*pi") + (f"/{below}" if below > 1 else "")
    return str(int(number)) if number.is_integer() and number < 1e15 else repr(number)


def angle_text(
    angle: Angle, slots: Sequence[str] | None = None, *, number: Callable[[float], str] = number_text
) -> str:
    """An angle such as `2*s3 + 0.1`; with the names of the slots, `2*x[0, 1] + 0.1`. `number` writes the numbers."""
    terms = [(coefficient, slots[slot] if slots else f"s{slot}") for slot, coefficient in angle.terms]
    if angle.constant or not terms:
        terms.append((angle.constant, ""))
    return _sum(terms, number)


def observable_text(observable: Observable) -> str:
    """An observable such as `Z0 + 0.5*X0 Y1 - 0.25*I`; `0` where it has no terms."""
    terms = [(c, " ".join(f"{letter}{wire}" for wire, letter in p.factors) or "I") for c, p in observable.terms]
    return _sum(terms, number_text)


def result_text(result: Result, module: CircuitModule) -> str:
    """What a result asks for, such as `probability query: 0, 1 is 3`."""

    def name(segment: int) -> str:
        return _name(module.segments[segment].name)

    match result:
        case Expectation(segment, observable):
            return f"expectation {name(segment)}: {observable_text(observable)}"
        case Probabilities(segment, wires):
            return f"probabilities {name(segment)}: {_list(wires)}"
        case Probability(segment, wires, index):
            return f"probability {name(segment)}: {_list(wires)} is {index}"
        case Overlap(left, right, wires):
            return f"overlap {name(left)}, {name(right)}: {_list(wires)}"
        case State(segment):
            return f"state {name(segment)}"


def _lines(module: CircuitModule) -> Iterator[str]:
    yield f"circuit @{_name(module.name)} wires {module.wires}"
    yield from _names("shared", module.shared)
    yield from _names("items", module.items)
    for segment in module.segments:
        after = "" if segment.parent is None else f" after {_name(module.segments[segment.parent].name)}"
        yield f"  segment {_name(segment.name)}{after}"
        for instruction in segment.body:
            yield "    " + _instruction(instruction)
    for k, result in enumerate(module.results):
        yield f"  r{k} = {result_text(result, module)}"


def _names(keyword: str, names: tuple[str, ...]) -> Iterator[str]:
    line = ""
    for name in names:
        written = name if SLOT_NAME.fullmatch(name) else json.dumps(name)
        if line and len(line) + len(written) > _LINE_WIDTH:
            yield line
            line = ""
        line = f"{line}, {written}" if line else f"  {keyword} {written}"
    if line:
        yield line


def _instruction(instruction: Instruction) -> str:
    wires = _list(instruction.wires)
    if isinstance(instruction, Channel):
        return f"channel {_name(instruction.kind)}({', '.join(map(number_text, instruction.strength))}) {wires}"
    if not instruction.angles:
        return f"{instruction.name} {wires}"
    return f"{instruction.name}({', '.join(angle_text(angle) for angle in instruction.angles)}) {wires}"


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _name(name: str) -> str:
    return name if WORD.fullmatch(name) else json.dumps(name)


def _sum(terms: Sequence[tuple[float, str]], number: Callable[[float], str]) -> str:
    text = ""
    for coefficient, what in terms:
        negative = math.copysign(1, coefficient) < 0
        size = number(abs(coefficient))
        term = size if not what else what if size == "1" else f"{size}*{what}"
        text += (" - " if negative else " + ") + term if text else ("-" if negative else "") + term
    return text or "0"
