"""Arguments of a property: drawn from their types and ranges, and as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

from qsanc.check.module import Module
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.properties import INTEGERS, bounds_of, extents
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sizes import Sizes
from qsanc.elaborate.values import Interval
from qsanc.ir.ops import Array
from qsanc.syntax import ast
from qsanc.testing.blocks.eager import brief, literal

Arguments: TypeAlias = Mapping[str, "int | bool | Array"]
"""Integers as they are, everything else as an array, scalars with no axes."""

_MOST_DRAWN = 256
"""Elements that are drawn one by one; a larger array repeats some that are."""
_TURN = 2 * math.pi
_SPECIAL = [0.0, math.pi / 2, math.pi, -math.pi / 2, math.pi / 4, -math.pi, _TURN]


def arguments(module: Module, item: ast.Property) -> st.SearchStrategy[dict[str, Any]]:
    """Values for the parameters of a property, in their order: shapes and ranges follow from those before.

    Integers shrink towards the low end of their range, reals towards 0 or the end that is nearer to it. The file has
    been checked.
    """

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        scope = Scope(module)
        ev = Evaluator(Report(), Sizes({}, {}), Graph())
        values: dict[str, Any] = {}
        for param in item.params:
            bounds = bounds_of(ev, param, scope)
            axes = extents(ev, param, scope)
            ev.report.raise_errors()
            assert axes is not None, "raised as QS206 otherwise"
            assert bounds is None or isinstance(bounds, Interval), "raised otherwise"
            values[param.name] = value = draw(_values(param.type.kind, bounds, axes))
            scope.bind(param.name, literal(value) if isinstance(value, np.ndarray) else value)  # type: ignore[arg-type]
        return values

    return drawn()


def _values(kind: str, bounds: Interval | None, axes: tuple[int, ...]) -> st.SearchStrategy[Any]:
    """One argument."""
    if kind in INTEGERS:
        steps = bounds.integers() if bounds is not None else None
        assert steps is not None, "an integer has a range of integers"
        whole = st.integers(steps[0], steps[-1])
        if not axes:
            return whole.map(bool) if kind == "bool" else whole
        return _arrays(whole, axes, np.int64)
    return _arrays(_reals(kind, bounds), axes, np.float64)


def _arrays(elements: st.SearchStrategy[Any], axes: tuple[int, ...], dtype: type) -> st.SearchStrategy[Array]:
    count = math.prod(axes)
    if count > _MOST_DRAWN:
        return st.builds(
            lambda chosen, seed: np.random.default_rng(seed).choice(np.array(chosen, dtype), axes),
            st.lists(elements, min_size=1, max_size=_MOST_DRAWN // 4),
            st.integers(0, 2**16 - 1),
        )
    return st.lists(elements, min_size=count, max_size=count).map(lambda flat: np.array(flat, dtype).reshape(axes))


def _reals(kind: str, bounds: Interval | None) -> st.SearchStrategy[float]:
    """Reals of a range, every other one a round number; angles within two turns, other reals within 10, where none is
    declared."""
    low, high = (bounds.low, bounds.high) if bounds is not None else (-2 * _TURN, 2 * _TURN)
    if bounds is None and kind != "angle":
        low, high = -10.0, 10.0
    round_ones = _SPECIAL if kind == "angle" else [0.0, 1.0, -1.0, 0.5, -0.5, 2.0]
    fitting = [number for number in (*round_ones, float(low), float(high)) if bounds is None or number in bounds]
    open_ = bounds is not None and not bounds.closed
    spread = st.floats(float(low), float(high), exclude_max=open_, allow_nan=False, allow_subnormal=False)
    if low == high:
        return st.just(float(low))
    return st.sampled_from(sorted(set(fitting), key=abs)) | spread if fitting else spread


def text_of(values: Arguments) -> dict[str, str]:
    """Arguments as a message shows them."""
    return {
        name: brief(value) if isinstance(value, np.ndarray) else str(value).lower() for name, value in values.items()
    }
