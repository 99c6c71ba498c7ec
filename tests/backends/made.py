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
    method.

    `alone`: the samples of a circuit follow from it and the seed; a device draws for all circuits of a task together.
    `quick`: random examples cost little; those of a service go over HTTP. `wires`: at most so many in random circuits,
    where each further one would cost compiled kernels.
    """

    make: Callable[[], AbstractContextManager[Backend]]
    exact: bool = True
    shots: bool = True
    states: bool = True
    adjoint: bool = False
    alone: bool = True
    quick: bool = True
    wires: int = 4


def installed(name: str) -> Callable[[], AbstractContextManager[Backend]]:
    return lambda: nullcontext(registry.load(name))


def behind_the_service(name: str) -> Callable[[], AbstractContextManager[Backend]]:
    def make() -> AbstractContextManager[Backend]:
        from behind_service import device

        return device(name)

    return make


# A backend that needs something around it (a server, say) is added here, with a context manager that builds both.
MADE = {
    "fake": Made(lambda: nullcontext(FakeBackend()), exact=False, states=False),
    "numpy": Made(installed("numpy"), adjoint=True),
    "braket:sv": Made(installed("braket:sv")),
    "braket:dm": Made(installed("braket:dm"), states=False, wires=3),
    "braket:SV1": Made(behind_the_service("SV1"), states=False, adjoint=True, alone=False, quick=False, wires=3),
    "braket:Test-QPU": Made(
        behind_the_service("Test-QPU"), exact=False, states=False, alone=False, quick=False, wires=3
    ),
} | {
    offer.entry: Made(installed(offer.entry))
    for offer in registry.available()
    if offer.entry not in ("numpy", "braket")
}


def named(**wanted: bool) -> pytest.MarkDecorator:
    """The backends of which this is true, or false, in the words of `Made`."""
    return pytest.mark.parametrize("backend", names(**wanted), indirect=True)


def names(**wanted: bool) -> list[str]:
    return [name for name, made in MADE.items() if all(getattr(made, k) == v for k, v in wanted.items())]


def lowered(backend: Backend, module: CircuitModule, shots: int | None) -> Executable:
    """As the driver does: first into the backend's gates, then its own checks, then lowering."""
    module = decompose(module, backend.capabilities.gates)
    assert backend.check(module, shots=shots) == ()
    return backend.lower(module)
