"""Arguments of a property from Hypothesis, one set after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity

from qsanc.check.module import Module
from qsanc.elaborate.properties import Excluded
from qsanc.syntax import ast
from qsanc.testing.blocks.arguments import arguments


def try_examples(
    module: Module,
    item: ast.Property,
    attempt: Callable[[dict[str, Any]], None],
    *,
    examples: int,
    seed: int,
    phases: tuple[Phase, ...] = (Phase.generate,),
) -> None:
    """Call `attempt` with so many sets of arguments, the same ones for the same seed.

    What `attempt` raises ends that, unless it is `Excluded`, for arguments that do not count; with `Phase.shrink` an
    `Exception` is tried again on smaller ones first. Nothing is written, and there is no limit of time. Raises
    `hypothesis.errors.Unsatisfiable` where no arguments count.
    """

    def counted(values: dict[str, Any]) -> None:
        try:
            attempt(values)
        except Excluded:
            hypothesis.reject()

    settings = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=phases,
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    hypothesis.seed(seed)(settings(hypothesis.given(arguments(module, item))(counted)))()
