"""`qsanc explain` counts what a device would be asked for: held against circuits written out one by one, and by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from qsanc.check.imports import load
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule
from qsanc.target import Backend, Capabilities, Context, Executable, Handle, Request, Results
from qsanc.target.expand import expand
from qsanc.train import spsa
from qsanc.train.parameters import initial, trained
from qsanc.train.tables import read_table
from qsanc.train.task import Choices, Tables, assemble
from qsanc_braket.batches import chunks
from qsanc_braket.cli.counts import Counter, Kind, bill
from qsanc_braket.cli.planned import Planned
from qsanc_braket.devices.table import find, known
from qsanc_braket.offered import PORTABLE, capabilities
from qsanc_numpy.backend import NumpyBackend

TWO_LAYERS = """qsan 1.0
circuit f(x: angle[2], th: angle[3]) on q: qubit[2] -> real[3] {
  ry(x[0]) q[0]; ry(x[1]) q[1];
  crx(th[0]) q[0], q[1]; rx(th[1]) q[0]; ry(th[2]) q[1];
  return [expval(X(q[0])), expval(Z(q[0])), expval(Y(q[1]))];
}
model m {
  data { x: real[2] in -pi..=pi; label: bit; }
  params { th: angle[3] ~ normal(0, 1); w: real[2, 3] ~ normal(0, 1); v: real[3] ~ normal(0, 1); b: real = 0; }
  flow {
    first = f(x, th);
    second = f([dot(w[0], first), dot(w[1], first)], th);
    predict sigmoid(dot(v, second) + b);
  }
  loss cross_entropy(predict, label);
  train { optimizer: adam(lr = 0.05); epochs: 1; batch: 4; }
}
"""
"""A circuit with a gate of three eigenvalues (four shifts) and two settings, fed with its own results."""


@dataclass
class Watched:
    """The NumPy backend in portable gates, sampling. Keeps every request with the module it was for."""

    backend: Backend = field(default_factory=NumpyBackend)
    seen: list[tuple[CircuitModule, Request]] = field(default_factory=list)

    @property
    def capabilities(self) -> Capabilities:
        return replace(self.backend.capabilities, gates=PORTABLE)

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[()]:
        return ()

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> WatchedExecutable:
        return WatchedExecutable(self, self.backend.lower(module))

    def circuits(self) -> list[int]:
        """How many different circuits each request since the last call runs, written out and compared as wholes."""
        seen, self.seen = self.seen, []
        return [len(set(expand(module, request, gates=PORTABLE).circuits)) for module, request in seen]


@dataclass
class WatchedExecutable:
    watched: Watched
    inner: Executable

    @property
    def module(self) -> CircuitModule:
        return self.inner.module

    def plan(self) -> str:
        return self.inner.plan()

    def submit(self, request: Request, context: Context) -> Handle:
        self.watched.seen.append((self.module, request))
        return self.inner.submit(request, context)

    def collect(self, handle: Handle) -> Results:
        return self.inner.collect(handle)


@dataclass
class Case:
    file: Path
    entry: str
    data: Path | None
    sizes: dict[str, int | float]


@pytest.fixture(params=["two layers", "qsann", "kernel_attention", "vqe_h2"])
def case(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Case:
    models = root / "models"
    texts = tmp_path / "few.tsv"
    food = (models / "data" / "food_or_computing.tsv").read_text(encoding="utf-8").splitlines()
    texts.write_text("\n".join([food[0], *food[1:60]]) + "\n", encoding="utf-8")
    if request.param == "two layers":
        (tmp_path / "m.qsan").write_text(TWO_LAYERS)
        rows = "".join(f"{(k * 37 % 11) / 4:.2f}\t{(k * 13 % 7) / 3:.2f}\t{k % 2}\n" for k in range(20))
        (tmp_path / "d.tsv").write_text(f"x_0\tx_1\tlabel\n{rows}")
        return Case(tmp_path / "m.qsan", "m", tmp_path / "d.tsv", {})
    if request.param == "vqe_h2":
        return Case(models / "vqe_h2.qsan", "vqe_h2", None, {})
    return Case(models / f"{request.param}.qsan", request.param, texts, {"n": 2})


def counter(case: Case, *, shots: int = 500, batch: int | None = 4) -> Counter:
    tables = None if case.data is None else Tables(read_table(case.data))
    return Counter(load(case.file), case.entry, tables, case.sizes, batch, 3, shots, False)


def by_hand(case: Case) -> dict[Kind, list[int]]:
    """The circuits of every request of each pass, of the objective as it trains and predicts on NumPy."""
    watched = Watched()
    tables = None if case.data is None else Tables(read_table(case.data))
    task = assemble(
        load(case.file), case.entry, watched, tables, sizes=case.sizes, shots=500,
        choices=Choices(batch=4, seed=3, grad="parameter_shift"),
    )  # fmt: skip
    start, context = initial(task.model, 3), Context(seed=3, purpose="gradient")
    found: dict[Kind, list[int]] = {}
    task.objective.outputs(start, task.parts.get("test", task.first_batch), context=context)
    found["inference"] = watched.circuits()
    task.objective.gradient(start, task.first_batch, wrt=trained(task.model), context=context)
    found["parameter_shift"] = watched.circuits()
    spsa.estimate(task.objective, task.model, start, task.first_batch, c=0.1, gamma=0.101, context=context)
    found["spsa"] = watched.circuits()
    return found


def test_counts_are_those_of_circuits_written_out(case: Case) -> None:
    works = {work.kind: work for work in counter(case).works(Planned(capabilities(find("Garnet"))))}
    expected = by_hand(case)
    assert set(works) == set(expected)
    for kind, circuits in expected.items():
        assert [asked.circuits for asked in works[kind].asked] == circuits
        for device in known():
            found = bill(works[kind], device)
            assert found.executables == sum(circuits)
            assert found.tasks == sum(len(chunks(count, 500, device)) for count in circuits)
            assert found.shots == 500 * sum(circuits)
            assert found.circuits >= found.executables
