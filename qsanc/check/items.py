"""What a declaration offers to those who use its name: its sort, and the arguments it takes."""

from __future__ import annotations

from qsanc.check.builtins import Formal
from qsanc.check.module import Declaration, Module
from qsanc.check.scope import Meaning
from qsanc.check.sorts import Sort
from qsanc.diagnostics import CompilerBug
from qsanc.syntax import ast


def meaning_of(item: Declaration | Module) -> Meaning:
    match item:
        case Module():
            return Meaning(Sort.MODULE, item)
        case ast.Const():
            return Meaning(sort_of_type(item.type), item)
        case ast.Hyper():
            return Meaning(sort_of_type(item.type), item)
        case ast.Size():
            return Meaning(Sort.NUMBER, item)
        case ast.Ansatz():
            return Meaning(Sort.ANSATZ, item)
        case ast.Circuit():
            return Meaning(Sort.CIRCUIT, item)
        case ast.Attention():
            return Meaning(Sort.ATTENTION, item)
        case ast.Noise():
            return Meaning(Sort.NOISE, item)
        case ast.Model():
            return Meaning(Sort.MODEL, item)
        case ast.Property():
            return Meaning(Sort.PROPERTY, item)
        case ast.Test():
            return Meaning(Sort.TEST, item)
    raise CompilerBug(f"no meaning for {type(item).__name__}")


def sort_of_type(type_: ast.Type | None) -> Sort:
    if type_ is None:
        return Sort.NUMBER
    match type_.kind:
        case "bool":
            return Sort.TRUTH
        case "qubit":
            return Sort.QUBITS if type_.dims else Sort.QUBIT
        case _:
            return Sort.NUMBER


def generics_of(template: Meaning) -> tuple[Formal, ...]:
    """The sizes a template takes in square brackets; all can be left out, and are inferred then."""
    item = template.item
    if isinstance(item, (ast.Ansatz, ast.Circuit, ast.Attention, ast.Model)):
        return tuple(Formal(generic.name, required=False) for generic in item.generics)
    return ()


def formals_of(callee: Meaning) -> tuple[Formal, ...]:
    """The arguments of a template, of a model (its settings and parameters, by name), or of a model's `predict`."""
    item = callee.item
    match item:
        case ast.Ansatz() | ast.Circuit() | ast.Attention():
            return tuple(Formal(param.name, required=param.default is None) for param in item.params)
        case ast.Model() if callee.sort is Sort.INSTANCE:
            data = [part for part in item.parts if isinstance(part, ast.Data)]
            return tuple(
                Formal(f.name, required=False) for part in data for f in part.fields if isinstance(f, ast.DataField)
            )
        case ast.Model():
            return model_formals(item)
        case _:
            return ()


def model_formals(model: ast.Model) -> tuple[Formal, ...]:
    """What `m(...)` may set: sizes, hypers and parameters, each by name."""
    names: list[str] = []
    for part in model.parts:
        if isinstance(part, (ast.Size, ast.Hyper)):
            names.append(part.name)
        elif isinstance(part, ast.Params):
            names.extend(decl.name for decl in part.decls)
    return tuple(Formal(name, required=False, named_only=True) for name in names)
