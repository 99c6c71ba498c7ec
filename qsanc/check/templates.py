"""Ansatz, circuit and attention blocks."""

from __future__ import annotations

from collections.abc import Sequence

from qsanc.check import block_errors, errors
from qsanc.check.blocks import a_qubit, block, let, no_return, one_return
from qsanc.check.expressions import condition, expect
from qsanc.check.scope import NUMBER, Binding, Meaning, Scope
from qsanc.check.signatures import declare_generics, declare_params, declare_registers, declare_type
from qsanc.check.sorts import Context, Sort
from qsanc.diagnostics import Note
from qsanc.syntax import ast

_PLACES = {"pos": "place of the token", "len": "length of the sentence"}
_REQUIRED = ("encode", "query", "key", "value", "score")


def check_ansatz(item: ast.Ansatz, top: Scope) -> None:
    scope = top.inner(Context.NUMBER)
    _signature(item, scope)
    no_return(item.body, f"ansatz `{item.name}`", scope)
    block(item.body, scope, Context.NUMBER)
    scope.close()


def check_circuit(item: ast.Circuit, top: Scope) -> None:
    scope = top.inner(Context.NUMBER, Context.RESULT)
    _signature(item, scope)
    declare_type(item.result, scope, "result", "qubit", "dim", "time", "bool", "bit")
    one_return(item, scope)
    block(item.body, scope, Context.RESULT, Sort.MEASURED)
    scope.close()


def _signature(item: ast.Ansatz | ast.Circuit | ast.Attention, scope: Scope) -> None:
    declare_generics(item.generics, scope)
    declare_params(item.params, scope)
    declare_registers(item.registers, scope)


def check_attention(item: ast.Attention, top: Scope) -> None:
    scope = top.inner(Context.NUMBER, Context.RESULT, Context.SCORE)
    _signature(item, scope)
    if item.result is not None:
        declare_type(item.result, scope, "result", "qubit", "dim", "time", "bool", "bit")
    for part in item.parts:
        if isinstance(part, ast.Let):
            let(part, scope, Context.RESULT)
        elif isinstance(part, ast.Require):
            condition(part.condition, scope)
    for name, meant in _PLACES.items():
        taken = scope.peek(name)
        if taken is not None and taken.span is not None:
            scope.findings.add(errors.taken_in_attention(name, taken.role, taken.span, meant))
    roles = _roles(item, scope)
    for part in item.parts:
        match part:
            case ast.Part():
                _part(part, scope)
            case ast.Score():
                _score(part, roles, scope)
            case ast.Mask():
                expect(part.value, scope, Context.MASK, Sort.WORD)
            case ast.Normalize():
                expect(part.value, scope, Context.NORMALIZE, Sort.WORD)
    scope.close()


def _roles(item: ast.Attention, scope: Scope) -> dict[str, ast.Part]:
    """The first block of each role; QS601 for missing and repeated parts, QS602 where query and key differ."""
    named: dict[str, list[ast.Part | ast.Mask | ast.Score | ast.Normalize]] = {}
    for part in item.parts:
        match part:
            case ast.Part():
                named.setdefault(part.role, []).append(part)
            case ast.Mask() | ast.Score() | ast.Normalize():
                named.setdefault(type(part).__name__.lower(), []).append(part)
    owner, qubit = f"attention `{item.name}`", a_qubit(item.registers)
    for role in _REQUIRED:
        if role not in named:
            scope.findings.add(block_errors.missing_part(role, item.name_span, owner, _example(role, qubit)))
    for role, parts in named.items():
        for extra in parts[1:]:
            scope.findings.add(block_errors.repeated_part(role, extra.span, parts[0].span, owner))
    roles = {role: _first_part(parts) for role, parts in named.items() if role not in ("mask", "score", "normalize")}
    found = {role: part for role, part in roles.items() if part is not None}
    query, key, value = found.get("query"), found.get("key"), found.get("value")
    if query and key and (query.result is None) != (key.result is None):
        measured, state = (key, query) if query.result is None else (query, key)
        scope.findings.add(block_errors.query_key_differ(measured, state))
    if value is not None and value.result is None:
        scope.findings.add(block_errors.value_unmeasured(value, qubit))
    return found


def _example(role: str, qubit: str) -> str:
    """What could stand in the place of a missing part."""
    register = qubit.partition("[")[0]
    if role == "score":
        return "score exp(-(query - key)^2);"
    result = {"encode": "", "query": f" -> Z({qubit});", "key": f" -> Z({qubit});", "value": f" -> [Z({qubit})];"}
    return f"{role} {{ h {register}; }}{result[role]}"


def _first_part(parts: Sequence[ast.Part | ast.Mask | ast.Score | ast.Normalize]) -> ast.Part | None:
    return parts[0] if isinstance(parts[0], ast.Part) else None


def _part(part: ast.Part, scope: Scope) -> None:
    inner = scope.inner()
    for name, role in _PLACES.items():
        if scope.peek(name) is None:
            inner.declare(Binding(name, role, NUMBER, None))
    no_return(part.body, f"`{part.role}`", inner)
    block(part.body, inner, Context.RESULT)
    if part.result is not None:
        expect(part.result, scope, Context.RESULT, Sort.OBSERVABLE, Sort.MEASURED)


def _score(part: ast.Score, roles: dict[str, ast.Part], scope: Scope) -> None:
    inner = scope.inner()
    query, key = roles.get("query"), roles.get("key")
    alike = query is not None and key is not None and (query.result is None) == (key.result is None)
    for role in ("query", "key"):
        block_ = roles.get(role)
        sort = Sort.ANY
        if block_ is not None and alike:
            sort = Sort.STATE if block_.result is None else Sort.NUMBER
        inner.declare(Binding(role, f"`{role}`", Meaning(sort), block_.span if block_ else None))
    inner.beyond["value"] = Note("a score compares `query` and `key`; it weighs `value` afterwards")
    for name, meant in _PLACES.items():
        inner.beyond[name] = Note(f"`{name}`, the {meant}, is known inside `encode`, `query`, `key` and `value`")
    expect(part.value, inner, Context.SCORE, Sort.NUMBER)
