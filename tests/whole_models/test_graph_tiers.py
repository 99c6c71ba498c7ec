"""Random programs, from text: the model graph by instructions gives what NumPy gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from running import compiled
from test_random_models import batch_of

import qsanc.grad.kernels as kernels
from qsanc.fast import Library, Tier
from qsanc.grad.reverse import evaluate, prepare, value_and_gradient
from qsanc.testing.strategies import Written, models


class Plain(Tier):
    """A tier whose kernels are plain functions."""

    def kernels(self, library: Library) -> Mapping[str, Callable[..., None]]:
        return {"run": kernels.run, "distinct": kernels.distinct}


@pytest.fixture(scope="module", params=["plain", "native"])
def tier(request: pytest.FixtureRequest) -> Tier:
    if request.param == "plain":
        return Plain()
    pytest.importorskip("numba", reason="the extra `fast` is not installed", exc_type=ImportError)
    return Tier("on")


@settings(max_examples=30)
@given(written=models(), seed=st.integers(0, 2**20), level=st.sampled_from(["O0", "O1", "O2"]))
def test_values_and_gradients_are_those_of_numpy(tier: Tier, written: Written, seed: int, level: str) -> None:
    note(written.text)
    running = compiled(written.text, level)
    inputs, layout = batch_of(written, running, seed)
    program, executables = running.compiled.program, running.compiled.executables
    function = program.function(program.models[0].name)
    wanted = ("predict", "loss", *(name for name, _ in function.probes))
    plan = prepare(function, program.modules, wanted, wrt=tuple(running.shapes))
    values, gradient = value_and_gradient(plan, executables, inputs, layout, method="adjoint")
    found, slopes = value_and_gradient(plan, executables, inputs, layout, method="adjoint", tier=tier)
    alone = evaluate(plan, executables, inputs, layout, tier=tier)
    for name in values:
        np.testing.assert_allclose(found[name], values[name], rtol=1e-10, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(alone[name], values[name], rtol=1e-10, atol=1e-12, err_msg=name)
    for name in gradient:
        np.testing.assert_allclose(slopes[name], gradient[name], rtol=1e-10, atol=1e-12, err_msg=name)
