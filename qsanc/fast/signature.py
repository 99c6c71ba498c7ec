"""What a kernel takes, as it is written beside it: `void(f8[::1], c16[:,::1], i8)`.

An argument is a number (`i8`, `f8`) or a C-contiguous array of `f4 f8 c8 c16 i4 i8 u1` with its rank. A kernel returns
nothing: its results stand in arrays that the caller gives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from qsanc.diagnostics import CompilerBug

SIZES: Mapping[str, int] = MappingProxyType({"f4": 4, "f8": 8, "c8": 8, "c16": 16, "i4": 4, "i8": 8, "u1": 1})
"""Bytes of an element, by its name."""

NUMBERS = ("i8", "f8")

_WHOLE = re.compile(r"void\((.*)\)")
_ARGUMENT = re.compile(r"(\w+)(?:\[((?::,)*::1)\])?")


@dataclass(frozen=True, slots=True)
class Argument:
    """`rank` 0 is a number, otherwise an array of so many axes; `element` is a name of `SIZES`."""

    element: str
    rank: int

    def __str__(self) -> str:
        return self.element if not self.rank else f"{self.element}[{':,' * (self.rank - 1)}::1]"


@dataclass(frozen=True, slots=True)
class Signature:
    arguments: tuple[Argument, ...]

    def __str__(self) -> str:
        return f"void({', '.join(map(str, self.arguments))})"


def parse(text: str) -> Signature:
    """The signature that a text means. Raises CompilerBug where it means none."""
    whole = _WHOLE.fullmatch(text.replace(" ", ""))
    if whole is None:
        raise CompilerBug(f"`{text}` is no signature of a kernel: it has the form void(...)")
    # A comma within brackets is followed by a colon, one between arguments never is.
    parts = re.split(r",(?!:)", whole[1]) if whole[1] else []
    return Signature(tuple(_argument(part, text) for part in parts))


def _argument(part: str, text: str) -> Argument:
    found = _ARGUMENT.fullmatch(part)
    rank = 0 if found is None or found[2] is None else found[2].count(",") + 1
    if found is None or found[1] not in (SIZES if rank else NUMBERS):
        raise CompilerBug(f"`{part}` in the signature `{text}` is no argument that a kernel can take")
    return Argument(found[1], rank)
