"""Options that several commands share, and what their texts mean."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_ASSIGNMENT = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*(.*?)\s*\Z", re.ASCII)


class Assignment(click.ParamType):
    """`NAME=TEXT`, as a pair."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        match = _ASSIGNMENT.fullmatch(value)
        if match is None or not match[2]:
            self.fail(f"{value!r} is not of the form name=value", param, ctx)
        return match[1], match[2]


class Setting(Assignment):
    """`NAME=NUMBER`: a natural number where it is written as one, else a real number."""

    name = "NAME=NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, text = super().convert(value, param, ctx)
        if isinstance(text, (int, float)):
            return name, text
        if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
            return name, int(text)
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{text!r} is not a number (in {value!r})", param, ctx)
        return name, number


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
        "--set", "sizes", type=Setting(), multiple=True, callback=_settings,
        help="Give a size or a hyper setting a value, as in --set n=6 (repeatable).",
    )(function)  # fmt: skip


def as_json(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(function)


def backend(function: F) -> F:
    return click.option("--backend", default="numpy", show_default=True, help="Where circuits run, ENTRY[:TARGET].")(function)


def model_name(function: F) -> F:
    return click.option("--model", "model", metavar="NAME", help="The model, where the file has several.")(function)


def shots(function: F) -> F:
    return click.option("--shots", type=click.IntRange(min=1), help="Samples a circuit instead of exact values.")(function)


file = click.Path(path_type=Path)
