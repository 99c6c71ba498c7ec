"""Circuits that are run with shots on a backend, for the counts they give."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from qsanc import registry
from qsanc.driver import compile_program
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import (
    Angle,
    CircuitModule,
    Expectation,
    Gate,
    Observable,
    Probabilities,
    Probability,
    Result,
    Segment,
)
from qsanc.ir.program import Program
from qsanc.target import Backend, Bindings, Context, Request
from qsanc.target.sampling import Scores, measured_module, readings
from qsanc.testing.statistics import Floats, Ints, Scored

_NO_SLOTS = Bindings(np.empty(0), np.empty((1, 0)))


def counts_of(circuit: Bound, wires: Sequence[int], *, shots: int, seed: int, backend: str) -> Ints:
    """Counts int64[outcome] of reading `wires`, the first of them most significant. Raises what the backend does."""
    return _run(_module(circuit, Probabilities(0, tuple(wires))), shots, seed, backend)[0]


def zeros_of(circuit: Bound, *, shots: int, seed: int, backend: str) -> int:
    """How often all wires read 0."""
    found = _run(_module(circuit, Probability(0, tuple(range(circuit.wires)), 0)), shots, seed, backend)
    return int(found[0])


def scored(circuit: Bound, observable: Observable, *, shots: int, seed: int, backend: str) -> list[Scored]:
    """Each setting that the observable is measured in, with its counts and scores. See `settings_of` for the rest."""
    module = _module(circuit, Expectation(0, observable))
    _, scores = settings_of(circuit, observable)
    measured = measured_module(module, readings(module).settings)
    counts = _run(measured, shots, seed, backend) if scores else []
    return [Scored(seen, score) for seen, score in zip(counts, scores, strict=True)]


def settings_of(circuit: Bound, observable: Observable) -> tuple[float, list[Floats]]:
    """The constant part of an observable, and float64[outcome] scores for each setting it is measured in."""
    plan = readings(_module(circuit, Expectation(0, observable)))
    (reading,) = plan.results
    assert isinstance(reading, Scores)
    by_setting = dict(reading.parts)
    return reading.constant, [by_setting[k] for k in range(len(plan.settings))]


def _module(circuit: Bound, result: Result) -> CircuitModule:
    return CircuitModule("sampled", circuit.wires, (), (), (Segment("all", None, circuit.body),), (result,))


def _run(module: CircuitModule, shots: int, seed: int, backend: str) -> list[Ints]:
    """Counts for each distribution that the module gives. Nothing is optimised: what was written is run."""
    program = Program((module,), ())
    executable = compile_program(program, _backend(backend), level="O0", shots=shots).executables[module.name]
    request = Request(_NO_SLOTS, tuple(range(len(module.results))), shots=shots)
    found = executable.collect(executable.submit(request, Context(seed=seed, purpose="inference")))
    return [np.rint(np.real(e.value[0]) * shots).astype(np.int64) for e in found.estimates]


@lru_cache(maxsize=8)
def _backend(name: str) -> Backend:
    """Looked up once: the installed packages are searched for it."""
    return registry.load(name)


def random_preparation(wires: int, seed: int) -> tuple[Gate, ...]:
    """One u3 a wire, with uniformly distributed states: a random product input."""
    generator = np.random.default_rng(seed)
    theta = np.arccos(generator.uniform(-1, 1, wires))
    phi = generator.uniform(-np.pi, np.pi, wires)
    return tuple(
        Gate("u3", (wire,), (Angle(float(theta[wire])), Angle(float(phi[wire])), Angle())) for wire in range(wires)
    )
