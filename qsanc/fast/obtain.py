"""From a library to its native code: out of the cache, or compiled by another process."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.fast import cache, process
from qsanc.fast.cache import Unusable
from qsanc.fast.key import NotInstalled, key_of
from qsanc.fast.library import Library
from qsanc.fast.tier import Native

PATIENCE = 600.0
"""Seconds after which the build of another program is not waited for any more."""

Say = Callable[[str], None]


def compiled(library: Library, folder: Path | None, say: Say) -> Native:
    """The native code of a library, compiled now if need be. Raises QsanError (QS813) where it cannot be had."""
    folder = folder or cache.default_folder()
    try:
        key = key_of(library)
        cache.prepare_folder(folder)
        native = _read(library, key, folder)
        if native is None:
            say(
                f"compiling native code ({library.name}), once for each version of qsanc and numba: about half a minute"
            )
            process.finish(process.start(library, key, folder, background=False))
            native = _read(library, key, folder)
        if native is None:
            raise Unusable("the compiled code cannot be read again")
        return native
    except Unusable as reason:
        missing = isinstance(reason, NotInstalled)
        help = "pip install 'qsanc[fast]'" if missing else "mend that"
        help += "; a new run can use --jit auto or --jit off, one that is resumed keeps its mode"
        raise QsanError(
            [Diagnostic("QS813", Severity.ERROR, f"there is no native code: {reason}", help=help)]
        ) from None


def cached(library: Library, folder: Path | None, say: Say) -> tuple[Native | None, Callable[[], Native | None] | None]:
    """The native code of a library where it lies in the cache; else how to wait for the process that makes it.

    That process is started here unless there is one, and goes on when this one ends. Neither where native code cannot
    be had: then `say` is told why, unless what compiles is just not installed.
    """
    folder = folder or cache.default_folder()
    try:
        key = key_of(library)
        cache.prepare_folder(folder)
        native = _read(library, key, folder)
        if native is not None:
            return native, None
        lock = cache.lock_of(folder, library.name, key)
        if cache.is_locked(lock):
            return None, lambda: _made_by_another(library, key, folder, lock)
        compiling = process.start(library, key, folder, background=True)
        return None, lambda: _made(library, key, folder, compiling)
    except NotInstalled:
        return None, None
    except Unusable as reason:
        say(f"native code is not used: {reason}")
        return None, None


def _made(library: Library, key: str, folder: Path, compiling: subprocess.Popen[str]) -> Native | None:
    try:
        process.finish(compiling)
        return _read(library, key, folder)
    except Unusable:
        return None


def _made_by_another(library: Library, key: str, folder: Path, lock: Path) -> Native | None:
    """Wait for the process of another program; should that fail, start one."""
    end = time.monotonic() + PATIENCE
    try:
        while cache.is_locked(lock):
            if time.monotonic() > end:
                return None
            time.sleep(0.25)
        native = _read(library, key, folder)
        return native or _made(library, key, folder, process.start(library, key, folder, background=True))
    except Unusable:
        return None


def _read(library: Library, key: str, folder: Path) -> Native | None:
    """The build that lies in the cache. Raises Unusable where it cannot be put into memory."""
    build = cache.read(cache.file_of(folder, library.name, key), library.name, key)
    if build is None or dict(build.kernels) != {name: str(kernel[1]) for name, kernel in library.kernels.items()}:
        return None
    try:
        from qsanc.fast.load import functions

        return Native(functions(build.code, tuple(library.kernels)), key)
    except (ImportError, OSError, RuntimeError, ValueError) as failure:
        raise Unusable(f"compiled code cannot be loaded: {failure}") from None
