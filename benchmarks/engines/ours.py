"""This project, from `.qsan` text through the general compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from qsanc import registry
from qsanc.check.imports import load
from qsanc.driver import compile_entry
from qsanc.grad.reverse import evaluate, prepare, value_and_gradient
from qsanc.ir.layout import Layout
from work.registers import Register
from work.sentences import NAMES, Epoch, Floats

_MODEL = Path(__file__).parents[2] / "models" / "qsann.qsan"
_ROTATIONS = Path(__file__).parents[1] / "rotations.qsan"


class EpochEngine:
    def __init__(self, work: Epoch, *, method: Literal["adjoint", "parameter_shift"] = "adjoint") -> None:
        self.work, self.method = work, method
        sizes: dict[str, int | float] = {"n": work.n, "layers": work.layers}
        backend = registry.load("numpy")
        compiled = compile_entry(load(_MODEL), "qsann", backend, sizes=sizes, data_sizes={"vocab": work.vocabulary})
        self.executables = compiled.executables
        self.prepared = prepare(compiled.program.function("qsann"), compiled.program.modules, ("loss",), wrt=NAMES)

    def gradient(self, parameters: dict[str, Floats], batch: Any) -> tuple[float, dict[str, Floats]]:
        inputs = {**parameters, "tokens": batch.tokens, "label": batch.labels}
        layout = Layout(batch.sentences, {"S": batch.lengths})
        values, gradient = value_and_gradient(self.prepared, self.executables, inputs, layout, method=self.method)
        return float(values["loss"].mean()), gradient

    def first(self) -> None:
        self.gradient(self.work.parameters, next(self.work.batches()))

    def epoch(self) -> tuple[list[float], dict[str, Floats]]:
        parameters, losses = dict(self.work.parameters), []
        for batch in self.work.batches():
            loss, gradient = self.gradient(parameters, batch)
            losses.append(loss)
            for name in NAMES:
                parameters[name] = parameters[name] - self.work.rate * gradient[name]
        return losses, parameters


class RegisterEngine:
    def __init__(self, work: Register) -> None:
        self.work = work
        entry = "rotations_descent"
        sizes: dict[str, int | float] = {"n": work.n, "layers": work.layers}
        compiled = compile_entry(load(_ROTATIONS), entry, registry.load("numpy"), sizes=sizes)
        self.executables = compiled.executables
        self.prepared = prepare(compiled.program.function(entry), compiled.program.modules, ("loss",), wrt=("th",))

    def value(self) -> float:
        found = evaluate(self.prepared, self.executables, {"th": self.work.angles}, Layout(1))
        return float(found["loss"].mean())

    def gradient(self) -> tuple[float, Floats]:
        values, gradient = value_and_gradient(
            self.prepared, self.executables, {"th": self.work.angles}, Layout(1), method="adjoint"
        )
        return float(values["loss"].mean()), gradient["th"]
