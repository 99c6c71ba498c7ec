"""Files that are either the old ones or the new ones, whatever happens in between.

A file is written under a temporary name in its own folder, forced to disk and renamed over the old one; then the folder
is forced to disk. A temporary file that a crash leaves behind is overwritten by the next write of the same file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

from qsanc.train import errors


def temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def write(path: Path, content: bytes) -> None:
    """Replace a file. Raises QsanError where the system refuses (no room, no permission)."""
    temporary = temporary_name(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as failure:
        raise errors.fail(errors.unwritable(str(path), failure.strerror or type(failure).__name__)) from None


def append(path: Path, line: str) -> None:
    """Add one line to a file and hand it to the system."""
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")
            file.flush()
    except OSError as failure:
        raise errors.fail(errors.unwritable(str(path), failure.strerror or type(failure).__name__)) from None


def make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise errors.fail(errors.unwritable(str(path), failure.strerror or type(failure).__name__)) from None


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill that becomes `path`, which is missing or empty, when it is whole; until then there is none.

    Raises QsanError where the system refuses.
    """
    path = path.absolute()
    made = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    make_folder(made)
    try:
        yield made
        if path.exists():
            for entry in made.iterdir():
                entry.rename(path / entry.name)
        else:
            made.rename(path)
        _sync(path.parent)
    except OSError as failure:
        raise errors.fail(errors.unwritable(str(path), failure.strerror or type(failure).__name__)) from None
    finally:
        if made.exists():
            rmtree(made, ignore_errors=True)


def read(path: Path) -> bytes:
    """The content of a file of a run. Raises QsanError where it is missing or cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise errors.fail(errors.not_a_run(str(path.parent), path.name)) from None
    except OSError as failure:
        raise errors.fail(errors.damaged(str(path), failure.strerror or type(failure).__name__)) from None


def _sync(folder: Path) -> None:
    """Force the names in a folder to disk, where the system lets a folder be opened."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
