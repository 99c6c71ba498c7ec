"""How a program runs: in NumPy, in native code, or in NumPy until native code is there.

    off   NumPy
    on    native code, compiled before anything runs if need be; where it cannot be had that is an error
    auto  native code where it lies in the cache; else NumPy, while another process compiles, and native code after that

`off` and `on` give the same numbers in every repetition. Between NumPy and native code sums are taken in another order,
so the numbers of `auto` depend on when the code was there, in their last digits.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Literal, TypeAlias

from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.fast import cache, process
from qsanc.fast.cache import Unusable
from qsanc.fast.key import key_of
from qsanc.fast.library import Library

Mode = Literal["off", "on", "auto"]
Kernels: TypeAlias = Mapping[str, Callable[..., None]]


@dataclass(slots=True)
class _Found:
    """What a tier has found so far, by library. Each entry is set once, by one assignment."""

    ready: dict[Library, Kernels] = field(default_factory=dict)
    arrived: dict[Library, Kernels] = field(default_factory=dict)
    asked: dict[Library, object] = field(default_factory=dict)
    keys: dict[Library, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tier:
    """A mode, and the folder where compiled code is kept (None: the default of the system).

    `note` is told what takes a while, and why native code is not used where the user should know.
    """

    mode: Mode = "off"
    folder: Path | None = None
    note: Callable[[str], None] | None = field(default=None, compare=False)
    _found: _Found = field(default_factory=_Found, init=False, repr=False, compare=False)

    def kernels(self, library: Library) -> Kernels | None:
        """The compiled kernels of a library by name; None as long as its plain functions are to be used.

        Raises QsanError (QS813) where the mode is `on` and native code cannot be had.
        """
        if self.mode == "off":
            return None
        ready = self._found.ready.get(library)
        return ready if ready is not None else self._ask(library)

    def settle(self) -> bool:
        """Use from now on what has been compiled meanwhile; whether there is anything new. Called between steps."""
        found, new = self._found, False
        while found.arrived:
            library, kernels = found.arrived.popitem()
            found.ready[library] = kernels
            new = True
        return new

    def builds(self) -> dict[str, str]:
        """The libraries in use, by name, with the keys of their builds."""
        return {library.name: self._found.keys[library] for library in tuple(self._found.ready)}

    def _ask(self, library: Library) -> Kernels | None:
        found = self._found
        token = object()
        if self.mode == "auto" and found.asked.setdefault(library, token) is not token:
            return None
        folder = self.folder or cache.default_folder()
        try:
            key = found.keys[library] = key_of(library)
            cache.prepare_folder(folder)
            kernels = _cached(library, key, folder)
            if kernels is None and self.mode == "on":
                self._say(f"compiling native code for `{library.name}`, once for each version: a minute at most")
                process.finish(process.start(library, key, folder, background=False))
                kernels = _cached(library, key, folder)
                if kernels is None:
                    raise Unusable("the compiled code cannot be read again")
            elif kernels is None:
                compiling = process.start(library, key, folder, background=True)
                Thread(target=self._await, args=(library, key, folder, compiling), daemon=True).start()
                return None
        except Unusable as reason:
            if self.mode == "on":
                raise QsanError([_unavailable(str(reason))]) from None
            if "is not installed" not in str(reason):
                self._say(f"native code is not used: {reason}")
            return None
        found.ready[library] = kernels
        return kernels

    def _await(self, library: Library, key: str, folder: Path, compiling: subprocess.Popen[str]) -> None:
        try:
            process.finish(compiling)
            kernels = _cached(library, key, folder)
        except Unusable:
            return
        if kernels is not None:
            self._found.arrived[library] = kernels

    def _say(self, text: str) -> None:
        if self.note is not None:
            self.note(text)


OFF = Tier("off")


def _cached(library: Library, key: str, folder: Path) -> Kernels | None:
    """The kernels of a build that lies in the cache. Raises Unusable where it cannot be put into memory."""
    build = cache.read(cache.file_of(folder, library.name, key), library.name, key)
    if build is None or dict(build.kernels) != {name: str(kernel[1]) for name, kernel in library.kernels.items()}:
        return None
    try:
        from qsanc.fast.load import functions

        return functions(build.code, tuple(library.kernels))
    except (ImportError, OSError, RuntimeError, ValueError) as failure:
        raise Unusable(f"compiled code cannot be loaded: {failure}") from None


def _unavailable(reason: str) -> Diagnostic:
    return Diagnostic(
        "QS813",
        Severity.ERROR,
        f"there is no native code: {reason}",
        help="pip install 'qsanc[fast]', or leave it to --jit auto"
        if "is not installed" in reason
        else "use --jit off",
    )
