"""Checking one file: names, arguments, sorts and blocks; everything that can be found without knowing sizes.

Not here: shapes, values of sizes, indices in range, which qubits meet in a gate. These are `qsanc.elaborate`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

from qsanc.check import block_errors, errors
from qsanc.check.expressions import expect
from qsanc.check.items import meaning_of
from qsanc.check.models import check_hyper, check_model, check_size
from qsanc.check.module import Definition, Module
from qsanc.check.noise import applied_gates, check_noise, written_gates
from qsanc.check.properties import check_property, check_test
from qsanc.check.recursion import cycles
from qsanc.check.scope import UNKNOWN, Binding, Findings, Scope
from qsanc.check.signatures import declare_type
from qsanc.check.sorts import Context, Sort
from qsanc.check.templates import check_ansatz, check_attention, check_circuit
from qsanc.diagnostics import Diagnostic
from qsanc.ir.gates import GATES
from qsanc.source import Span
from qsanc.syntax import ast


def imported_names(item: ast.Import, module: Module | None) -> list[tuple[str, Span, Definition | Module | None]]:
    """The names an import brings into a file: None where what it names was not found."""
    if item.names is None:
        name = item.alias or item.target.rpartition("/")[2].removesuffix(".qsan").rpartition(".")[2]
        return [(name, item.target_span, module)]
    return [
        (part.alias or part.name, part.span, module.names.get(part.name) if module else None) for part in item.names
    ]


def check(file: ast.File, modules: Sequence[Module | None]) -> tuple[Diagnostic, ...]:
    """All findings about a file, in the order of the text.

    `modules` belong to its imports, one each; None for one that has errors itself, whose names then count as known.
    """
    findings = Findings()
    top = Scope(findings)
    imports = [item for item in file.items if isinstance(item, ast.Import)]
    reached: list[Definition | Module] = []
    for item, module in zip(imports, modules, strict=True):
        reached += _declare_import(item, module, top)
    own = [item for item in file.items if not isinstance(item, ast.Import)]
    for declared in own:
        if isinstance(declared, ast.Ansatz) and declared.name in GATES:
            findings.add(errors.named_like_a_gate(declared.name, declared.name_span))
        top.declare(Binding(declared.name, _role(declared), meaning_of(declared), declared.name_span))
    applied = applied_gates(reached) | written_gates(own)
    for declared in own:
        findings.current = declared.name
        before = len(findings.diagnostics)
        _check_item(declared, top, applied)
        _drop_consequences(findings, before)
    for chain, span in cycles(findings.uses):
        first = top.peek(chain[0])
        findings.add(block_errors.recursion(chain, span, first.role if first else ""))
    return tuple(sorted(findings.diagnostics, key=lambda d: d.span.start if d.span else 0))


def _drop_consequences(findings: Findings, since: int) -> None:
    """Where an item has errors, what seems unused in it may be what the author meant to write there."""
    found = findings.diagnostics[since:]
    if any(diagnostic.is_error for diagnostic in found):
        findings.diagnostics[since:] = [d for d in found if d.code != "QS110"]


def check_number(expr: ast.Expr, module: Module) -> tuple[Diagnostic, ...]:
    """All findings about a number that is written outside of a file, with the names of `module`."""
    top = Scope(Findings())
    for name, target in module.names.items():
        meaning = meaning_of(target.item if isinstance(target, Definition) else target)
        top.declare(Binding(name, "name", meaning, None))
    top.findings.diagnostics.clear()
    expect(expr, top, Context.NUMBER, Sort.NUMBER)
    return tuple(top.findings.diagnostics)


def _declare_import(item: ast.Import, module: Module | None, top: Scope) -> list[Definition | Module]:
    found: list[Definition | Module] = []
    for name, span, target in imported_names(item, module):
        if target is not None:
            found.append(target)
            meaning = meaning_of(target.item if isinstance(target, Definition) else target)
        else:
            meaning = UNKNOWN
        if isinstance(target, Definition) and isinstance(target.item, ast.Ansatz) and name in GATES:
            top.findings.add(errors.named_like_a_gate(name, span))
        top.declare(Binding(name, "import", meaning, span))
    if module is not None:
        for part in item.names or ():
            if part.name not in module.names:
                top.findings.add(block_errors.unknown_import(part, item.target, module.names))
    return found


def _role(item: ast.TopLevel) -> str:
    return "attention block" if isinstance(item, ast.Attention) else type(item).__name__.lower()


def _check_item(item: ast.TopLevel, top: Scope, applied: frozenset[str]) -> None:
    match item:
        case ast.Const():
            if item.type is not None:
                declare_type(item.type, top, "const", "qubit", "dim")
            expect(item.value, top, Context.NUMBER, Sort.NUMBER, Sort.TRUTH)
        case ast.Size():
            check_size(item, top)
        case ast.Hyper():
            check_hyper(item, top)
        case ast.Ansatz():
            check_ansatz(item, top)
        case ast.Circuit():
            check_circuit(item, top)
        case ast.Attention():
            check_attention(item, top)
        case ast.Noise():
            check_noise(item, top, applied)
        case ast.Model():
            check_model(item, top)
        case ast.Property():
            check_property(item, top)
        case ast.Test():
            check_test(item, top)
        case ast.Import():
            pass
