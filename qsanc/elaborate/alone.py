"""One entry of a file by itself: a model, or a circuit, ansatz or attention block that nobody calls."""

from __future__ import annotations

from collections.abc import Mapping

from qsanc.check.module import Definition
from qsanc.elaborate.attention import call_attention
from qsanc.elaborate.calls import call_circuit, elaborate_ansatz
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.limits import Steps, limited
from qsanc.elaborate.models import elaborate_model
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.signature import Argument, Binding
from qsanc.elaborate.sizes import Sizes
from qsanc.elaborate.values import DimRef, Template, Tensor
from qsanc.ir.layout import RECORD
from qsanc.ir.model import Axis, Input, Type
from qsanc.ir.ops import is_batch_axis
from qsanc.ir.program import Program
from qsanc.syntax import ast

Shapes = Mapping[str, tuple[int, ...]]


def compile_alone(
    report: Report, definition: Definition, sizes: Sizes, shapes: Shapes | None = None, steps: Steps | None = None
) -> Program | None:
    """The program of an entry, or None after an error, which is then in `report`.

    Arguments become inputs of the function: of the declared shapes, one row a record. `shapes`, where given, are those
    of the arguments there will be: generics follow from them, and a parameter without one has its default; `steps`
    are those already taken.
    """
    with limited(report):
        ev = Evaluator(report, sizes, Graph(), steps=steps)
        return _compiled(ev, definition, sizes, shapes)
    return None


def _compiled(ev: Evaluator, definition: Definition, sizes: Sizes, shapes: Shapes | None) -> Program | None:
    report, graph, item = ev.report, ev.graph, definition.item
    if isinstance(item, ast.Model):
        built = elaborate_model(ev, item, Scope(definition.module))
        return None if built is None or report.failed else Program(tuple(graph.modules), (built[1],), (built[0],))
    if not isinstance(item, (ast.Circuit, ast.Attention, ast.Ansatz)):
        report.error("QS108", f"`{item.name}` is no circuit and no model", item.name_span)
        return None
    template, given = _free_arguments(ev, definition, sizes, shapes)
    if report.failed:
        return None
    if isinstance(item, ast.Ansatz):
        module = elaborate_ansatz(ev, template, given, item.name_span)
        return None if module is None or report.failed else Program((module,), ())
    if isinstance(item, ast.Attention):
        value = call_attention(ev, template, item, given, item.name_span)
    else:
        value = call_circuit(ev, template, given, item.name_span)
    if not isinstance(value, Tensor) or report.failed:
        return None
    return Program(tuple(graph.modules), (graph.finish(item.name, (("result", value),)),))


def _free_arguments(
    ev: Evaluator, definition: Definition, sizes: Sizes, shapes: Shapes | None
) -> tuple[Template, dict[str, Argument]]:
    item = definition.item
    assert isinstance(item, (ast.Circuit, ast.Attention, ast.Ansatz))
    generics = tuple((g.name, v, item.name_span) for g in item.generics if (v := _given(sizes, g)) is not None)
    dims = tuple(
        (g.name, DimRef(_axis(g.name)), item.name_span)
        for g in item.generics
        if g.type is not None and g.type.kind == "dim"
    )
    template = Template(definition, generics + dims)
    probe = Binding(ev, template, item.name_span)
    stand_ins = {
        name: Argument(Tensor(-1, Type("real", shape)), item.name_span) for name, shape in (shapes or {}).items()
    }
    if not probe.infer(stand_ins, {}, entry=True):
        return template, {}
    given: dict[str, Argument] = {}
    for param in item.params:
        value = _given(sizes, param)
        if value is not None:
            given[param.name] = Argument(value, param.span)
            probe.scope.bind(param.name, value)
        elif param.type.kind in ("nat", "int", "bit", "bool"):
            _chosen(ev, probe, param)
        elif shapes is not None and param.name not in shapes and param.default is not None:
            continue  # the arguments are known, and this one is left to its default
        elif (axes := probe.expected(param.type)) is not None:
            row_axes: tuple[Axis, ...] = ("record", *axes)
            tensor = ev.graph.input(Input(param.name, "argument", Type("real", row_axes)), param.name_span)
            given[param.name] = Argument(tensor, param.name_span)
            probe.scope.bind(param.name, tensor)
    return template, given


def _axis(name: str) -> str:
    """The axis of the model language for a dim."""
    return f"{name}_" if name == RECORD or is_batch_axis(name) else name


def _given(sizes: Sizes, declared: ast.Generic | ast.Param) -> int | float | None:
    """What was set from outside, where a condition is 0 or 1."""
    value = sizes.given(declared.name)
    condition = declared.type is not None and declared.type.kind == "bool"
    return bool(value) if condition and value in (0, 1) else value


def _chosen(ev: Evaluator, probe: Binding, param: ast.Param) -> None:
    """A parameter that must be known now has its default, or QS206."""
    if param.default is not None:
        probe.scope.bind(param.name, ev.expr(param.default, probe.scope))
        return
    what = f"`{param.name}` of `{probe.item.name}`"
    if param.type.dims:
        ev.report.error("QS206", f"{what} is a list that only a caller can give", param.span)
    else:
        ev.report.error("QS206", f"{what} needs a value", param.span, help=f"--set {param.name}=1")
