"""Decomposition towards a gate set.

    swap = cx cx cx        cx 0, 1 = h 1; cz 0, 1; h 1        rx(a) = h rz(a) h        and so on, from the gate table

Each gate outside the set is written with others by one of its decompositions in the table, and those again, until only
gates of the set are left. Among all ways there are, the one with the fewest gates on several wires is taken, then the
one with the fewest gates. Decompositions hold up to a global phase, which only `State` shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from qsanc.ir.circuit import CircuitModule, Gate, Instruction
from qsanc.ir.gates import GATES, Rewrite
from qsanc.passes.rewrite import Body, each_body

_WEIGHTS = {1: 1.0, 2: 100.0, 3: 10_000.0}


def decompose(module: CircuitModule, gates: frozenset[str]) -> CircuitModule:
    """`module` with no other gates than `gates`; channels stay. Raises ValueError naming a gate without a way."""
    ways = _cheapest_ways(gates)

    def rewrite(body: Body) -> Body:
        done: list[Instruction] = []
        waiting: list[Instruction] = list(reversed(body))
        while waiting:
            step = waiting.pop()
            if not isinstance(step, Gate) or step.name in gates:
                done.append(step)
            elif step.name in ways:
                waiting.extend(reversed(ways[step.name].expand(step)))
            else:
                raise ValueError(f"{step.name} cannot be written with {', '.join(sorted(gates)) or 'no gates at all'}")
        return tuple(done)

    return each_body(module, rewrite)


def _cheapest_ways(gates: frozenset[str]) -> Mapping[str, Rewrite]:
    """For each gate outside `gates` that can be written with them, the decomposition to begin with.

    Costs fall from infinity until nothing changes, a way being taken only where it is strictly cheaper: so every gate
    is written with gates whose own way was known before, and expanding them ends.
    """
    cost = {name: _WEIGHTS[gate.wires] if name in gates else math.inf for name, gate in GATES.items()}
    ways: dict[str, Rewrite] = {}
    changed = True
    while changed:
        changed = False
        for name, gate in GATES.items():
            for way in gate.decompositions if name not in gates else ():
                total = sum(cost[step.name] for step in way.body)
                if total < cost[name]:
                    cost[name], ways[name], changed = total, way, True
    return ways
