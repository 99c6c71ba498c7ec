"""How expressions, types and signatures are written: as one line, with marks where it may be broken."""

from __future__ import annotations

from collections.abc import Iterable

from qsanc.syntax import ast

BREAK = "\x01"
"""A blank at which a line may be broken. No string of the language holds this character."""

_RANGE, _OR, _AND, _NOT, _COMPARE, _THEN, _SUM, _TERM, _MINUS, _POWER, _POSTFIX = range(11)
_BINARY = {
    "or": (_OR, _OR, _AND),
    "and": (_AND, _AND, _NOT),
    ">>": (_THEN, _THEN, _SUM),
    "+": (_SUM, _SUM, _TERM),
    "-": (_SUM, _SUM, _TERM),
    "*": (_TERM, _TERM, _MINUS),
    "/": (_TERM, _TERM, _MINUS),
    "%": (_TERM, _TERM, _MINUS),
    "@": (_TERM, _TERM, _MINUS),
    "^": (_POWER, _POSTFIX, _MINUS),
}
"""For each operator: how tightly it binds, and how tightly its operands must bind to stand without parentheses."""


def spell(expr: ast.Expr, at_least: int = _RANGE) -> str:
    """The expression, in parentheses where it binds less tightly than `at_least`."""
    text, binds = _spelled(expr)
    return text if binds >= at_least else f"({text})"


def _spelled(expr: ast.Expr) -> tuple[str, int]:
    match expr:
        case ast.Number(text=text) | ast.Quantity(text=text) | ast.Name(name=text):
            return text, _POSTFIX
        case ast.String(value=value):
            return quote(value), _POSTFIX
        case ast.Bool(value=value):
            return ("true" if value else "false"), _POSTFIX
        case ast.ListOf(items=items):
            return f"[{_listed(spell(item) for item in items)}]", _POSTFIX
        case ast.Comprehension(body=body, name=name, over=over):
            return f"[{spell(body)}{BREAK}for {name} in {spell(over)}]", _POSTFIX
        case ast.Unary(op="not", operand=operand):
            return f"not {spell(operand, _NOT)}", _NOT
        case ast.Unary(operand=operand):
            return f"-{spell(operand, _MINUS)}", _MINUS
        case ast.Binary(op=op, left=left, right=right):
            binds, before, after = _BINARY[op]
            gap, blank = ("", "") if op == "^" else (" " if binds == _TERM else BREAK, " ")
            return f"{spell(left, before)}{gap}{op}{blank}{spell(right, after)}", binds
        case ast.Compare(op=op, left=left, right=right):
            return f"{spell(left, _THEN)}{BREAK}{op} {spell(right, _THEN)}", _COMPARE
        case ast.Approx(left=left, right=right, tolerance=tolerance, strict=strict):
            tol = f" tol {spell(tolerance, _THEN)}" if tolerance is not None else ""
            return f"{spell(left, _THEN)}{BREAK}~= {spell(right, _THEN)}{tol}{' strict' if strict else ''}", _COMPARE
        case ast.Range(low=low, high=high, closed=closed):
            first, last = spell(low, _OR), spell(high, _OR)
            blank = " " if first.endswith(".") or last.startswith(".") else ""
            return f"{first}{blank}{'..=' if closed else '..'}{blank}{last}", _RANGE
        case ast.Whole():
            return "..", _RANGE
        case ast.Index(base=base, args=args):
            return f"{spell(base, _POSTFIX)}[{arguments(args)}]", _POSTFIX
        case ast.Call(base=base, args=args):
            return f"{spell(base, _POSTFIX)}({arguments(args)})", _POSTFIX
        case ast.Attr(base=ast.Number(text=text), name=name):
            return f"({text}).{name}", _POSTFIX
        case ast.Attr(base=base, name=name):
            return f"{spell(base, _POSTFIX)}.{name}", _POSTFIX


def quote(value: str) -> str:
    """A string literal."""
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
        value = value.replace(character, escape)
    return f'"{value}"'


def arguments(args: Iterable[ast.Arg]) -> str:
    return _listed(f"{arg.name} = {spell(arg.value)}" if arg.name is not None else spell(arg.value) for arg in args)


def type_of(type: ast.Type) -> str:
    return type.kind + (f"[{_listed(spell(dim) for dim in type.dims)}]" if type.dims else "")


def declared(node: ast.Generic | ast.Param) -> str:
    """`n: nat in 2..=8 = 4`."""
    type = f": {type_of(node.type)}" if node.type is not None else ""
    return f"{node.name}{type}{within(node.within)}{value(node.default)}"


def within(limits: ast.Expr | None) -> str:
    return f" in {spell(limits)}" if limits is not None else ""


def value(default: ast.Expr | None) -> str:
    return f" = {spell(default)}" if default is not None else ""


def generics(nodes: tuple[ast.Generic, ...]) -> str:
    return f"[{_listed(declared(node) for node in nodes)}]" if nodes else ""


def registers(nodes: tuple[ast.Register, ...]) -> str:
    return f" on {_listed(f'{node.name}: {type_of(node.type)}' for node in nodes)}"


def gate_line(node: ast.Apply) -> str:
    """`inv @ entangler[depth = 1](th) q`."""
    modifiers = "".join(
        "inv @ " if isinstance(modifier, ast.Inverse) else f"pow({spell(modifier.exponent)}) @ "
        for modifier in node.modifiers
    )
    generic = f"[{arguments(node.generics)}]" if node.generics else ""
    args = f"({arguments(node.args)})" if node.args else ""
    operands = _listed(o.name + (f"[{arguments(o.index)}]" if o.index else "") for o in node.operands)
    return f"{modifiers}{node.callee}{generic}{args} {operands}"


def _listed(parts: Iterable[str]) -> str:
    return f",{BREAK}".join(parts)
