"""The table of commands. A command's module is imported when the command is called, so that `qsanc --help` is quick.

Packages add theirs by the entry-point group `qsanc.commands`: an entry is a mapping from names to (module, one line of
help), each module having a click command `command`. A name that is here stays what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from keyword import iskeyword
from typing import cast

import click

COMMANDS = {
    "check": "Check files and report everything that is wrong with them.",
    "fmt": "Lay out files in the one canonical way.",
    "ir": "Print what the compiler makes of a file.",
    "draw": "Draw a circuit as text.",
    "export": "Write circuits as OpenQASM 3.",
    "import": "Read OpenQASM 3 as a .qsan file.",
    "train": "Train a model on a data file.",
    "profile": "Tell where the time and the memory of a training step go.",
    "eval": "Evaluate a trained model on a data file.",
    "predict": "Predict with a trained model.",
    "run": "Run one circuit with given arguments.",
    "test": "Run the tests and properties of files.",
    "mutate": "Tell how many small mistakes in a file its properties notice.",
    "backends": "List the backends and what they can do.",
    "explain-error": "Explain an error code.",
}


GROUP = "qsanc.commands"


@cache
def offered() -> Mapping[str, tuple[str, str]]:
    """Module and help of every command by name, our own first. A package that cannot be imported adds none."""
    found = {name: (_module(name), help) for name, help in COMMANDS.items()}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            table = point.load()
        except ImportError:
            continue
        for name, (module, help) in table.items():
            found.setdefault(name, (module, help))
    return found


def _module(name: str) -> str:
    return f"qsanc.cli.{name.replace('-', '_')}{'_' if iskeyword(name) else ''}"


class Commands(click.Group):
    """`explain-error` is the command `command` of `qsanc.cli.explain_error`, `import` that of `qsanc.cli.import_`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(offered())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = COMMANDS.get(cmd_name)
        known = {cmd_name: (_module(cmd_name), own)} if own is not None else offered()
        if cmd_name not in known:
            return None
        return cast(click.Command, import_module(known[cmd_name][0]).command)

    def invoke(self, ctx: click.Context) -> object:
        from qsanc.target import BackendFailure

        try:
            return super().invoke(ctx)
        except BackendFailure as failure:
            again = "; trying again may help" if failure.retryable else ""
            raise click.ClickException(f"the backend failed: {failure}{again}") from failure

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in offered().items()])
