"""Measurement groups: what one setting of bases can read together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qsanc.ir.circuit import Observable, Pauli
from qsanc.passes.grouping import Group, groups
from qsanc.testing.strategies import observables


def product(text: str) -> Pauli:
    return Pauli(tuple((int(factor[1:]), factor[0]) for factor in text.split()))


def total(*products: str) -> Observable:
    return Observable(tuple((1.0, product(text)) for text in products))


def test_the_value_of_qsann_needs_three_settings():
    paulis = total(*(f"{letter}{wire}" for letter in "ZXY" for wire in range(4)))
    assert [group.basis for group in groups([paulis])] == [
        product("Z0 Z1 Z2 Z3"),
        product("X0 X1 X2 X3"),
        product("Y0 Y1 Y2 Y3"),
    ]


def test_hydrogen_needs_two_settings_and_the_identity_none():
    hydrogen = Observable(((-1.05, Pauli()), *((0.4, product(text)) for text in ("Z0", "Z1", "Z0 Z1", "X0 X1"))))
    assert groups([hydrogen]) == (
        Group(product("Z0 Z1"), (product("Z0 Z1"), product("Z0"), product("Z1"))),
        Group(product("X0 X1"), (product("X0 X1"),)),
    )


def test_shorter_products_fit_into_longer_ones():
    assert groups([total("Y2", "X0 Z1"), total("Z1 Y2", "Y2")]) == (
        Group(product("X0 Z1 Y2"), (product("X0 Z1"), product("Z1 Y2"), product("Y2"))),
    )


@given(st.lists(observables(wires=4, max_terms=6), max_size=4))
def test_each_product_is_measured_once_in_a_basis_that_gives_it(asked: list[Observable]):
    found = groups(asked)
    measured = [pauli for group in found for pauli in group.products]
    assert len(set(measured)) == len(measured)
    assert set(measured) == {pauli for observable in asked for _, pauli in observable.terms if pauli.factors}
    for group in found:
        letters = dict(group.basis.factors)
        assert all(letters[wire] == letter for pauli in group.products for wire, letter in pauli.factors)
        assert list(letters) == sorted({wire for pauli in group.products for wire in pauli.wires})
