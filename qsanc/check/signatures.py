"""Declaring generics, parameters and registers of an item."""

from __future__ import annotations

from qsanc.check import errors
from qsanc.check.expressions import expect, number, within
from qsanc.check.items import sort_of_type
from qsanc.check.scope import NUMBER, UNKNOWN, Binding, Meaning, Scope
from qsanc.check.sorts import Context, Sort
from qsanc.syntax import ast


def declare_type(type_: ast.Type, scope: Scope, role: str, *forbidden: ast.TypeName) -> Meaning:
    """What a name of this type means; QS108 where a declaration of this role cannot have it."""
    for extent in type_.dims:
        number(extent, scope)
    if type_.kind in forbidden:
        scope.findings.add(errors.wrong_type(type_, role))
        return UNKNOWN
    return Meaning(sort_of_type(type_))


def declare_generics(generics: tuple[ast.Generic, ...], scope: Scope) -> None:
    for generic in generics:
        meaning = NUMBER
        if generic.type is not None:
            meaning = declare_type(generic.type, scope, "generic", "qubit", "angle", "prob", "time", "bit")
        within(generic.within, scope)
        if generic.default is not None:
            expect(generic.default, scope, Context.NUMBER, Sort.NUMBER, Sort.TRUTH)
        scope.declare(Binding(generic.name, "generic", meaning, generic.name_span, generic.type, watched=True))


def declare_params(params: tuple[ast.Param, ...], scope: Scope) -> None:
    for param in params:
        meaning = declare_type(param.type, scope, "parameter", "qubit", "dim")
        within(param.within, scope)
        if param.default is not None:
            expect(param.default, scope, Context.NUMBER, Sort.NUMBER, Sort.TRUTH)
        scope.declare(Binding(param.name, "parameter", meaning, param.name_span, param.type, watched=True))


def declare_registers(registers: tuple[ast.Register, ...], scope: Scope) -> None:
    for register in registers:
        if register.type.kind != "qubit":
            scope.findings.add(errors.register_type(register))
        if len(register.type.dims) > 1:
            scope.findings.add(errors.register_dims(register))
        for extent in register.type.dims:
            number(extent, scope)
        meaning = Meaning(Sort.QUBITS if register.type.dims else Sort.QUBIT)
        role = "register" if register.type.dims else "qubit"
        scope.declare(Binding(register.name, role, meaning, register.name_span, register.type))
