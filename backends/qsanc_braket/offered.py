"""A device as the compiler sees it: what it offers through the protocol."""

from __future__ import annotations

from typing import Literal

from qsanc.target import Capabilities, ResultKind
from qsanc_braket.devices.model import Device

PORTABLE = frozenset({"x", "y", "z", "h", "s", "si", "t", "ti", "rx", "ry", "rz", "cx", "swap"})
"""Gates, by our names, that every device takes outside verbatim boxes."""
ADJOINT = "AdjointGradient"
"""The result type of a device that differentiates by itself."""
_MEASURED = frozenset({ResultKind.EXPECTATION, ResultKind.PROBABILITIES, ResultKind.PROBABILITY, ResultKind.OVERLAP})
_OVERLAPS: tuple[Literal["gram", "compute_uncompute", "swap_test"], ...] = ("compute_uncompute", "swap_test")


def capabilities(device: Device) -> Capabilities:
    """Circuits in portable gates, counts of settings that each measure a qubit once, tasks that are billed.

    What is written in a device's own gates is so only when it is submitted: the compiler sees the same circuits.
    """
    return Capabilities(
        name=f"braket:{device.name}",
        gates=PORTABLE,
        max_wires=device.qubits,
        results=_MEASURED,
        exact=device.exact,
        shots=device.shots,
        noise=device.noise,
        chunk=None if device.program_sets is None else device.program_sets.executables,
        gradients=frozenset({"adjoint"}) if ADJOINT in device.results else frozenset(),
        overlaps=_OVERLAPS,
        billed=True,
    )
