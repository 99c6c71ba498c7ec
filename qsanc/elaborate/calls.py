"""Circuits and attention blocks called with values of the model graph."""

from __future__ import annotations

from dataclasses import replace

from qsanc.elaborate.attention import call_attention
from qsanc.elaborate.blocks import Body, with_arrays
from qsanc.elaborate.circuits import CircuitBuilder
from qsanc.elaborate.entry import declared_result, explode_arguments, registers
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.measure import as_measured, flattened, placed
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.signature import Argument, Binding, arguments
from qsanc.elaborate.symbols import holds
from qsanc.elaborate.values import UNKNOWN, Measured, Template, Tensor, Unknown, Value, describe, shape_text
from qsanc.ir.circuit import CircuitModule, Probabilities, Probability, State
from qsanc.source import Span
from qsanc.syntax import ast


def call_template(ev: Evaluator, template: Template, node: ast.Call, scope: Scope) -> Value:
    """A call in a flow: the value of a circuit for each record, or of an attention block for each token."""
    item = template.definition.item
    if not isinstance(item, (ast.Circuit, ast.Attention)):
        return ev.report.error(
            "QS108", f"`{item.name}` cannot be called in a flow", node.span, label=describe(template)
        )
    given = arguments(ev, item.params, node.args, node.span, item.name, scope)
    if given is None:
        return UNKNOWN
    for name, argument in given.items():
        if isinstance(argument.value, tuple) and holds(argument.value, Tensor):
            stacked = ev.tensor(argument.value, argument.span)
            if stacked is None:
                return UNKNOWN
            given[name] = replace(argument, value=stacked)
    if isinstance(item, ast.Attention):
        return call_attention(ev, template, item, given, node.span)
    return call_circuit(ev, template, given, node.span)


def call_circuit(ev: Evaluator, template: Template, given: dict[str, Argument], span: Span) -> Value:
    """Elaborate the body of a circuit for these arguments and add its call."""
    item = template.definition.item
    assert isinstance(item, ast.Circuit)
    entered = _enter(ev, template, item, given, span)
    if entered is None or isinstance(entered[2].returned, Unknown) or entered[2].returned is None:
        return UNKNOWN
    binding, circuit, body = entered
    returned = next(s for s in item.body.body if isinstance(s, ast.Return))
    measured = as_measured(ev, body.returned, returned.value.span, observables=False)
    if measured is None or ev.report.failed:
        return UNKNOWN
    if item.result.kind == "prob" and not all(
        isinstance(m.result, (Probability, Probabilities)) for m in flattened(measured)
    ):
        return ev.report.error(
            "QS108",
            f"`{item.name}` returns a probability",
            returned.value.span,
            label="expectation values lie between -1 and 1",
            help=f"declare the result as {shape_text('real', tuple(dim.span.text for dim in item.result.dims))}",
        )
    segment = circuit.segment(item.name, None, body.gates)
    _, results = circuit.finish(item.name, tuple(placed(m.result, segment) for m in flattened(measured)), span)
    value = results[0] if isinstance(measured, Measured) else ev.graph.joined(results, results[0].type.rows)
    return declared_result(ev, binding, item.result, value, returned.value.span)


def elaborate_ansatz(ev: Evaluator, template: Template, given: dict[str, Argument], span: Span) -> CircuitModule | None:
    """An ansatz on its own: the module whose result is the state that it prepares from |0...0>."""
    item = template.definition.item
    assert isinstance(item, ast.Ansatz)
    entered = _enter(ev, template, item, given, span)
    if entered is None or ev.report.failed:
        return None
    _, circuit, body = entered
    segment = circuit.segment(item.name, None, body.gates)
    return circuit.module(item.name, (State(segment),))


def _enter(
    ev: Evaluator, template: Template, item: ast.Circuit | ast.Ansatz, given: dict[str, Argument], span: Span
) -> tuple[Binding, CircuitBuilder, Body] | None:
    """Bind the signature and elaborate the body."""
    binding = Binding(ev, template, span)
    if not binding.infer(given, {}) or not binding.bind_parameters(given, per_token=False):
        return None
    wires = registers(ev, binding)
    if wires is None:
        return None
    tensors = [entry.value for entry in binding.scope.entries.values() if isinstance(entry.value, Tensor)]
    rows: tuple[str, ...] = max((tensor.type.rows for tensor in tensors), key=len, default=())
    if len(rows) > 1:
        ev.report.error(
            "QS201",
            f"`{item.name}` takes one record at a time, not its tokens",
            span,
            help="an attention block runs circuits for each token",
        )
        return None
    circuit = CircuitBuilder(ev.graph, wires, rows)
    explode_arguments(circuit, binding.scope)
    body = Body(ev, circuit)
    body.run(item.body, with_arrays(binding.scope))
    return binding, circuit, body
