"""All questions one after another, and the tables.

    python -m benchmarks.everything --peers --data sentences.tsv

Writes a JSON file for each question, and RESULTS.md from them.
"""

from __future__ import annotations

import argparse
import time

from benchmarks import compiling, epoch, growth, inference, registers, shifts, starting
from benchmarks.harness.compare import say
from benchmarks.harness.question import RESULTS, add_options, options_of, write
from benchmarks.results import REPORT, page

QUESTIONS = {
    "epoch": epoch,
    "shifts": shifts,
    "registers": registers,
    "compiling": compiling,
    "starting": starting,
    "inference": inference,
    "growth": growth,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parsed = parser.parse_args()
    options = options_of(parsed)
    for name, question in QUESTIONS.items():
        start = time.perf_counter()
        write(name, question.TITLE, options, question.measure(options), parsed.out)
        say(f"{name}: {time.perf_counter() - start:.0f} s")
    text = page(parsed.out)
    report = REPORT if parsed.out == RESULTS else parsed.out / REPORT.name
    report.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
