"""Question F: how long a trained network takes for one sentence, and for ten thousand.

python -m benchmarks.inference --peers --data sentences.tsv
"""

from __future__ import annotations

from typing import Any

from benchmarks.harness.compare import Entrant, compare
from benchmarks.harness.question import NATIVE, NUMPY, Options, announce, case, run

TITLE = "F. Inference"

SINGLE = 200
MANY = 10_000
BATCH = 500

Engines = tuple[tuple[str, str, dict[str, Any]], ...]

ENGINES: Engines = ((NUMPY, "ours", {}), (NATIVE, "ours", {"jit": "on"}))
PEERS: Engines = (("JAX by hand", "jax_by_hand", {}),)


def measure(options: Options) -> dict[str, Any]:
    cases = []
    for what, count, batch, scale in (("latency", SINGLE, 1, 1 / SINGLE), ("throughput", MANY, BATCH, 1.0)):
        announce(f"inference: {what}")
        work = {**options.sentences, "n": 4, "batch": batch, "sentences": count}
        entrants = [
            Entrant(name, f"{module}:InferenceEngine", "epoch", work, ("predict",), given, scale)
            for name, module, given in (*ENGINES, *(PEERS if options.peers else ()))
        ]
        rows = compare(entrants, entrants[0], rounds=options.rounds)
        cases.append(case(rows, what=what, n=4, sentences=1 if what == "latency" else MANY, batch=batch))
    return {"cases": cases}


if __name__ == "__main__":
    run("inference", TITLE, __doc__, measure)
