"""A template called with arrays of a property: a circuit, or an attention block on one sentence, whose length is then
known."""

from __future__ import annotations

from dataclasses import dataclass, replace

from qsanc.elaborate.attention import call_attention
from qsanc.elaborate.calls import call_circuit
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.signature import Argument, axes_of
from qsanc.elaborate.symbols import holds
from qsanc.elaborate.values import Template, Tensor, shape_text
from qsanc.ir.model import Axis, Input, Type
from qsanc.source import Span
from qsanc.syntax import ast


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a call computes: a value of its graph, or without one the probe `name`. `axes` are those that the property
    sees, `lengths` those of the sentence."""

    graph: Graph
    name: str
    value: Tensor | None
    axes: tuple[int, ...]
    lengths: tuple[tuple[str, int], ...] = ()


def result_of(
    ev: Evaluator, template: Template, given: dict[str, Argument], span: Span, *, weights: bool = False
) -> Result | None:
    """What the call of a circuit, or of an attention block on one sentence, computes; None after an error."""
    item = template.definition.item
    if isinstance(item, ast.Attention):
        return call_on_sentence(ev, template, item, given, span, weights=weights)
    value = call_circuit(ev, template, entered(ev, given), span)
    return Result(ev.graph, "value", value, value.type.static) if isinstance(value, Tensor) else None


def entered(ev: Evaluator, given: dict[str, Argument]) -> dict[str, Argument]:
    """The arguments of a call with their arrays as inputs of `ev`'s graph."""
    return {name: _input(ev, name, argument, axes_of(argument.value)) for name, argument in given.items()}


def call_on_sentence(
    ev: Evaluator, template: Template, item: ast.Attention, given: dict[str, Argument], span: Span, *, weights: bool
) -> Result | None:
    """An attention block's value, or its weights, for one sentence; None after an error.

    The first axis of an argument is the sentence where its parameter has a run-time dim there, of whatever length.
    """
    lengths: dict[str, tuple[int, str]] = {}
    dims = {generic.name for generic in item.generics if generic.type is not None and generic.type.kind == "dim"}
    arguments: dict[str, Argument] = {}
    for param in item.params:
        if param.name not in given:
            continue
        argument, first = given[param.name], param.type.dims[:1]
        axes = axes_of(argument.value)
        dim = first[0].name if first and isinstance(first[0], ast.Name) and first[0].name in dims else None
        if dim is not None and axes is not None:
            if len(axes) != len(param.type.dims):
                ev.report.error(
                    "QS201",
                    f"shapes do not fit in the call of `{item.name}`",
                    argument.span,
                    label=shape_text(param.type.kind, axes),
                    expected=f"expected {param.type.span.text}",
                )
                return None
            length = axes[0]
            assert isinstance(length, int)
            known, source = lengths.setdefault(dim, (length, param.name))
            if known != length:
                ev.report.error(
                    "QS202",
                    f"`{dim}` of `{item.name}` is inferred two ways",
                    argument.span,
                    label=f"{length} from `{param.name}`, {known} from `{source}`",
                )
                return None
            axes = ("record", dim, *axes[1:])
        arguments[param.name] = _input(ev, param.name, argument, axes)
    value = call_attention(ev, template, item, arguments, span)
    if not isinstance(value, Tensor):
        return None
    dim = value.type.rows[-1]
    length, _ = lengths[dim]
    every = tuple((name, found) for name, (found, _) in lengths.items())
    if weights:
        return Result(ev.graph, f"{item.name}.weights", None, (length, length), every)
    return Result(ev.graph, "value", value, (length, *value.type.static), every)


def _input(ev: Evaluator, name: str, argument: Argument, axes: tuple[Axis, ...] | None) -> Argument:
    """Numbers known now stay what they are, except for a sentence."""
    value = argument.value
    sentence = axes is not None and any(isinstance(axis, str) for axis in axes)
    if axes is None or not (sentence or holds(value, Tensor)):
        return argument
    kind = value.type.kind if isinstance(value, Tensor) else "real"
    return replace(argument, value=ev.graph.input(Input(name, "argument", Type(kind, axes)), argument.span))
