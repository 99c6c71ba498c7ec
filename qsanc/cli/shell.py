"""What happens around every command.

`main` is the shell around everything: it turns outcomes into exit codes (0 done, 1 diagnostics or a failed check, 2
wrong usage, 130 interrupted) and keeps tracebacks away from users. Each command is a module of its own, imported when
it is called.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from qsanc.cli.commands import Commands
from qsanc.diagnostics import CompilerBug, QsanError

INTERRUPTED = 130
BROKEN_PIPE = 141


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="qsanc", message="qsanc %(version)s")
def group() -> None:
    """Compile, train and run quantum attention models written in .qsan."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    _open_closed_streams()
    try:
        code = group.main(arguments, prog_name="qsanc", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as stop:
        for line in ("interrupted", *getattr(stop.__cause__ or stop, "__notes__", ())):
            click.echo(line, err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`head`, say) has gone; nothing more may reach its pipe, not even at exit.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except QsanError as error:
        from qsanc.cli.report import show, show_json

        asked = "--json" in (sys.argv[1:] if arguments is None else arguments)
        (show_json if asked else show)(error.diagnostics)
        return 1
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        click.echo(f"error: cannot use{place}: {error.strerror or error}", err=True)
        return 1
    except CompilerBug as bug:
        from qsanc.cli.report import show_bug

        show_bug(bug)
        return 1
    return int(code or 0)


def _open_closed_streams() -> None:
    """A standard stream that the caller closed (`>&-`) is None in Python; it then reads and takes nothing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open until the end
