"""How well a model does on a data set, over seeds: mean, spread and controls of `qsanc train`.

    python benchmarks/accuracy.py --seeds 9 -- models/qsann.qsan --data yelp.tsv --set lambda=0.2

Everything after `--` goes to `qsanc train`. Each seed draws its own 64/16/20 split and its own initial values; the
epoch is chosen on the validation part and the test part is read once. Prints JSON, or with --table a line of a
Markdown table.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def run(seed: int, arguments: list[str], folder: Path) -> dict[str, Any]:
    """One training; what its run.json says."""
    out = folder / str(seed)
    command = [sys.executable, "-m", "qsanc", "train", *arguments, "--seed", str(seed), "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


def spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": statistics.mean(values),
        "sd": statistics.stdev(values) if len(values) > 1 else 0.0,
        "min": min(values),
        "max": max(values),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=9, help="seeds 1 to this (default 9)")
    parser.add_argument("--table", action="store_true", help="a line of a Markdown table instead of JSON")
    parser.add_argument("train", nargs="+", metavar="TRAIN", help="arguments of `qsanc train`, after `--`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = [run(seed, options.train, Path(folder)) for seed in range(1, options.seeds + 1)]
    results = {"test": spread([r["test"]["accuracy"] for r in runs])}
    for control in runs[0].get("baselines", {}):
        results[control] = spread([r["baselines"][control]["accuracy"] for r in runs])
    seconds = statistics.median(r["wall_seconds"] for r in runs)
    if options.table:
        cells = [f"{s['mean']:.3f} +- {s['sd']:.3f} ({s['min']:.3f} to {s['max']:.3f})" for s in results.values()]
        print("| " + " | ".join(cells) + f" | {seconds:.1f} s |")
    else:
        print(json.dumps({"arguments": options.train, "seeds": options.seeds, "accuracy": results, "seconds": seconds}))


if __name__ == "__main__":
    main()
