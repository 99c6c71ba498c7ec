"""What the cost model of the NumPy backend counts, measured, and whether what it picks is near the best.

    OPENBLAS_NUM_THREADS=1 python benchmarks/costs.py --wires 2 3 4 5 6 7 8 --columns 4 32 220 2000

First the constants of `CostModel`: microseconds for a call, for an entry of a strided multiplication, of a product and
of features, as this machine has them now beside those that are fixed. Then, for each number of wires and of columns,
the milliseconds of a forward pass and a reverse sweep by each strategy, which one is picked, and the time of the pick
as a multiple of the best. The circuit is a row's product state behind which two stretches that all rows share (a column
of rx and ry, a ring of cx, a column of ry) are read by one and by all of the one-wire Paulis.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from qsanc.ir.circuit import Angle, CircuitModule, Expectation, Gate, Observable, Pauli, Segment
from qsanc.target import Bindings
from qsanc_numpy.costs import CostModel
from qsanc_numpy.evaluate import Lowered
from qsanc_numpy.observables import features
from qsanc_numpy.plan import Lockstep, Node, Plan


@dataclass(frozen=True, slots=True)
class Fixed(CostModel):
    """One strategy, whatever it costs."""

    matrix_always: bool = False
    observables_always: bool = False

    def as_matrix(self, plan: Plan, node: Node, columns: int) -> bool:
        return self.matrix_always

    def by_observables(self, plan: Plan, group: Lockstep, columns: int) -> bool:
        return self.observables_always


STRATEGIES = {
    "steps": Fixed(),
    "matrix": Fixed(matrix_always=True),
    "observables": Fixed(observables_always=True),
}


def circuit(wires: int) -> CircuitModule:
    ring = [Gate("cx", (w, (w + 1) % wires)) for w in range(wires if wires > 2 else 1)]
    slots = 3 * wires

    def tail(start: int) -> tuple[Gate, ...]:
        turns = [Gate("rx", (w,), (Angle.slot(start + w),)) for w in range(wires)]
        turns += [Gate("ry", (w,), (Angle.slot(start + wires + w),)) for w in range(wires)]
        return (*turns, *ring, *(Gate("ry", (w,), (Angle.slot(start + 2 * wires + w),)) for w in range(wires)))

    rows = [Gate("ry", (w,), (Angle.slot(2 * slots + w),)) for w in range(wires)]
    again = [Gate("ry", (w,), (Angle.slot(2 * slots + wires + w),)) for w in range(wires)]
    letters = [Observable(((1.0, Pauli(((w, letter),))),)) for letter in "ZXY" for w in range(wires)]
    return CircuitModule(
        "costs",
        wires,
        tuple(f"s{k}" for k in range(2 * slots)),
        tuple(f"x{k}" for k in range(2 * wires)),
        (
            Segment("encode", None, (*rows, *ring, *again)),
            Segment("one", 0, tail(0)),
            Segment("all", 0, tail(slots)),
        ),
        (Expectation(1, letters[0]), *(Expectation(2, letter) for letter in letters)),
    )


def seconds(run: Callable[[], object], least: float = 0.05) -> float:
    """The shortest of several runs."""
    run()
    found: list[float] = []
    start = time.perf_counter()
    while len(found) < 5 or time.perf_counter() - start < least:
        before = time.perf_counter()
        run()
        found.append(time.perf_counter() - before)
    return min(found)


def constants() -> dict[str, float]:
    small, tall = np.ones((2, 2)), np.ones((64, 2, 512), np.complex128)
    factor, out = np.ones((2, 1), np.complex128), np.empty_like(tall)
    square, wide = np.ones((16, 16), np.complex128), np.ones((16, 4096), np.complex128)
    state = np.ones((32, 1000))

    def strided() -> None:
        np.multiply(tall[:, ::-1], factor, out=out)
        np.add(out, tall, out=out)

    return {
        "call": seconds(lambda: (small.reshape(4), small * small)) * 1e6,
        "entry": seconds(strided) * 1e6 / tall.size,
        "product": seconds(lambda: square @ wide) * 1e6 / (16 * wide.size),
        "feature": seconds(lambda: features(state)) * 1e6 / (32 * 33 // 2 * 1000),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--wires", type=int, nargs="+", default=[2, 3, 4, 5, 6, 7, 8])
    parser.add_argument("--columns", type=int, nargs="+", default=[4, 32, 220, 2000])
    chosen = parser.parse_args()
    model = CostModel()
    print("| constant | us, now | us, fixed |\n| --- | --- | --- |")
    for name, value in constants().items():
        print(f"| {name} | {value:.2g} | {getattr(model, name):.2g} |")
    print(f"\n| wires | columns | {' | '.join(STRATEGIES)} | picked | times the best |")
    print("| --- | --- | " + "--- | " * len(STRATEGIES) + "--- | --- |")
    for wires in chosen.wires:
        for columns in chosen.columns:
            print(row(wires, columns))


def row(wires: int, columns: int) -> str:
    module = circuit(wires)
    rng = np.random.default_rng(wires)
    bound = Bindings(rng.normal(size=len(module.shared)), rng.normal(size=(columns, len(module.items))))
    results = range(len(module.results))
    cotangents = {k: rng.normal(size=columns) for k in results}

    def step(lowered: Lowered) -> object:
        return lowered.values_and_adjoint(bound, results, None)[1](cotangents)

    picked = Lowered.of(module)
    ways = {name: Lowered.of(module, costs) for name, costs in STRATEGIES.items()}
    if not picked.plan.groups:
        del ways["observables"]
    took = {name: seconds(partial(step, way)) for name, way in ways.items()}
    times = [f"{took[name] * 1e3:.2f}" if name in took else "" for name in STRATEGIES]
    strategy = picked.strategy(columns)
    name = "observables" if strategy.by_observables else "matrix" if strategy.as_matrix else "steps"
    ratio = took[name] / min(took.values())
    return f"| {wires} | {columns} | {' | '.join(times)} | {name} | {ratio:.2f} |"


if __name__ == "__main__":
    main()
