"""Noise blocks: which gates a rule names, and whether its channel fits them. Values are `qsanc.elaborate.noise`'s."""

from __future__ import annotations

from collections.abc import Iterable

from qsanc.check import block_errors
from qsanc.check.channels import CHANNELS
from qsanc.check.expressions import expect, number
from qsanc.check.module import Definition, Module
from qsanc.check.scope import Scope
from qsanc.check.signatures import declare_params
from qsanc.check.sorts import Context, Sort
from qsanc.ir.gates import GATES
from qsanc.syntax import ast


def check_noise(item: ast.Noise, top: Scope, applied: frozenset[str]) -> None:
    """Check a block. `applied` are the gates that circuits known to the file can come to; empty if there are none."""
    scope = top.inner(Context.NUMBER, Context.CHANNEL)
    declare_params(item.params, scope)
    for rule in item.rules:
        for gate, span in zip(rule.gates, rule.gate_spans, strict=True):
            if gate != "*" and gate not in GATES:
                scope.findings.add(block_errors.unknown_noise_gate(gate, span))
            elif gate != "*" and applied and gate not in applied:
                scope.findings.add(block_errors.gate_never_applied(gate, span))
        for wire in rule.wires or ():
            number(wire, scope)
        expect(rule.channel, scope, Context.CHANNEL, Sort.CHANNEL)
        _fits(rule, scope)
    _repeated(item.rules, scope)
    scope.close()


def _fits(rule: ast.NoiseRule, scope: Scope) -> None:
    """QS502: a channel on two qubits follows gates on two qubits, and only readout is confused."""
    call = rule.channel
    if not (isinstance(call, ast.Call) and isinstance(call.base, ast.Name) and call.base.name in CHANNELS):
        return
    channel = CHANNELS[call.base.name]
    if channel.name == "confusion" and rule.when != "readout":
        scope.findings.add(block_errors.readout_only(rule, channel.name))
    elif channel.wires == 2 and rule.when not in ("after", "before"):
        scope.findings.add(block_errors.channel_without_pair(rule, channel.name))
    elif channel.wires == 2:
        for gate, span in zip(rule.gates, rule.gate_spans, strict=True):
            wires = GATES[gate].wires if gate in GATES else None
            if gate == "*" or (wires is not None and wires != 2):
                scope.findings.add(block_errors.channel_arity(rule, channel.name, gate, wires, span))


def _repeated(rules: Iterable[ast.NoiseRule], scope: Scope) -> None:
    """QS503 for a rule that stands in the block already."""
    first: list[ast.NoiseRule] = []
    for rule in rules:
        before = next((earlier for earlier in first if earlier == rule), None)
        if before is not None:
            scope.findings.add(block_errors.rule_repeated(rule, before))
        first.append(rule)


def applied_gates(module: Iterable[Definition | Module]) -> frozenset[str]:
    """The gates that circuits among these can come to: those of their gate lines, and what these decompose into."""
    seen: set[int] = set()
    gates: set[str] = set()
    left = list(module)
    while left:
        found = left.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, Module):
            left.extend(found.names.values())
            continue
        gates |= set(_written(found.item))
        left.append(found.module)
    return _closed(gates)


def written_gates(items: Iterable[ast.TopLevel]) -> frozenset[str]:
    return _closed({gate for item in items for gate in _written(item)})


def _closed(gates: Iterable[str]) -> frozenset[str]:
    reached: set[str] = set()
    left = [gate for gate in gates if gate in GATES]
    while left:
        gate = left.pop()
        if gate not in reached:
            reached.add(gate)
            left += [step.name for way in GATES[gate].decompositions for step in way.body]
    return frozenset(reached)


def _written(item: ast.TopLevel) -> Iterable[str]:
    match item:
        case ast.Ansatz() | ast.Circuit():
            yield from _lines(item.body)
        case ast.Attention():
            for part in item.parts:
                if isinstance(part, ast.Part):
                    yield from _lines(part.body)


def _lines(block: ast.Block) -> Iterable[str]:
    for statement in block.body:
        match statement:
            case ast.Apply():
                yield statement.callee
            case ast.For():
                yield from _lines(statement.body)
            case ast.If():
                yield from _lines(statement.then)
                if statement.orelse is not None:
                    yield from _lines(statement.orelse)
