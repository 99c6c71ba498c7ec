"""A plan as text: `qsanc ir --stage plan`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qsanc.ir.circuit import CircuitModule
from qsanc_numpy.costs import CostModel
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import ROOT, Block, Group, Lockstep, Node, Operation, Plan, Product, Stage, Step

_COLUMNS = tuple(sorted({round(1.05**k) for k in range(200)}))
"""Numbers of columns, up to 16 000, at which the cost model is asked."""


def text(module: CircuitModule, plan: Plan, costs: CostModel) -> str:
    lines = [
        f"numpy plan of {module.name}: {plan.wires} wires, states [{1 << plan.wires}, column]",
        *_slots("shared slots", module.shared),
        *_slots("item slots", module.items),
    ]
    for number, node in enumerate(plan.nodes):
        if number == ROOT:
            continue
        assert node.parent is not None
        columns = "a column a row" if node.per_row else "one column"
        kind = "real" if node.real else "complex"
        lines.append(f"node {number} ({node.name}): {node.stage.value}, {_from(plan, node.parent)}, {columns}, {kind}")
        lines.append(f"  {steps(plan, node.steps)}")
        if node.stage is Stage.SHARED:
            lines.append(f"  {_shared(plan, node, costs)}")
    lines += [line for group in plan.groups for line in _group(plan, group, costs)]
    lines.append(
        "ends: " + ", ".join(f"{s.name} at node {end}" for s, end in zip(module.segments, plan.ends, strict=True))
    )
    return "\n".join(lines) + "\n"


def steps(plan: Plan, chosen: Iterable[Step]) -> str:
    return " ".join(_name(plan, step.does) for step in chosen)


def _slots(what: str, names: tuple[str, ...]) -> list[str]:
    return [f"{what}: {len(names)} ({names[0]}{f' .. {names[-1]}' if len(names) > 1 else ''})"] if names else []


def _from(plan: Plan, parent: int) -> str:
    return "from |0...0>" if parent == ROOT else f"after node {parent}"


def _shared(plan: Plan, node: Node, costs: CostModel) -> str:
    pays = _range(lambda columns: costs.as_matrix(plan, node, columns))
    return f"one matrix {pays}, else gate by gate" if pays else "gate by gate"


def _group(plan: Plan, group: Lockstep, costs: CostModel) -> list[str]:
    pays = _range(lambda columns: costs.by_observables(plan, group, columns))
    if not pays:
        return []
    members = ", ".join(str(tail.node) for tail in group.tails)
    what = f"nodes {members}: side by side" if len(group.tails) > 1 else f"node {members}:"
    return [
        f"{what} as {len(group.results)} observables on the state of node {group.parent} {pays}",
        f"  {steps(plan, group.steps)}",
    ]


def _range(pays: Callable[[int], bool]) -> str:
    """Where something pays, in words; empty where it never does."""
    found = [columns for columns in _COLUMNS if pays(columns)]
    if not found:
        return ""
    until = "on" if found[-1] == _COLUMNS[-1] else f"to {found[-1]}"
    return f"from {found[0]} columns {until}"


def _name(plan: Plan, operation: Operation | Group) -> str:
    if isinstance(operation, Group):
        return f"kron[{' '.join(_block(plan, block) for block in operation.blocks)}]"
    if isinstance(operation, Gather):
        return f"permute[{'; '.join(operation.names)}]"
    if isinstance(operation, Product):
        return f"product[{' '.join(_block(plan, block) for block in operation.blocks if block is not None)}]"
    return _block(plan, operation)


def _block(plan: Plan, block: Block) -> str:
    return f"{'.'.join(plan.kinds[block.kind].names)}({', '.join(map(str, block.wiring.wires))})"
