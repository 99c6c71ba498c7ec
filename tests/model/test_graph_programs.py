"""The model graph by instructions against NumPy, operation by operation and for random models.

The kernel is run as the plain function that it is, and compiled where numba is installed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from graph_in_both import TIERS, assert_same, tier_named
from hypothesis import given, settings
from hypothesis import strategies as st
from operation_cases import Case, cases
from small_attention import batch, model

from qsanc.diagnostics import QsanError
from qsanc.fast import Tier
from qsanc.grad.reverse import evaluate, prepare, value_and_gradient
from qsanc.grad.rules import BACKWARD, FORWARD
from qsanc.ir.layout import Layout
from qsanc.ir.model import Function, Input, Type
from qsanc.ir.model_text import read_function
from qsanc.ir.ops import OPS, array_shape
from qsanc.passes.model.graph import Graph
from qsanc.passes.model.pipeline import run_model
from qsanc_numpy.backend import NumpyBackend

MODELS = {
    "one layer": {},
    "two layers": {"layers": 2},
    "two heads": {"heads": 2},
    "overlaps": {"overlap": True},
    "positions": {"positional": True},
}


@pytest.fixture(scope="module", params=TIERS)
def tier(request: pytest.FixtureRequest) -> Tier:
    return tier_named(request.param)


def twice(case: Case) -> Function:
    """The operation, done twice with the same operands, so that cotangents are added to what is there."""
    inputs = [Input(f"x{place}", "parameter", kind) for place, kind in enumerate(case.types)]
    graph = Graph(inputs, {})
    outputs = []
    for turn in range(2):
        attributes = {**case.attributes, **({"axis": f"U{turn}"} if case.name == "distinct" else {})}
        first = graph.add(case.name, range(len(inputs)), attributes.items())
        outputs += [(f"y{turn}{place}", first + place) for place in range(len(graph.types) - first)]
    return Function("twice", tuple(inputs), tuple(graph.body), tuple(outputs))


@pytest.mark.parametrize("name", sorted(OPS))
@settings(max_examples=15, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_each_operation_is_that_of_numpy(tier: Tier, name: str, data: st.DataObject, seed: int) -> None:
    case = data.draw(cases(name))
    inputs = {f"x{place}": array for place, array in enumerate(case.arrays)}
    assert_same(twice(case), inputs, case.layout, tier, seed)


def test_every_operation_with_a_derivative_has_instructions() -> None:
    """A reshape needs none."""
    assert set(FORWARD) == set(BACKWARD) == {name for name, op in OPS.items() if op.pullback} - {"reshape"}


EDGES = {
    "no records": Layout(0, {"S": np.zeros(0, dtype=np.int64)}),
    "no tokens": Layout(2, {"S": np.array([0, 0])}),
    "one token": Layout(1, {"S": np.array([1])}),
    "many tokens": Layout(3, {"S": np.array([9, 1, 14])}),
}
CHAIN = """
function @chain
  %0 = parameter emb: real[4, {width}]
  %1 = parameter w: real[{width}]
  %2 = data tokens: int[record, S]
  %3: int[U0], %4: int[record, S] = distinct %2 {{axis = U0}}
  %5: real[U0, {width}] = gather %0, %3
  %6: real[U0] = matmul %5, %1
  %7: real[record, S] = gather %6, %4
  %8: real[record, S, S] = spread %7 {{side = left}}
  %9: real[record, S, S] = spread %7 {{side = right}}
  %10: real[record, S, S] = mul %8, %9
  %11: real[record, S, S] = causal %10 {{fill = -inf}}
  %12: real[record, S, S] = softmax %11 {{axis = 2}}
  %13: real[record, S, {width}] = gather %5, %4
  %14: real[record, S, {width}] = attend %12, %13
  %15: real[record, S, 1, {width}] = reshape %14 {{axes = [1, {width}]}}
  %16: real[record, 1, {width}] = mean %15 {{axis = 1}}
  %17: real[record, {width}] = sum %16 {{axis = 1}}
  output y = %17
  output weights = %12
"""


@pytest.mark.parametrize("width", [0, 1, 3, 13])
@pytest.mark.parametrize("layout", EDGES.values(), ids=EDGES)
def test_batches_and_axes_without_anything(tier: Tier, layout: Layout, width: int) -> None:
    function = read_function(CHAIN.format(width=width))
    rng = np.random.default_rng(5)
    inputs = {value.name: rng.normal(size=array_shape(value.type, layout)) for value in function.inputs[:2]}
    inputs["tokens"] = rng.integers(0, 4, size=array_shape(function.inputs[2].type, layout))
    assert_same(function, inputs, layout, tier)


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "tanh", "sigmoid", "relu", "abs", "neg"])
def test_numbers_that_are_none_stay_so(tier: Tier, name: str) -> None:
    kind = Type("real", ("record",))
    graph = Graph([Input("x", "data", kind)], {})
    function = Function("f", graph.inputs, tuple(graph.body), (("y", graph.add(name, [0])),))
    function = Function("f", graph.inputs, tuple(graph.body), function.outputs)
    x = np.array([np.nan, np.inf, -np.inf, 0.0, 800.0, -800.0, 709.5, -740.0, 1e-300, 30.0])
    prepared = prepare(function, (), ("y",))
    expected = evaluate(prepared, {}, {"x": x}, Layout(len(x)))["y"]
    np.testing.assert_allclose(
        evaluate(prepared, {}, {"x": x}, Layout(len(x)), tier=tier)["y"], expected, rtol=1e-12, atol=5e-324
    )


@pytest.mark.parametrize("kind", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("level", ["O0", "O2"])
def test_models_have_the_same_gradients(tier: Tier, kind: dict[str, int], level: str) -> None:
    written, module = model(**kind)
    function = run_model(written, [module], level)
    inputs, layout = batch(**{name: kind[name] for name in ("layers", "heads") if name in kind})
    executables = {module.name: NumpyBackend().lower(module)}
    prepared = prepare(function, [module], ("loss", "predict"), wrt=("emb", "turns", "w", "b"))
    for method in ("adjoint", "parameter_shift"):
        expected = value_and_gradient(prepared, executables, inputs, layout, method=method)
        found = value_and_gradient(prepared, executables, inputs, layout, method=method, tier=tier)
        for before, after in zip(expected, found, strict=True):
            for name, array in before.items():
                np.testing.assert_allclose(after[name], array, rtol=1e-10, atol=1e-12)


def test_probes_are_those_of_numpy(tier: Tier) -> None:
    function, module = model(layers=2)
    inputs, layout = batch(layers=2)
    executables = {module.name: NumpyBackend().lower(module)}
    names = [name for name, _ in function.probes]
    prepared = prepare(function, [module], names)
    expected = evaluate(prepared, executables, inputs, layout)
    found = evaluate(prepared, executables, inputs, layout, tier=tier)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, atol=1e-12)


def test_results_are_not_overwritten(tier: Tier) -> None:
    function, module = model()
    (inputs, layout), executables = batch(), {module.name: NumpyBackend().lower(module)}
    prepared = prepare(function, [module], ("loss", "predict"), wrt=("emb", "w"))

    def step(scale: float) -> list[np.ndarray]:
        moved = {**inputs, "emb": inputs["emb"] * scale, "w": inputs["w"] * scale}
        values, gradient = value_and_gradient(prepared, executables, moved, layout, method="adjoint", tier=tier)
        return [*values.values(), *gradient.values()]

    first = step(1.0)
    copies = [array.copy() for array in first]
    step(2.0)
    for array, copy in zip(first, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_threads_do_not_share_memory(tier: Tier) -> None:
    function, module = model()
    (inputs, layout), executables = batch(), {module.name: NumpyBackend().lower(module)}
    prepared = prepare(function, [module], ("loss",), wrt=("w",))

    def gradient(scale: float) -> np.ndarray:
        moved = {**inputs, "w": inputs["w"] * scale}
        return value_and_gradient(prepared, executables, moved, layout, method="adjoint", tier=tier)[1]["w"]

    scales = [0.5 + 0.1 * k for k in range(16)]
    expected = [gradient(scale) for scale in scales]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(gradient, scales))
    np.testing.assert_array_equal(found, expected)


def test_a_number_outside_is_refused(tier: Tier) -> None:
    inputs = (Input("table", "parameter", Type("real", (3,))), Input("at", "data", Type("int", ("record",))))
    graph = Graph(inputs, {})
    function = Function("f", inputs, (), (("y", graph.add("gather", (0, 1))),))
    function = Function("f", inputs, tuple(graph.body), function.outputs)
    with pytest.raises(QsanError) as caught:
        evaluate(
            prepare(function, (), ("y",)), {}, {"table": np.zeros(3), "at": np.array([0, 3])}, Layout(2), tier=tier
        )
    assert "number 3 is outside 0..3" in str(caught.value)


def test_a_token_that_is_not_there_is_refused(tier: Tier) -> None:
    inputs = (Input("x", "parameter", Type("real", ("record", "S"))),)
    graph = Graph(inputs, {})
    y = graph.add("token", (0,), (("index", -2),))
    function = Function("f", inputs, tuple(graph.body), (("y", y),))
    layout = Layout(2, {"S": np.array([3, 1])})
    with pytest.raises(QsanError, match="token -2 was asked for"):
        evaluate(prepare(function, (), ("y",)), {}, {"x": np.zeros(4)}, layout, tier=tier)
