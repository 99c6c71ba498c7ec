"""Kernels: plain functions over arrays and numbers that can also be compiled, gathered in libraries.

    LIBRARY = Library("graph")

    @helper(LIBRARY)
    def square(x): return x * x

    @native(LIBRARY, "void(f8[::1], f8[::1])")
    def squares(out, x):
        for i in range(x.shape[0]):
            out[i] = square(x[i])

Both decorators return the function as it is, so that it runs, slowly, where nothing compiles. A library stands in one
module, which is imported by name where it is compiled. Its functions know no program: what varies is an argument.
They allocate nothing and raise nothing, and a helper returns numbers, no arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import TypeVar, cast

from qsanc.diagnostics import CompilerBug
from qsanc.fast.signature import Signature, parse

Function = TypeVar("Function", bound=Callable[..., object])


class Library:
    """Kernels and helpers, which are compiled together. It is complete when its module is imported.

    `source` is the text of that module as it was then; it may change on disk afterwards. None where there is no file.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.module: str | None = None
        self.source: bytes | None = None
        self.kernels: dict[str, tuple[FunctionType, Signature]] = {}
        self.helpers: dict[str, FunctionType] = {}

    def __repr__(self) -> str:
        return f"Library({self.name!r})"

    def _take(self, function: Callable[..., object]) -> FunctionType:
        if not isinstance(function, FunctionType):
            raise CompilerBug(f"{function!r} is no plain function")
        if self.module not in (None, function.__module__):
            raise CompilerBug(f"the library {self.name} stands in {self.module}, not in {function.__module__}")
        if function.__name__ in self.kernels or function.__name__ in self.helpers:
            raise CompilerBug(f"the library {self.name} has two functions {function.__name__}")
        if self.module is None:
            self.module, self.source = function.__module__, _text(function)
        return function


def _text(function: FunctionType) -> bytes | None:
    try:
        return Path(function.__code__.co_filename).read_bytes()
    except OSError:
        return None


def native(library: Library, signature: str) -> Callable[[Function], Function]:
    """Declare a kernel of the library. Raises CompilerBug for a signature that is none."""
    parsed = parse(signature)

    def declare(function: Function) -> Function:
        taken = library._take(function)
        if taken.__code__.co_argcount != len(parsed.arguments):
            raise CompilerBug(f"the kernel {taken.__name__} does not have the arguments of its signature")
        library.kernels[taken.__name__] = taken, parsed
        return cast(Function, taken)

    return declare


def helper(library: Library) -> Callable[[Function], Function]:
    """Declare a function that kernels of the library call; its types follow from the calls."""

    def declare(function: Function) -> Function:
        taken = library._take(function)
        library.helpers[taken.__name__] = taken
        return cast(Function, taken)

    return declare
