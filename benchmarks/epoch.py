"""Question A: how long an epoch of quantum self-attention takes, with the gradient of everything.

    python -m benchmarks.epoch --peers --data sentences.tsv

1000 sentences cut at 20 words, one step of gradient descent a batch. Engines for which an epoch takes minutes are given
a few sentences, and their time is scaled by the number of words.
"""

from __future__ import annotations

from typing import Any

from benchmarks.harness.compare import Entrant, compare
from benchmarks.harness.question import NATIVE, NUMPY, Options, announce, case, run
from benchmarks.work.sentences import SENTENCES, epoch

TITLE = "A. One epoch of quantum self-attention"

SIZES = ((4, 1, 32), (4, 1, 8), (6, 1, 32), (8, 1, 32), (10, 1, 32), (4, 2, 32), (4, 3, 32))
QUICK = ((4, 1, 32), (6, 1, 32))
ALONE = ((4, 1, 32), (4, 1, 8), (6, 1, 32), (8, 1, 32), (4, 2, 32))
PART = {8: 256, 10: 128}
"""From how many sentences an epoch is scaled, for each size of register where it is not all of them."""

Engines = tuple[tuple[str, str, dict[str, Any]], ...]

FAST: Engines = (
    ("JAX by hand", "jax_by_hand", {}),
    ("JAX by hand, real states", "jax_by_hand", {"real": True}),
    ("TensorCircuit-NG, scan", "tensorcircuit", {}),
    ("TensorCircuit-NG, jit", "tensorcircuit", {"scan": False}),
    ("PennyLane default.qubit, JAX jit", "pennylane_jax", {}),
)
FASTEST = 3
"""So many of these are given the sizes that are not in `QUICK`."""

SLOW: Engines = (
    ("Qulacs, backprop", "qulacs", {"sentences": 16}),
    ("lightning.qubit, adjoint", "lightning", {"sentences": 8}),
    ("Braket local, parameter-shift", "braket", {"sentences": 1, "length": 2}),
)


def entrant(name: str, module: str, options: dict[str, Any], sizes: dict[str, Any], part: dict[str, Any]) -> Entrant:
    """An engine on the part of the work that it is given, scaled to the whole by the number of words."""
    work = {**sizes, **part}
    scale = epoch(**sizes).tokens / epoch(**work).tokens if part else 1.0
    return Entrant(name, f"{module}:EpochEngine", "epoch", work, ("epoch",), options, scale)


def measure(options: Options) -> dict[str, Any]:
    cases = []
    for n, layers, batch in QUICK if options.quick else SIZES if options.peers else ALONE:
        announce(f"epoch: n = {n}, layers = {layers}, batch = {batch}")
        sizes = {**options.sentences, "n": n, "layers": layers, "batch": batch}
        part = {"sentences": PART[n]} if n in PART else {}
        entrants = [
            entrant(NUMPY, "ours", {}, sizes, part),
            entrant(NATIVE, "ours", {"jit": "on"}, sizes, part),
        ]
        reference = entrants[0]
        if options.peers:
            fast = FAST if (n, layers, batch) in QUICK else FAST[:FASTEST]
            entrants += [entrant(name, module, given, sizes, part) for name, module, given in fast]
            if (n, layers, batch) == SIZES[0] and not options.quick:
                entrants += [entrant(name, module, {}, sizes, few) for name, module, few in SLOW]
        else:
            reference = entrant("parameter-shift", "ours", {"method": "parameter_shift"}, sizes, part)
        rows = compare(entrants, reference, rounds=options.rounds)
        cases.append(case(rows, n=n, layers=layers, batch=batch, sentences=part.get("sentences", SENTENCES)))
    return {"cases": cases}


if __name__ == "__main__":
    run("epoch", TITLE, __doc__, measure)
