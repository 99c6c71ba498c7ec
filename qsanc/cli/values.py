"""Numbers and arrays on the command line: `th=[[0.1, pi / 2], [90deg, 0]]`."""

from __future__ import annotations

import numpy as np

from qsanc.check.check import check_number
from qsanc.check.module import Module
from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.limits import limited
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sizes import Sizes
from qsanc.source import Source, Span
from qsanc.syntax.parse import parse_expression
from qsanc.target import Floats


def argument(name: str, text: str, module: Module) -> Floats:
    """The value of a `.qsan` expression, which may use the module's constants. Raises QsanError, placed in the text."""
    source = Source(f"argument {name}", text)
    report, expression = Report(), parse_expression(source)
    for diagnostic in check_number(expression, module):
        report.add(diagnostic)
    report.raise_errors()
    value: object = None
    with limited(report):
        value = Evaluator(report, Sizes({}, {}), Graph()).expr(expression, Scope(module))
    report.raise_errors()
    span = source.span(0, len(text))
    _check(value, name, span)
    try:
        array = np.asarray(value, dtype=np.float64)
    except ValueError:
        raise _refused(f"the rows of argument `{name}` differ in length", span) from None
    if not np.isfinite(array).all():
        raise _refused(f"argument `{name}` is not finite", span)
    return array


def _check(value: object, name: str, span: Span) -> None:
    if isinstance(value, tuple):
        for item in value:
            _check(item, name, span)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(f"argument `{name}` is not a number, and no list of numbers", span)


def _refused(title: str, span: Span) -> QsanError:
    return QsanError([Diagnostic("QS201", Severity.ERROR, title, span)])
