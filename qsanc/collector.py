"""Python's collector of cycles, put off while a program is read and compiled.

A compiler makes many small values that hold no cycles and live until it is done. The collector looks through all of
them over and over and finds nothing, for a third of the time that a large file takes.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def put_off() -> Iterator[None]:
    """No collection until this is left. Where another put it off, in this thread or one beside it, that stays so."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
