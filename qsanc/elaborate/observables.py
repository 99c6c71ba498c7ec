"""The algebra of observables: real multiples, sums, and products on different qubits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from qsanc.elaborate.limits import MOST_TERMS, TooLarge
from qsanc.elaborate.values import Observed, Value, a, is_number
from qsanc.ir.circuit import Pauli
from qsanc.source import Span
from qsanc.syntax import ast

if TYPE_CHECKING:
    from qsanc.elaborate.expressions import Evaluator


def combine(ev: Evaluator, op: str, left: Value, right: Value, node: ast.Unary | ast.Binary) -> Value:
    """`left op right`, at least one of them an observable; a number stands for that multiple of the identity."""
    if is_number(left) or is_number(right):
        factor, operand = (left, right) if is_number(left) else (right, left)
        assert isinstance(operand, Observed)
        if op == "*" or (op == "/" and is_number(right)):
            if op == "/" and not right:
                return ev.report.error("QS203", "division by zero", node.span)
            scale = 1 / factor if op == "/" else factor  # type: ignore[operator]
            return observed(ev, ((c * scale, p) for c, p in operand.terms), node.span)  # type: ignore[operator]
        constant = multiple_of_identity(factor)  # type: ignore[arg-type]
        left, right = (constant, operand) if is_number(left) else (operand, constant)
    if isinstance(left, Observed) and isinstance(right, Observed):
        if op == "+":
            return observed(ev, (*left.terms, *right.terms), node.span)
        if op == "-":
            return observed(ev, (*left.terms, *((-c, p) for c, p in right.terms)), node.span)
        if op == "@":
            if len(left.terms) * len(right.terms) > MOST_TERMS:
                raise TooLarge(f"an observable has more than {MOST_TERMS} terms", node.span)
            terms = []
            for x, p in left.terms:
                for y, q in right.terms:
                    twice = set(p.wires) & set(q.wires)
                    if twice:
                        return ev.report.error(
                            "QS302", f"qubit {min(twice)} stands twice in a product of observables", node.span
                        )
                    terms.append((x * y, Pauli(tuple(sorted(p.factors + q.factors)))))
            return observed(ev, terms, node.span)
    return ev.report.error(
        "QS108",
        f"`{op}` does not combine {a(left)} with {a(right)}",
        node.span,
        help="sums of observables have numbers as coefficients; the product is `X(q[0]) @ Y(q[1])`",
    )


def observed(ev: Evaluator, terms: Iterable[tuple[float, Pauli]], span: Span) -> Value:
    """A sum with equal products added up."""
    merged: dict[Pauli, float] = {}
    for coefficient, pauli in terms:
        merged[pauli] = merged.get(pauli, 0.0) + float(coefficient)
    if len(merged) > MOST_TERMS:
        raise TooLarge(f"an observable has more than {MOST_TERMS} terms", span)
    if not all(map(math.isfinite, merged.values())):
        return ev.report.error("QS203", "a coefficient of the observable is too large", span)
    return Observed(tuple((c, p) for p, c in merged.items()))


def multiple_of_identity(factor: float) -> Observed:
    """What a number means among observables."""
    return Observed(((float(factor), Pauli()),))
