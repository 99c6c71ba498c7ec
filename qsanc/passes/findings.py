"""What a compiled circuit tells about its source: qubits that nothing acts on, gates that change no result."""

from __future__ import annotations

from qsanc.diagnostics import Diagnostic, Note, Severity
from qsanc.ir.circuit import CircuitModule, Gate, Instruction
from qsanc.passes.known import known
from qsanc.passes.lightcone import Place, dead_slots, outside
from qsanc.source import Span

_NAMED = 8


def findings(module: CircuitModule) -> tuple[Diagnostic, ...]:
    """Warnings, by segment: QS305 for qubits without a gate, QS306 for gates outside every light cone, and QS308 for
    gates inside of one with slots that no result depends on, since the states are known that gates meet."""
    touched = {wire for segment in module.segments for step in segment.body for wire in step.wires}
    found = [
        Diagnostic("QS305", Severity.WARNING, f"no gate of `{module.name}` acts on qubit {wire}", _place(module))
        for wire in range(module.wires)
        if wire not in touched
    ]
    unseen = set(outside(module))
    dead = set(dead_slots(module))
    idle = set(dead_slots(known(module))) - dead
    for s, segment in enumerate(module.segments):
        where = f"of `{module.name}`" if segment.name == module.name else f"in `{segment.name}` of `{module.name}`"
        steps = [step for p, step in enumerate(segment.body) if Place(s, p) in unseen]
        if steps:
            names = [module.slots[slot] for slot in sorted(_slots(steps) & dead)]
            lie = "lie" if len(steps) > 1 else "lies"
            found.append(_gates("QS306", steps, f"{where} {lie} outside the light cone of every result", names))
        inside = (step for p, step in enumerate(segment.body) if Place(s, p) not in unseen)
        steps = [step for step in inside if _slots([step]) & idle]
        if steps:
            names = [module.slots[slot] for slot in sorted(_slots(steps) & idle)]
            change = "change" if len(steps) > 1 else "changes"
            found.append(_gates("QS308", steps, f"{where} {change} no result, as all qubits start in zero", names))
    return tuple(found)


def _gates(code: str, steps: list[Instruction], what: str, names: list[str]) -> Diagnostic:
    """A warning about `steps` at the first of them; `names` are slots that do not matter."""
    wires = sorted({wire for step in steps for wire in step.wires})
    return Diagnostic(
        code,
        Severity.WARNING,
        f"{len(steps)} gate{'s' if len(steps) > 1 else ''} {what}",
        steps[0].span,
        label=f"on qubit{'s' if len(wires) > 1 else ''} {', '.join(map(str, wires))}",
        notes=(Note(f"without effect on any result: {_listed(names)}"),) if names else (),
    )


def _slots(steps: list[Instruction]) -> set[int]:
    return {slot for step in steps if isinstance(step, Gate) for angle in step.angles for slot, _ in angle.terms}


def _place(module: CircuitModule) -> Span | None:
    return next((step.span for segment in module.segments for step in segment.body if step.span), None)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
