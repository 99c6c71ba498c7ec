"""A block with its arguments known: run it once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qsanc.check.module import Module
from qsanc.elaborate.limits import limited
from qsanc.elaborate.properties import Excluded, judged
from qsanc.elaborate.scope import Scope
from qsanc.syntax import ast
from qsanc.testing.blocks.arguments import Arguments
from qsanc.testing.blocks.engine import Engine
from qsanc.testing.blocks.execution import Execution
from qsanc.testing.blocks.verdict import Failure


@dataclass(frozen=True, slots=True)
class Level:
    """What a block is held to: `chosen` are settings from outside by name, `seed` governs every sample, and `examples`
    share the probability of a false alarm."""

    seed: int = 0
    examples: int = 1
    chosen: tuple[tuple[str, float], ...] = ()


def execute(
    module: Module, item: ast.Property | ast.Test, values: Arguments, engine: Engine, level: Level
) -> Failure | None:
    """The first assertion that does not hold for these arguments, if there is one.

    Raises `Excluded` where an `assume` excludes them, and QsanError for what is wrong in the block there.
    """
    run = Execution(
        item,
        engine,
        chosen=dict(level.chosen),
        seed=sample_seed(level.seed, item.name, values),
        examples=level.examples,
    )
    scope = Scope(module)
    params = item.params if isinstance(item, ast.Property) else ()
    for param in params:
        value = values[param.name]
        held = run.graph.hold(value) if isinstance(value, np.ndarray) else value
        scope.bind(param.name, held, declared=param.type, span=param.name_span)
    with limited(run.ev.report):
        for assertion, verdict in judged(run, scope):
            run.raise_errors()
            if verdict is not True:
                return Failure(assertion, tuple(run.evidence))
            run.evidence.clear()
    run.raise_errors()
    return None


def sample_seed(seed: int, name: str, values: Mapping[str, object]) -> int:
    """The seed of the samples for these arguments: the same whenever they are tried, and another for others."""
    text = repr([seed, name, *((key, _plain(value)) for key, value in values.items())])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest())


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value


__all__ = ["Excluded", "Level", "execute", "sample_seed"]
