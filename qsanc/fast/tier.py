"""How a program runs: in NumPy, in native code, or in NumPy until native code is there.

    off   NumPy
    on    native code, compiled before anything runs if need be; where it cannot be had that is an error
    auto  native code where it lies in the cache; else NumPy, while another process compiles, and native code after that

`off` and `on` give the same numbers in every repetition. Between NumPy and native code sums are taken in another order,
so the numbers of `auto` depend on when the code was there, in their last digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Literal, TypeAlias

from qsanc.fast.library import Library

Mode = Literal["off", "on", "auto"]
Kernels: TypeAlias = Mapping[str, Callable[..., None]]


@dataclass(frozen=True, slots=True)
class Native:
    """A library in native code: its kernels by name, and the key of the build."""

    kernels: Kernels
    key: str


@dataclass(slots=True)
class _Found:
    """What a tier has found so far, by library: in use, compiled meanwhile, asked for; and what it has said. Each is
    set once."""

    ready: dict[Library, Native] = field(default_factory=dict)
    arrived: dict[Library, Native] = field(default_factory=dict)
    asked: dict[Library, object] = field(default_factory=dict)
    said: dict[str, object] = field(default_factory=dict)


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
        return ready.kernels if ready is not None else self._ask(library)

    def settle(self) -> bool:
        """Use from now on what has been compiled meanwhile; whether there is anything new. Called between steps."""
        found, new = self._found, False
        while found.arrived:
            library, native = found.arrived.popitem()
            found.ready[library] = native
            new = True
        return new

    def builds(self) -> dict[str, str]:
        """The libraries that are in use as native code, by name, with the keys of their builds."""
        return {library.name: native.key for library, native in tuple(self._found.ready.items())}

    def _ask(self, library: Library) -> Kernels | None:
        from qsanc.fast import obtain

        found, token = self._found, object()
        if self.mode == "auto" and found.asked.setdefault(library, token) is not token:
            return None
        if self.mode == "on":
            found.ready[library] = obtain.compiled(library, self.folder, self._say)
            return found.ready[library].kernels
        native, wait = obtain.cached(library, self.folder, self._say)
        if native is not None:
            found.ready[library] = native
            return native.kernels
        if wait is not None:
            Thread(target=self._arrive, args=(library, wait), daemon=True, name="qsanc-native").start()
        return None

    def _arrive(self, library: Library, wait: Callable[[], Native | None]) -> None:
        native = wait()
        if native is not None:
            self._found.arrived[library] = native

    def _say(self, text: str) -> None:
        """What holds for every library is said once."""
        token = object()
        if self.note is not None and self._found.said.setdefault(text, token) is token:
            self.note(text)


OFF = Tier("off")
