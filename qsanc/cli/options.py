"""Options that several commands share, and what their texts mean."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from qsanc.fast import Mode, Tier
from qsanc.train import seeds

F = TypeVar("F", bound=Callable[..., Any])

_ASSIGNMENT = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*(.*?)\s*\Z", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)


def assignment(text: str) -> tuple[str, str]:
    """`NAME=TEXT`, as a pair."""
    match = _ASSIGNMENT.fullmatch(text)
    if match is None or not match[2]:
        raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE")
    return match[1], match[2]


def setting(text: str) -> tuple[str, int | float]:
    """`NAME=NUMBER`: a natural number where it is written as one, else a real number."""
    name, value = assignment(text)
    if _INTEGER.fullmatch(value):
        return name, int(value)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise click.BadParameter(f"{value!r} is no number in {text!r}")
    return name, number


def positive(text: str | float) -> float:
    """A positive finite number."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise click.BadParameter(f"{text!r} is not a positive number")
    return number


class Real(click.FloatRange):
    """A real number of a range; `nan` lies in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return number


def once(pairs: Iterable[tuple[str, Any]], option: str) -> dict[str, Any]:
    """The pairs as a mapping; a usage error where a name is given twice."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise click.UsageError(f"{option} gives `{name}` twice")
        found[name] = value
    return found


def _settings(ctx: click.Context, param: click.Parameter, value: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return once(value, "--set")


def sizes(function: F) -> F:
    return click.option(
        "--set", "sizes", type=setting, multiple=True, metavar="NAME=NUMBER", callback=_settings,
        help="Give a size or a hyper setting a value, as in --set n=6 (repeatable).",
    )(function)  # fmt: skip


def as_json(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(function)


def backend(function: F) -> F:
    return click.option("--backend", default="numpy", show_default=True, help="Where circuits run, ENTRY[:TARGET].")(
        function
    )


def model_name(function: F) -> F:
    return click.option("--model", "model", metavar="NAME", help="The model, where the file has several.")(function)


SEED = click.IntRange(0, seeds.LARGEST)
SHOTS = click.IntRange(1, 1 << 30)
"""The most that a backend takes: those in this process as many, devices of Amazon Braket far fewer (QS801)."""


def shots(function: F) -> F:
    return click.option("--shots", type=SHOTS, help="Samples a circuit instead of exact values.")(function)


def billing(function: F) -> F:
    """`--native`, `--max-cost` and `--again`, for backends that are billed."""
    for option in (
        click.option("--again", is_flag=True, help="Submit anew, and pay anew, what a billed backend failed to run."),
        click.option(
            "--max-cost", type=positive, metavar="USD",
            help="Stop before a billed backend would cost more; what the run has cost before counts.",
        ),
        click.option("--native", is_flag=True, help="Send circuits in the device's own gates, as braket:NAME+native."),
    ):  # fmt: skip
        function = option(function)
    return function


def shots_of_run(function: F) -> F:
    return click.option("--shots", type=SHOTS, help="Samples a circuit; by default as in training.")(function)


_JIT = click.Choice(["off", "on", "auto"])


def jit(function: F) -> F:
    return click.option(
        "--jit", type=_JIT, default="auto", show_default=True,
        help="Run kernels as native code: never, always, or as soon as it is compiled.",
    )(function)  # fmt: skip


def jit_of_run(function: F) -> F:
    return click.option(
        "--jit", type=_JIT,
        help="Run kernels as native code: never, always, or as soon as it is compiled; by default as in training.",
    )(function)  # fmt: skip


def tier(mode: Mode) -> Tier:
    """The mode as a tier that keeps compiled code where the environment says, and speaks on stderr."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(home) / "qsanc" if home and Path(home).is_absolute() else None
    return Tier(mode, folder, lambda text: click.echo(text, err=True))


def truncate(function: F) -> F:
    return click.option("--truncate", is_flag=True, help="Cut sentences that are too long.")(function)


file = click.Path(path_type=Path)


def columns(function: F) -> F:
    """`--column FIELD=NAME`, as a mapping."""

    def chosen(ctx: click.Context, param: click.Parameter, value: tuple[tuple[str, str], ...]) -> dict[str, str]:
        return once(value, "--column")

    return click.option(
        "--column", "columns", type=assignment, multiple=True, callback=chosen, metavar="FIELD=NAME",
        help="Read a field of the model from the column NAME (repeatable).",
    )(function)  # fmt: skip
