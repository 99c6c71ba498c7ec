"""Pipelines over the model graph: what runs, in which order, on one screen.

O0 leaves the graph as it was written. O1 tidies up. O2 also computes what depends on a word alone once for each word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from qsanc.diagnostics import CompilerBug
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.model import Function
from qsanc.ir.verify_model import verify_function
from qsanc.passes.model.common import common
from qsanc.passes.model.dead import dead
from qsanc.passes.model.distinct import distinct
from qsanc.passes.model.equal import difference
from qsanc.passes.model.fold import fold
from qsanc.passes.model.graph import Modules
from qsanc.passes.model.simplify import simplify


@dataclass(frozen=True, slots=True)
class ModelPass:
    """A rewrite of a function that keeps its inputs and the values of its outputs and probes."""

    name: str
    rewrite: Callable[[Function, Modules], Function]


Level: TypeAlias = Literal["O0", "O1", "O2"]

DEAD = ModelPass("dead", dead)
COMMON = ModelPass("common", common)
FOLD = ModelPass("fold", fold)
SIMPLIFY = ModelPass("simplify", simplify)
DISTINCT = ModelPass("distinct", distinct)

TIDY = (FOLD, SIMPLIFY, COMMON, DEAD)
PIPELINES = MappingProxyType({"O0": (), "O1": TIDY, "O2": (*TIDY, DISTINCT, COMMON, DEAD)})


def run_model(
    function: Function,
    modules: Iterable[CircuitModule],
    level: Level = "O2",
    *,
    share_equal: bool = True,
    verify: bool = False,
    seed: int = 0,
) -> Function:
    """`function` after the passes of this level; without `share_equal` equal tokens are left to run one by one.

    Raises CompilerBug naming the pass after which the function is not legal any more or, with `verify`, does not
    compute the same on a batch drawn from `seed`.
    """
    known = {module.name: module for module in modules}
    verify_function(function, known)
    for step in PIPELINES[level]:
        if step is DISTINCT and not share_equal:
            continue
        after = step.rewrite(function, known)
        try:
            verify_function(after, known)
        except CompilerBug as bug:
            raise CompilerBug(f"after model pass {step.name}: {bug}") from bug
        if verify and (found := difference(function, after, known, seed=seed)):
            raise CompilerBug(f"model pass {step.name} changed function {function.name}: {found}")
        function = after
    return function
