"""Question A by parameter-shift: the same epoch with derivatives that a quantum device could give.

python -m benchmarks.shifts --peers --data sentences.tsv
"""

from __future__ import annotations

from typing import Any

from benchmarks.epoch import entrant
from benchmarks.harness.compare import compare
from benchmarks.harness.question import NATIVE, NUMPY, Options, announce, case, run
from benchmarks.work.sentences import SENTENCES

TITLE = "A by parameter-shift"

ADJOINT = ", adjoint"
SHIFT = ", parameter-shift"
SIZES = ((4, 1, 32), (6, 1, 32))


def measure(options: Options) -> dict[str, Any]:
    cases = []
    for n, layers, batch in SIZES[:1] if options.quick else SIZES:
        announce(f"parameter-shift: n = {n}, layers = {layers}, batch = {batch}")
        sizes = {**options.sentences, "n": n, "layers": layers, "batch": batch}
        part = {"sentences": 256} if n > SIZES[0][0] else {}
        entrants = [
            entrant(f"{name}{method}", "ours", {"jit": jit, "method": used}, sizes, part)
            for name, jit in ((NUMPY, "off"), (NATIVE, "on"))
            for method, used in ((ADJOINT, "adjoint"), (SHIFT, "parameter_shift"))
        ]
        if options.peers and (n, layers, batch) == SIZES[0]:
            shifts = {"method": "parameter_shift"}
            entrants += [entrant("lightning.qubit" + SHIFT, "lightning", shifts, sizes, {"sentences": 1})]
            entrants += [entrant("Braket local" + SHIFT, "braket", {}, sizes, {"sentences": 1, "length": 2})]
        rows = compare(entrants, entrants[0], rounds=options.rounds)
        cases.append(case(rows, n=n, layers=layers, batch=batch, sentences=part.get("sentences", SENTENCES)))
    return {"cases": cases}


if __name__ == "__main__":
    run("shifts", TITLE, __doc__, measure)
