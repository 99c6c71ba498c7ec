"""What a compiled circuit tells about its source: qubits that nothing acts on, gates that no result can see."""

from __future__ import annotations

from collections import defaultdict

from qsanc.diagnostics import Diagnostic, Note, Severity
from qsanc.ir.circuit import CircuitModule, Gate, Instruction
from qsanc.passes.lightcone import dead_slots, outside
from qsanc.source import Span

_NAMED = 8


def findings(module: CircuitModule) -> tuple[Diagnostic, ...]:
    """QS305 for qubits without a gate and QS306 for gates outside every light cone, as warnings, by segment."""
    touched = {wire for segment in module.segments for step in segment.body for wire in step.wires}
    found = [
        Diagnostic("QS305", Severity.WARNING, f"no gate of `{module.name}` acts on qubit {wire}", _place(module))
        for wire in range(module.wires)
        if wire not in touched
    ]
    unseen: dict[int, list[Instruction]] = defaultdict(list)
    for place in outside(module):
        unseen[place.segment].append(module.segments[place.segment].body[place.position])
    dead = [module.slots[slot] for slot in dead_slots(module)]
    for index, steps in sorted(unseen.items()):
        segment = module.segments[index]
        where = f"of `{module.name}`" if segment.name == module.name else f"in `{segment.name}` of `{module.name}`"
        count = f"{len(steps)} gate{'s' if len(steps) > 1 else ''}"
        slots = sorted({s for step in steps if isinstance(step, Gate) for a in step.angles for s, _ in a.terms})
        names = [module.slots[slot] for slot in slots if module.slots[slot] in dead]
        notes = (Note(f"without effect on any result: {_listed(names)}"),) if names else ()
        found.append(
            Diagnostic(
                "QS306",
                Severity.WARNING,
                f"{count} {where} lie{'' if len(steps) > 1 else 's'} outside the light cone of every result",
                steps[0].span,
                label=f"on qubit{'s' if len({w for s in steps for w in s.wires}) > 1 else ''} "
                + ", ".join(map(str, sorted({wire for step in steps for wire in step.wires}))),
                notes=notes,
            )
        )
    return tuple(found)


def _place(module: CircuitModule) -> Span | None:
    return next((step.span for segment in module.segments for step in segment.body if step.span), None)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
