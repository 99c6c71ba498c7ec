"""The process of one engine: made, then asked for one run at a time.

    python -m benchmarks.harness.serve '{"engine": "ours:EpochEngine", "options": {}, "work": {...}, "threads": 2}'

Each line in is a request `{"call": NAME, "keep": FILE or null}`, each line out an answer with the seconds that the call
took and the peak of resident memory so far. What a call returns is kept as arrays in FILE. The first answer comes when
the engine has run once.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np


def limit_threads(count: int) -> None:
    """At most this many processors, and pools of threads of this size, whatever the libraries do by themselves."""
    processors = sorted(os.sched_getaffinity(0))[:count]
    os.sched_setaffinity(0, processors)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(len(processors))


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def versions(distributions: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def arrays(result: Any) -> dict[str, np.ndarray[Any, Any]]:
    """A result as arrays by name: numbers, arrays, and pairs of losses and parameters."""
    if isinstance(result, tuple):
        losses, parameters = result
        return {"losses": np.asarray(losses), **parameters}
    return {"result": np.asarray(result)}


def work_of(question: str, settings: dict[str, Any]) -> Any:
    if question == "register":
        from benchmarks.work.registers import register

        return register(**settings)
    from benchmarks.work.sentences import epoch

    return epoch(**settings)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)

    def answer(**fields: Any) -> None:
        print(json.dumps(fields), file=answers)

    asked = json.loads(sys.argv[1])
    limit_threads(asked["threads"])
    name, _, kind = asked["engine"].partition(":")
    try:
        module = importlib.import_module(f"benchmarks.engines.{name}")
    except ModuleNotFoundError as missing:
        answer(missing=f"{missing.name} is not installed")
        return
    engine = getattr(module, kind)(work_of(asked["question"], asked["work"]), **asked["options"])
    if hasattr(engine, "first"):
        engine.first()
    answer(versions=versions(module.DISTRIBUTIONS), megabytes=megabytes())
    for line in sys.stdin:
        request = json.loads(line)
        call = getattr(engine, request["call"])
        start = time.perf_counter()
        result = call()
        seconds = time.perf_counter() - start
        if request["keep"]:
            np.savez(request["keep"], allow_pickle=False, **arrays(result))
        answer(seconds=seconds, megabytes=megabytes())


if __name__ == "__main__":
    main()
