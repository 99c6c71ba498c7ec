"""How the time of an epoch grows with sentences, words, layers, and that of inference with shots.

    python -m benchmarks.growth

Sizes of one quantity with the others fixed; the exponent is the slope of a line through the logarithms.
"""

from __future__ import annotations

from typing import Any

from benchmarks.compiling import exponent
from benchmarks.harness.compare import Entrant, compare, median, spread
from benchmarks.harness.question import NATIVE, NUMPY, Options, announce, run

TITLE = "Growth"

EPOCHS: dict[str, tuple[tuple[int, ...], dict[str, int]]] = {
    "sentences": ((250, 500, 1000, 2000, 4000), {"n": 4}),
    "length": ((8, 16, 32, 64, 128), {"n": 4, "sentences": 128}),
    "layers": ((1, 2, 4, 8), {"n": 4, "sentences": 500}),
}
SHOTS = (100, 1_000, 10_000, 100_000)
QUICK = 3


def entrants(options: Options, quantity: str, name: str, jit: str) -> list[Entrant]:
    if quantity == "shots":
        work = {**options.sentences, "n": 4, "sentences": 8}
        calls = ("predict",)
        sizes: tuple[int, ...] = SHOTS
        given: list[tuple[dict[str, Any], dict[str, Any]]] = [(work, {"jit": jit, "shots": shots}) for shots in sizes]
        engine = "ours:InferenceEngine"
    else:
        sizes, fixed = EPOCHS[quantity]
        calls = ("epoch",)
        given = [({**options.sentences, **fixed, quantity: size}, {"jit": jit}) for size in sizes]
        engine = "ours:EpochEngine"
    every = [
        Entrant(f"{name}, {quantity} = {size}", engine, "epoch", work, calls, settings)
        for size, (work, settings) in zip(sizes, given, strict=True)
    ]
    return every[:QUICK] if options.quick else every


def measure(options: Options) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for quantity in (*EPOCHS, "shots"):
        for name, jit in ((NUMPY, "off"), (NATIVE, "on")):
            announce(f"growth: {quantity}, {name}")
            given = entrants(options, quantity, name, jit)
            sizes = SHOTS if quantity == "shots" else EPOCHS[quantity][0]
            found = compare(given, None, rounds=options.rounds, budget=5.0)
            row: dict[str, Any] = {"name": name, "quantity": quantity}
            if reason := next((row.reason for row in found if row.reason), ""):
                rows.append({**row, "reason": reason})
                continue
            call = given[0].calls[0]
            points = [(float(size), median(one, call)) for size, one in zip(sizes, found, strict=False)]
            row["exponent"] = round(exponent(points), 2)
            row["last"] = round(exponent(points[-2:]), 2)
            row["seconds"] = {str(size): spread(one.seconds[call]) for size, one in zip(sizes, found, strict=False)}
            rows.append(row)
    return {"rows": rows}


if __name__ == "__main__":
    run("growth", TITLE, __doc__, measure)
