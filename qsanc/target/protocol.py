"""What a backend is, and what is said to it and by it.

    lower(CircuitModule, Tier) -> Executable    compile once
    submit(Request, Context) -> Handle          bind many; may take hours on a device
    collect(Handle) -> Results                  value, variance and shots of every result asked for

A request binds the slots of a module and names the results wanted. It may hold *shifts*; then it asks for those results
at each shifted place instead of at the bindings themselves. A slot can occur at several sites and rows share prefixes:
a flat batch of bound circuits would hide both, so the request keeps them (`expand` flattens for those that want that).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qsanc.diagnostics import Diagnostic
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Bindings:
    """Numbers for the slots of a module: `shared` is float64[shared slot], `items` is float64[row, item slot]."""

    shared: Floats
    items: Floats

    @property
    def rows(self) -> int:
        return int(self.items.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Shifts:
    """Places to evaluate at: entry k adds `delta[k]` to the angle at site `site[k]` (see `CircuitModule.sites`).

    `row[k]` is a row of the bindings, or a pair where overlaps are asked for. `side[k]` is 0, or, for an overlap, 0
    for a shift of the left state alone and 1 for one of the right state alone (a site of a common prefix has both).
    """

    row: Ints
    site: Ints
    delta: Floats
    side: Ints

    def __len__(self) -> int:
        return int(self.row.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Evaluate `results` (indices of the module's results: either all of them overlaps or none).

    `pairs` is int64[pair, 2], the rows of the left and the right state, and is given just where overlaps are asked for.
    `shots` None asks for exact values. `independent` turns off the sharing of samples among equal rows.
    """

    bindings: Bindings
    results: tuple[int, ...]
    pairs: Ints | None = None
    shifts: Shifts | None = None
    shots: int | None = None
    independent: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """One result's `value`, [row | pair | shift, ...]; `variance` of that estimate, alike; None where it is exact."""

    value: NDArray[np.float64] | NDArray[np.complex128]
    variance: Floats | None = None
    shots: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """One estimate for each result asked for, in the request's order."""

    estimates: tuple[Estimate, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """What surrounds an execution: all that a backend needs to journal, to resume, to draw the same samples again.

    A backend that is billed keeps its tasks in `run_folder` and spends no more than `budget_usd` there, in all
    executions together. What failed before is submitted anew only with `again`.
    """

    seed: int = 0
    step: int = 0
    purpose: Literal["forward", "gradient", "inference"] = "forward"
    run_folder: Path | None = None
    budget_usd: float | None = None
    again: bool = False


class ResultKind(Enum):
    EXPECTATION = "expectation"
    PROBABILITIES = "probabilities"
    PROBABILITY = "probability"
    OVERLAP = "overlap"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do, as a value. What it cannot honour is refused before it runs, never ignored.

    `connectivity` None means every pair. `shots` is the closed range of shots of one execution, None where only exact
    values exist. `single_basis`: with shots, each qubit is measured in one basis at a time. `chunk` is the largest
    number of executions taken at once, None where there is no limit. `gradients` names the exact gradients offered
    beside parameter-shift (which needs nothing but `submit`). `overlaps` names how overlaps are taken, the preferred
    one first.
    """

    name: str
    gates: frozenset[str]
    max_wires: int
    results: frozenset[ResultKind]
    exact: bool
    shots: tuple[int, int] | None
    connectivity: frozenset[tuple[int, int]] | None = None
    single_basis: bool = True
    noise: frozenset[str] = frozenset()
    chunk: int | None = None
    gradients: frozenset[str] = frozenset()
    overlaps: tuple[Literal["gram", "compute_uncompute", "swap_test"], ...] = ()
    billed: bool = False


class Handle(Protocol):
    """Work that was submitted. Opaque to everyone but the executable that made it."""

    @property
    def done(self) -> bool: ...


class Executable(Protocol):
    """A module lowered for one backend. Safe to use from several threads."""

    @property
    def module(self) -> CircuitModule: ...

    def submit(self, request: Request, context: Context) -> Handle: ...

    def collect(self, handle: Handle) -> Results:
        """The results, waiting for them if need be. Raises `BackendFailure` where the backend did not deliver."""
        ...

    def plan(self) -> str:
        """How this module is executed, as text for `qsanc ir --stage plan`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Gradient:
    """Derivatives of a scalar by the slots: `shared` float64[shared slot] summed over rows, `items` [row, slot]."""

    shared: Floats
    items: Floats


class Pullback(Protocol):
    def __call__(self, cotangents: Mapping[int, Floats]) -> Gradient:
        """The gradient of sum over results r of <cotangents[r], value of r>; cotangents are shaped as the values."""
        ...


@runtime_checkable
class Differentiable(Protocol):
    """An executable that offers an exact gradient of its own (`"adjoint" in capabilities.gradients`)."""

    def vjp(self, request: Request, context: Context) -> tuple[Results, Pullback]: ...


class Backend(Protocol):
    """A place where circuits run. Found by the entry-point group `qsanc.backends`; constructed with the target name."""

    @property
    def capabilities(self) -> Capabilities: ...

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        """Target diagnostics: what this backend could not honour in this module."""
        ...

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> Executable:
        """Compile. The driver has decomposed the module towards `capabilities.gates` before.

        `tier` says whether native code may run; a backend that has none of its own ignores it.
        """
        ...


class BackendFailure(Exception):
    """The backend accepted the work and did not deliver: what failed, and whether trying again makes sense."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable
