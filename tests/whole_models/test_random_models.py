"""Random programs, from text to the gradient of the loss: three ways to differentiate and three levels agree."""

from __future__ import annotations

import numpy as np
from hypothesis import given, note, settings
from hypothesis import strategies as st
from oracle import dense
from running import Arrays, Running, compiled

from qsanc.ir.layout import Layout
from qsanc.testing.strategies import Written, models


def batch_of(written: Written, running: Running, seed: int) -> tuple[Arrays, Layout]:
    """Random parameters and three records, of 2, 1 and 3 words where they are sentences."""
    generator = np.random.default_rng(seed)
    inputs = {name: generator.normal(scale=0.7, size=shape) for name, shape in running.shapes.items()}
    labels = {"bit": generator.integers(0, 2, 3), "class": generator.integers(0, written.classes, 3)}
    inputs["label"] = labels[written.label] if written.label in labels else generator.normal(size=3)
    if written.words:
        inputs["tokens"] = generator.integers(0, written.words, 6)
        return inputs, Layout(3, {"S": np.array([2, 1, 3])})
    inputs["x"] = generator.normal(size=(3, written.numbers))
    return inputs, Layout(3)


def slope(running: Running, inputs: Arrays, layout: Layout, direction: Arrays) -> float:
    """The derivative of the mean loss along a direction of the parameters, from differences of five points."""

    def loss(step: np.ndarray) -> np.ndarray:
        moved = {name: inputs[name] + step[0] * direction[name] for name in direction}
        return np.mean(running.values(("loss",), {**inputs, **moved}, layout)["loss"])

    return float(dense.finite_difference(loss, np.zeros(1), step=2e-4)[0])


@settings(max_examples=40)
@given(written=models(), seed=st.integers(0, 2**20))
def test_gradients_and_levels_agree(written: Written, seed: int) -> None:
    note(written.text)
    plain, light, full = (compiled(written.text, level) for level in ("O0", "O1", "O2"))
    inputs, layout = batch_of(written, plain, seed)
    values, gradient = plain.gradient(inputs, layout, "adjoint")

    for running, method in ((light, "adjoint"), (full, "adjoint")):
        others, other = running.gradient(inputs, layout, method)
        for name in values:
            np.testing.assert_allclose(others[name], values[name], rtol=1e-10, atol=1e-10, err_msg=name)
        for name in gradient:
            np.testing.assert_allclose(other[name], gradient[name], rtol=1e-10, atol=1e-10, err_msg=name)

    for running in (plain, full):
        _, shifted = running.gradient(inputs, layout, "parameter_shift")
        for name in gradient:
            np.testing.assert_allclose(shifted[name], gradient[name], rtol=1e-8, atol=1e-8, err_msg=name)

    generator = np.random.default_rng(seed + 1)
    direction = {name: generator.normal(size=array.shape) for name, array in gradient.items()}
    length = np.sqrt(sum(np.sum(array**2) for array in direction.values()))
    direction = {name: array / length for name, array in direction.items()}
    along = sum(float(np.sum(gradient[name] * direction[name])) for name in gradient)
    np.testing.assert_allclose(along, slope(plain, inputs, layout, direction), rtol=1e-7, atol=1e-7)
