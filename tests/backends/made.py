"""The backends that are held to what every backend must do: the conformance suite, and the laws of all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import pytest
from fake import FakeBackend

from qsanc import registry
from qsanc.ir.circuit import CircuitModule
from qsanc.passes.decompose import decompose
from qsanc.target import Backend, Executable


@dataclass(frozen=True)
class Made:
    """How a backend is made for these tests, and whether it gives exact values, takes shots, has states, has an adjoint
    method. `wires`: at most so many in random circuits, where each further one would cost compiled kernels."""

    make: Callable[[], AbstractContextManager[Backend]]
    exact: bool = True
    shots: bool = True
    states: bool = True
    adjoint: bool = False
    wires: int = 4


def installed(name: str) -> Callable[[], AbstractContextManager[Backend]]:
    return lambda: nullcontext(registry.load(name))


# A backend that needs something around it (a server, say) is added here, with a context manager that builds both.
MADE = {
    "fake": Made(lambda: nullcontext(FakeBackend()), exact=False, states=False),
    "numpy": Made(installed("numpy"), adjoint=True),
    "braket:sv": Made(installed("braket:sv")),
    "braket:dm": Made(installed("braket:dm"), states=False, wires=3),
} | {
    offer.entry: Made(installed(offer.entry))
    for offer in registry.available()
    if offer.entry not in ("numpy", "braket")
}


def named(**wanted: bool) -> pytest.MarkDecorator:
    """The backends of which all that is wanted is true, in the words of `Made`."""
    names = [name for name, made in MADE.items() if all(getattr(made, k) for k in wanted)]
    return pytest.mark.parametrize("backend", names, indirect=True)


def lowered(backend: Backend, module: CircuitModule, shots: int | None) -> Executable:
    """As the driver does: first into the backend's gates, then its own checks, then lowering."""
    module = decompose(module, backend.capabilities.gates)
    assert backend.check(module, shots=shots) == ()
    return backend.lower(module)
