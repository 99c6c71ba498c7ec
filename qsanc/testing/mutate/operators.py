"""The kinds of mistakes, a table: each row finds the places for one kind in a definition, and says what is put there.

These are mistakes that people make in circuits (Fortunato et al., "Mutation Testing of Quantum Programs", 2022, have
the first three), in the form in which this language has them. A mistake is an edit of the text; whether it is legal is
the compiler's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from qsanc.ir.gates import GATES, GateDef
from qsanc.source import Span
from qsanc.syntax import ast
from qsanc.syntax.walk import walk
from qsanc.testing.mutate.mutant import Mutant
from qsanc.testing.mutate.places import (
    PAULIS,
    Mutable,
    computed,
    gate_lines,
    inside,
    measured,
    observes,
    outside_indices,
)

Edits: TypeAlias = Iterator[tuple[Span, str]]


def mutants(file: ast.File) -> tuple[Mutant, ...]:
    """All mutants of a file's own definitions, in the order of the text; of equal texts the first."""
    found: dict[str, Mutant] = {}
    for item in file.items:
        if isinstance(item, ast.Ansatz | ast.Circuit | ast.Attention | ast.Model):
            for operator in OPERATORS:
                for span, after in operator.edits(item):
                    mutant = Mutant(operator.name, item.name, span, after)
                    found.setdefault(mutant.text, mutant)
    return tuple(sorted(found.values(), key=lambda mutant: (mutant.span.start, mutant.span.end)))


# ---- gate lines ---------------------------------------------------------------------------------------------------


def dropped(item: Mutable) -> Edits:
    for node in gate_lines(item):
        yield node.span, ""


def doubled(item: Mutable) -> Edits:
    for node in gate_lines(item):
        yield node.span, f"{node.span.text} {node.span.text}"


def replaced(item: Mutable) -> Edits:
    for node in gate_lines(item):
        other = replacement(node.callee) if node.callee in GATES else None
        if other is not None:
            yield node.callee_span, other


@cache
def replacement(name: str) -> str | None:
    """The next gate of the table with as many wires and angles that does something else, the first after the last."""
    rows = list(GATES.values())
    start = rows.index(GATES[name])
    for row in (*rows[start + 1 :], *rows[:start]):
        alike = (row.wires, len(row.angles)) == (GATES[name].wires, len(GATES[name].angles))
        if alike and not _same_ray(row, GATES[name]) and row.name != "i":
            return row.name
    return None


def _same_ray(a: GateDef, b: GateDef) -> bool:
    angles = np.linspace(0.7, 1.1, len(a.angles))
    overlap = np.vdot(a.matrix(angles), b.matrix(angles))
    return bool(abs(abs(overlap) - (1 << a.wires)) < 1e-9)


def operands_swapped(item: Mutable) -> Edits:
    """Neighbouring operands of gates that are not symmetric in them, and of templates."""
    for node in gate_lines(item):
        symmetric = GATES[node.callee].symmetric if node.callee in GATES else ()
        for k, (one, two) in enumerate(zip(node.operands, node.operands[1:], strict=False)):
            if not {k, k + 1} <= set(symmetric):
                between = one.span.source.text[one.span.end : two.span.start]
                yield one.span.to(two.span), two.span.text + between + one.span.text


def modifier_dropped(item: Mutable) -> Edits:
    """`inv @` left out."""
    for node in gate_lines(item):
        ends = [*(modifier.span.start for modifier in node.modifiers[1:]), node.callee_span.start]
        for modifier, end in zip(node.modifiers, ends, strict=False):
            if isinstance(modifier, ast.Inverse):
                yield Span(modifier.span.source, modifier.span.start, end), ""


def power_changed(item: Mutable) -> Edits:
    """`pow(k) @` once more."""
    for node in gate_lines(item):
        for modifier in node.modifiers:
            if isinstance(modifier, ast.Power):
                yield modifier.exponent.span, moved(modifier.exponent, 1) or ""


# ---- angles and arithmetic ----------------------------------------------------------------------------------------


def angle_sign(item: Mutable) -> Edits:
    """Angles of gates, and arguments of templates."""
    for node in gate_lines(item):
        for arg in node.args:
            yield arg.value.span, negated(arg.value)


def negated(node: ast.Expr) -> str:
    text = node.span.text
    if isinstance(node, ast.Unary) and node.op == "-":
        return text[1:].lstrip()
    return f"-({text})" if isinstance(node, ast.Binary | ast.Unary) else f"-{text}"


_OTHER: Mapping[str, str] = MappingProxyType({"+": "-", "-": "+", "*": "/", "/": "*"})


def arithmetic(item: Mutable) -> Edits:
    """`+` for `-`, `*` for `/`, and the other way round, in angles, scores, flow and loss; another power; `-x` as `x`,
    but for angles, which have a row of their own."""
    angles = {id(arg.value) for node in gate_lines(item) for arg in node.args}
    for root in computed(item):
        for node in outside_indices(root):
            match node:
                case ast.Binary(op="^", right=ast.Number() as power):
                    yield power.span, moved(power, 1) or ""
                case ast.Binary() if node.op in _OTHER:
                    yield _with_operator(node, _OTHER[node.op])
                case ast.Unary(op="-") if id(node) not in angles:
                    yield node.span, negated(node)


def _with_operator(node: ast.Binary, operator: str) -> tuple[Span, str]:
    """The place of a binary operator, between its operands and their parentheses, and what stands there now."""
    text = node.span.source.text
    start = text.index(node.op, node.left.span.end, node.right.span.start)
    return Span(node.span.source, start, start + len(node.op)), operator


# ---- places -------------------------------------------------------------------------------------------------------


def loop_range(item: Mutable) -> Edits:
    """Each end of a range one further and one less; a range never begins below zero."""
    for node in inside(item):
        if isinstance(node, ast.For | ast.Repeat | ast.Comprehension) and isinstance(node.over, ast.Range):
            for end in (node.over.low, node.over.high):
                yield from _either_way(end)


def index(item: Mutable) -> Edits:
    """A number in an index one more and one less, `i + 1` as `i` and `i + 2`; not where an observable looks."""
    looked = {id(node) for root in measured(item) if observes(root) for node in walk(root)}
    for node in inside(item):
        if isinstance(node, ast.Index | ast.Operand) and id(node) not in looked:
            for arg in node.args if isinstance(node, ast.Index) else node.index:
                yield from _moved_index(arg.value)


def _moved_index(node: ast.Expr) -> Edits:
    if isinstance(node, ast.Number):
        yield from _either_way(node)
        return
    for part in walk(node):
        if isinstance(part, ast.Binary) and part.op in "+-" and isinstance(part.right, ast.Number):
            yield from _either_way(part)


def _either_way(node: ast.Expr) -> Edits:
    for step in (1, -1):
        text = moved(node, step)
        if text is not None:
            yield node.span, text


def moved(node: ast.Expr, step: int) -> str | None:
    """An integer expression and one more or less: `2` as `3`, `n - 1` as `n`; None below zero."""
    match node:
        case ast.Number(value=int() as value):
            return str(value + step) if value + step >= 0 else None
        case ast.Binary(op="+" | "-", left=left, right=ast.Number(value=int() as value)):
            total = (value if node.op == "+" else -value) + step
            return f"{left.span.text} {'-' if total < 0 else '+'} {abs(total)}" if total else left.span.text
        case _:
            return f"{node.span.text} {'-' if step < 0 else '+'} {abs(step)}"


def condition(item: Mutable) -> Edits:
    """`if` the other way round."""
    for node in inside(item):
        if isinstance(node, ast.If):
            yield node.condition.span, f"not ({node.condition.span.text})"


def axis(item: Mutable) -> Edits:
    """A sum or mean over another axis."""
    for root in computed(item):
        for node in walk(root):
            if isinstance(node, ast.Arg) and node.name == "axis" and isinstance(node.value, ast.Number):
                yield node.value.span, moved(node.value, -1) or "1"


# ---- observables --------------------------------------------------------------------------------------------------


def _factors(item: Mutable) -> Iterator[tuple[ast.Name, ast.Call]]:
    """Every `X(...)`, `Y(...)`, `Z(...)`."""
    for root in measured(item):
        for node in walk(root):
            if isinstance(node, ast.Call) and isinstance(node.base, ast.Name) and node.base.name in PAULIS:
                yield node.base, node


def pauli(item: Mutable) -> Edits:
    """X as Y, Y as Z, Z as X."""
    for name, _ in _factors(item):
        yield name.span, PAULIS[(PAULIS.index(name.name) + 1) % len(PAULIS)]


def pauli_moved(item: Mutable) -> Edits:
    """An observable on a neighbouring qubit, and the probability of the next basis state."""
    for _, call in _factors(item):
        for node in walk(call.args):
            if isinstance(node, ast.Index):
                for arg in node.args:
                    yield from _moved_index(arg.value)
    for root in measured(item):
        for node in walk(root):
            match node:
                case ast.Call(base=ast.Name(name="prob_of"), args=(_, state)):
                    yield state.value.span, moved(state.value, 1) or ""


def coefficient(item: Mutable) -> Edits:
    """The sign of a term of an observable."""
    for root in measured(item):
        for total in _observables(root):
            first: ast.Expr = total
            while isinstance(first, ast.Binary) and first.op in "+-":
                yield _with_operator(first, _OTHER[first.op])
                first = first.left
            while isinstance(first, ast.Binary):
                first = first.left
            yield first.span, negated(first)


def _observables(node: ast.Expr) -> Iterator[ast.Expr]:
    """The observables that lists and functions of observables are made of; `paulis` has no sign."""
    match node:
        case ast.ListOf(items=items):
            for item in items:
                yield from _observables(item)
        case ast.Comprehension(body=body):
            yield from _observables(body)
        case ast.Call(base=ast.Name(name="expval" | "concat" | "sum"), args=args):
            for arg in args:
                yield from _observables(arg.value)
        case _ if observes(node) and not _is_call(node, "paulis"):
            yield node


def _is_call(node: ast.Expr, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.base, ast.Name) and node.base.name == name


# ---- attention ----------------------------------------------------------------------------------------------------


def mask(item: Mutable) -> Edits:
    """A mask where there is none, and none where there is one."""
    yield from _word(item, ast.Mask, "mask", {"causal": "none", "none": "causal"}, missing="causal")


def normalization(item: Mutable) -> Edits:
    """Rows as softmax, softmax as neither, neither as rows."""
    turn = {"rows": "softmax", "softmax": "none", "none": "rows"}
    yield from _word(item, ast.Normalize, "normalize", turn, missing="rows")


def _word(
    item: Mutable, kind: type[ast.Mask] | type[ast.Normalize], written: str, other: Mapping[str, str], *, missing: str
) -> Edits:
    if not isinstance(item, ast.Attention):
        return
    found = [part for part in item.parts if isinstance(part, kind)]
    for part in found:
        if isinstance(part.value, ast.Name) and part.value.name in other:
            yield part.value.span, other[part.value.name]
    if not found:
        for score in item.parts:
            if isinstance(score, ast.Score):
                yield score.span, f"{score.span.text} {written} {missing};"


def exchanged(item: Mutable) -> Edits:
    """Query and key of a score in each other's place. A symmetric score is then the same, which is told apart."""
    for part in item.parts if isinstance(item, ast.Attention) else ():
        if isinstance(part, ast.Score):
            text, start = part.span.text, part.span.start
            for node in reversed([n for n in walk(part) if isinstance(n, ast.Name) and n.name in ("query", "key")]):
                other = "key" if node.name == "query" else "query"
                text = text[: node.span.start - start] + other + text[node.span.end - start :]
            if text != part.span.text:
                yield part.span, text


# ---- the table ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operator:
    """One kind of mistake: its name, and the edits that make it in a definition."""

    name: str
    edits: Callable[[Mutable], Iterable[tuple[Span, str]]]


OPERATORS = (
    Operator("gate dropped", dropped),
    Operator("gate doubled", doubled),
    Operator("gate replaced", replaced),
    Operator("operands swapped", operands_swapped),
    Operator("inverse dropped", modifier_dropped),
    Operator("power changed", power_changed),
    Operator("angle sign", angle_sign),
    Operator("loop range", loop_range),
    Operator("index", index),
    Operator("condition negated", condition),
    Operator("observable changed", pauli),
    Operator("observable moved", pauli_moved),
    Operator("coefficient sign", coefficient),
    Operator("mask changed", mask),
    Operator("normalization changed", normalization),
    Operator("query and key exchanged", exchanged),
    Operator("arithmetic", arithmetic),
    Operator("axis", axis),
)
