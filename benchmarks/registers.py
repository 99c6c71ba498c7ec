"""Question B: one expectation value on 12 to 24 qubits, and its gradient.

python -m benchmarks.registers --peers
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.harness.compare import Entrant, compare
from benchmarks.harness.machine import threads
from benchmarks.harness.question import NATIVE, NUMPY, Options, announce, case, run
from benchmarks.work.registers import LAYERS

TITLE = "B. Large registers"

SIZES = (12, 14, 16, 18, 20, 22, 24)
QUICK = (12, 16, 20)
ALONE = (12, 16, 20, 22)
LARGE = 20
"""From this many qubits on there are two rounds; of what takes long, the run that is compared is the only one."""

BOTH = ("value", "gradient")

OURS: tuple[tuple[str, str, dict[str, Any], tuple[str, ...]], ...] = (
    (NUMPY, "ours", {}, BOTH),
    (NATIVE, "ours", {"jit": "on"}, BOTH),
)
PEERS: tuple[tuple[str, str, dict[str, Any], tuple[str, ...]], ...] = (
    ("lightning.qubit, adjoint", "lightning", {}, BOTH),
    ("Qulacs, optimiser and backprop", "qulacs", {}, BOTH),
    ("Qiskit Aer", "aer", {}, ("value",)),
    ("Braket local", "braket", {}, ("value",)),
)


def bandwidth() -> float:
    """Bytes read and written a second where a large array is scaled in place by all threads; the best of a few."""
    array = np.ones(1 << 25, np.complex128)
    parts = np.array_split(array, threads())
    best = 0.0
    with ThreadPoolExecutor(threads()) as pool:
        for _ in range(5):
            start = time.perf_counter()
            list(pool.map(lambda part: np.multiply(part, 1.0, out=part), parts))
            best = max(best, 2 * array.nbytes / (time.perf_counter() - start))
    return best


def measure(options: Options) -> dict[str, Any]:
    rate = bandwidth()
    cases = []
    for n in QUICK if options.quick else SIZES if options.peers else ALONE:
        announce(f"registers: n = {n}")
        entrants = [
            Entrant(name, f"{module}:RegisterEngine", "register", {"n": n}, calls, given)
            for name, module, given, calls in (*OURS, *(PEERS if options.peers else ()))
        ]
        rows = compare(entrants, entrants[0], rounds=options.rounds if n < LARGE else 2, patience=900.0)
        floor = LAYERS * 3 * n * 2 * 16 * 2**n / rate
        cases.append(case(rows, n=n, layers=LAYERS, one_pass_a_gate=float(f"{floor:.3g}")))
    return {"bandwidth_gb": round(rate / 1e9, 1), "cases": cases}


if __name__ == "__main__":
    run("registers", TITLE, __doc__, measure)
