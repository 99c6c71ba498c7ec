"""How small counterexamples become, and how fast: random circuits beside themselves with one gate changed.

    python benchmarks/reduction.py --cases 20 --gates 40 --wires 5

Each pair differs as a unitary, is reduced within a second, and is written as a program, which then is run and has to
fail again. Prints JSON: for each case the gates left on the left and on the right, whether the program fails, and the
seconds; then how many cases have at most four gates on each side, and on both together. With --states the pairs are
told apart by the state that they prepare from |0...0>, so that gates in front of the changed one matter.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from typing import Any

import numpy as np

from qsanc.check.imports import load_text
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle, Gate
from qsanc.ir.gates import GATES
from qsanc.passes.equal import difference
from qsanc.source import Source
from qsanc.syntax import ast
from qsanc.testing.blocks.engine import Engine
from qsanc.testing.blocks.once import Level, execute
from qsanc.testing.reduce import reduce_pair, written_pair

SECONDS = 1.0
SMALL = 4


def random_gate(generator: np.random.Generator, wires: int) -> Gate:
    rows = [row for row in GATES.values() if row.wires <= wires]
    row = rows[generator.integers(len(rows))]
    on = tuple(int(wire) for wire in generator.permutation(wires)[: row.wires])
    return Gate(row.name, on, tuple(Angle(float(angle)) for angle in generator.uniform(-np.pi, np.pi, len(row.angles))))


def differ(a: Bound, b: Bound, *, states: bool) -> bool:
    return difference(a.module(), b.module(), keeps="results" if states else "unitaries") is not None


def pair(seed: int, wires: int, gates: int, *, states: bool) -> tuple[Bound, Bound]:
    """A circuit, and it with one gate replaced by another so that they differ."""
    generator = np.random.default_rng(seed)
    while True:
        circuit = Bound(wires, tuple(random_gate(generator, wires) for _ in range(gates)))
        body = list(circuit.body)
        body[generator.integers(gates)] = random_gate(generator, wires)
        changed = replace(circuit, body=tuple(body))
        if differ(circuit, changed, states=states):
            return circuit, changed


def fails_again(text: str) -> bool:
    module = load_text(Source("kept.qsan", text), None)
    (test,) = (item for item in module.file.items if isinstance(item, ast.Test))
    return execute(module, test, {}, Engine(), Level()) is not None


def case(seed: int, wires: int, gates: int, *, states: bool) -> dict[str, Any]:
    a, b = pair(seed, wires, gates, states=states)
    start = time.perf_counter()
    left, right = reduce_pair(a, b, lambda one, other: differ(one, other, states=states), seconds=SECONDS)
    seconds = time.perf_counter() - start
    text = written_pair(left, right, title=f"case {seed}", seed=seed, tol=1e-9, strict=False)
    return {
        "seed": seed,
        "left": len(left.body),
        "right": len(right.body),
        "wires": left.wires,
        "fails_again": fails_again(text),
        "seconds": round(seconds, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20, help="seeds 0 to this (default 20)")
    parser.add_argument("--gates", type=int, default=40, help="gates of each circuit (default 40)")
    parser.add_argument("--wires", type=int, default=5, help="wires of each circuit (default 5)")
    parser.add_argument("--states", action="store_true", help="compare prepared states, not unitaries")
    options = parser.parse_args()
    cases = [case(seed, options.wires, options.gates, states=options.states) for seed in range(options.cases)]
    summary = {
        "cases": len(cases),
        "at_most_4_on_each_side": sum(max(c["left"], c["right"]) <= SMALL for c in cases),
        "at_most_4_together": sum(c["left"] + c["right"] <= SMALL for c in cases),
        "fail_again": sum(c["fails_again"] for c in cases),
        "slowest_seconds": max(c["seconds"] for c in cases),
    }
    print(json.dumps({"options": vars(options), "summary": summary, "by_case": cases}))


if __name__ == "__main__":
    main()
