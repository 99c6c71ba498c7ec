"""Looking for mistakes in templates that nobody has called yet: they are compiled at small sample sizes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from qsanc.check.module import Definition
from qsanc.diagnostics import Diagnostic
from qsanc.elaborate.alone import compile_alone
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.limits import Steps, limited
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sizes import Sizes
from qsanc.elaborate.values import Interval
from qsanc.syntax import ast

Sample = Mapping[str, int | float]

_USUAL = (2, 3, 4)
_UNUSUAL = (1, 5, 6, 7, 8, 12, 16, 20, 0)
_MOST_SAMPLES = 200
_MOST_FAILURES = 24


def sampled(definition: Definition, sizes: Sample) -> tuple[Diagnostic, ...]:
    """Errors that a template has at all usual sizes, and its warnings.

    A size that a requirement or a range refuses says nothing about the template; neither does one mistake at one size,
    if the template works at another: who calls it there will be told. Templates with lists of integers are left to
    their callers too.
    """
    item = definition.item
    assert isinstance(item, (ast.Circuit, ast.Attention, ast.Ansatz))
    if any(param.type.kind in ("nat", "int", "bit", "bool") and param.type.dims for param in item.params):
        return ()
    failures: list[tuple[Diagnostic, ...]] = []
    refusals: list[tuple[Diagnostic, ...]] = []
    steps = Steps()
    defaulted = {generic.name for generic in item.generics if generic.default is not None}
    defaulted |= {param.name for param in item.params if param.default is not None}
    defaulted -= set(sizes)
    tried: set[tuple[tuple[str, int | float], ...]] = set()
    for sample in itertools.islice(_samples(definition, sizes), _MOST_SAMPLES):
        if tuple(sample.items()) in tried:
            continue
        tried.add(tuple(sample.items()))
        if failures and not defaulted.isdisjoint(sample):
            break  # it fails at its own defaults
        report = Report()
        compile_alone(report, definition, Sizes(sample, {}), steps=steps)
        if not report.failed:
            return tuple(d for d in report.diagnostics if d.code == "QS604")
        if any(_refused(item, diagnostic) for diagnostic in report.diagnostics):
            refusals.append(report.diagnostics)
            continue
        if 0 in sample.values() and (failures or refusals):
            continue  # a template for nothing at all need not work
        if report.has("QS209") and (failures or refusals):
            break
        failures.append(tuple(d for d in report.diagnostics if d.is_error or d.code == "QS604"))
        if len(failures) == _MOST_FAILURES or report.has("QS209"):
            break
    if failures:
        return failures[0]
    return refusals[0] if len(refusals) == 1 else ()


def _refused(item: ast.Ansatz | ast.Circuit | ast.Attention, diagnostic: Diagnostic) -> bool:
    """Whether a finding says that the sample is not among the sizes that the template is for."""
    places = (item.name_span, *(param.span for param in item.params))
    return diagnostic.code == "QS204" or (diagnostic.code == "QS203" and diagnostic.span in places)


def _samples(definition: Definition, sizes: Sample) -> Iterator[dict[str, int | float]]:
    """Values for the generics and integer parameters: usual ones, then unusual ones, then others than the defaults."""
    item = definition.item
    assert isinstance(item, (ast.Circuit, ast.Attention, ast.Ansatz))
    kinds = ("nat", "int", "bit", "bool")
    declared: list[ast.Generic | ast.Param] = [g for g in item.generics if g.type is None or g.type.kind != "dim"]
    declared += [param for param in item.params if param.type.kind in kinds]
    fixed = {size.name: sizes[size.name] for size in declared if size.name in sizes}
    free = [size for size in declared if size.name not in fixed]
    if not free:
        yield fixed
        return
    for among, wide in (
        ([size for size in free if size.default is None], False),
        ([size for size in free if size.default is None], True),
        (free, True),
    ):
        choices = [_choices(definition, size, wide=wide) for size in reversed(among)]
        for values in itertools.product(*choices):
            yield {**fixed, **dict(zip((size.name for size in among), reversed(values), strict=True))}


def _choices(definition: Definition, size: ast.Generic | ast.Param, *, wide: bool) -> tuple[int | float, ...]:
    """Values worth trying, those in the declared range first of all."""
    kind = size.type.kind if size.type is not None else "nat"
    if kind in ("bit", "bool"):
        return (1, 0)
    values: tuple[int | float, ...] = _USUAL + _UNUSUAL if wide else _USUAL
    if kind == "real":
        values = tuple(value / 4 for value in values)
    if size.within is None:
        return values
    report, bounds = Report(), None
    with limited(report):
        bounds = Evaluator(report, Sizes({}, {}), Graph()).expr(size.within, Scope(definition.module))
    if not isinstance(bounds, Interval):
        return values
    inside = tuple(value for value in values if value in bounds)
    return inside or (bounds.low, (bounds.low + bounds.high) / 2 if kind == "real" else bounds.low + 1)
