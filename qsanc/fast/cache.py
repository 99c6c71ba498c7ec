"""Compiled libraries on disk: one file each, in a folder that is the user's alone.

A file is one line of JSON, the manifest, and the object code after it. Its name holds the key: a hash of the source of
the library and of what compiles it, the versions of numba, llvmlite and Python, and the processor. A file that is
damaged, or is not what its key says, counts as none; so does one that another user could have written, since it is
code that will run.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import fcntl

FORMAT = 1
KEPT = 8
"""Builds of one library that are kept; of more, the oldest go."""
ABANDONED = 3600.0
"""Seconds without a change after which a file that is not whole was left by a build that was killed: writing one takes
a moment, and another process may be at it."""


class Unusable(Exception):
    """Native code cannot be had here: the reason, in words for the user."""


@dataclass(frozen=True, slots=True)
class Build:
    """A library as it was compiled: its kernels by name with their signatures, and the object code."""

    library: str
    key: str
    kernels: tuple[tuple[str, str], ...]
    code: bytes


def default_folder() -> Path:
    """Where the system keeps what can be made again, as seen from the user's home."""
    home = Path.home()
    if sys.platform == "win32":
        return home / "AppData" / "Local" / "qsanc" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "qsanc"
    return home / ".cache" / "qsanc"


def prepare_folder(folder: Path) -> None:
    """Make the folder, readable by its owner alone. Raises Unusable where it is not ours, or open to others."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise Unusable(f"the folder {folder} cannot be written")
    except OSError as failure:
        raise Unusable(f"the folder {folder} cannot be used: {failure.strerror or type(failure).__name__}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise Unusable(f"{folder} is no folder of its own")
    if not _private(found):
        raise Unusable(f"the folder {folder} belongs to another user or can be written by others")


def file_of(folder: Path, library: str, key: str) -> Path:
    return folder / f"{library}-{key}.native"


def lock_of(folder: Path, library: str, key: str) -> Path:
    return folder / f"{library}-{key}.lock"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Held by one process at a time, and free when it ends, however it ends. Windows goes without: both then build."""
    if sys.platform == "win32":
        yield
        return
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock now. Raises Unusable where the folder has no locks."""
    if sys.platform == "win32":
        return False
    try:
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as failure:
        raise Unusable(f"{path} cannot be locked: {failure.strerror or type(failure).__name__}") from None
    return False


def read(path: Path, library: str, key: str) -> Build | None:
    """The build in a file; None where there is none that can be trusted."""
    try:
        with path.open("rb") as file:
            if not _private(os.fstat(file.fileno())):
                return None
            line, code = file.readline(), file.read()
        manifest = json.loads(line)
        build = Build(library, key, tuple((str(name), str(kernel)) for name, kernel in manifest["kernels"]), code)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return build if line == _manifest(build) else None


def write(path: Path, build: Build) -> None:
    """Put a build in its place, whole or not at all. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(_manifest(build))
            file.write(build.code)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _forget(path.parent, build.library)


def _forget(folder: Path, library: str) -> None:
    """Remove the oldest builds of a library, and what builds that were killed left. Other processes do the same."""
    builds = sorted(folder.glob(f"{library}-*.native"), key=_changed, reverse=True)
    unfinished = [path for path in folder.glob(f".{library}-*.native.*") if _changed(path) < time.time() - ABANDONED]
    for path in (*builds[KEPT:], *unfinished):
        with suppress(OSError):
            path.unlink()


def _changed(path: Path) -> float:
    """Seconds since 1970; now for what is gone meanwhile."""
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()


def _manifest(build: Build) -> bytes:
    value = {"format": FORMAT, "library": build.library, "key": build.key, "kernels": build.kernels}
    digest = hashlib.sha256(json.dumps(value).encode() + b"\n" + build.code).hexdigest()
    return json.dumps({**value, "sha256": digest}).encode() + b"\n"


def _private(found: os.stat_result) -> bool:
    """Owned by this user and written by no other. Windows keeps a home to its user by other means."""
    return sys.platform == "win32" or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)
