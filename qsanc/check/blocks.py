"""Statements of ansatz, circuit and attention blocks."""

from __future__ import annotations

from qsanc.check import block_errors
from qsanc.check.expressions import condition, expect, within
from qsanc.check.gatelines import gate_line
from qsanc.check.items import sort_of_type
from qsanc.check.scope import NUMBER, Binding, Meaning, Scope
from qsanc.check.signatures import declare_type
from qsanc.check.sorts import Context, Sort
from qsanc.syntax import ast


def block(statements: ast.Block, scope: Scope, vocabulary: Context, returned: Sort = Sort.ANY) -> None:
    """Check what stands in a block; its lets are read in `vocabulary`, and its returns are of the sort `returned`."""
    inner = scope.inner()
    for statement in statements.body:
        match statement:
            case ast.Let():
                let(statement, inner, vocabulary)
            case ast.For():
                within(statement.over, inner)
                round_ = inner.inner()
                round_.declare(Binding(statement.name, "loop variable", NUMBER, statement.name_span))
                block(statement.body, round_, vocabulary, returned)
            case ast.If():
                condition(statement.condition, inner)
                block(statement.then, inner, vocabulary, returned)
                if statement.orelse is not None:
                    block(statement.orelse, inner, vocabulary, returned)
            case ast.Require():
                condition(statement.condition, inner)
            case ast.Apply():
                gate_line(statement, inner)
            case ast.Return():
                expect(statement.value, inner, Context.RESULT, returned)
    inner.close()


def let(statement: ast.Let, scope: Scope, vocabulary: Context) -> None:
    """A name for a value; where something is measured also for an observable."""
    if statement.type is not None:
        declare_type(statement.type, scope, "let", "qubit", "dim")
    sorts = [Sort.NUMBER, Sort.TRUTH, *([Sort.OBSERVABLE] if vocabulary is Context.RESULT else [])]
    found = expect(statement.value, scope, vocabulary, *sorts)
    meaning = Meaning(sort_of_type(statement.type)) if statement.type is not None else found
    scope.declare(Binding(statement.name, "let", meaning, statement.name_span, statement.type, watched=True))


def returns_of(statements: ast.Block) -> list[ast.Return]:
    """All returns in a block, nested ones included, in the order of the text."""
    found: list[ast.Return] = []
    for statement in statements.body:
        match statement:
            case ast.Return():
                found.append(statement)
            case ast.For():
                found += returns_of(statement.body)
            case ast.If():
                found += returns_of(statement.then)
                if statement.orelse is not None:
                    found += returns_of(statement.orelse)
    return found


def no_return(statements: ast.Block, owner: str, scope: Scope) -> None:
    for found in returns_of(statements):
        scope.findings.add(block_errors.return_misplaced(found, owner))


def a_qubit(registers: tuple[ast.Register, ...]) -> str:
    """A qubit of the first register, for an example."""
    return f"{registers[0].name}[0]" if registers[0].type.dims else registers[0].name


def one_return(circuit: ast.Circuit, scope: Scope) -> None:
    """A circuit ends in its only `return`."""
    found = returns_of(circuit.body)
    if not found:
        scope.findings.add(block_errors.return_missing(circuit, a_qubit(circuit.registers)))
    for extra in found[1:]:
        scope.findings.add(block_errors.repeated_part("return", extra.span, found[0].span, f"circuit `{circuit.name}`"))
    if len(found) == 1 and circuit.body.body[-1] is not found[0]:
        scope.findings.add(block_errors.return_not_last(found[0], circuit.name))
