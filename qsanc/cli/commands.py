"""The table of commands. A command's module is imported when the command is called, so that `qsanc --help` is quick."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import click

COMMANDS = {
    "check": "Check files and report everything that is wrong with them.",
    "fmt": "Lay out files in the one canonical way.",
    "ir": "Print what the compiler makes of a file.",
    "draw": "Draw a circuit as text.",
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


class Commands(click.Group):
    """`explain-error` is the command `command` of `qsanc.cli.explain_error`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"qsanc.cli.{cmd_name.replace('-', '_')}")
        return cast(click.Command, module.command)

    def invoke(self, ctx: click.Context) -> object:
        from qsanc.target import BackendFailure

        try:
            return super().invoke(ctx)
        except BackendFailure as failure:
            again = "; trying again may help" if failure.retryable else ""
            raise click.ClickException(f"the backend failed: {failure}{again}") from failure

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
