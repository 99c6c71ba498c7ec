"""Reading an expression: its names are found, its calls have the arguments they want, its parts are of fitting sorts.

Shapes are not looked at here: a number and an array of numbers are both `Sort.NUMBER`.
"""

from __future__ import annotations

from collections.abc import Iterable

from qsanc.check import errors
from qsanc.check.arguments import matched
from qsanc.check.builtins import COST_FIELDS, Builtin, Formal, builtin, elsewhere, vocabulary
from qsanc.check.items import formals_of, generics_of, meaning_of, model_formals
from qsanc.check.module import Definition, Module
from qsanc.check.scope import NUMBER, TRUTH, UNKNOWN, Binding, Meaning, Scope
from qsanc.check.sorts import TEMPLATES, Context, Sort
from qsanc.diagnostics import CompilerBug
from qsanc.source import Span
from qsanc.syntax import ast

_ACCEPTED = {
    Sort.NUMBER: frozenset({Sort.NUMBER, Sort.APPLIED}),
    Sort.QUBITS: frozenset({Sort.QUBITS, Sort.QUBIT}),
    Sort.APPLIED: frozenset({Sort.APPLIED, Sort.OPERATOR}),
    Sort.OPERATOR: frozenset({Sort.OPERATOR}),
}
_PLAIN = (Sort.NUMBER, Sort.TRUTH)


def expect(expr: ast.Expr, scope: Scope, context: Context, *sorts: Sort) -> Meaning:
    """The meaning of an expression that has to be of one of `sorts`; QS108 where it is of none."""
    found = meaning(expr, scope, context)
    if found.sort in sorts:
        return found
    accepted: set[Sort] = {Sort.ANY}
    for sort in sorts:
        accepted |= _ACCEPTED.get(sort, {sort})
    if found.sort in accepted or Sort.ANY in sorts:
        return found
    if found.sort is Sort.STATE and Sort.NUMBER in sorts:
        scope.findings.add(errors.state_as_number(expr.span))
    elif sorts == (Sort.STATE,) and isinstance(expr, ast.Name) and expr.name in ("query", "key"):
        scope.findings.add(errors.overlap_of_measured(expr))
    else:
        wanted = Sort.OBSERVABLE if Sort.OBSERVABLE in sorts else sorts[0]
        scope.findings.add(errors.misuse(expr, found.sort, wanted, context))
    return UNKNOWN


def number(expr: ast.Expr, scope: Scope) -> Meaning:
    """An expression of sizes, angles and constants, as it stands in types, ranges, loops and gate lines."""
    return expect(expr, scope, Context.NUMBER, Sort.NUMBER)


def condition(expr: ast.Expr, scope: Scope, context: Context = Context.NUMBER) -> None:
    expect(expr, scope, context, Sort.TRUTH)


def within(expr: ast.Expr | None, scope: Scope) -> None:
    """The range after `in` of a declaration or a loop."""
    if expr is not None:
        expect(expr, scope, Context.NUMBER, Sort.RANGE)


def meaning(expr: ast.Expr, scope: Scope, context: Context) -> Meaning:
    match expr:
        case ast.Number() | ast.Quantity():
            return NUMBER
        case ast.Bool():
            return TRUTH
        case ast.String():
            return Meaning(Sort.TEXT)
        case ast.Name():
            return _name(expr, scope, context)
        case ast.ListOf():
            return _joined([(item, meaning(item, scope, context)) for item in expr.items], scope, context)
        case ast.Comprehension():
            within(expr.over, scope)
            inner = scope.inner()
            inner.declare(Binding(expr.name, "loop variable", NUMBER, expr.name_span))
            return meaning(expr.body, inner, context)
        case ast.Unary(op="not"):
            condition(expr.operand, scope, context)
            return TRUTH
        case ast.Unary():
            return expect(expr.operand, scope, context, Sort.NUMBER, *_observables(context))
        case ast.Binary():
            return _binary(expr, scope, context)
        case ast.Compare():
            for side in (expr.left, expr.right):
                expect(side, scope, context, Sort.NUMBER, Sort.TRUTH)
            return TRUTH
        case ast.Approx():
            return _approx(expr, scope, context)
        case ast.Range():
            number(expr.low, scope)
            number(expr.high, scope)
            return Meaning(Sort.RANGE)
        case ast.Whole():
            return Meaning(Sort.RANGE)
        case ast.Index():
            return _index(expr, scope, context)
        case ast.Call():
            return _call(expr, scope, context)
        case ast.Attr():
            return _attribute(expr, scope, context)
    raise CompilerBug(f"no meaning for {type(expr).__name__}")


def _observables(context: Context) -> tuple[Sort, ...]:
    return (Sort.OBSERVABLE,) if context is Context.RESULT else ()


def _name(expr: ast.Name, scope: Scope, context: Context) -> Meaning:
    binding = scope.find(expr.name, expr.span)
    if binding is not None:
        return binding.meaning
    row = builtin(expr.name, context)
    if row is not None and row.formals is None:
        return Meaning(row.gives or Sort.ANY)
    if row is not None:
        scope.findings.add(errors.uncalled(expr.name, expr.span, row.signature))
    elif places := elsewhere(expr.name):
        scope.findings.add(errors.misplaced(expr.name, expr.span, places, context))
    else:
        known = [b.name for b in scope.visible()]
        beyond = scope.known_beyond(expr.name)
        scope.findings.add(errors.unknown(expr.name, expr.span, [*known, *vocabulary(context)], beyond=beyond))
    return UNKNOWN


def _joined(parts: Iterable[tuple[ast.Expr, Meaning]], scope: Scope, context: Context) -> Meaning:
    """The meaning of a list is that of its items, which are all alike; among observables a number counts as one."""
    sorts: dict[Sort, ast.Expr] = {}
    for expr, found in parts:
        if found.sort in TEMPLATES or found.sort in (Sort.MODULE, Sort.RANGE, Sort.STATE, Sort.MODEL):
            scope.findings.add(errors.misuse(expr, found.sort, Sort.NUMBER, context))
            return UNKNOWN
        sorts.setdefault(Sort.NUMBER if found.sort is Sort.APPLIED else found.sort, expr)
    known = [sort for sort in sorts if sort is not Sort.ANY]
    if len(known) < 2:
        return Meaning(known[0]) if known and len(sorts) == 1 else UNKNOWN if sorts else NUMBER
    if set(known) == {Sort.NUMBER, Sort.OBSERVABLE}:
        return Meaning(Sort.OBSERVABLE)
    scope.findings.add(errors.misuse(sorts[known[1]], known[1], known[0], context))
    return UNKNOWN


def _binary(expr: ast.Binary, scope: Scope, context: Context) -> Meaning:
    sides = (expr.left, expr.right)
    match expr.op:
        case "and" | "or":
            for side in sides:
                condition(side, scope, context)
            return TRUTH
        case ">>":
            if context is not Context.CHECK:
                scope.findings.add(errors.operator_misplaced(expr, "joins two unitaries in a property or test"))
                return UNKNOWN
            for side in sides:
                expect(side, scope, context, Sort.OPERATOR)
            return Meaning(Sort.OPERATOR)
        case "@":
            if context is not Context.RESULT:
                scope.findings.add(errors.operator_misplaced(expr, "is the tensor product of observables"))
                return UNKNOWN
            for side in sides:
                expect(side, scope, context, Sort.OBSERVABLE)
            return Meaning(Sort.OBSERVABLE)
        case _:
            return _arithmetic(expr, scope, context)


def _arithmetic(expr: ast.Binary, scope: Scope, context: Context) -> Meaning:
    """Numbers with numbers; observables are added, and multiplied or divided by numbers."""
    left = expect(expr.left, scope, context, Sort.NUMBER, *_observables(context))
    right = expect(expr.right, scope, context, Sort.NUMBER, *_observables(context))
    observed = [side.sort is Sort.OBSERVABLE for side in (left, right)]
    if Sort.ANY in (left.sort, right.sort):
        return UNKNOWN
    if not any(observed):
        return NUMBER
    allowed = expr.op in ("+", "-") or (expr.op == "*" and not all(observed)) or (expr.op == "/" and not observed[1])
    if not allowed:
        scope.findings.add(errors.observable_arithmetic(expr))
        return UNKNOWN
    return Meaning(Sort.OBSERVABLE)


def _approx(expr: ast.Approx, scope: Scope, context: Context) -> Meaning:
    if context is not Context.CHECK:
        scope.findings.add(errors.operator_misplaced(expr, "compares in a property or test"))
        return UNKNOWN
    left = expect(expr.left, scope, context, Sort.NUMBER, Sort.OPERATOR)
    right = expect(expr.right, scope, context, Sort.NUMBER, Sort.OPERATOR)
    if Sort.ANY not in (left.sort, right.sort) and (left.sort is Sort.OPERATOR) != (right.sort is Sort.OPERATOR):
        scope.findings.add(errors.misuse(expr.right, right.sort, left.sort, context))
    if expr.tolerance is not None:
        number(expr.tolerance, scope)
    return TRUTH


def _index(expr: ast.Index, scope: Scope, context: Context) -> Meaning:
    base = meaning(expr.base, scope, context)
    if base.sort in TEMPLATES or base.sort is Sort.MODEL:
        generic_arguments(expr.args, base, expr.base.span.text, expr.span, scope)
        return base
    for arg in expr.args:
        if arg.name is not None and base.sort is not Sort.ANY:
            scope.findings.add(errors.named_index(arg, expr.base.span.text))
        index(arg, scope)
    if base.sort in (Sort.QUBITS, Sort.QUBIT):
        return register_part(base.sort, expr.base.span.text, expr.args, expr.span, scope)
    if base.sort in (Sort.NUMBER, Sort.APPLIED, Sort.OBSERVABLE, Sort.MEASURED, Sort.ANY):
        return NUMBER if base.sort is Sort.APPLIED else base
    scope.findings.add(errors.misuse(expr.base, base.sort, Sort.NUMBER, context))
    return UNKNOWN


def index(arg: ast.Arg, scope: Scope) -> None:
    """A place, a stretch or (`..`) the whole of an axis."""
    expect(arg.value, scope, Context.NUMBER, Sort.NUMBER, Sort.RANGE)


def register_part(sort: Sort, name: str, args: tuple[ast.Arg, ...], span: Span, scope: Scope) -> Meaning:
    """A qubit or a stretch of a register."""
    if sort is Sort.QUBIT:
        scope.findings.add(errors.indexed_qubit(name, span))
        return Meaning(Sort.QUBIT)
    if len(args) != 1:
        scope.findings.add(errors.register_axes(name, span, len(args)))
        return UNKNOWN
    return Meaning(Sort.QUBITS if isinstance(args[0].value, (ast.Range, ast.Whole)) else Sort.QUBIT)


def generic_arguments(args: tuple[ast.Arg, ...], template: Meaning, name: str, span: Span, scope: Scope) -> None:
    """What stands in the square brackets after the name of a template."""
    formals = generics_of(template)
    for _, arg in matched(args, formals, name, span, scope.findings, code="QS107", thing="size"):
        number(arg.value, scope)


def _call(expr: ast.Call, scope: Scope, context: Context) -> Meaning:
    base = expr.base
    if isinstance(base, ast.Name) and scope.peek(base.name) is None:
        row = builtin(base.name, context)
        if row is not None and row.formals is not None:
            return _builtin_call(row, row.formals, expr, scope, context)
        if row is not None:
            scope.findings.add(errors.called_word(base.name, expr.span))
            return Meaning(row.gives or Sort.ANY)
    if isinstance(base, ast.Attr) and base.name in ("predict", "loss"):
        owner = meaning(base.base, scope, context)
        if owner.sort is Sort.INSTANCE:
            return _template_call(expr, Meaning(Sort.INSTANCE, owner.item), scope, context)
    callee = meaning(base, scope, context)
    called_in = (Context.FLOW, Context.CHECK) if callee.sort in TEMPLATES else (Context.CHECK,)
    if callee.sort is Sort.ANY:
        for arg in expr.args:
            meaning(arg.value, scope, context)
        return UNKNOWN
    if callee.sort not in TEMPLATES and callee.sort is not Sort.MODEL:
        scope.findings.add(errors.not_callable(base, callee.sort))
        return UNKNOWN
    if context not in called_in or (callee.sort is Sort.ANSATZ and context is Context.FLOW):
        wanted = Sort.CIRCUIT if context is Context.FLOW else Sort.NUMBER
        scope.findings.add(errors.misuse(base, callee.sort, wanted, context))
        return UNKNOWN
    return _template_call(expr, callee, scope, context)


def _template_call(expr: ast.Call, callee: Meaning, scope: Scope, context: Context) -> Meaning:
    formals = formals_of(callee)
    name = expr.base.span.text.partition("[")[0]
    for _, arg in matched(expr.args, formals, name, expr.span, scope.findings, code="QS107"):
        expect(arg.value, scope, context, *_PLAIN, *([Sort.TEXT] if callee.sort is Sort.INSTANCE else []))
    match callee.sort:
        case Sort.ANSATZ:
            return Meaning(Sort.OPERATOR, callee.item)
        case Sort.MODEL:
            return Meaning(Sort.INSTANCE, callee.item)
        case _:
            return Meaning(Sort.APPLIED, callee.item)


def _builtin_call(row: Builtin, formals: tuple[Formal, ...], expr: ast.Call, scope: Scope, context: Context) -> Meaning:
    pairs = matched(
        expr.args,
        formals,
        row.name,
        expr.span,
        scope.findings,
        code="QS107",
        signature=row.signature,
        free=row.open_named,
    )
    found = []
    for formal, arg in pairs:
        if formal is None:
            found.append((arg.value, meaning(arg.value, scope, context)))
        elif formal.takes is Sort.NAMES:
            _differentiated(arg.value, scope, context)
        else:
            found.append((arg.value, expect(arg.value, scope, argument_context(formal, context), formal.takes)))
    if row.gives is not None:
        return Meaning(row.gives)
    return _joined(found, scope, context)


def argument_context(formal: Formal, context: Context) -> Context:
    """The vocabulary in which an argument of a built-in, or the value of a setting, is read."""
    context = formal.context or context
    return Context.NUMBER if context is Context.RESULT and formal.takes is Sort.NUMBER else context


def _differentiated(expr: ast.Expr, scope: Scope, context: Context) -> None:
    """What `wrt` names: one argument, or a list of them."""
    for item in expr.items if isinstance(expr, ast.ListOf) else (expr,):
        if not isinstance(item, ast.Name):
            scope.findings.add(errors.misuse(item, meaning(item, scope, context).sort, Sort.NAMES, context))
            continue
        expect(item, scope, context, Sort.NUMBER)
        binding = scope.peek(item.name)
        if binding is not None and binding.type is not None and binding.type.kind in ("nat", "int", "bit", "bool"):
            scope.findings.add(errors.integer_gradient(item.name, item.span, binding.type))


def _attribute(expr: ast.Attr, scope: Scope, context: Context) -> Meaning:
    base = meaning(expr.base, scope, context)
    name_span = Span(expr.span.source, expr.span.end - len(expr.name), expr.span.end)
    owner = expr.base.span.text
    if base.sort is Sort.MODULE and isinstance(base.item, Module):
        found = base.item.names.get(expr.name)
        if found is None:
            scope.findings.add(errors.unknown(expr.name, name_span, base.item.names, f"in `{owner}`"))
            return UNKNOWN
        return meaning_of(found.item if isinstance(found, Definition) else found)
    if base.sort is Sort.INSTANCE and isinstance(base.item, ast.Model):
        known = ["predict", "loss", *(formal.name for formal in model_formals(base.item))]
    elif base.sort is Sort.COST:
        known = list(COST_FIELDS)
    elif base.sort is Sort.ANY:
        return UNKNOWN
    else:
        scope.findings.add(errors.no_attributes(expr, base.sort, name_span))
        return UNKNOWN
    if expr.name not in known:
        scope.findings.add(errors.unknown(expr.name, name_span, known, f"in `{owner}`"))
        return UNKNOWN
    return Meaning(Sort.APPLIED, base.item) if expr.name == "predict" else NUMBER
