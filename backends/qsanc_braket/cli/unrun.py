"""Backends for which a training is compiled and checked where it does not run: nothing of the SDK is needed."""

from __future__ import annotations

from qsanc import registry
from qsanc.diagnostics import CompilerBug, Diagnostic
from qsanc.ir.circuit import CircuitModule
from qsanc.target import Backend
from qsanc_braket.cloud.backend import CloudBackend
from qsanc_braket.cloud.session import Session
from qsanc_braket.counting import Counting
from qsanc_braket.devices.table import find
from qsanc_braket.names import target_of


class _Unrun(Counting):
    """All that the backend has against circuits, but for what is not installed here."""

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        return tuple(found for found in self.backend.check(module, shots=shots) if found.code != "QS812")


def unrun(name: str) -> Backend:
    """The backend of that name, to check with. Raises QsanError as `registry.load` does."""
    entry, _, text = name.partition(":")
    target = target_of(text)
    if entry != "braket" or target.local:
        return _Unrun(registry.load(name))
    return _Unrun(CloudBackend(find(target.name), native=target.native, connect=_nobody))


def _nobody() -> Session:
    raise CompilerBug("a circuit was to be submitted where it is only checked")
