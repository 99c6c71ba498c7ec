"""What every script of a question has in common: its options, and what it writes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.harness.compare import Row, say
from benchmarks.harness.machine import machine

RESULTS = Path(__file__).parents[1] / "results"

NUMPY, NATIVE = "qsanc, NumPy", "qsanc, native"


@dataclass(frozen=True, slots=True)
class Options:
    """`data` is a table of sentences; without it they are drawn. `peers`: all engines; `quick`: less work."""

    data: str | None = None
    peers: bool = False
    quick: bool = False

    @property
    def rounds(self) -> int:
        return 5 if self.quick else 9

    @property
    def sentences(self) -> dict[str, Any]:
        return {} if self.data is None else {"data": self.data}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="FILE", help="table with columns text and label (default: drawn sentences)")
    parser.add_argument("--peers", action="store_true", help="the other engines too, where they are installed")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and fewer rounds")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where the JSON goes")


def options_of(parsed: argparse.Namespace) -> Options:
    data = parsed.data and str(Path(parsed.data).resolve())
    return Options(data, parsed.peers, parsed.quick)


def write(name: str, title: str, options: Options, found: dict[str, Any], out: Path) -> None:
    """One JSON file for a question."""
    head = {
        "question": title,
        "date": date.today().isoformat(),
        "machine": machine(),
        "sentences": "drawn" if options.data is None else Path(options.data).name,
        "quick": options.quick,
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps({**head, **found}, indent=1) + "\n", encoding="utf-8")


def run(name: str, title: str, about: str | None, measure: Callable[[Options], dict[str, Any]]) -> None:
    """The command of a question: measure, write, and print its part of the tables."""
    from benchmarks.results import section

    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parsed = parser.parse_args()
    options = options_of(parsed)
    write(name, title, options, measure(options), parsed.out)
    print(section(name, parsed.out))


def case(rows: Iterable[Row], **settings: Any) -> dict[str, Any]:
    """The rows of one set of sizes."""
    return {"settings": settings, "rows": [row.to_json() for row in rows]}


def announce(text: str) -> None:
    say(text)
