"""Observables."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import strategies as st

from qsanc.ir.circuit import Observable, Pauli
from qsanc.testing.strategies.numbers import coefficients


def observables(*, wires: int, max_terms: int = 3, letters: Collection[str] = "XYZ") -> st.SearchStrategy[Observable]:
    """Real sums of at most `max_terms` distinct Pauli products of these `letters` on wires 0 to `wires` - 1.

    The identity is one of the products, and the sum of no terms is the observable zero. Shrinks to fewer terms of fewer
    factors with coefficient 1. Raises ValueError where there is no wire, or a letter is none of X, Y, Z.

    >>> @given(observables(wires=2))
    ... def test_energy(observable): ...
    """
    if wires < 1 or max_terms < 0:
        raise ValueError(f"no observable has {max_terms} terms on {wires} wires")
    if unknown := [letter for letter in letters if letter not in ("X", "Y", "Z")]:
        raise ValueError(f"{unknown[0]!r} is none of X, Y, Z")
    term = st.tuples(products(wires, letters), coefficients())
    return st.lists(term, max_size=max_terms).map(
        lambda terms: Observable(tuple((coefficient, product) for product, coefficient in dict(terms).items()))
    )


def products(wires: int, letters: Collection[str]) -> st.SearchStrategy[Pauli]:
    """Products of Paulis; one list entry a wire, so that deleting it moves the others to lower wires."""
    factors = st.lists(st.sampled_from(["I", *letters]), max_size=wires)
    return factors.map(lambda word: Pauli(tuple((wire, letter) for wire, letter in enumerate(word) if letter != "I")))
