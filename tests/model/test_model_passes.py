"""Passes over the model graph: before and after as text, and the same values and gradients on ragged batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_attention import WORDS, batch, circuit, model
from test_reverse import KINDS, TRAINED, Recorder, sizes

from qsanc.diagnostics import CompilerBug
from qsanc.grad.reverse import evaluate, prepare, value_and_gradient
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.layout import Layout
from qsanc.ir.model import Function, Operation
from qsanc.ir.model_text import print_function, read_function
from qsanc.ir.verify_model import verify_function
from qsanc.passes.model import pipeline
from qsanc.passes.model.pipeline import COMMON, DEAD, DISTINCT, FOLD, PIPELINES, SIMPLIFY, ModelPass, run_model
from qsanc_numpy.backend import NumpyBackend

FIXTURES = sorted(Path(__file__).parent.glob("passes/*.ir"))
PASSES = {step.name: step for step in (COMMON, DEAD, DISTINCT, FOLD, SIMPLIFY)}
MODULES = {"attention": circuit(), "overlaps": circuit(overlap=True)}


def _pairs(path: Path) -> list[tuple[str, str]]:
    """The befores and afters of a file: functions separated by lines `--->` and `====`."""
    parts = [case.partition("--->\n") for case in path.read_text(encoding="utf-8").split("====\n")]
    return [(before.strip("\n"), after.strip("\n")) for before, _, after in parts]


CASES = [(path.stem, before, after) for path in FIXTURES for before, after in _pairs(path)]


@pytest.mark.parametrize(("name", "before", "after"), CASES)
def test_before_and_after(name: str, before: str, after: str) -> None:
    function, expected = read_function(before), read_function(after)
    modules = {"attention": MODULES["overlaps" if "%left" in before or "pairs" in before else "attention"]}
    verify_function(function, modules)
    found = PASSES[name].rewrite(function, modules)
    assert print_function(found) == print_function(expected)
    verify_function(found, modules)
    np.testing.assert_equal(list(_values(found, modules)), pytest.approx(list(_values(function, modules)), abs=1e-12))


def _values(function: Function, modules: dict[str, CircuitModule]) -> list[float]:
    """All outputs on one batch, flat."""
    rng = np.random.default_rng(3)
    layout = Layout(2, {"S": np.array([3, 2])})
    inputs = {}
    for value in function.inputs:
        shape = (layout.count(value.type.rows), *value.type.static) if value.type.rows else value.type.static
        inputs[value.name] = rng.normal(size=shape) if value.type.kind == "real" else rng.integers(0, 4, size=shape)
    executables = {name: NumpyBackend().lower(module) for name, module in modules.items()}
    names = [name for name, _ in function.outputs]
    found = evaluate(prepare(function, modules.values(), names), executables, inputs, layout)
    return [number for name in names for number in found[name].reshape(-1).tolist()]


@pytest.mark.parametrize("level", ["O1", "O2"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_values_and_gradients_stay(kind: dict[str, int], level: pipeline.Level) -> None:
    function, module = model(**kind)
    after = run_model(function, [module], level)
    inputs, layout = batch(**sizes(kind))
    executables = {module.name: NumpyBackend().lower(module)}
    wanted = ("predict", "loss", *(name for name, _ in function.probes))
    results = [
        value_and_gradient(
            prepare(version, [module], wanted, wrt=TRAINED),
            executables,
            inputs,
            layout,
            method="adjoint",
            cotangents={"loss": np.full(layout.records, 1 / layout.records)},
        )
        for version in (function, after)
    ]
    for before, now in zip(*results, strict=True):
        for name, value in before.items():
            np.testing.assert_allclose(now[name], value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_step_passes_its_own_check(kind: dict[str, int]) -> None:
    function, module = model(**kind)
    for seed in range(3):
        run_model(function, [module], verify=True, seed=seed)


def test_the_check_sees_wrong_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(function: Function, modules: object) -> Function:
        text = print_function(function)
        return read_function(text.replace("side = left", "side = right"))

    monkeypatch.setattr(pipeline, "PIPELINES", {"O2": (ModelPass("spoil", spoil),)})
    function, module = model()
    run_model(function, [module])
    with pytest.raises(CompilerBug, match="model pass spoil changed function model: predict was"):
        run_model(function, [module], verify=True)


def _rows(function: Function, module: CircuitModule, inputs: dict[str, np.ndarray], layout: Layout) -> list[int]:
    executable = Recorder(NumpyBackend().lower(module))
    evaluate(prepare(function, [module]), {module.name: executable}, inputs, layout)
    return [request.bindings.rows for request in executable.requests]


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("one layer", ["words"]),
        ("two layers", ["words", "tokens"]),
        ("two layers of two heads", ["words", "words", "tokens", "tokens"]),
        ("overlaps", ["words", "words"]),
        ("positions", ["tokens"]),
    ],
)
def test_circuits_run_once_for_each_distinct_word_of_the_first_layer(kind: str, rows: list[str]) -> None:
    function, module = model(**KINDS[kind])
    inputs, layout = batch((9, 7, 8), **sizes(KINDS[kind]))
    count = {"words": len(set(inputs["tokens"].tolist())), "tokens": 24}
    assert count["words"] < WORDS
    assert _rows(run_model(function, [module]), module, inputs, layout) == [count[row] for row in rows]
    assert set(_rows(run_model(function, [module], share_equal=False), module, inputs, layout)) == {24}


def test_moving_twice_is_moving_once() -> None:
    function, module = model(layers=2)
    once = run_model(function, [module])
    assert DISTINCT.rewrite(once, {module.name: module}) == once


def test_levels() -> None:
    function, module = model()
    assert run_model(function, [module], "O0") == function
    assert not any(op.name == "distinct" for op in run_model(function, [module], "O1").body)
    assert list(PIPELINES) == ["O0", "O1", "O2"]


def test_a_pass_that_breaks_the_graph_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(function: Function, modules: object) -> Function:
        first, *rest = function.body
        wrong = Operation("gather", (0, 99), (), first.first, first.types)
        return Function(function.name, function.inputs, (wrong, *rest), function.outputs)

    monkeypatch.setattr(pipeline, "PIPELINES", {"O2": (ModelPass("spoil", spoil),)})
    function, module = model()
    with pytest.raises(CompilerBug, match="after model pass spoil: function model, %6 = gather: %99 is no"):
        run_model(function, [module])
