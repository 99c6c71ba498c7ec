"""Angles that are not affine are computed in the model graph: each is the number that Python makes of the same text."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import example, given, note, settings
from hypothesis import strategies as st
from small_programs import Compiled, compiled

from qsanc.ir.layout import Layout

FUNCTIONS = {"sin": math.sin, "exp": math.exp, "tanh": math.tanh, "sqrt": math.sqrt}
POINTS = np.array([[0.6, 1.7], [1.3, 0.9], [2.0, 0.5]])
TWO = ("{a} / {b}", "{a} ^ {b}", "{a}^2 - {b}", "{a} / (1 + {b}^2)", "sin({a}) / {b}", "{a} * {b} - {b}^2")
ONE = ("({n})", "sqrt({n})", "exp(-{n})", "(1 + {n}^2)", "(2 - tanh({n}))")


@st.composite
def formulas(draw: st.DrawFn) -> str:
    """A formula of {x} and {y} that is not symmetric in them, and far from every pole for positive numbers."""
    form = st.sampled_from(ONE)
    whole, left, right = draw(st.sampled_from(TWO)), draw(form), draw(form)
    return whole.format(a=left.format(n="{x}"), b=right.format(n="{y}"))


def turns(*written: str) -> Compiled:
    """Each expression turns a qubit of its own, of which <X> (the sine of the angle) and <Z> (the cosine) are read."""
    n = len(written)
    body = " ".join(f"ry({text}) q[{k}];" for k, text in enumerate(written))
    results = f"return expval([[X(q[i]), Z(q[i])] for i in 0..{n}]);"
    text = f"circuit c(x: real, y: real) on q: qubit[{n}] -> real[{n}, 2] {{ {body} {results} }}"
    return compiled(text, "c")


@settings(max_examples=60)
@given(first=formulas(), second=formulas())
@example("{x} / {y}", "{x} ^ {y}")
def test_angles_are_those_that_python_computes(first: str, second: str) -> None:
    """Each formula also with its operands exchanged: expressions that differ in nothing else stay apart."""
    written = [formula.format(**names) for formula in (first, second) for names in (FORWARDS, BACKWARDS)]
    note(written)
    (found,) = turns(*written).evaluate({"x": POINTS[:, 0], "y": POINTS[:, 1]}, Layout(len(POINTS)))
    expected = [[eval(text.replace("^", "**"), {**FUNCTIONS, "x": x, "y": y}) for text in written] for x, y in POINTS]
    np.testing.assert_allclose(found, np.stack([np.sin(expected), np.cos(expected)], axis=-1), rtol=0, atol=1e-10)


FORWARDS, BACKWARDS = {"x": "x", "y": "y"}, {"x": "y", "y": "x"}


@settings(max_examples=20)
@given(formulas())
def test_equal_expressions_are_one_slot(formula: str) -> None:
    written = formula.format(**FORWARDS)
    assert slots(written, written) == slots(written) == 3


def slots(*written: str) -> int:
    (module,) = turns(*written).program.modules
    return len(module.slots)
