"""How outcomes look: diagnostics and crashes on stderr, tables and JSON on stdout."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version

import click

from qsanc.api.noise import warnings_of_noise
from qsanc.check.module import Module
from qsanc.diagnostics import CompilerBug, Diagnostic
from qsanc.diagnostics.render import render, to_json


def show(diagnostics: Sequence[Diagnostic], *, err: bool = True) -> None:
    """The diagnostics on stderr, or stdout, in colour on a terminal unless NO_COLOR is set."""
    stream = sys.stderr if err else sys.stdout
    click.echo(render(diagnostics, color=stream.isatty() and not os.environ.get("NO_COLOR")), err=err, nl=False)


def show_json(diagnostics: Sequence[Diagnostic]) -> None:
    """The same on stdout, for machines."""
    print_json({"diagnostics": to_json(diagnostics)})


def warn_of_noise(module: Module) -> None:
    """On stderr, for each noise block of the file: circuits run without it."""
    if found := warnings_of_noise(module):
        show(found)


def print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def show_bug(bug: CompilerBug) -> None:
    versions = f"qsanc {version('qsanc')}, NumPy {version('numpy')}, Python {platform.python_version()}"
    click.echo(
        f"this is a bug in qsanc: {bug}\n"
        f"please report it with the file, the command line and these versions: {versions} on {platform.system()}",
        err=True,
    )
