"""Python's collector of cycles, put off while a program is read and compiled.

A compiler makes many small values that hold no cycles and live until it is done. The collector looks through all of
them over and over and finds nothing, for a third of the time that a large file takes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def put_off(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """No collection while the function runs. Where another put it off, in this thread or one beside it, that stays."""

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if not gc.isenabled():
            return function(*args, **kwargs)
        gc.disable()
        try:
            return function(*args, **kwargs)
        finally:
            gc.enable()

    return run
