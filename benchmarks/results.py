"""RESULTS.md from the JSON files of the questions.

    python -m benchmarks.results [DIR]

Each table has medians in seconds, the quartiles, and how many times longer an engine takes than this project in NumPy
and in native code. What is aimed at stands above, with what was reached.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.harness.question import NATIVE, NUMPY, RESULTS

REPORT = Path(__file__).parent / "RESULTS.md"

Found = dict[str, Any]

HEAD = """# Measurements

Made by `make bench-peers` from the JSON files in `results/`; not written by hand. Each engine has a process of its own
and is asked for one run at a time, in turns. Before any timing its results are compared with those of the reference.
Seconds are medians, with quartiles in brackets. "x NumPy" and "x native" say how many times as long as this project
an engine takes. float64 and complex128 throughout.
"""

NOTES = {
    "epoch": """Loss, gradient of everything, embeddings included, and a step of gradient descent for each batch; losses
and the parameters after the epoch are compared (`difference`). Ours compiles `models/qsann.qsan`. Engines with fixed
shapes get each different word of a batch once and no padded places in later layers, prepared before the time counts.
"JAX by hand, real states" is simplified with pen and paper: the first column of the encoder is a phase. Rows marked *
ran on a part of the sentences, scaled by the number of words.""",
    "shifts": "Two shifted circuits an angle and a use of it. Rows marked * ran on a part of the sentences, scaled.",
    "registers": "Ten times a column of RX, one of RY and a ring of CNOT; <Z_0>. Value and gradient (adjoint) apart.",
    "compiling": """From `.qsan` text to an executable, in seconds of the processor. The exponent is the slope of a line
through the logarithms.""",
    "starting": """From the start of a process that finds its bytecode. A first gradient is of a batch; where a scan is
compiled, of an epoch.""",
    "inference": "Probabilities of sentences whose words are numbers already.",
    "growth": "Exponents of the time in each quantity, through all sizes and through the last two.",
}


def number(value: float) -> str:
    """Three digits, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return str(value)
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}".replace(",", " ")


def times(spread: Found) -> str:
    return f"{number(spread['median'])} ({number(spread['low'])} to {number(spread['high'])})"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = [list(head)]
    lines = ["| " + " | ".join(row) + " |" for row in [*cells, ["---"] * len(cells[0]), *map(list, rows)]]
    return "\n".join(lines)


def of(rows: list[Found], name: str, call: str) -> float:
    """The median of a row by name; nan where it has none."""
    for row in rows:
        if row["name"] == name and "seconds" in row and call in row["seconds"]:
            return float(row["seconds"][call]["median"])
    return math.nan


def ratio(value: float, base: float) -> str:
    return "-" if math.isnan(value / base) else f"{value / base:.2f}"


def compared(found: Found, call: str, bases: tuple[str, str], case: Found) -> str:
    rows = case["rows"]
    lines = []
    for row in rows:
        name = row["name"] + (" *" if row["scale"] != 1 and found["key"] != "inference" else "")
        if "reason" in row:
            lines.append([name, row["reason"], "", "", "", ""])
        elif call in row["seconds"]:
            value = row["seconds"][call]["median"]
            shares = [ratio(value, of(rows, base, call)) for base in bases]
            apart = f"{row['difference']:.0e}" if row["difference"] else "0"
            lines.append([name, times(row["seconds"][call]), *shares, str(row["megabytes"]), apart])
    return table(("engine", "seconds", "x NumPy", "x native", "MB", "difference"), lines)


def settings(case: Found) -> str:
    return ", ".join(f"{name.replace('_', ' ')} = {value}" for name, value in case["settings"].items())


def epochs(found: Found) -> str:
    bases = (NUMPY, NATIVE)
    if found["key"] == "shifts":
        bases = (f"{NUMPY}, parameter-shift", f"{NATIVE}, parameter-shift")
    return "\n\n".join(f"{settings(case)}\n\n{compared(found, 'epoch', bases, case)}" for case in found["cases"])


def registers(found: Found) -> str:
    rate = f"An array of 512 MiB is read and written in place at {found['bandwidth_gb']} GB/s by all threads"
    parts = [f"{rate}; smaller states lie in caches, where one pass a gate takes less than the last line says."]
    for call in ("value", "gradient"):
        names = list(dict.fromkeys(row["name"] for case in found["cases"] for row in case["rows"]))
        sizes = [case["settings"]["n"] for case in found["cases"]]
        lines = []
        for name in names:
            cells = [of(case["rows"], name, call) for case in found["cases"]]
            if not all(map(math.isnan, cells)):
                lines.append([name, *("-" if math.isnan(cell) else number(cell) for cell in cells)])
        if call == "value":
            floors = [number(case["settings"]["one_pass_a_gate"]) for case in found["cases"]]
            lines.append(["one pass a gate, at this rate", *floors])
        parts.append(table((f"{call}, seconds", *(f"n = {n}" for n in sizes)), lines))
        for base in (NUMPY, NATIVE):
            shares = [
                [name, *(ratio(of(c["rows"], name, call), of(c["rows"], base, call)) for c in found["cases"])]
                for name in names
                if name not in (NUMPY, NATIVE)
            ]
            shares = [row for row in shares if any(cell != "-" for cell in row[1:])]
            if shares:
                parts.append(table((f"{call}, x {base}", *(f"n = {n}" for n in sizes)), shares))
    reasons = {f"{row['name']}: {row['reason']}" for case in found["cases"] for row in case["rows"] if "reason" in row}
    return "\n\n".join([*parts, *sorted(reasons)])


def compiling(found: Found) -> str:
    sizes = list(found["rows"][0]["seconds"])
    lines = [
        [row["name"], *(number(row["seconds"][size]["median"]) for size in sizes), f"{row['exponent']:.2f}"]
        for row in found["rows"]
    ]
    return table(("gates", *sizes, "exponent"), lines)


def starting(found: Found) -> str:
    parts = []
    for head, rows in (("command", found["commands"]), ("first gradient", found["first"])):
        lines = [[row["name"], times(row["seconds"]) if "seconds" in row else row["reason"]] for row in rows]
        parts.append(table((head, "seconds"), lines))
    return "\n\n".join(parts)


def inference(found: Found) -> str:
    bases = (NUMPY, NATIVE)
    return "\n\n".join(f"{settings(case)}\n\n{compared(found, 'predict', bases, case)}" for case in found["cases"])


def growth(found: Found) -> str:
    lines = []
    for row in found["rows"]:
        if "reason" in row:
            lines.append([row["quantity"], row["name"], row["reason"], "", ""])
        else:
            points = ", ".join(f"{size}: {number(values['median'])}" for size, values in row["seconds"].items())
            lines.append([row["quantity"], row["name"], points, f"{row['exponent']:.2f}", f"{row['last']:.2f}"])
    return table(("quantity", "engine", "seconds", "exponent", "last two"), lines)


SECTIONS: dict[str, Callable[[Found], str]] = {
    "epoch": epochs,
    "shifts": epochs,
    "registers": registers,
    "compiling": compiling,
    "starting": starting,
    "inference": inference,
    "growth": growth,
}


def read(folder: Path) -> dict[str, Found]:
    """What has been measured, by question."""
    found = {}
    for name in SECTIONS:
        file = folder / f"{name}.json"
        if file.exists():
            found[name] = {**json.loads(file.read_text(encoding="utf-8")), "key": name}
    return found


def section(name: str, folder: Path) -> str:
    found = read(folder)[name]
    text = SECTIONS[name](found)
    drawn = "" if name in ("registers", "compiling") else f" Sentences: {found['sentences']}."
    return f"## {found['question']}\n\n{NOTES[name]}{drawn}\n\n{text}\n"


def targets(found: dict[str, Found]) -> str:
    """What is aimed at, what was reached, and whether that is enough; only what was measured."""
    lines: list[list[str]] = []

    def line(what: str, wanted: str, reached: float, met: Callable[[float], bool], unit: str = "") -> None:
        if not math.isnan(reached):
            lines.append([what, wanted, f"{number(reached)}{unit}", "yes" if met(reached) else "no"])

    def at_least(what: str, least: float, reached: float) -> None:
        line(what, f"at least {least:g}", reached, lambda value: value >= least)

    def at_most(what: str, most: float, reached: float, unit: str = "") -> None:
        line(what, f"at most {most:g}{unit}", reached, lambda value: value <= most, unit)

    if "epoch" in found:
        rows = found["epoch"]["cases"][0]["rows"]
        numpy, native = of(rows, NUMPY, "epoch"), of(rows, NATIVE, "epoch")
        at_least("A: TensorCircuit-NG with scan / NumPy", 1.4, of(rows, "TensorCircuit-NG, scan", "epoch") / numpy)
        at_least("A: JAX by hand / native", 1.7, of(rows, "JAX by hand", "epoch") / native)
        at_least("A: JAX by hand, real states / native", 1.7, of(rows, "JAX by hand, real states", "epoch") / native)
    if "starting" in found:
        medians = {row["name"]: row["seconds"]["median"] for row in found["starting"]["first"] if "seconds" in row}
        for name in (NUMPY, NATIVE, "qsanc, auto", "qsanc, auto, cold"):
            at_most(f"A: first gradient, {name}", 0.5, medians.get(name, math.nan), " s")
        commands = {row["name"]: row["seconds"]["median"] for row in found["starting"]["commands"]}
        at_most("start-up, `qsanc --help`", 0.3, commands["qsanc --help"], " s")
    if "shifts" in found:
        rows = found["shifts"]["cases"][0]["rows"]
        for name in (NUMPY, NATIVE):
            shift, adjoint = (of(rows, f"{name}, {how}", "epoch") for how in ("parameter-shift", "adjoint"))
            at_most(f"A by parameter-shift / adjoint, {name}", 5.0, shift / adjoint)
    if "registers" in found:
        _register_targets(found["registers"], at_least, at_most)
    if "compiling" in found:
        for row in found["compiling"]["rows"]:
            at_most(f"compile time, exponent in gates, {row['name']}", 1.1, row["exponent"])
            if (gates := row["seconds"].get("9990")) is not None:
                at_most(f"compile time of 9990 gates, {row['name']}", 1.0, gates["median"], " s")
    for row in found.get("growth", {"rows": []})["rows"]:
        if "exponent" in row:
            at_most(f"exponent in {row['quantity']}, {row['name']}", 1.1, row["exponent"])
    return table(("what", "aim", "reached", "met"), lines)


def _register_targets(
    found: Found, at_least: Callable[[str, float, float], None], at_most: Callable[[str, float, float], None]
) -> None:
    """The least lead over any of three engines at any size, and the leads at 24 qubits."""
    peers = ("lightning.qubit, adjoint", "Qulacs, optimiser and backprop", "Qiskit Aer")
    for base in (NUMPY, NATIVE):
        for call in ("value", "gradient"):
            leads = [
                of(case["rows"], peer, call) / of(case["rows"], base, call) for case in found["cases"] for peer in peers
            ]
            known = [lead for lead in leads if not math.isnan(lead)]
            if known:
                at_least(f"B: {call}, the least of lightning, Qulacs, Aer at any n / {base}", 1.0, min(known))
    for case in found["cases"]:
        if case["settings"]["n"] == 24:
            for call, least in (("value", 2.5), ("gradient", 4.0)):
                lead = of(case["rows"], peers[0], call) / of(case["rows"], NATIVE, call)
                at_least(f"B: {call}, lightning / native at n = 24", least, lead)
            floor = of(case["rows"], NATIVE, "value") / case["settings"]["one_pass_a_gate"]
            at_most("B: value, native / one pass a gate at n = 24", 0.6, floor)


def where(found: dict[str, Found]) -> str:
    """The machine and the versions."""
    lines = []
    for question in found.values():
        place = question["machine"]
        lines.append(
            f"{question['question']}: {question['date']}, {place['processor']}, {place['processors']} processors, "
            f"{place['threads']} threads, {place['memory_gib']} GiB, {place['system']}, Python {place['python']}"
            + (" (quick)" if question["quick"] else "")
        )
    versions: dict[str, str] = {}
    for question in found.values():
        for case in question.get("cases", ()):
            for row in case["rows"]:
                versions.update(row.get("versions", {}))
    known = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return "\n".join(f"- {line}" for line in lines) + f"\n\nVersions: {known}."


def page(folder: Path) -> str:
    found = read(folder)
    parts = [HEAD, "## Aims\n", targets(found), ""]
    parts += [section(name, folder) for name in found]
    parts += ["## Where\n", where(found), ""]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=RESULTS, metavar="DIR")
    folder = parser.parse_args().folder
    report = REPORT if folder == RESULTS else folder / REPORT.name
    report.write_text(page(folder), encoding="utf-8")
    print(report.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
