"""What a build depends on, and its hash: nothing here imports numba."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from qsanc.fast.cache import Unusable
from qsanc.fast.library import Library


class NotInstalled(Unusable):
    """What compiles is not there."""


COMPILERS = ("numba", "llvmlite")
MAKERS = ("build", "entry", "signature")
"""The modules beside this one that decide what a library becomes."""


@cache
def versions() -> Mapping[str, str]:
    """The versions of what compiles. Raises NotInstalled, or Unusable on a machine without."""
    if sys.maxsize < 2**32 or sys.implementation.name != "cpython":
        raise Unusable("kernels are compiled for CPython on 64-bit machines alone")
    try:
        return {name: version(name) for name in COMPILERS}
    except PackageNotFoundError as missing:
        raise NotInstalled(f"{missing.name} is not installed") from None


@cache
def machine() -> str:
    """The processor that code is made for: its name and all that it can do."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features().flatten()
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {features}"


def key_of(library: Library) -> str:
    """The key of a library's build on this machine. Raises Unusable where nothing can be compiled."""
    found = versions()
    own = Path(__file__)
    sources = [source_of(library), *(own.with_name(f"{name}.py").read_bytes() for name in MAKERS)]
    digest = hashlib.sha256()
    for part in (
        library.name,
        *(f"{name} {number}" for name, number in found.items()),
        platform.python_version(),
        sys.abiflags if sys.platform != "win32" else "",
        machine(),
        *(hashlib.sha256(source).hexdigest() for source in sources),
    ):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:32]


def source_of(library: Library) -> bytes:
    """The text of a library's module. Raises Unusable where it cannot be imported by another process."""
    if library.source is None or library.module in (None, "__main__"):
        raise Unusable(f"the library {library.name} stands in no module that can be imported")
    return library.source
