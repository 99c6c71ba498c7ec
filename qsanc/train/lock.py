"""One process at a time in a run folder.

The file `lock` is held by the system's own lock, which ends with the process however it ends; the file itself stays and
means nothing. A system without such locks (Windows) goes without.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qsanc.train import errors

if sys.platform != "win32":
    import fcntl

NAME = "lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Raises QsanError (QS939) where another process, or another training of this one, holds the folder."""
    if sys.platform == "win32":
        yield
        return
    try:
        file = (folder / NAME).open("ab")
    except OSError as failure:
        raise errors.fail(errors.unwritable(str(folder / NAME), failure.strerror or type(failure).__name__)) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise errors.fail(errors.run_in_use(str(folder))) from None
        except OSError as failure:
            reason = f"no lock on it ({failure.strerror or type(failure).__name__})"
            raise errors.fail(errors.unwritable(str(folder / NAME), reason)) from None
        yield
