"""Grouping of Pauli products that one measurement can read together.

    X0 Z1  and  Z1 Y2  agree on every wire that both act on: measuring X0 Z1 Y2 gives both

Products commute qubit-wise if no wire has different letters in them. Each group is one setting of the measurement
bases, and one set of shots.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from qsanc.ir.circuit import Observable, Pauli


@dataclass(frozen=True, slots=True)
class Group:
    """`products` that are all read in `basis`: the letter to measure on each wire that one of them acts on."""

    basis: Pauli
    products: tuple[Pauli, ...]


def groups(observables: Iterable[Observable]) -> tuple[Group, ...]:
    """Qubit-wise commuting groups that hold every product of `observables` once, but for the identity.

    The identity needs no measurement. Products are taken with the longest first, otherwise in order of appearance, and
    each goes to the first group that it fits; the result depends on nothing else.
    """
    products = dict.fromkeys(pauli for observable in observables for _, pauli in observable.terms if pauli.factors)
    bases: list[dict[int, str]] = []
    members: list[list[Pauli]] = []
    for product in sorted(products, key=lambda pauli: -len(pauli.factors)):
        k = next((k for k, basis in enumerate(bases) if _fits(product, basis)), len(bases))
        if k == len(bases):
            bases.append({})
            members.append([])
        bases[k].update(product.factors)
        members[k].append(product)
    return tuple(
        Group(Pauli(tuple(sorted(basis.items()))), tuple(group)) for basis, group in zip(bases, members, strict=True)
    )


def _fits(product: Pauli, basis: dict[int, str]) -> bool:
    return all(basis.get(wire, letter) == letter for wire, letter in product.factors)
