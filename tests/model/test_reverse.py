"""Whole models: values against dense matrices sentence by sentence, gradients against each other and differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from small_attention import batch, model, written_out

from qsanc.diagnostics import CompilerBug
from qsanc.grad.reverse import evaluate, prepare, value_and_gradient
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.layout import Layout
from qsanc.ir.model_text import read_function, read_program
from qsanc.target import Context, Handle, Request, Results
from qsanc_numpy.backend import NumpyBackend
from qsanc_numpy.executable import NumpyExecutable

KINDS = {
    "one layer": {},
    "two layers": {"layers": 2},
    "two heads": {"heads": 2},
    "two layers of two heads": {"layers": 2, "heads": 2},
    "overlaps": {"overlap": True},
    "positions": {"positional": True},
}
TRAINED = ("emb", "turns", "w", "b")


def sizes(kind: Mapping[str, int]) -> dict[str, int]:
    return {name: kind[name] for name in ("layers", "heads") if name in kind}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_predictions_are_those_of_dense_matrices(kind: dict[str, int]) -> None:
    function, module = model(**kind)
    inputs, layout = batch(**sizes(kind))
    executables = {module.name: NumpyBackend().lower(module)}
    found = evaluate(prepare(function, [module], ("predict",)), executables, inputs, layout)
    np.testing.assert_allclose(found["predict"], written_out(inputs, layout, **kind), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_gradients_agree_with_each_other_and_with_differences(kind: dict[str, int]) -> None:
    function, module = model(**kind)
    inputs, layout = batch(**sizes(kind))
    executables = {module.name: NumpyBackend().lower(module)}
    plan = prepare(function, [module], ("loss", "predict"), wrt=TRAINED)
    outputs, adjoint = value_and_gradient(plan, executables, inputs, layout, method="adjoint")
    same, shifted = value_and_gradient(plan, executables, inputs, layout, method="parameter_shift")
    np.testing.assert_allclose(outputs["loss"], same["loss"], atol=1e-14)
    rng = np.random.default_rng(1)
    for name in TRAINED:
        np.testing.assert_allclose(adjoint[name], shifted[name], rtol=0, atol=1e-9)
        direction = rng.normal(size=inputs[name].shape)
        step = 1e-5
        ends = [
            evaluate(plan, executables, {**inputs, name: inputs[name] + sign * step * direction}, layout)["loss"].mean()
            for sign in (1, -1)
        ]
        expected = (ends[0] - ends[1]) / (2 * step)
        assert np.vdot(adjoint[name], direction) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_given_cotangents_of_several_outputs_add_up() -> None:
    function, module = model()
    inputs, layout = batch()
    executables = {module.name: NumpyBackend().lower(module)}
    weights = "attention.0.0.weights"
    plan = prepare(function, [module], ("predict", weights), wrt=("turns",))
    values = evaluate(plan, executables, inputs, layout)
    bars = {name: np.random.default_rng(k).normal(size=values[name].shape) for k, name in enumerate(values)}
    parts = [
        value_and_gradient(plan, executables, inputs, layout, method="adjoint", cotangents={name: bar})[1]["turns"]
        for name, bar in bars.items()
    ]
    _, both = value_and_gradient(plan, executables, inputs, layout, method="adjoint", cotangents=bars)
    np.testing.assert_allclose(both["turns"], sum(parts), atol=1e-14)


@dataclass
class Recorder:
    """An executable that remembers what was asked of it, and in which order work was begun and waited for."""

    inner: NumpyExecutable
    requests: list[Request] = field(default_factory=list)
    purposes: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    @property
    def module(self) -> CircuitModule:
        return self.inner.module

    def submit(self, request: Request, context: Context) -> Handle:
        self.requests.append(request)
        self.purposes.append(context.purpose)
        self.events.append("submit")
        return self.inner.submit(request, context)

    def collect(self, handle: Handle) -> Results:
        self.events.append("collect")
        return self.inner.collect(handle)

    def plan(self) -> str:
        return self.inner.plan()


def recorder(module: CircuitModule) -> Recorder:
    return Recorder(NumpyBackend().lower(module))


def test_only_what_is_wanted_is_asked_for() -> None:
    function, module = model()
    inputs, layout = batch()
    executable = recorder(module)
    del inputs["label"]
    evaluate(prepare(function, [module], ("attention.0.0.weights",)), {"attention": executable}, inputs, layout)
    assert [request.results for request in executable.requests] == [(0, 1)]


def test_overlaps_are_asked_for_apart() -> None:
    function, module = model(overlap=True)
    inputs, layout = batch()
    executable = recorder(module)
    evaluate(prepare(function, [module], ("predict",)), {"attention": executable}, inputs, layout)
    assert [(request.results, request.pairs is None) for request in executable.requests] == [
        ((1, 2, 3), True),
        ((0,), False),
    ]


def test_circuits_that_can_run_together_are_begun_together() -> None:
    function, module = model(layers=2, heads=2)
    inputs, layout = batch(layers=2, heads=2)
    executable = recorder(module)
    evaluate(prepare(function, [module], ("predict",)), {"attention": executable}, inputs, layout)
    assert executable.events == ["submit", "submit", "collect", "collect"] * 2


def test_forward_passes_never_shift_and_gradients_say_what_they_are() -> None:
    function, module = model()
    inputs, layout = batch()
    executable = recorder(module)
    plan = prepare(function, [module], wrt=("turns",))
    value_and_gradient(plan, {"attention": executable}, inputs, layout, method="parameter_shift")
    assert executable.requests[0].shifts is None
    assert executable.purposes[0] == "forward"
    assert all(r.shifts is not None for r in executable.requests[1:])
    assert set(executable.purposes[1:]) == {"gradient"}


def test_a_circuit_that_no_parameter_reaches_is_not_differentiated() -> None:
    function, module = model()
    inputs, layout = batch()
    executable = recorder(module)
    plan = prepare(function, [module], wrt=("w", "b"))
    _, gradients = value_and_gradient(plan, {"attention": executable}, inputs, layout, method="parameter_shift")
    assert executable.events == ["submit", "collect"]
    assert set(gradients) == {"w", "b"}


def test_shots_reach_the_backend() -> None:
    function, module = model()
    inputs, layout = batch()
    executable = recorder(module)
    plan = prepare(function, [module], ("predict",))
    evaluate(plan, {"attention": executable}, inputs, layout, shots=50, independent=True)
    assert [(request.shots, request.independent) for request in executable.requests] == [(50, True)]


def test_a_circuit_without_records() -> None:
    program = read_program(
        """
        circuit @energy wires 1
          shared th[0]
          segment prepare
            ry(s0) 0
          r0 = expectation prepare: Z0

        function @vqe
          %0 = parameter th: real[1]
          %1: real[0] = constant {axes = [0], value = []}
          %2: real = circuit %0, %1 {module = @energy}
          output predict = %2
          output loss = %2
    """.replace("\n        ", "\n")
    )
    executables = {"energy": NumpyBackend().lower(program.modules[0])}
    plan = prepare(program.functions[0], program.modules, wrt=("th",))
    for method in ("adjoint", "parameter_shift"):
        outputs, gradient = value_and_gradient(plan, executables, {"th": np.array([0.4])}, Layout(1), method=method)
        assert outputs["loss"] == pytest.approx(np.cos(0.4))
        np.testing.assert_allclose(gradient["th"], [-np.sin(0.4)])


def test_adjoint_gradients_need_a_backend_that_offers_them() -> None:
    function, module = model()
    inputs, layout = batch()
    plan = prepare(function, [module], wrt=("turns",))
    with pytest.raises(CompilerBug, match="without adjoint gradients"):
        value_and_gradient(plan, {"attention": recorder(module)}, inputs, layout, method="adjoint")


def test_wrong_inputs_are_named() -> None:
    function = read_function("function @f\n  %0 = parameter w: real[2]\n  %1: real[2] = exp %0\n  output y = %1\n")
    plan = prepare(function, (), ("y",))
    with pytest.raises(CompilerBug, match="without its input w"):
        evaluate(plan, {}, {}, Layout(1))
    with pytest.raises(CompilerBug, match=r"input w has shape \(3,\)"):
        evaluate(plan, {}, {"w": np.zeros(3)}, Layout(1))
    with pytest.raises(KeyError):
        prepare(function, (), ("z",))
