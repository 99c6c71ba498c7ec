"""Question D: how the time to compile grows with the number of gates.

    python -m benchmarks.compiling

From `.qsan` text to an executable, in one process. The gates of a circuit on ten qubits stand in loops, or are written
out line by line. Seconds are those of the processor: one thread compiles. What the program before left behind is
collected before each measurement.
"""

from __future__ import annotations

import gc
import time
from typing import Any

import numpy as np

from benchmarks.engines.ours import ROTATIONS
from benchmarks.harness.compare import spread
from benchmarks.harness.question import Options, announce, run
from qsanc import registry
from qsanc.check.imports import load_text
from qsanc.driver import compile_entry
from qsanc.source import Source

TITLE = "D. Compile time against gates"

QUBITS = 10
GATES = (1000, 2000, 5000, 10000, 20000)
QUICK = (1000, 3000, 10000)


def written(layers: int) -> str:
    """The circuit of question B with every gate on a line of its own."""
    lines = ["qsan 1.0", "", f"circuit all(th: angle[{layers}, 2, {QUBITS}]) on q: qubit[{QUBITS}] -> real {{"]
    for layer in range(layers):
        lines += [f"  rx(th[{layer}, 0, {i}]) q[{i}];" for i in range(QUBITS)]
        lines += [f"  ry(th[{layer}, 1, {i}]) q[{i}];" for i in range(QUBITS)]
        lines += [f"  cx q[{i}], q[{(i + 1) % QUBITS}];" for i in range(QUBITS)]
    return "\n".join([*lines, "  return expval(Z(q[0]));", "}", ""])


def seconds(text: str, entry: str, sizes: dict[str, int | float]) -> float:
    gc.collect()
    start = time.process_time()
    compile_entry(load_text(Source("circuit.qsan", text), None), entry, registry.load("numpy"), sizes=sizes)
    return time.process_time() - start


def measure(options: Options) -> dict[str, Any]:
    counts = [round(gates / (3 * QUBITS)) for gates in (QUICK if options.quick else GATES)]
    loops = ROTATIONS.read_text(encoding="utf-8")
    forms: dict[str, list[tuple[str, str, dict[str, int | float]]]] = {
        "in loops": [(loops, "rotations_descent", {"n": QUBITS, "layers": layers}) for layers in counts],
        "written out": [(written(layers), "all", {}) for layers in counts],
    }
    seconds(*forms["in loops"][0])
    times: dict[tuple[str, int], list[float]] = {}
    for number in range(3):
        announce(f"compile time: round {number + 1} of 3")
        for form, cases in forms.items():
            for layers, given in zip(counts, cases, strict=True):
                times.setdefault((form, layers * 3 * QUBITS), []).append(seconds(*given))
    rows = []
    for form in forms:
        points = [(gates, values) for (name, gates), values in times.items() if name == form]
        rows.append(
            {
                "name": form,
                "exponent": round(exponent([(gates, float(np.median(values))) for gates, values in points]), 2),
                "seconds": {str(gates): spread(values) for gates, values in points},
            }
        )
    return {"rows": rows}


def exponent(points: list[tuple[float, float]]) -> float:
    """The slope of a line through the logarithms of sizes and seconds."""
    sizes, times = np.log(np.array(points)).T
    return float(np.polyfit(sizes, times, 1)[0])


if __name__ == "__main__":
    run("compiling", TITLE, __doc__, measure)
