"""Attention blocks: four circuit segments for each token, then array operations over all pairs of tokens.

    A[s, j] = score(query_s, key_j)      masked before it is normalised
    W       = A / row sums | softmax over j | A
    out[s]  = sum_j W[s, j] value_j

No trace of attention is left behind elaboration: the block becomes one circuit call and operations that any program
uses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from qsanc.elaborate.blocks import Body, let, require, with_arrays
from qsanc.elaborate.circuits import CircuitBuilder
from qsanc.elaborate.entry import declared_result, explode_arguments, registers
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.measure import Measurement, as_measured, flattened, placed
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sign import Sign, sign
from qsanc.elaborate.signature import Argument, Binding
from qsanc.elaborate.values import (
    UNKNOWN,
    Deferred,
    Measured,
    StateOf,
    Template,
    Tensor,
    Unknown,
    Value,
    Wires,
    Word,
    describe,
)
from qsanc.ir.circuit import Angle, Overlap, Result
from qsanc.ir.model import Axis
from qsanc.ir.ops import ShapeError
from qsanc.source import Span
from qsanc.syntax import ast
from qsanc.syntax.walk import below, names_in, walk


def call_attention(
    ev: Evaluator, template: Template, item: ast.Attention, given: dict[str, Argument], span: Span
) -> Value:
    """The value of an attention block on the tokens of a record: real[S, ...] in the declared shape."""
    binding = Binding(ev, template, span)
    if not binding.infer(given, {}) or not binding.bind_parameters(given, per_token=False):
        return UNKNOWN
    found = [e.value.type.rows for e in binding.scope.entries.values() if isinstance(e.value, Tensor)]
    rows = max(found, key=len, default=())
    if len(rows) != 2:
        return ev.report.error("QS201", f"`{item.name}` needs an argument with one row for each token", span)
    if others := {dim for own in found for dim in own} - set(rows):
        label = f"and also for {', '.join(sorted(others))}"
        return ev.report.error("QS201", f"`{item.name}` runs for each token of {rows[-1]}", span, label=label)
    wires = registers(ev, binding)
    if wires is None:
        return UNKNOWN
    return _Block(ev, item, binding, CircuitBuilder(ev.graph, wires, rows), rows, span).value()


class _Block:
    """One call of an attention block."""

    def __init__(
        self,
        ev: Evaluator,
        item: ast.Attention,
        binding: Binding,
        circuit: CircuitBuilder,
        rows: tuple[str, ...],
        span: Span,
    ) -> None:
        self.ev, self.item, self.binding, self.circuit, self.rows, self.span = ev, item, binding, circuit, rows, span
        self.pairs: tuple[Axis, ...] = (*rows, rows[-1])
        self.given: dict[str, Tensor] = {}

    def value(self) -> Value:
        ev = self.ev
        scope = self._scope()
        states: dict[str, int] = {}
        measured: dict[str, Measurement | None] = {}
        parts = {part.role: part for part in self.item.parts if isinstance(part, ast.Part)}
        if set(parts) != {"encode", "query", "key", "value"}:
            return UNKNOWN  # QS601 has said so
        before = len(ev.report.diagnostics)
        for role in ("encode", "query", "key", "value"):
            body = Body(ev, self.circuit)
            body.run(parts[role].body, scope)
            states[role] = self.circuit.segment(role, None if role == "encode" else states["encode"], body.gates)
            result = parts[role].result
            if role != "encode" and result is not None:
                returned = ev.expr(result, scope)
                measured[role] = (
                    None if isinstance(returned, Unknown) else as_measured(ev, returned, result.span, observables=True)
                )
        if any(d.is_error for d in ev.report.diagnostics[before:]) or any(m is None for m in measured.values()):
            return UNKNOWN
        if "value" not in measured:
            return UNKNOWN  # QS601
        return self._combine(scope, states, {role: m for role, m in measured.items() if m is not None})

    def _scope(self) -> Scope:
        """Parameters as slots, the registers, and the token's place and its sentence's length."""
        scope = self.binding.scope
        self.given = {name: e.value for name, e in scope.entries.items() if isinstance(e.value, Tensor)}
        explode_arguments(self.circuit, scope)
        with_arrays(scope)
        scope = scope.inner()
        mentioned = set(names_in(tuple(part.body for part in self.item.parts if isinstance(part, ast.Part))))
        dim = self.rows[-1]
        for name, operation in (("pos", "position"), ("len", "length")):
            if name in mentioned and scope.find(name) is None:
                tensor = self.ev.graph.emit(operation, dim=dim)
                scope.bind(name, self.circuit.explode(name, self.ev.graph.broadcast(tensor, self.rows)))
        for part in self.item.parts:
            if isinstance(part, ast.Let):
                let(self.ev, part, scope)
            elif isinstance(part, ast.Require):
                require(self.ev, part, scope)
        return scope

    def _combine(self, scope: Scope, states: dict[str, int], measured: dict[str, Measurement]) -> Value:
        """The circuit call, and what is done with its results over all pairs."""
        ev, graph = self.ev, self.ev.graph
        results: list[Result] = []
        places: dict[str, range] = {}
        for role, measurement in measured.items():
            flat = flattened(measurement)
            places[role] = range(len(results), len(results) + len(flat))
            results += [placed(m.result, states[role]) for m in flat]
        if "query" in measured and "key" in measured and len(places["query"]) != len(places["key"]):
            parts = {part.role: part for part in self.item.parts if isinstance(part, ast.Part)}
            result = parts["key"].result
            assert result is not None
            return ev.report.error(
                "QS602",
                f"query and key of `{self.item.name}` differ",
                result.span,
                label=f"observables: {len(places['key'])} here, {len(places['query'])} in query",
            )
        score = next((part for part in self.item.parts if isinstance(part, ast.Score)), None)
        if score is None:
            return UNKNOWN  # QS601
        overlaps = self._overlaps(score, scope, states)
        if overlaps is None:
            return UNKNOWN
        first_overlap = len(results)
        results += [overlap for _, overlap in overlaps]
        _, values = self.circuit.finish(self.item.name, tuple(results), self.span)
        ev.overlaps.clear()
        for (node, _), value in zip(overlaps, values[first_overlap:], strict=True):
            ev.overlaps.setdefault(id(node), []).append(replace(value, in_row=True))

        def joined(role: str) -> Tensor:
            taken = [values[k] for k in places[role]]
            tensor = taken[0] if isinstance(measured[role], Measured) else graph.joined(taken, taken[0].type.rows)
            tensor = graph.broadcast(tensor, (*self.rows, *tensor.type.static))
            graph.probe(f"{self.item.name}.{role}", tensor)
            return tensor

        tensors = {role: joined(role) for role in measured}
        weights = self._weights(score, scope, tensors)
        if weights is None:
            return UNKNOWN
        graph.probe(f"{self.item.name}.weights", weights)
        out = graph.emit("attend", weights, tensors["value"], span=self.span)
        if self.item.result is None:
            return out
        return declared_result(ev, self.binding, self.item.result, out, self.item.result.span)

    def _overlaps(
        self, score: ast.Score, scope: Scope, states: dict[str, int]
    ) -> list[tuple[ast.Call, Overlap]] | None:
        """The overlaps that a score asks for, in the order it does, with the calls that do; None after an error."""
        found = []
        for node, around in self._asked(score.value, scope):
            wires: Value = Wires(tuple(range(self.circuit.wires)), "")
            roles = [arg.value.name for arg in node.args if arg.name is None and isinstance(arg.value, ast.Name)]
            for arg in node.args:
                if arg.name == "on":
                    wires = self.ev.expr(arg.value, around)
            if roles not in (["query", "key"], ["key", "query"]) or not isinstance(wires, Wires):
                if not isinstance(wires, Unknown):
                    self.ev.report.error(
                        "QS602", "an overlap is `overlap(query, key)` or `overlap(query, key, on = q[0..1])`", node.span
                    )
                return None
            if not wires.wires:
                self.ev.report.error("QS304", "there is no qubit to compare", node.span)
                return None
            found.append((node, Overlap(states["query"], states["key"], wires.wires)))
        return found

    def _asked(self, node: object, scope: Scope) -> Iterator[tuple[ast.Call, Scope]]:
        """Every call of `overlap`, again in each round of a comprehension, with the names in force there."""
        match node:
            case ast.Comprehension():
                for k in self.ev.repetitions(node.over, scope) or ():
                    inner = scope.inner()
                    inner.bind(node.name, k, span=node.name_span)
                    yield from self._asked(node.body, inner)
            case ast.Call(base=ast.Name(name="overlap")):
                yield node, scope
            case ast.Node() | tuple():
                for part in below(node) if isinstance(node, ast.Node) else node:
                    yield from self._asked(part, scope)

    def _weights(self, score: ast.Score, scope: Scope, tensors: dict[str, Tensor]) -> Tensor | None:
        ev, graph = self.ev, self.ev.graph
        inner = Scope(scope.module)
        for name in walk(score):
            if isinstance(name, ast.Name) and inner.find(name.name) is None:
                self._known_to_score(name, scope, inner)
        graph.in_row = True
        for role, side in (("query", "left"), ("key", "right")):
            tensor = tensors.get(role)
            inner.bind(role, graph.emit("spread", tensor, side=side, span=score.span) if tensor else StateOf(role))
        value = ev.tensor(ev.expr(score.value, inner), score.value.span)
        graph.in_row = False
        if value is None:
            return None
        try:
            weights = graph.broadcast(graph.real(value), self.pairs) if not value.type.static else None
        except ShapeError:
            weights = None
        if weights is None:
            ev.report.error(
                "QS201",
                "a score is one number for each pair of tokens",
                score.value.span,
                label=describe(value),
                help=f"write `sum({score.value.span.text})`",
            )
            return None
        return self._normalized(weights, score, inner)

    def _known_to_score(self, name: ast.Name, scope: Scope, inner: Scope) -> None:
        """Bind a name of the block for its score, unless it is different for each token."""
        entry = scope.find(name.name)
        value = self.given.get(name.name) or (entry.value if entry is not None else UNKNOWN)
        if entry is None:
            return
        if isinstance(value, (Angle, Deferred, np.ndarray)):
            value = self.circuit.value(value)
        if isinstance(value, Tensor) and len(value.type.rows) == len(self.rows):
            value = self.ev.report.error(
                "QS207",
                f"`{name.name}` differs from token to token, and a score has two of them",
                name.span,
                label="the place for it is `query` and `key`",
            )
        inner.bind(name.name, value, span=entry.span)

    def _normalized(self, weights: Tensor, score: ast.Score, scope: Scope) -> Tensor | None:
        ev, graph = self.ev, self.ev.graph
        words = {"mask": "none", "normalize": "none"}
        for part in self.item.parts:
            if isinstance(part, (ast.Mask, ast.Normalize)):
                legal = ("causal", "none") if isinstance(part, ast.Mask) else ("rows", "softmax", "none")
                value = Word(part.value.name) if isinstance(part.value, ast.Name) else None
                if value is None or value.name not in legal:
                    ev.report.error("QS108", f"this is one of {', '.join(legal)}", part.value.span)
                    return None
                words["mask" if isinstance(part, ast.Mask) else "normalize"] = value.name
        if words["normalize"] == "rows" and sign(graph, weights) is not Sign.POSITIVE:
            ev.report.warning(
                "QS604",
                "the score may be zero or negative, and rows are divided by their sums",
                score.value.span,
                help=f"write `exp({score.value.span.text})`",
            )
        if words["mask"] == "causal":
            weights = graph.emit("causal", weights, fill=-math.inf if words["normalize"] == "softmax" else 0.0)
        if words["normalize"] == "rows":
            return graph.emit("normalize_rows", weights)
        return graph.emit("softmax", weights, axis=2) if words["normalize"] == "softmax" else weights
