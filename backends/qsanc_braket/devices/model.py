"""A device as this package sees it: what it accepts, how it is wired, what it costs, how well it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Price:
    """In US dollars: for each task, each shot, and each minute of a simulator, of which `minimum_s` seconds are billed
    at least. `as_of` is the ISO date on which `source` said so."""

    task_usd: float
    shot_usd: float
    minute_usd: float
    minimum_s: float
    as_of: str
    source: str


@dataclass(frozen=True, slots=True)
class ProgramSets:
    """How many executables, and shots in all, one task may hold."""

    executables: int
    shots: int


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How often an operation does what it should, by the device's qubit numbers: gates on one qubit, on pairs (a < b),
    and reading a qubit. Qubits and pairs without a measured number are absent."""

    one_qubit: Mapping[int, float]
    two_qubit: Mapping[tuple[int, int], float]
    readout: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Device:
    """Facts about one device.

    `gates` are those it accepts outside verbatim boxes, by our names; `native` its own, by Braket's names (none for
    simulators). `qubit_names` are the numbers the device gives its qubits. `connectivity` holds pairs (a < b) of them,
    None where every pair can interact. `shots` is a closed range; with `exact`, 0 shots ask for exact values.
    `results` are Braket's result types (`Expectation`, `StateVector`, ...), `exact_results` those that 0 shots give.
    `concurrent` is how many tasks may be in flight, None where no limit is published.
    """

    name: str
    arn: str
    provider: str
    kind: Literal["qpu", "simulator"]
    status: Literal["online", "offline", "retired"]
    qubits: int
    qubit_names: tuple[int, ...]
    gates: frozenset[str]
    native: frozenset[str]
    connectivity: frozenset[tuple[int, int]] | None
    shots: tuple[int, int]
    exact: bool
    results: frozenset[str]
    noise: frozenset[str]
    program_sets: ProgramSets | None
    concurrent: int | None
    price: Price
    fidelity: Fidelity | None
    as_of: str
    exact_results: frozenset[str] = frozenset()
