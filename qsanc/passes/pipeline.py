"""Pipelines: what runs, in which order, on one screen.

O0 leaves the circuit as it was written. O1 tidies up neighbours. O2 also looks past commuting gates, removes what no
result can see, and reduces gates to what they do to the states that they meet. Decomposition depends on the backend:
`towards(gates)` is appended by the driver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from qsanc.diagnostics import CompilerBug
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.verify import verify as verify_module
from qsanc.passes.cancel import cancel
from qsanc.passes.commute import Commute
from qsanc.passes.decompose import decompose
from qsanc.passes.equal import difference
from qsanc.passes.fold import fold
from qsanc.passes.known import known
from qsanc.passes.lightcone import lightcone
from qsanc.passes.merge import merge


@dataclass(frozen=True, slots=True)
class Pass:
    """A rewrite and what it keeps: the unitaries of all segments, up to a global phase, or no more than the results."""

    name: str
    rewrite: Callable[[CircuitModule], CircuitModule]
    keeps: Literal["unitaries", "results"] = "unitaries"


Pipeline: TypeAlias = tuple[Pass, ...]

FOLD = Pass("fold", fold)
CANCEL = Pass("cancel", cancel)
MERGE = Pass("merge", merge)
COMMUTE = Pass("commute", Commute())
KNOWN = Pass("known", known, keeps="results")
LIGHTCONE = Pass("lightcone", lightcone, keeps="results")

O0: Pipeline = ()
O1: Pipeline = (FOLD, CANCEL, MERGE, FOLD, CANCEL)
O2: Pipeline = (LIGHTCONE, KNOWN, FOLD, COMMUTE, KNOWN, FOLD, COMMUTE, LIGHTCONE)


def towards(gates: frozenset[str]) -> Pass:
    """Decomposition towards a backend's gates, as a pass. It raises ValueError where a gate cannot be written so."""
    return Pass("decompose", lambda module: decompose(module, gates))


def run(module: CircuitModule, pipeline: Pipeline, *, verify: bool = False, seed: int = 0) -> CircuitModule:
    """`module` after the passes of `pipeline`.

    Raises CompilerBug where that is not legal, naming the pass after which it was not any more. With `verify` every
    pass has to leave a legal module, which does the same on bindings drawn from `seed`; that check holds a few state
    vectors of the whole register.
    """
    verify_module(module)
    if verify or not pipeline:
        return _each_verified(module, pipeline, verify=verify, seed=seed)
    after = module
    for step in pipeline:
        after = step.rewrite(after)
    try:
        verify_module(after)
    except CompilerBug:
        _each_verified(module, pipeline, verify=False, seed=seed)
        raise
    return after


def _each_verified(module: CircuitModule, pipeline: Pipeline, *, verify: bool, seed: int) -> CircuitModule:
    for step in pipeline:
        after = step.rewrite(module)
        try:
            verify_module(after)
        except CompilerBug as bug:
            raise CompilerBug(f"after pass {step.name}: {bug}") from bug
        if verify and (found := difference(module, after, keeps=step.keeps, seed=seed)):
            raise CompilerBug(f"pass {step.name} changed circuit {module.name}: {found}")
        module = after
    return module
