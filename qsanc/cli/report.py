"""How outcomes look: diagnostics and crashes on stderr, tables and JSON on stdout."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version

import click

from qsanc.api.unexecuted import blocks, unexecuted
from qsanc.check.module import Module
from qsanc.diagnostics import CompilerBug, Diagnostic, Severity
from qsanc.diagnostics.render import render, to_json
from qsanc.syntax import ast


def show(diagnostics: Sequence[Diagnostic]) -> None:
    """The diagnostics on stderr, in colour on a terminal unless NO_COLOR is set."""
    click.echo(render(diagnostics, color=sys.stderr.isatty() and not os.environ.get("NO_COLOR")), err=True, nl=False)


def show_json(diagnostics: Sequence[Diagnostic]) -> None:
    """The same on stdout, for machines."""
    print_json({"diagnostics": to_json(diagnostics)})


def warn_of_noise(module: Module) -> None:
    """On stderr, for each noise block of the file: circuits run without it."""
    found = [unexecuted(block, Severity.WARNING) for block in blocks(module) if isinstance(block, ast.Noise)]
    if found:
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
