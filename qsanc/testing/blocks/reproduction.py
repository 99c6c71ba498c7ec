"""Failures that last: the smallest program that fails by itself, kept as a file, and the arguments to try first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from qsanc import driver
from qsanc.check.imports import load_text
from qsanc.check.module import Module
from qsanc.diagnostics import QsanError
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.properties import INTEGERS, Excluded, bounds_of, extents
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sizes import Sizes
from qsanc.elaborate.values import Interval
from qsanc.ir.bound import Bound
from qsanc.ir.draw import draw
from qsanc.ir.ops import Array
from qsanc.source import Source
from qsanc.syntax import ast
from qsanc.syntax.walk import walk
from qsanc.testing import failures
from qsanc.testing.assertions.compare import EXACT_WIRES, deviation
from qsanc.testing.blocks.arguments import Arguments
from qsanc.testing.blocks.cases import Case
from qsanc.testing.blocks.eager import literal
from qsanc.testing.blocks.engine import Engine
from qsanc.testing.blocks.once import Level, execute
from qsanc.testing.blocks.verdict import Failure
from qsanc.testing.reduce.alone import self_contained
from qsanc.testing.reduce.circuits import reduce_pair
from qsanc.testing.reduce.program import reduce_file
from qsanc.testing.reduce.tree import NOWHERE, number
from qsanc.testing.reduce.written import written_pair, written_program

Chosen: TypeAlias = tuple[tuple[str, float], ...]
"""Settings from outside, by name."""

_SECONDS = 5.0
_MOST_DRAWINGS = 4
_MOST_DRAWN_GATES = 40


def keep(
    folder: Path, case: Case, values: Arguments, failure: Failure, *, seed: int, engine: Engine, chosen: Chosen
) -> Path | None:
    """Write the smallest program found that fails like this block, and the arguments. None where no program that
    stands by itself fails: an assertion about samples can fail by a hair."""
    text = _smallest(case, values, failure, seed=seed, engine=engine, chosen=chosen)
    if isinstance(case.item, ast.Property):
        failures.keep_example(folder, _name(folder, case), {name: _plain(value) for name, value in values.items()})
    return None if text is None else failures.keep(text, name=_name(folder, case), folder=folder)


def earlier(folder: Path, case: Case) -> Iterator[Arguments]:
    """Arguments that failed in earlier runs and still fit the property."""
    assert isinstance(case.item, ast.Property)
    for kept in failures.examples(folder, _name(folder, case))[0]:
        values = _fitting(case.module, case.item, kept.arguments)
        if values is not None:
            yield values


def forget(folder: Path, case: Case) -> None:
    """The block passes again: its arguments and programs go."""
    failures.clear(case.id, folder=folder)


def _name(folder: Path, case: Case) -> str:
    """What a block is known by: its file as seen from where the folder `.qsanc` lies, however it was typed."""
    path, root = case.path, folder.resolve().parent.parent
    if path.is_absolute() and path.is_relative_to(root):
        path = path.relative_to(root)
    return f"{path.as_posix()}::{case.name}"


def _smallest(
    case: Case, values: Arguments, failure: Failure, *, seed: int, engine: Engine, chosen: Chosen
) -> str | None:
    """The text of the smallest program found."""
    title = failure.assertion.message or failure.assertion.condition.span.text
    decisive = failure.decisive
    if decisive is not None and decisive.sides is not None and isinstance(decisive.node, ast.Approx):
        strict, tolerance = decisive.node.strict, decisive.tolerance

        def differ(left: Bound, right: Bound) -> bool:
            return deviation(left, right, strict=strict, seed=seed) > tolerance

        left, right = decisive.sides
        if left.wires <= EXACT_WIRES and differ(left, right):
            left, right = reduce_pair(left, right, differ)
            return written_pair(left, right, title=title, seed=seed, tol=tolerance, strict=strict)
    known = {
        name: value.item() if isinstance(value, np.ndarray) and not value.ndim else value
        for name, value in values.items()
    }
    block = case.item
    if _samples(failure):
        block = _with_settings(block, {"seed": seed, **dict(chosen)})
    level = Level(seed)
    program = self_contained(case.module, block, known)
    alone = failure_alone(program, engine.fresh(), level)
    if alone is None:
        return None

    def fails(file: ast.File) -> bool:
        """With the same numbers: a circuit without the gates that matter fails too, and is another failure."""
        found = failure_alone(file, engine.fresh(), level)
        return found is not None and _numbers(found) == _numbers(alone)

    smallest = reduce_file(program, fails, seconds=_SECONDS)
    return written_program(smallest, title=title, seed=seed, drawings=_drawings(smallest, engine.fresh(), level))


def _drawings(file: ast.File, engine: Engine, level: Level) -> list[str]:
    """The circuits that a program runs, as far as they are small enough to be looked at."""
    failure_alone(file, engine, level)
    small = [module for module in engine.seen if sum(len(s.body) for s in module.segments) <= _MOST_DRAWN_GATES]
    return [draw(module) for module in small[:_MOST_DRAWINGS]]


def _samples(failure: Failure) -> bool:
    """Whether the assertion is about samples, which follow from settings."""
    calls = [node for node in walk(failure.assertion) if isinstance(node, ast.Call) and isinstance(node.base, ast.Name)]
    return any(isinstance(call.base, ast.Name) and call.base.name == "distribution" for call in calls)


def _with_settings(item: ast.Property | ast.Test, chosen: Mapping[str, float]) -> ast.Property | ast.Test:
    """The block with settings from outside as its own."""
    given = [ast.Setting(name, number(value), span=NOWHERE, name_span=NOWHERE) for name, value in chosen.items()]
    rest = [s for s in item.body if not (isinstance(s, ast.Setting) and s.name in chosen)]
    return replace(item, body=(*given, *rest))


def _numbers(failure: Failure) -> str:
    return failure.decisive.found if failure.decisive is not None else ""


def failure_alone(file: ast.File, engine: Engine, level: Level) -> Failure | None:
    """What does not hold in the last block of a program without other files; None where it holds or is wrong."""
    try:
        module = load_text(Source(file.source.name, file.source.text), Path("."))
        driver.check(module)
        block = module.file.items[-1] if module.file.items else None
        if not isinstance(block, ast.Property | ast.Test):
            return None
        values = _only_arguments(module, block)
        return None if values is None else execute(module, block, values, engine, level)
    except (QsanError, Excluded):
        return None


def _only_arguments(module: Module, block: ast.Property | ast.Test) -> Arguments | None:
    """The arguments of a block that takes none but arrays without elements; None where it takes others."""
    if isinstance(block, ast.Test):
        return {}
    values = {param.name: np.zeros(shape) for param in block.params if 0 in (shape := _shape(module, param) or ())}
    return values if len(values) == len(block.params) else None


def _shape(module: Module, param: ast.Param) -> tuple[int, ...] | None:
    return extents(Evaluator(Report(), Sizes({}, {}), Graph()), param, Scope(module))


def _fitting(module: Module, item: ast.Property, kept: Mapping[str, object]) -> Arguments | None:
    """Arguments as the property takes them now; None where they no longer fit it."""
    scope, ev = Scope(module), Evaluator(Report(), Sizes({}, {}), Graph())
    values: dict[str, int | bool | Array] = {}
    if set(kept) != {param.name for param in item.params}:
        return None
    for param in item.params:
        bounds, shape = bounds_of(ev, param, scope), extents(ev, param, scope)
        whole = param.type.kind in INTEGERS
        try:
            array = np.array(kept[param.name], np.float64)
        except (TypeError, ValueError):
            return None
        inside = all(number in bounds for number in array.ravel().tolist()) if isinstance(bounds, Interval) else True
        if array.shape != shape or not np.isfinite(array).all() or not inside or (whole and (array % 1).any()):
            return None
        value: int | bool | Array = array.astype(np.int64) if whole else array
        if whole and not shape:
            value = bool(array) if param.type.kind == "bool" else int(array)
        values[param.name] = value
        scope.bind(param.name, literal(value) if isinstance(value, np.ndarray) else value)  # type: ignore[arg-type]
    return values


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
