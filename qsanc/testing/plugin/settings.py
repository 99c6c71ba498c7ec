"""What a pytest run says about blocks and models: options of the command line, then the ini file, then defaults."""

from __future__ import annotations

import math
import shlex
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from qsanc.diagnostics import QsanError
from qsanc.diagnostics.render import render

_LONGEST = 18
"""Digits of an integer."""


@dataclass(frozen=True, slots=True)
class Settings:
    """None leaves it to the blocks. `cost_limit` is in US dollars; `files` are the patterns of files that hold blocks.

    `given` are the options as the command line gave them.
    """

    backend: str
    shots: int | None
    seed: int | None
    alpha: float | None
    examples: int | None
    cost_limit: float
    files: tuple[str, ...]
    given: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Option:
    """`--qsan-NAME`, and `qsan_name` in the ini file unless it has to be said anew each time."""

    name: str
    convert: Callable[[str], Any]
    default: Any
    metavar: str
    help: str
    ini: bool = True

    @property
    def flag(self) -> str:
        return f"--qsan-{self.name.replace('_', '-')}"

    @property
    def key(self) -> str:
        return f"qsan_{self.name}"


def _name(text: str) -> str:
    if not text.strip():
        raise ArgumentTypeError("the name of a backend is wanted")
    return text.strip()


def _at_least(least: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST) or int(digits) < least:
            raise ArgumentTypeError(f"{text!r} is not an integer from {least} on")
        return int(digits)

    return convert


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _probability(text: str) -> float:
    number = _real(text)
    if not 0 < number < 1:
        raise ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return number


def _dollars(text: str) -> float:
    number = _real(text)
    if not 0 <= number < math.inf:
        raise ArgumentTypeError(f"{text!r} is not an amount of US dollars")
    return number


_OPTIONS = (
    _Option("backend", _name, "numpy", "ENTRY[:TARGET]", "where circuits run (numpy)"),
    _Option("shots", _at_least(1), None, "N", "shots of each `distribution`, and of the models of `qsan_model`"),
    _Option("seed", _at_least(0), None, "N", "of examples and samples (0, or as the block says)"),
    _Option("alpha", _probability, None, "P", "probability of a false alarm of an assertion about samples (1e-6)"),
    _Option("examples", _at_least(1), None, "N", "examples of a property (100, or as the property says)"),
    _Option(
        "cost_limit", _dollars, 0.0, "USD", "what a backend may cost (0: one that takes money is refused)", ini=False
    ),
)


def declare(parser: pytest.Parser) -> None:
    group = parser.getgroup("qsanc", "circuits and models of .qsan files")
    for option in _OPTIONS:
        group.addoption(
            option.flag, dest=option.key, type=option.convert, default=None, metavar=option.metavar, help=option.help
        )
        if option.ini:
            parser.addini(option.key, f"{option.flag} where the command line says nothing", default="")
    parser.addini("qsan_files", "patterns of the files that hold properties and tests", type="args", default=["*.qsan"])


def read(config: pytest.Config) -> Settings:
    """The settings of a run. Raises pytest.UsageError for a wrong value, or a backend that is not installed."""
    found: dict[str, Any] = {}
    given: list[str] = []
    for option in _OPTIONS:
        value, written = config.getoption(option.key), config.getini(option.key) if option.ini else ""
        if value is not None:
            given += [option.flag, shlex.quote(str(value))]
        elif written:
            value = _from_ini(option, written)
        found[option.name] = option.default if value is None else value
    settings = Settings(**found, files=tuple(config.getini("qsan_files")), given=tuple(given))
    if settings.backend != "numpy":
        _need_backend(settings.backend)
    return settings


def _from_ini(option: _Option, written: str) -> Any:
    try:
        return option.convert(written)
    except ArgumentTypeError as error:
        raise pytest.UsageError(f"{option.key} of the ini file: {error}") from None


def _need_backend(name: str) -> None:
    from qsanc import registry

    if name.partition(":")[0] in {offer.entry for offer in registry.available()}:
        return
    try:
        registry.load(name)
    except QsanError as error:
        raise pytest.UsageError(render(error.diagnostics).rstrip()) from None
