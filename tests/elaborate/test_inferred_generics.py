"""Generics that follow from shapes: `f(k)` against an extent gives the k that solves it, never one that does not."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_programs import compiled

from qsanc.diagnostics import QsanError

TEXT = """
ansatz part[k: nat](t: angle[{extent}]) on q: qubit {{ for i in 0..k {{ ry(t[i]) q; }} }}
circuit c(t: angle[{given}]) on q: qubit -> real {{ part(t) q; return expval(Z(q)); }}
"""


def inferred(extent: str, given: int) -> int | str:
    """The k of `extent` = `given`, counted in gates; the code of the error where none is found."""
    try:
        program = compiled(TEXT.format(extent=extent, given=given), "c", level="O0").program
    except QsanError as failure:
        (code,) = {found.code for found in failure.diagnostics}
        return code
    return sum(len(segment.body) for segment in program.modules[0].segments)


@settings(max_examples=40)
@given(scale=st.integers(1, 4), offset=st.integers(0, 3), given=st.integers(1, 13))
def test_an_affine_extent_is_solved_exactly(scale: int, offset: int, given: int) -> None:
    """scale * k + offset = given has a solution where the division leaves nothing, and QS202 says where it has none."""
    k, left = divmod(given - offset, scale)
    assert inferred(f"{scale} * k + {offset}", given) == (k if left == 0 and k >= 0 else "QS202")


CURVED = {
    "k^2": lambda k: k * k,
    "k * (k + 1)": lambda k: k * (k + 1),
    "2^k": lambda k: 2**k,
    "k^3 + k": lambda k: k**3 + k,
}


@pytest.mark.parametrize("extent", CURVED)
@given(given=st.integers(1, 12))
@example(given=6)
@settings(max_examples=12)
def test_an_extent_that_is_not_affine_is_never_solved_wrongly(extent: str, given: int) -> None:
    """Such a dim is no equation to solve: where the straight line through 0 and 1 misses, k cannot be inferred."""
    found = inferred(extent, given)
    assert found == "QS202" if isinstance(found, str) else CURVED[extent](found) == given
