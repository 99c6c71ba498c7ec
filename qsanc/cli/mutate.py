"""`qsanc mutate`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import track

from qsanc.cli import options
from qsanc.cli.report import print_json
from qsanc.testing.packages import need_packages

if TYPE_CHECKING:
    from qsanc.testing.mutate.mutant import Mutant
    from qsanc.testing.mutate.suite import Suite, Verdict


@click.command()
@click.argument("file", metavar="FILE", type=options.file)
@click.option(
    "--tests", "paths", type=options.file, multiple=True, metavar="FILE|DIR",
    help="Files with further tests and properties, which import FILE (repeatable).",
)  # fmt: skip
@click.option(
    "--examples", type=click.IntRange(min=1), default=20, show_default=True, help="Examples of each property."
)
@click.option("--seed", type=options.SEED, default=0, show_default=True, help="Of examples and samples.")
@options.backend
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that share the work.")
@click.option("--min", "least", type=options.Real(0, 1), metavar="SCORE", help="Fail below this score.")
@options.as_json
def command(
    file: Path,
    paths: tuple[Path, ...],
    examples: int,
    seed: int,
    backend: str,
    jobs: int,
    least: float | None,
    as_json: bool,
) -> int:
    """Tell how many small mistakes in the definitions of FILE its tests and properties notice.

    Each mutant is FILE with one mistake: a gate dropped, doubled or replaced, operands swapped, the sign of an angle, a
    loop or an index off by one, another observable. One that no block notices survives and is shown. Mutants that do
    the same as FILE, and those that do not compile, do not count.
    """
    need_packages()
    from qsanc.testing.blocks.cases import files
    from qsanc.testing.mutate.suite import Suite

    begun = time.monotonic()
    suite = Suite.of(file, tuple(files(paths)), examples=examples, seed=seed, backend=backend)
    suite.check_original()
    verdicts = list(
        track(
            suite.verdicts(jobs=jobs),
            f"{len(suite.mutants)} mutants",
            len(suite.mutants),
            console=Console(stderr=True),
            transient=True,
            disable=as_json or not sys.stderr.isatty(),
        )
    )
    return _report(suite, verdicts, time.monotonic() - begun, least, as_json)


def _report(suite: Suite, verdicts: Sequence[Verdict], seconds: float, least: float | None, as_json: bool) -> int:
    from qsanc.testing.mutate.suite import score

    counts = Counter[str](verdict.fate for verdict in verdicts)
    found = score(verdicts)
    fates = ("killed", "survived", "equivalent", "invalid")
    if as_json:
        print_json(
            {
                "file": suite.file.as_posix(),
                "mutants": [_fields(suite.mutants[verdict.number], verdict) for verdict in verdicts],
                **{fate: counts[fate] for fate in fates},
                "score": found,
                "seconds": round(seconds, 3),
            }
        )
    else:
        for verdict in verdicts:
            _print(suite.file, suite.mutants[verdict.number], verdict)
        _totals(suite, verdicts)
        told = "nothing to mutate" if not verdicts else ", ".join(f"{counts[fate]} {fate}" for fate in fates)
        shown = "" if found is None else f"; score {found:.3f}"
        click.echo(f"{told}{shown} in {seconds:.1f} s")
    return int(least is not None and (found is None or found < least))


def _print(file: Path, mutant: Mutant, verdict: Verdict) -> None:
    """A survivor with its line before and after; an equivalent mutant on one line; nothing of the others."""
    place = f"{file}:{mutant.line}"
    if verdict.fate == "equivalent":
        click.echo(f"{place}: {mutant.operator}, equivalent: {verdict.how}")
        click.echo(f"    {_change(mutant)}")
    if verdict.fate == "survived":
        before, after = mutant.lines
        click.echo(f"{place}: {click.style('survived', fg='red')}: {mutant.operator}")
        click.echo(f"  - {before}" + (f"\n  + {after}" if after else ""))
        passed = f"passed by {', '.join(verdict.passed)}" if verdict.passed else f"nothing tests `{mutant.definition}`"
        click.echo(f"    {verdict.how}; {passed}")


def _totals(suite: Suite, verdicts: Sequence[Verdict]) -> None:
    """What each definition scores: killed of those that count."""
    by: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        by.setdefault(suite.mutants[verdict.number].definition, Counter())[verdict.fate] += 1
    width = max(map(len, by), default=0)
    for name, counts in by.items():
        click.echo(f"{name:<{width}}  {counts['killed']} of {counts['killed'] + counts['survived']} killed")


def _change(mutant: Mutant) -> str:
    before, after = (" ".join(text.split()) for text in (mutant.before, mutant.after))
    return f"`{before}` as `{after}`" if after else f"without `{before}`"


def _fields(mutant: Mutant, verdict: Verdict) -> dict[str, object]:
    return {
        "operator": mutant.operator,
        "definition": mutant.definition,
        "line": mutant.line,
        "column": mutant.span.source.position(mutant.span.start)[1],
        "before": mutant.before,
        "after": mutant.after,
        "fate": verdict.fate,
        "how": verdict.how,
        "by": verdict.by or None,
        "example": verdict.example,
        "passed": list(verdict.passed),
    }
