"""A function in NumPy and by instructions: values and gradients are the same, nan and infinities among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

import qsanc.grad.kernels as kernels
from qsanc.fast import Library, Tier
from qsanc.grad.reverse import evaluate, prepare, value_and_gradient
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.layout import Layout
from qsanc.ir.model import Function
from qsanc_numpy.backend import NumpyBackend

TIERS = ("plain", "native")


class Plain(Tier):
    """A tier whose kernels are plain functions: what native code does, in Python."""

    def kernels(self, library: Library) -> Mapping[str, Callable[..., None]]:
        return {"run": kernels.run, "distinct": kernels.distinct}


def tier_named(name: str) -> Tier:
    """One of `TIERS`; native code only where numba is installed."""
    if name == "plain":
        return Plain()
    pytest.importorskip("numba", reason="the extra `fast` is not installed", exc_type=ImportError)
    native = Tier("on")
    native.kernels(kernels.LIBRARY)
    return native


def assert_same(
    function: Function,
    inputs: Mapping[str, np.ndarray],
    layout: Layout,
    tier: Tier,
    seed: int = 0,
    modules: Sequence[CircuitModule] = (),
) -> None:
    """Values alone, and values with gradients for random cotangents."""
    names = [name for name, _ in function.outputs]
    wrt = [value.name for value in function.inputs if value.type.kind == "real"]
    executables = {module.name: NumpyBackend().lower(module) for module in modules}
    prepared = prepare(function, modules, names, wrt=wrt)
    expected = evaluate(prepared, executables, inputs, layout)
    found = evaluate(prepared, executables, inputs, layout, tier=tier)
    rng = np.random.default_rng(seed)
    bars = {name: rng.normal(size=expected[name].shape) for name in names}
    options = {"method": "adjoint", "cotangents": bars}
    _, gradient = value_and_gradient(prepared, executables, inputs, layout, **options)
    again, same = value_and_gradient(prepared, executables, inputs, layout, **options, tier=tier)
    for name in names:
        for other in (found[name], again[name]):
            assert other.shape == expected[name].shape
            assert other.dtype == expected[name].dtype
            np.testing.assert_allclose(other, expected[name], rtol=1e-12, atol=1e-12)
    for name in wrt:
        assert same[name].shape == inputs[name].shape
        np.testing.assert_allclose(same[name], gradient[name], rtol=1e-10, atol=1e-10)
