"""Circuits as text drawings: time runs to the right, controls are dots, wires that a line merely crosses are `┼`.

0: ─h─rx(x[0])─●─
               │
1: ─h──────────x─
"""

from __future__ import annotations

from collections.abc import Iterator

from qsanc.ir.circuit import Channel, CircuitModule, Instruction
from qsanc.ir.gates import GATES
from qsanc.ir.text import angle_text, number_text, result_text

_CROSSED_LABELS = {"swap": "╳"}


def draw(module: CircuitModule, *, width: int = 100) -> str:
    """Every segment of `module` and then its results, in lines of at most `width` characters.

    A column that is wider than that by itself stands on lines of its own, which are then longer.
    """
    blocks = [f"{module.name}: {module.wires} wires"]
    for segment in module.segments:
        after = "" if segment.parent is None else f" after {module.segments[segment.parent].name}"
        blocks.append("\n".join([f"{segment.name}{after}", *_segment(module, segment.body, width)]))
    results = [f"r{k} = {result_text(result, module)}" for k, result in enumerate(module.results)]
    return "\n\n".join([*blocks, *(["\n".join(results)] if results else [])]) + "\n"


def _segment(module: CircuitModule, body: tuple[Instruction, ...], width: int) -> Iterator[str]:
    prefixes = [f"{wire}: ─" for wire in range(module.wires)]
    margin = max(map(len, prefixes))
    prefixes = [prefix.rjust(margin) for prefix in prefixes]
    columns = [_column(module, column) for column in _columns(body)]
    while True:
        taken = 0
        room = width - margin
        while taken < len(columns) and (taken == 0 or room > len(columns[taken][0])):
            room -= len(columns[taken][0]) + 1
            taken += 1
        now, columns = columns[:taken], columns[taken:]
        for row in range(2 * module.wires - 1):
            blank = " " if row % 2 else "─"
            prefix = " " * margin if row % 2 else prefixes[row // 2]
            line = (prefix + "".join(column[row] + blank for column in now)).rstrip()
            if line:
                yield line
        if not columns:
            return
        yield ""


def _columns(body: tuple[Instruction, ...]) -> list[list[Instruction]]:
    """The instructions packed to the left: each in the first column after those that its span of wires meets before."""
    columns: list[list[Instruction]] = []
    free: dict[int, int] = {}
    for instruction in body:
        span = range(min(instruction.wires), max(instruction.wires) + 1)
        column = max(free.get(wire, 0) for wire in span)
        if column == len(columns):
            columns.append([])
        columns[column].append(instruction)
        free.update(dict.fromkeys(span, column + 1))
    return columns


def _column(module: CircuitModule, instructions: list[Instruction]) -> list[str]:
    """One column: a cell for each wire and, between two wires, one for the gap; all equally wide."""
    cells = ["─" if row % 2 == 0 else " " for row in range(2 * module.wires - 1)]
    for instruction in instructions:
        low, high = min(instruction.wires), max(instruction.wires)
        for row in range(2 * low + 1, 2 * high):
            cells[row] = "│" if row % 2 else "┼"
        for wire, label in zip(instruction.wires, _labels(instruction, module.slots), strict=True):
            cells[2 * wire] = label
    widest = max(map(len, cells))
    return [cell.center(widest, " " if row % 2 else "─") for row, cell in enumerate(cells)]


def _labels(instruction: Instruction, slots: tuple[str, ...]) -> list[str]:
    """What stands on each wire of an instruction."""
    if isinstance(instruction, Channel):
        strength = ", ".join(map(_brief, instruction.strength))
        return [f"~{instruction.kind}({strength})", *[f"~{instruction.kind}"] * (len(instruction.wires) - 1)]
    gate = GATES[instruction.name]
    targets = gate.wires - gate.controls
    plain = _CROSSED_LABELS.get(gate.base, gate.base)
    angles = ", ".join(angle_text(angle, slots, number=_brief) for angle in instruction.angles)
    labelled = f"{plain}({angles})" if angles else plain
    return ["●"] * gate.controls + [labelled] + [plain] * (targets - 1)


def _brief(number: float) -> str:
    exact = number_text(number)
    return exact if len(exact) <= 6 or "pi" in exact else f"{number:.4g}"
