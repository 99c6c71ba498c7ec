"""Noise channels: on how many qubits each acts, and how large its numbers may be. Doc lines are in `builtins`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ChannelDef:
    """`largest` bounds each probability by name, from 0 on; `together` bounds their sum where it matters."""

    name: str
    wires: int
    largest: tuple[tuple[str, float], ...] = ()
    together: float | None = None


CHANNELS: Mapping[str, ChannelDef] = MappingProxyType(
    {
        channel.name: channel
        for channel in (
            ChannelDef("bit_flip", 1, (("p", 1 / 2),)),
            ChannelDef("phase_flip", 1, (("p", 1 / 2),)),
            ChannelDef("bit_phase_flip", 1, (("p", 1 / 2),)),
            ChannelDef("depolarizing", 1, (("p", 3 / 4),)),
            ChannelDef("two_qubit_depolarizing", 2, (("p", 15 / 16),)),
            ChannelDef("two_qubit_dephasing", 2, (("p", 3 / 4),)),
            ChannelDef("amplitude_damping", 1, (("gamma", 1.0),)),
            ChannelDef("generalized_amplitude_damping", 1, (("gamma", 1.0), ("p", 1.0))),
            ChannelDef("phase_damping", 1, (("gamma", 1.0),)),
            ChannelDef("pauli_channel", 1, (("x", 1.0), ("y", 1.0), ("z", 1.0)), together=1.0),
            ChannelDef("thermal", 1),
            ChannelDef("confusion", 1),
        )
    }
)
