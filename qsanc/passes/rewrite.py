"""What the passes share: rewriting every body of a module, and joining a gate with an earlier one that it can reach.

`join` reads a body once. Each wire keeps the places of its instructions, latest last; a gate looks back over those of
its own wires, so that work grows with the number of gates and never with their distance in the body. Channels are
barriers on their wires.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from qsanc.ir.circuit import Channel, CircuitModule, Gate, Instruction
from qsanc.ir.gates import GATES

Body: TypeAlias = tuple[Instruction, ...]

Rule: TypeAlias = Callable[[Gate, Gate], tuple[Gate, ...] | None]
"""(earlier, later) to what stands for both: no gate, or one on the same wires. None where the rule does not apply."""


def each_body(module: CircuitModule, rewrite: Callable[[Body], Body]) -> CircuitModule:
    """`module` with `rewrite` applied to the body of every segment."""
    return replace(module, segments=tuple(replace(s, body=rewrite(s.body)) for s in module.segments))


def operands(gate: Gate) -> tuple[int, ...]:
    """The gate's wires in an order that is the same for all orders that mean the same: `cz 1, 0` has (0, 1)."""
    symmetric = GATES[gate.name].symmetric
    if not symmetric:
        return gate.wires
    wires = list(gate.wires)
    for place, wire in zip(symmetric, sorted(wires[k] for k in symmetric), strict=True):
        wires[place] = wire
    return tuple(wires)


def join(body: Body, rules: tuple[Rule, ...], moves_past: Callable[[Gate, Gate], bool], window: int) -> Body:
    """`body` with each gate joined by the first of `rules` with the nearest earlier gate that one applies to.

    On the way back a gate passes those of its wires' instructions that it `moves_past(other, gate)`, at most
    `window` - 1 of them.
    """
    kept: list[Instruction | None] = []
    places: defaultdict[int, list[int]] = defaultdict(list)
    for instruction in body:
        if isinstance(instruction, Gate) and _joined(instruction, kept, places, rules, moves_past, window):
            continue
        for wire in instruction.wires:
            places[wire].append(len(kept))
        kept.append(instruction)
    return tuple(instruction for instruction in kept if instruction is not None)


def _joined(
    gate: Gate,
    kept: list[Instruction | None],
    places: defaultdict[int, list[int]],
    rules: tuple[Rule, ...],
    moves_past: Callable[[Gate, Gate], bool],
    window: int,
) -> bool:
    seen = -1
    wires = set(gate.wires)
    backwards = [reversed(places[wire]) for wire in gate.wires]
    for at in backwards[0] if len(backwards) == 1 else heapq.merge(*backwards, reverse=True):
        if at == seen:
            continue
        seen = at
        other = kept[at]
        if other is None or isinstance(other, Channel):
            return False
        for rule in rules if wires.issuperset(other.wires) else ():
            replacement = rule(other, gate)
            if replacement is not None:
                kept[at] = replacement[0] if replacement else None
                if not replacement:
                    for wire in other.wires:
                        _drop(places[wire], at)
                return True
        window -= 1
        if window == 0 or not moves_past(other, gate):
            return False
    return False


def _drop(places: list[int], at: int) -> None:
    """Remove `at`, which is near the end."""
    index = len(places) - 1
    while places[index] != at:
        index -= 1
    del places[index]
