"""False alarms and power of the assertions with shots: how often true ones fail, and false ones are found.

    python benchmarks/alarms.py --count 2000 --alpha 1e-3 --tv 0.05

Laws are those of random circuits on 1 to 4 qubits: uniform, peaked, with zeros, or whatever the circuit gives. True
assertions compare samples of the circuit with its own law or with another sample, or estimate an expectation value;
they are run at `--alpha` and at the default, 1e-6. False ones compare with a law that is `--tv` away in total
variation, in a direction drawn at random, with the shots that the assertion itself asks for; at both levels again.
Everything follows from `--seed`. Prints JSON; `band` is the number of alarms that Binomial(count, alpha) does not
exceed with probability 0.999.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
from scipy import stats

from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle, Gate
from qsanc.testing.assertions import assert_distribution, assert_expectation
from qsanc.testing.failed import CheckFailed
from qsanc.testing.statistics import total_variation

DEFAULT = 1e-6
SHAPES = ("uniform", "peaked", "zeros", "any")


def circuit(shape: str, generator: np.random.Generator) -> Bound:
    """A circuit on 1 to 4 qubits whose law has this shape."""
    wires = int(generator.integers(1, 5))
    if shape == "uniform":
        return Bound(wires, tuple(Gate("h", (wire,)) for wire in range(wires)))
    reach = 0.6 if shape == "peaked" else np.pi
    body = [turn("ry", (wire,), generator, reach) for wire in range(wires)]
    if shape == "zeros":
        body = body[:1]
    for wire in range(wires - 1):
        body.append(Gate("cx", (wire, wire + 1)))
    if shape == "any":
        body += [turn("rx", (wire,), generator, reach) for wire in range(wires)]
    return Bound(wires, tuple(body))


def turn(name: str, wires: tuple[int, ...], generator: np.random.Generator, reach: float) -> Gate:
    return Gate(name, wires, (Angle(float(generator.uniform(-reach, reach))),))


def law_of(bound: Bound) -> np.ndarray:
    return np.abs(bound.unitary()[:, 0]) ** 2


def shifted(law: np.ndarray, tv: float, generator: np.random.Generator) -> np.ndarray:
    """A law exactly `tv` away: what some outcomes gain, others lose, in random shares or all at one outcome."""
    while True:
        gains = generator.random(len(law)) < 0.5
        if generator.random() < 0.25:
            gains = np.arange(len(law)) == generator.integers(len(law))
        if 0 < gains.sum() < len(law) and law[~gains].sum() > tv:
            break
    up = generator.dirichlet(np.ones(len(law))) * gains
    down = np.where(gains, 0.0, law)
    other = law + tv * up / up.sum() - tv * down / down.sum()
    assert abs(total_variation(law, other) - tv) < 1e-9
    return other


def holds(k: int, alpha: float, generator: np.random.Generator) -> bool:
    """A true assertion, one of four kinds: whether it passes."""
    bound = circuit(SHAPES[k % 4], generator)
    law, seed = law_of(bound), int(generator.integers(2**31))
    kind = k // 4 % 4
    options: dict[str, Any] = {"alpha": alpha, "seed": seed, "shots": int(generator.integers(50, 4000))}
    try:
        if kind == 0:
            assert_distribution(bound, bound, **options)
        elif kind == 1:
            assert_distribution(bound, generator.multinomial(1500, law), **options)
        elif kind == 2:
            signs = 1 - 2 * (np.arange(len(law)) >> (bound.wires - 1))
            assert_expectation(bound, "Z0", float(law @ signs), **options)
        else:
            assert_distribution(generator.multinomial(options["shots"], law), law, alpha=alpha)
    except CheckFailed:
        return False
    return True


def found(k: int, alpha: float, tv: float, generator: np.random.Generator) -> tuple[bool, int]:
    """A false assertion: whether it fails, and with how many shots."""
    bound = circuit(SHAPES[k % 4], generator)
    claimed = shifted(law_of(bound), tv, generator)
    seed = int(generator.integers(2**31))
    try:
        evidence = assert_distribution(bound, claimed, alpha=alpha, tv=tv, seed=seed)
    except CheckFailed as failure:
        return True, int(str(failure).partition(" shots (")[0].rpartition(" ")[2])
    assert evidence.shots is not None
    return False, evidence.shots


def alarms(count: int, alpha: float, seed: int) -> dict[str, Any]:
    failed = sum(not holds(k, alpha, np.random.default_rng([seed, 0, k])) for k in range(count))
    band = int(stats.binom.ppf(0.999, count, alpha))
    return {"count": count, "alpha": alpha, "failed": failed, "band": band, "within": failed <= band}


def power(count: int, alpha: float, tv: float, seed: int) -> dict[str, Any]:
    results = [found(k, alpha, tv, np.random.default_rng([seed, 1, k])) for k in range(count)]
    shots = [used for _, used in results]
    return {
        "count": count,
        "alpha": alpha,
        "tv": tv,
        "found": sum(hit for hit, _ in results),
        "share": sum(hit for hit, _ in results) / count,
        "shots": {"min": min(shots), "median": int(np.median(shots)), "max": max(shots)},
    }


def measured(count: int, alpha: float, tv: float, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "false_alarms": [alarms(count, level, seed) for level in (alpha, DEFAULT)],
        "power": [power(count, level, tv, seed) for level in (alpha, DEFAULT)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000, help="assertions of each kind (default 2000)")
    parser.add_argument("--alpha", type=float, default=1e-3, help="level beside the default 1e-6 (default 1e-3)")
    parser.add_argument("--tv", type=float, default=0.05, help="total variation of false ones (default 0.05)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    results = measured(options.count, options.alpha, options.tv, options.seed)
    print(json.dumps({**results, "seconds": round(time.perf_counter() - start, 1)}, indent=2))


if __name__ == "__main__":
    main()
