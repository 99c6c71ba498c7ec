"""Gate lines: the gate or ansatz, its angles, and the qubits it acts on. Gates have a namespace of their own."""

from __future__ import annotations

from qsanc.check import errors
from qsanc.check.arguments import matched
from qsanc.check.expressions import expect, generic_arguments, index, number, register_part
from qsanc.check.items import formals_of, meaning_of
from qsanc.check.module import Definition, Module
from qsanc.check.scope import UNKNOWN, Meaning, Scope
from qsanc.check.sorts import Context, Sort
from qsanc.ir.gates import GATES, GateDef
from qsanc.syntax import ast


def gate_line(line: ast.Apply, scope: Scope) -> None:
    for modifier in line.modifiers:
        if isinstance(modifier, ast.Power):
            number(modifier.exponent, scope)
    gate = GATES.get(line.callee)
    parts = [operand(part, scope) for part in line.operands]
    if gate is not None:
        _gate(line, gate, parts, scope)
        return
    callee = _ansatz(line, scope)
    if callee.sort is Sort.ANSATZ and isinstance(callee.item, ast.Ansatz):
        _template(line, callee, callee.item, scope)
        return
    for arg in (*line.generics, *line.args):
        expect(arg.value, scope, Context.NUMBER, Sort.ANY)


def operand(part: ast.Operand, scope: Scope) -> Sort:
    """What a gate acts on: a register, a stretch of one, or one qubit."""
    binding = scope.find(part.name, part.span)
    for arg in part.index:
        if arg.name is not None:
            scope.findings.add(errors.named_index(arg, part.name))
        index(arg, scope)
    if binding is None:
        registers = [b.name for b in scope.visible() if b.meaning.sort in (Sort.QUBITS, Sort.QUBIT)]
        scope.findings.add(errors.unknown_register(part, registers))
        return Sort.ANY
    if binding.meaning.sort not in (Sort.QUBITS, Sort.QUBIT):
        if binding.meaning.sort is not Sort.ANY:
            scope.findings.add(errors.not_a_register(part, binding.role))
        return Sort.ANY
    if not part.index:
        return binding.meaning.sort
    return register_part(binding.meaning.sort, part.name, part.index, part.span, scope).sort


def _gate(line: ast.Apply, gate: GateDef, parts: list[Sort], scope: Scope) -> None:
    if line.generics:
        scope.findings.add(errors.gate_with_generics(line))
    for arg in line.args:
        number(arg.value, scope)
        if arg.name is not None:
            scope.findings.add(errors.named_angle(arg, gate.name))
    if len(line.args) != len(gate.angles):
        scope.findings.add(errors.angle_count(line, gate.angles))
    if len(parts) != gate.wires:
        scope.findings.add(errors.operand_count(line, gate.name, gate.wires, "qubit"))
    elif gate.wires > 1:
        for part, sort in zip(line.operands, parts, strict=True):
            if sort is Sort.QUBITS:
                scope.findings.add(errors.register_in_gate(part, gate.name, gate.wires))


def _template(line: ast.Apply, callee: Meaning, ansatz: ast.Ansatz, scope: Scope) -> None:
    findings = scope.findings
    generic_arguments(line.generics, callee, line.callee, line.callee_span, scope)
    span = line.callee_span if not line.args else line.callee_span.to(line.args[-1].span)
    for _, arg in matched(line.args, formals_of(callee), line.callee, span, findings, code="QS303"):
        expect(arg.value, scope, Context.NUMBER, Sort.NUMBER, Sort.TRUTH)
    if len(line.operands) != len(ansatz.registers):
        findings.add(errors.operand_count(line, line.callee, len(ansatz.registers), "register"))


def _ansatz(line: ast.Apply, scope: Scope) -> Meaning:
    """The ansatz that a gate line names, by its name or by that of its file and its own (`r.ring`)."""
    first, *rest = line.callee.split(".")
    binding = scope.find(first, line.callee_span)
    if binding is None:
        names = [b.name for b in scope.visible() if b.meaning.sort is Sort.ANSATZ]
        scope.findings.add(errors.unknown_gate(line.callee, line.callee_span, names))
        return UNKNOWN
    found = binding.meaning
    for name in rest:
        if found.sort is Sort.ANY:
            return UNKNOWN
        if not isinstance(found.item, Module):
            scope.findings.add(errors.not_a_gate(line, found.sort))
            return UNKNOWN
        member = found.item.names.get(name)
        if member is None:
            scope.findings.add(errors.unknown_member(line, name, found.item.names))
            return UNKNOWN
        found = meaning_of(member.item if isinstance(member, Definition) else member)
    if found.sort not in (Sort.ANSATZ, Sort.ANY):
        scope.findings.add(errors.not_a_gate(line, found.sort))
        return UNKNOWN
    return found
