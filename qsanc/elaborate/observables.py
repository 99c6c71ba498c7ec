"""The algebra of observables: real multiples, sums, and products on different qubits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from qsanc.elaborate.values import Observed, Value, describe, is_number
from qsanc.ir.circuit import Pauli
from qsanc.syntax import ast

if TYPE_CHECKING:
    from qsanc.elaborate.expressions import Evaluator


def combine(ev: Evaluator, op: str, left: Value, right: Value, node: ast.Unary | ast.Binary) -> Value:
    """`left op right`, at least one of them an observable; a number stands for that multiple of the identity."""
    if is_number(left) or is_number(right):
        factor, operand = (left, right) if is_number(left) else (right, left)
        assert isinstance(operand, Observed)
        if op == "*" or (op == "/" and is_number(right) and right):
            scale = 1 / factor if op == "/" else factor  # type: ignore[operator]
            return observed((c * scale, p) for c, p in operand.terms)  # type: ignore[operator]
        constant = Observed(((float(factor), Pauli()),))  # type: ignore[arg-type]
        left, right = (constant, operand) if is_number(left) else (operand, constant)
    if isinstance(left, Observed) and isinstance(right, Observed):
        if op == "+":
            return observed((*left.terms, *right.terms))
        if op == "-":
            return observed((*left.terms, *((-c, p) for c, p in right.terms)))
        if op == "@":
            terms = []
            for a, p in left.terms:
                for b, q in right.terms:
                    twice = set(p.wires) & set(q.wires)
                    if twice:
                        return ev.report.error(
                            "QS302", f"qubit {min(twice)} stands twice in a product of observables", node.span
                        )
                    terms.append((a * b, Pauli(tuple(sorted(p.factors + q.factors)))))
            return observed(terms)
    return ev.report.error(
        "QS108",
        f"`{op}` does not combine a {describe(left)} with a {describe(right)}",
        node.span,
        help="sums of observables have numbers as coefficients; the product is `X(q[0]) @ Y(q[1])`",
    )


def observed(terms: Iterable[tuple[float, Pauli]]) -> Observed:
    """A sum with equal products added up."""
    merged: dict[Pauli, float] = {}
    for coefficient, pauli in terms:
        merged[pauli] = merged.get(pauli, 0.0) + float(coefficient)
    return Observed(tuple((c, p) for p, c in merged.items()))
