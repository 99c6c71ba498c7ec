"""Reading a file as program text."""

from __future__ import annotations

from pathlib import Path

from qsanc.diagnostics.model import Diagnostic, QsanError, Severity
from qsanc.source import Source

LARGEST_FILE = 8 * 2**20
"""In bytes. Far beyond any program that people write, and read in a second."""


def read_source(path: str | Path) -> Source:
    """The text of a file, which is UTF-8 with or without a byte order mark.

    Raises `QsanError`: QS008 where the file is missing, unreadable or larger than 8 MiB, QS007 where it is not text.
    """
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise _unreadable(name, "there is no such file") from None
    except IsADirectoryError:
        raise _unreadable(name, "this is a folder", help="name a .qsan file in it") from None
    except OSError as error:
        raise _unreadable(name, error.strerror or str(error)) from None
    except ValueError as error:
        raise _unreadable(name, str(error)) from None
    if len(data) > LARGEST_FILE:
        raise _unreadable(name, "it is larger than 8 MiB")
    try:
        source = Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", errors="replace")
        source = Source(name, data.decode("utf-8-sig", errors="replace"))
        raise _not_text(source, len(before), f"byte 0x{error.object[error.start]:02x} is not UTF-8") from None
    if "\0" in source.text:
        raise _not_text(source, source.text.index("\0"), "a NUL character")
    return source


def _unreadable(name: str, why: str, help: str = "") -> QsanError:
    return QsanError([Diagnostic("QS008", Severity.ERROR, f"cannot read {name}: {why}", help=help)])


def _not_text(source: Source, at: int, label: str) -> QsanError:
    diagnostic = Diagnostic(
        "QS007", Severity.ERROR, f"{source.name} is not text", source.span(at, at + 1), label,
        help="a .qsan file is UTF-8 text; convert it, or name another file",
    )  # fmt: skip
    return QsanError([diagnostic])
