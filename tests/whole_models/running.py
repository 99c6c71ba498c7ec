"""A model's text, compiled at one level and run on a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qsanc.check.imports import load_text
from qsanc.driver import Compiled, compile_entry
from qsanc.grad.circuit import Method
from qsanc.grad.reverse import evaluate, prepare, value_and_gradient
from qsanc.ir.layout import Layout
from qsanc.passes.model.pipeline import Level
from qsanc.source import Source
from qsanc_numpy.backend import NumpyBackend

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Running:
    """A model, compiled, with the names and shapes of its parameters."""

    compiled: Compiled
    shapes: Mapping[str, tuple[int, ...]]

    def values(self, wanted: Sequence[str], inputs: Arrays, layout: Layout) -> Arrays:
        program = self.compiled.program
        plan = prepare(program.function(program.models[0].name), program.modules, wanted)
        return evaluate(plan, self.compiled.executables, inputs, layout)

    def gradient(self, inputs: Arrays, layout: Layout, method: Method) -> tuple[Arrays, Arrays]:
        """`predict` and `loss`, and the gradient of the mean loss by every parameter."""
        program = self.compiled.program
        function = program.function(program.models[0].name)
        plan = prepare(function, program.modules, ("predict", "loss"), wrt=tuple(self.shapes))
        loss = {"loss": np.full(layout.records, 1 / layout.records)}
        return value_and_gradient(plan, self.compiled.executables, inputs, layout, method=method, cotangents=loss)


def compiled(text: str, level: Level = "O2") -> Running:
    found = compile_entry(load_text(Source("m.qsan", text), None), "m", NumpyBackend(), level=level)
    (model,) = found.program.models
    return Running(found, {parameter.name: parameter.shape for parameter in model.parameters})
