"""This project, from `.qsan` text through the general compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from benchmarks.work.registers import Register, register
from benchmarks.work.sentences import NAMES, Batch, Epoch, Floats
from qsanc import registry
from qsanc.check.imports import load
from qsanc.driver import Compiled, compile_entry
from qsanc.fast import Mode, Tier
from qsanc.grad.reverse import Prepared, evaluate, prepare, value_and_gradient
from qsanc.ir.layout import Layout
from qsanc.target import Context

QSANN = Path(__file__).parents[2] / "models" / "qsann.qsan"
ROTATIONS = Path(__file__).parents[1] / "rotations.qsan"

DISTRIBUTIONS = ("qsanc", "numpy", "numba", "llvmlite")

_SMALL = 12

Method = Literal["adjoint", "parameter_shift"]


def tier_of(jit: Mode, folder: str | None = None) -> Tier:
    """The tier that keeps native code in this folder, or where it is always kept."""
    return Tier(jit, None if folder is None else Path(folder))


class _Model:
    """A model that has been compiled, and where it runs."""

    def __init__(
        self, file: Path, entry: str, sizes: dict[str, int | float], data_sizes: dict[str, int], tier: Tier
    ) -> None:
        self.tier = tier
        backend = registry.load("numpy")
        self.compiled: Compiled = compile_entry(
            load(file), entry, backend, sizes=sizes, data_sizes=data_sizes, tier=tier
        )
        self.function = self.compiled.program.function(entry)

    def prepared(self, wanted: str, wrt: tuple[str, ...] = ()) -> Prepared:
        return prepare(self.function, self.compiled.program.modules, (wanted,), wrt=wrt)


def _network(work: Epoch, tier: Tier) -> _Model:
    return _Model(QSANN, "qsann", {"n": work.n, "layers": work.layers}, {"vocab": work.vocabulary}, tier)


class EpochEngine:
    def __init__(
        self, work: Epoch, *, method: Method = "adjoint", jit: Mode = "off", folder: str | None = None
    ) -> None:
        self.work, self.method = work, method
        self.tier = tier_of(jit, folder)
        self.model = _network(work, self.tier)
        self.prepared = self.model.prepared("loss", NAMES)
        self.batches = list(work.batches())

    def gradient(self, parameters: dict[str, Floats], batch: Batch) -> tuple[float, dict[str, Floats]]:
        self.tier.settle()
        values, gradient = value_and_gradient(
            self.prepared,
            self.model.compiled.executables,
            {**parameters, "tokens": batch.tokens, "label": batch.labels},
            Layout(batch.sentences, {"S": batch.lengths}),
            method=self.method,
            tier=self.tier,
        )
        return float(values["loss"].mean()), gradient

    def first(self) -> None:
        self.gradient(self.work.parameters, self.batches[0])

    def epoch(self) -> tuple[list[float], dict[str, Floats]]:
        parameters, losses = dict(self.work.parameters), []
        for batch in self.batches:
            loss, gradient = self.gradient(parameters, batch)
            losses.append(loss)
            for name in NAMES:
                parameters[name] = parameters[name] - self.work.rate * gradient[name]
        return losses, parameters


class InferenceEngine:
    """Probabilities of sentences; with `shots` from samples."""

    def __init__(self, work: Epoch, *, jit: Mode = "off", shots: int | None = None) -> None:
        self.work, self.shots = work, shots
        self.tier = tier_of(jit)
        self.model = _network(work, self.tier)
        self.prepared = self.model.prepared("predict")
        self.batches = list(work.batches())

    def _run(self, batch: Batch) -> list[float]:
        found = evaluate(
            self.prepared,
            self.model.compiled.executables,
            {**self.work.parameters, "tokens": batch.tokens},
            Layout(batch.sentences, {"S": batch.lengths}),
            context=Context(seed=1, purpose="inference"),
            shots=self.shots,
            tier=self.tier,
        )
        return [float(value) for value in found["predict"]]

    def first(self) -> None:
        self._run(self.batches[0])

    def predict(self) -> list[float]:
        return [value for batch in self.batches for value in self._run(batch)]


class RegisterEngine:
    def __init__(self, work: Register, *, jit: Mode = "off", tier: Tier | None = None) -> None:
        self.work, self.tier = work, tier or tier_of(jit)
        sizes: dict[str, int | float] = {"n": work.n, "layers": work.layers}
        self.model = _Model(ROTATIONS, "rotations_descent", sizes, {}, self.tier)
        self.loss, self.descent = self.model.prepared("loss"), self.model.prepared("loss", ("th",))

    def first(self) -> None:
        """Both calls on a small register, so that native code is there when a large one is timed."""
        small = RegisterEngine(register(n=_SMALL, layers=1), tier=self.tier)
        small.value()
        small.gradient()

    def value(self) -> float:
        executables, inputs = self.model.compiled.executables, {"th": self.work.angles}
        return float(evaluate(self.loss, executables, inputs, Layout(1), tier=self.tier)["loss"].mean())

    def gradient(self) -> Floats:
        executables, inputs = self.model.compiled.executables, {"th": self.work.angles}
        _, gradient = value_and_gradient(self.descent, executables, inputs, Layout(1), method="adjoint", tier=self.tier)
        return gradient["th"]
