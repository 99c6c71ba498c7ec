"""`qsanc test`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qsanc.cli import options
from qsanc.cli.report import print_json, show, warn_of_noise
from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.diagnostics.render import to_json
from qsanc.testing.packages import need_packages

if TYPE_CHECKING:
    from qsanc.testing.blocks.cases import Case
    from qsanc.testing.blocks.search import Outcome


@click.command()
@click.argument("paths", metavar="FILE|DIR...", nargs=-1, required=True, type=options.file)
@click.option("--examples", type=click.IntRange(min=1), help="Examples of a property (100, or as the property says).")
@click.option("--seed", type=options.SEED, help="Of examples and samples (0, or as the block says).")
@click.option("--shots", type=options.SHOTS, help="Shots of each `distribution` (4096, or as the block says).")
@click.option("--alpha", type=options.Real(0, 1, min_open=True, max_open=True), help=(
    "Probability of a false alarm of an assertion about samples (1e-6, or as the block says)."
))  # fmt: skip
@options.backend
@click.option("--cost-limit", type=options.Real(min=0), default=0.0, show_default=True, help=(
    "US dollars that a backend may take; with 0 one that costs money is refused."
))  # fmt: skip
@click.option("-k", "wanted", metavar="TEXT", help="Only blocks with this text in FILE::NAME.")
@options.as_json
def command(
    paths: tuple[Path, ...],
    examples: int | None,
    seed: int | None,
    shots: int | None,
    alpha: float | None,
    backend: str,
    cost_limit: float,
    wanted: str | None,
    as_json: bool,
) -> int:
    """Run the tests and properties of files, and of all `.qsan` files below folders.

    A property is tried on generated arguments. What fails is made small and kept in `.qsanc/failures`, where it is a
    program that fails by itself, and is tried first the next time. Exit code 1 where anything fails.
    """
    need_packages()
    from qsanc.testing.blocks.cases import files
    from qsanc.testing.blocks.engine import Engine
    from qsanc.testing.blocks.search import Options, check

    begun = time.monotonic()
    chosen = Options(examples=examples, seed=seed, shots=shots, alpha=alpha, backend=backend, cost_limit=cost_limit)
    engine = Engine(backend, cost_limit=cost_limit)
    found: list[Diagnostic] = []
    outcomes: list[Outcome] = []
    named = list(files(paths))
    if not named:
        raise click.UsageError(f"there is no .qsan file in {', '.join(map(str, paths))}")
    for cases in _by_file(named, wanted, found, quiet=as_json):
        for case in cases:
            outcomes.append(outcome := check(case, engine, chosen))
            if not as_json:
                _print(outcome)
    if wanted is not None and not outcomes and not found:
        raise click.UsageError(f"no test and no property has {wanted!r} in its name")
    failed = sum(not outcome.passed for outcome in outcomes)
    if as_json:
        print_json(
            {
                "outcomes": [_fields(outcome) for outcome in outcomes],
                "passed": len(outcomes) - failed,
                "failed": failed,
                "diagnostics": to_json(found),
            }
        )
    else:
        broken = f", {len(found)} in files" if found else ""
        click.echo(f"{len(outcomes) - failed} passed, {failed} failed{broken} in {time.monotonic() - begun:.1f} s")
    return int(failed > 0 or any(diagnostic.is_error for diagnostic in found))


def _by_file(
    paths: Iterable[Path], wanted: str | None, found: list[Diagnostic], *, quiet: bool
) -> Iterator[list[Case]]:
    """The wanted blocks of each file; what is wrong in a file is shown, added to `found`, and its blocks left out."""
    from qsanc.testing.blocks.cases import cases_of

    for path in paths:
        try:
            cases = cases_of(path)
        except QsanError as error:
            found += error.diagnostics
            if not quiet:
                show(error.diagnostics)
            continue
        chosen = [case for case in cases if wanted is None or wanted in case.id]
        if not quiet and (chosen or wanted is None):
            click.echo(str(path) if cases else f"{path} has no tests and no properties")
            if cases:
                warn_of_noise(cases[0].module)
        yield chosen


def _print(outcome: Outcome) -> None:
    examples = "" if outcome.tried == 1 else f"{outcome.tried} examples, "
    verdict = click.style("ok  ", fg="green") if outcome.passed else click.style("FAIL", fg="red")
    click.echo(f"  {verdict} {outcome.case.name} ({examples}{outcome.seconds:.2f} s)")
    if not outcome.passed:
        show(outcome.diagnostics, err=False)


def _fields(outcome: Outcome) -> dict[str, object]:
    case = outcome.case
    return {
        "file": case.path.as_posix(),
        "line": case.line,
        "name": case.name,
        "kind": type(case.item).__name__.lower(),
        "passed": outcome.passed,
        "examples": outcome.tried,
        "replayed": outcome.replayed,
        "seconds": round(outcome.seconds, 3),
        "arguments": dict(outcome.values),
        "reproduction": None if outcome.reproduction is None else outcome.reproduction.as_posix(),
        "diagnostics": to_json(outcome.diagnostics),
    }
