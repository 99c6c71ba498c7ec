"""Messages about names, arguments and sorts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qsanc.check.builtins import BUILTINS, Formal
from qsanc.check.nearest import nearest
from qsanc.check.report import (
    a_or_an,
    enumerated,
    error,
    first_here,
    head,
    instead,
    quoted,
    several,
    suggestion,
    warning,
)
from qsanc.check.sorts import Context, Sort
from qsanc.diagnostics import Diagnostic, Note
from qsanc.ir.gates import GATES
from qsanc.source import Span
from qsanc.syntax import ast

# ---- names -------------------------------------------------------------------------------------------------------


def unknown(name: str, span: Span, known: Iterable[str], where: str = "", *, beyond: Note | None = None) -> Diagnostic:
    return error(
        "QS101",
        f"unknown name `{name}`{f' {where}' if where else ''}",
        span,
        f"nothing is called `{name}` here",
        notes=(beyond,) if beyond else (),
        help="" if beyond else suggestion(name, known),
    )


def duplicate(name: str, role: str, span: Span | None, first_role: str, first: Span | None) -> Diagnostic:
    return error(
        "QS102",
        f"`{name}` is declared twice",
        span,
        "this name is taken",
        notes=first_here(first, f"the first `{name}`, {a_or_an(first_role)}, is here"),
        help="give one of the two another name",
    )


def shadowing(name: str, role: str, span: Span | None, outer_role: str, outer: Span | None) -> Diagnostic:
    return warning(
        "QS103",
        f"the {role} `{name}` hides the {outer_role} `{name}`",
        span,
        "inside, the name means this one",
        notes=first_here(outer, f"the {outer_role} is here"),
        help="give one of the two another name",
    )


def hides_builtin(name: str, role: str, span: Span | None) -> Diagnostic:
    return warning(
        "QS103",
        f"the {role} `{name}` hides the built-in `{name}`",
        span,
        "inside, the name means this one",
        help=f"give the {role} another name",
    )


def named_like_a_gate(name: str, span: Span) -> Diagnostic:
    return error(
        "QS102",
        f"`{name}` is a gate",
        span,
        "an ansatz of the same name could never be used in a gate line",
        notes=(Note(f"the gate: {GATES[name].doc}"),),
        help="give the ansatz another name",
    )


def taken_in_attention(name: str, role: str, span: Span, meant: str) -> Diagnostic:
    return error(
        "QS102",
        f"inside the blocks of an attention, `{name}` is the {meant}",
        span,
        f"{a_or_an(role)} cannot have this name",
        help=f"give the {role} another name",
    )


def unused(name: str, role: str, span: Span | None) -> Diagnostic:
    return warning(
        "QS110",
        f"the {role} `{name}` is never used",
        span,
        "nothing refers to it",
        help=f"remove it, or call it `_{name}` to keep it",
    )


def misplaced(name: str, span: Span, places: Sequence[Context], context: Context) -> Diagnostic:
    known = " and in ".join(place.value for place in places)
    return error(
        "QS108",
        f"`{name}` cannot be used here",
        span,
        f"not known in {context.value}",
        notes=(Note(f"`{name}` belongs in {known}"),),
    )


# ---- arguments -------------------------------------------------------------------------------------------------------


def unknown_argument(arg: ast.Arg, callee: str, known: Sequence[str], thing: str) -> Diagnostic:
    notes = (Note(f"{thing}s it can be given: {', '.join(known)}"),) if known else ()
    title = f"`{callee}` has no {thing} `{arg.name}`"
    return error("QS101", title, head(arg), f"no such {thing}", notes=notes, help=suggestion(arg.name or "", known))


def given_twice(arg: ast.Arg, first: ast.Arg, callee: str, thing: str) -> Diagnostic:
    return error(
        "QS102",
        f"the {thing} `{arg.name}` of `{callee}` is given twice",
        arg.span,
        "once more",
        notes=first_here(first.span),
        help="remove one of them",
    )


def too_many(
    code: str, callee: str, surplus: Sequence[ast.Arg], allowed: int, given: int, thing: str, signature: str
) -> Diagnostic:
    span = surplus[0].span.to(surplus[-1].span)
    title = f"`{callee}` takes {several(allowed, thing)}, and is given {max(given, len(surplus))}"
    notes = (Note(f"it is used as {signature}"),) if signature else ()
    return error(code, title, span, f"too many {thing}s", notes=notes, help=f"remove `{span.text}`")


def missing_arguments(
    code: str, callee: str, span: Span, missing: Sequence[Formal], thing: str, signature: str
) -> Diagnostic:
    names = ", ".join(f"`{formal.name}`" for formal in missing)
    plural = "s" if len(missing) > 1 else ""
    notes = (Note(f"it is used as {signature}"),) if signature else ()
    return error(code, f"`{callee}` lacks the {thing}{plural} {names}", span, f"without {names}", notes=notes)


def positional_after_named(arg: ast.Arg, callee: str) -> Diagnostic:
    return error(
        "QS107",
        f"in the call of `{callee}` an argument without a name follows one with a name",
        arg.span,
        "which one this is cannot be told",
        help="put the arguments without names first",
    )


def named_by_place(arg: ast.Arg, callee: str) -> Diagnostic:
    return error(
        "QS107",
        f"`{callee}` knows `{arg.name}` by its place, not by name",
        arg.span,
        "a named argument",
        help=instead(arg.value.span.text),
    )


def named_index(arg: ast.Arg, base: str) -> Diagnostic:
    return error(
        "QS107",
        f"an index of `{base}` has no name",
        arg.span,
        "only the sizes of templates are given by name in square brackets",
        help=instead(arg.value.span.text),
    )


def uncalled(name: str, span: Span, signature: str) -> Diagnostic:
    return error(
        "QS108",
        f"`{name}` is a function and has to be called",
        span,
        "without its arguments",
        notes=(Note(f"it is used as {signature}"),),
    )


def called_word(name: str, span: Span) -> Diagnostic:
    return error("QS108", f"`{name}` is not a function", span, "takes no arguments", help=instead(name))


def not_callable(base: ast.Expr, sort: Sort) -> Diagnostic:
    return error("QS108", f"{quoted(base)} is {sort.value} and cannot be called", base.span, "not a function")


def integer_gradient(name: str, span: Span, type_: ast.Type) -> Diagnostic:
    return error(
        "QS406",
        f"there is no gradient with respect to `{name}`",
        span,
        f"{a_or_an(type_.kind)} changes in steps",
        notes=(Note(f"`{name}` is declared here as {type_.span.text}", type_.span),),
        help="name arguments of type real or angle in `wrt`",
    )


def integer_parameter(decl: ast.ParamDecl) -> Diagnostic:
    return error(
        "QS406",
        f"the parameter `{decl.name}` cannot be trained: there is no gradient with respect to an integer",
        decl.name_span,
        f"{a_or_an(decl.type.kind)} changes in steps",
        help=instead(f"frozen {decl.name}"),
    )


# ---- sorts -------------------------------------------------------------------------------------------------------


def misuse(expr: ast.Expr, found: Sort, wanted: Sort, context: Context) -> Diagnostic:
    """An expression of one sort where one of another is wanted."""
    return error(
        "QS108",
        f"{quoted(expr)} is {found.value} and cannot be used here",
        expr.span,
        f"{_wanted(wanted, context)} is wanted",
        help=_way_out(expr, found, wanted, context),
    )


def _wanted(sort: Sort, context: Context) -> str:
    """What is wanted; where that is a word, which ones there are."""
    words = [row.name for row in BUILTINS if context in row.contexts and row.formals is None]
    return enumerated(words) if sort is Sort.WORD else sort.value


def _way_out(expr: ast.Expr, found: Sort, wanted: Sort, context: Context) -> str:
    text = expr.span.text
    match found, wanted:
        case Sort.OBSERVABLE, Sort.MEASURED:
            return instead(f"expval({text})")
        case Sort.MEASURED, Sort.OBSERVABLE | Sort.NUMBER if context is Context.RESULT:
            return "add observables inside one `expval(...)`; arithmetic on results belongs in the flow"
        case Sort.QUBITS, Sort.QUBIT:
            return instead(f"{text}[0]")
        case Sort.QUBITS | Sort.QUBIT, Sort.NUMBER:
            return f"`size({text})` is how many qubits it has"
        case Sort.NUMBER, Sort.TRUTH:
            return f"compare it, as in `{text} > 0`"
        case Sort.NUMBER, Sort.RANGE:
            return instead(f"0..{text}")
        case Sort.NUMBER, Sort.MEASURED if context is Context.RESULT:
            return "a circuit returns `expval(...)`, a list of them, `prob_of(q, index)` or `probs(q)`"
        case Sort.CIRCUIT | Sort.ATTENTION, Sort.NUMBER if context in (Context.FLOW, Context.CHECK):
            return f"call it with its arguments, as in `{text}(x)`"
        case Sort.CIRCUIT | Sort.ATTENTION, Sort.NUMBER:
            return "circuits and attention blocks are called in the flow of a model"
        case Sort.ANSATZ, _:
            return f"an ansatz is part of a circuit: use it in a gate line, as in `{text}(x) q;`"
        case Sort.APPLIED, Sort.OPERATOR:
            return "an ansatz is a unitary; a circuit ends in a measurement"
        case Sort.MODULE, _:
            return f"name something in it, as in `{text}.name`"
        case _:
            return ""


def no_attributes(expr: ast.Attr, base: Sort, span: Span) -> Diagnostic:
    return error(
        "QS108",
        f"{quoted(expr.base)} is {base.value} and has nothing called `{expr.name}`",
        span,
        "only imported files, models and costs have named parts",
    )


def operator_misplaced(expr: ast.Binary | ast.Approx, what: str) -> Diagnostic:
    operator = expr.op if isinstance(expr, ast.Binary) else "~="
    help_ = instead(f"matmul({expr.left.span.text}, {expr.right.span.text})") if operator == "@" else ""
    return error("QS108", f"`{operator}` cannot be used here", expr.span, f"`{operator}` {what}", help=help_)


def observable_arithmetic(expr: ast.Binary) -> Diagnostic:
    left, right = expr.left.span.text, expr.right.span.text
    return error(
        "QS108",
        f"observables cannot be combined with `{expr.op}`",
        expr.span,
        "observables are added, and multiplied or divided by numbers",
        help=instead(f"{left} @ {right}") if expr.op == "*" else "",
    )


def wrong_type(type_: ast.Type, role: str) -> Diagnostic:
    hints = {
        "qubit": "registers stand after `on`: `on q: qubit[n]`",
        "dim": "a run-time dim is a generic, `[S: dim]`, or is declared in `data`",
    }
    return error(
        "QS108",
        f"{a_or_an(role)} cannot have the type `{type_.kind}`",
        type_.span,
        f"not a type of {role}s",
        help=hints.get(type_.kind, ""),
    )


def register_type(register: ast.Register) -> Diagnostic:
    extent = f"[{', '.join(dim.span.text for dim in register.type.dims)}]" if register.type.dims else ""
    return error(
        "QS108",
        f"the register `{register.name}` has the type `{register.type.kind}`",
        register.type.span,
        "a register is made of qubits",
        help=instead(f"qubit{extent}"),
    )


def register_dims(register: ast.Register) -> Diagnostic:
    product = " * ".join(f"({d.span.text})" if isinstance(d, ast.Binary) else d.span.text for d in register.type.dims)
    return error(
        "QS108",
        f"the register `{register.name}` has {len(register.type.dims)} axes",
        register.type.span,
        "a register is a row of qubits",
        help=instead(f"qubit[{product}]"),
    )


def indexed_qubit(name: str, span: Span) -> Diagnostic:
    return error(
        "QS108", f"`{name}` is a single qubit and has no elements", span, "cannot be indexed", help=instead(name)
    )


def register_axes(name: str, span: Span, count: int) -> Diagnostic:
    return error(
        "QS107", f"a register has one axis, and `{name}` is given {count} indices", span, "one index is wanted"
    )


# ---- gate lines --------------------------------------------------------------------------------------------------


def unknown_gate(name: str, span: Span, templates: Iterable[str]) -> Diagnostic:
    return error(
        "QS101",
        f"unknown gate or ansatz `{name}`",
        span,
        f"nothing called `{name}` can be applied",
        help=gate_suggestion(name, templates),
    )


def gate_suggestion(name: str, templates: Iterable[str] = ()) -> str:
    """The help for a misspelt gate; one of another language is answered with ours."""
    foreign = {other: gate.name for gate in GATES.values() for other in (gate.braket, gate.openqasm) if other}
    foreign |= {
        "toffoli": "ccx",
        "fredkin": "cswap",
        "hadamard": "h",
        "cnot": "cx",
        "not": "x",
        "u": "u3",
        "p": "phaseshift",
    }
    close = name.lower() if name.lower() in foreign else nearest(name, (*GATES, *templates, *foreign))
    return instead(foreign.get(close, close)) if close else ""


def unknown_member(line: ast.Apply, name: str, known: Iterable[str]) -> Diagnostic:
    owner = line.callee.rpartition(".")[0]
    start = line.callee_span.end - len(name)
    span = Span(line.callee_span.source, start, line.callee_span.end)
    return error(
        "QS101", f"unknown name `{name}` in `{owner}`", span, f"`{owner}` has no `{name}`", help=suggestion(name, known)
    )


def not_a_gate(line: ast.Apply, found: Sort) -> Diagnostic:
    help_ = ""
    if found in (Sort.CIRCUIT, Sort.ATTENTION):
        help_ = f"move its gates into an ansatz, which `{line.callee}` and this block can both use"
    elif found is Sort.MODULE:
        help_ = f"name an ansatz in it, as in `{line.callee}.name`"
    return error(
        "QS108",
        f"`{line.callee}` is {found.value} and cannot be used here",
        line.callee_span,
        "a gate or an ansatz is wanted",
        help=help_,
    )


def unknown_register(part: ast.Operand, registers: Sequence[str]) -> Diagnostic:
    span = Span(part.span.source, part.span.start, part.span.start + len(part.name))
    help_ = suggestion(part.name, registers) or (instead(registers[0]) if len(registers) == 1 else "")
    return error("QS101", f"unknown register `{part.name}`", span, "not a register of this item", help=help_)


def not_a_register(part: ast.Operand, role: str) -> Diagnostic:
    return error(
        "QS108",
        f"`{part.name}` is {a_or_an(role)} and cannot be used here",
        part.span,
        "a gate acts on qubits",
        help=f"angles stand in parentheses before the qubits, as in `rx({part.span.text}) q[0];`",
    )


def gate_with_generics(line: ast.Apply) -> Diagnostic:
    span = line.generics[0].span.to(line.generics[-1].span)
    return error(
        "QS107",
        f"the gate `{line.callee}` takes no sizes",
        span,
        "only templates have sizes in square brackets",
        help=f"remove `[{span.text}]`",
    )


def named_angle(arg: ast.Arg, gate: str) -> Diagnostic:
    return error(
        "QS107",
        f"the angles of `{gate}` are given without names",
        arg.span,
        "a named angle",
        help=instead(arg.value.span.text),
    )


def angle_count(line: ast.Apply, angles: Sequence[str]) -> Diagnostic:
    wanted, given = len(angles), len(line.args)
    span = line.callee_span if not given else _through_parenthesis(line.callee_span.to(line.args[-1].span))
    title = f"`{line.callee}` takes {several(wanted, 'angle')}, and is given {given or 'none'}"
    gate = GATES[line.callee]
    signature = f"{line.callee}({', '.join(angles)})" if angles else line.callee
    notes = (Note(f"{signature}: {gate.doc}"),)
    rotation = f"r{line.callee}"
    help_ = instead(f"{rotation}({line.args[0].span.text})") if not wanted and given == 1 and rotation in GATES else ""
    return error("QS303", title, span, f"{several(wanted, 'angle')} wanted", notes=notes, help=help_)


def _through_parenthesis(span: Span) -> Span:
    """The span of a call, of which so far the arguments are known: through the next closing parenthesis."""
    closing = span.source.text.find(")", span.end)
    return Span(span.source, span.start, closing + 1) if closing >= 0 else span


def operand_count(line: ast.Apply, name: str, wanted: int, thing: str) -> Diagnostic:
    given = len(line.operands)
    span = line.operands[0].span.to(line.operands[-1].span) if line.operands else line.callee_span
    help_ = ""
    if thing == "qubit" and wanted == 1 and given > 1:
        call = line.span.text[: line.operands[0].span.start - line.span.start].rstrip()
        help_ = f"write a line for each: `{' '.join(f'{call} {part.span.text};' for part in line.operands)}`"
    elif thing == "qubit" and given == 1 and wanted > 1:
        base = line.operands[0].name
        help_ = instead(", ".join(f"{base}[{k}]" for k in range(wanted))) if not line.operands[0].index else ""
    title = f"`{name}` acts on {several(wanted, thing)}, and is given {given}"
    return error("QS303", title, span, f"{several(wanted, thing)} wanted", help=help_)


def register_in_gate(part: ast.Operand, gate: str, wires: int) -> Diagnostic:
    return error(
        "QS303",
        f"`{gate}` acts on {wires} single qubits, and `{part.span.text}` is a register",
        part.span,
        "one qubit is wanted; only gates on one qubit spread over a register",
        help=instead(f"{part.name}[0]"),
    )


# ---- attention ---------------------------------------------------------------------------------------------------


def state_as_number(span: Span) -> Diagnostic:
    return error(
        "QS602",
        f"`{span.text}` is a state, and states have no arithmetic",
        span,
        f"the block `{span.text}` measures nothing",
        help="compare the states with `overlap(query, key)`, or give both blocks observables: `-> Z(q[0]);`",
    )


def overlap_of_measured(expr: ast.Name) -> Diagnostic:
    return error(
        "QS602",
        f"`overlap` compares states, and `{expr.name}` is measured",
        expr.span,
        f"the block `{expr.name}` ends in observables",
        help="leave the `-> ...` of both blocks away, or use numbers: `exp(-(query - key)^2)`",
    )
