"""A function of numbers works place by place on a written list of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from small_programs import compiled, sentences


@pytest.mark.parametrize("name", ["sin", "cos", "exp", "sqrt"])
def test_a_function_of_a_list_is_the_list_of_its_values(name: str) -> None:
    text = (
        f"circuit c on q: qubit -> real {{ let a = {name}([0.3, 0.7]); rx(a[0]) q; rx(a[1]) q; return expval(Z(q)); }}"
    )
    (found,) = compiled(text, "c").evaluate({}, sentences())
    function = getattr(math, name)
    np.testing.assert_allclose(found, math.cos(function(0.3) + function(0.7)), rtol=0, atol=1e-12)
