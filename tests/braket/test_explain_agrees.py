"""What `qsanc explain` said before is what the service counts after: circuits, tasks and shots, to the last one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from standin import Service

from qsanc import registry
from qsanc.check.imports import load
from qsanc.cli import main
from qsanc.target import Context
from qsanc.train import spsa
from qsanc.train.parameters import initial, trained
from qsanc.train.records import ONE
from qsanc.train.tables import read_table
from qsanc.train.task import Choices, Grad, Tables, Task, assemble

pytest.importorskip("braket.aws", reason="needs the extra `braket`")


def running(sheets: list[Path]) -> Iterator[Service]:
    """The stand-in, under whose environment this process is."""
    with Service(devices=sheets) as service, pytest.MonkeyPatch.context() as patch:
        for name, value in service.environment().items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        yield service


@pytest.fixture
def service() -> Iterator[Service]:
    yield from running([])


@pytest.fixture
def garnet(shared_data: Path) -> Iterator[Service]:
    yield from running([shared_data / "devices" / "garnet.json"])


def counted(service: Service) -> tuple[int, int, int]:
    """Executables, tasks and shots since this was asked last."""
    tasks = service.tasks
    service.reset()
    return sum(task.executables for task in tasks), len(tasks), sum(task.shots for task in tasks)


@dataclass(frozen=True)
class Ran:
    """A pass of the model's own objective, in a run folder of its own each."""

    model: Path
    data: Path | None
    device: str
    shots: int
    folder: Path
    batch: int | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)

    def explained(self, method: str | None, capsys: pytest.CaptureFixture[str]) -> tuple[int, int, int]:
        """Executables, tasks and shots as `qsanc explain` says."""
        arguments = ["explain", str(self.model), "--json", "--shots", str(self.shots), "--seed", "3"]
        arguments += [] if self.data is None else ["--data", str(self.data)]
        arguments += [] if self.batch is None else ["--batch", str(self.batch)]
        arguments += [text for name, size in self.sizes.items() for text in ("--set", f"{name}={size}")]
        capsys.readouterr()
        assert main(arguments) == 0
        passes = json.loads(capsys.readouterr().out)["passes"]
        (row,) = [row for row in passes if row["device"] == self.device and row["method"] == method]
        return row["executables"], row["tasks"], row["shots"]

    def run(self, method: str | None) -> None:
        context = Context(seed=3, purpose="gradient", run_folder=self.folder / str(method), budget_usd=1e6)
        task = self._task("adjoint" if method == "adjoint" else "parameter_shift")
        start = initial(task.model, 3)
        if method is None:
            task.objective.outputs(start, task.parts.get("test", ONE), context=context)
        elif method == "spsa":
            spsa.estimate(task.objective, task.model, start, task.first_batch, c=0.1, gamma=0.101, context=context)
        else:
            task.objective.gradient(start, task.first_batch, wrt=trained(task.model), context=context)

    def _task(self, grad: Grad) -> Task:
        module = load(self.model)
        return assemble(
            module, self.model.stem, registry.load(f"braket:{self.device}"),
            None if self.data is None else Tables(read_table(self.data)),
            choices=Choices(batch=self.batch, seed=3, grad=grad), sizes=self.sizes,
            shots=None if grad == "adjoint" else self.shots,
        )  # fmt: skip


@pytest.mark.parametrize("method", [None, "spsa", "parameter_shift", "adjoint"])
def test_a_model_without_data(
    method: str | None, service: Service, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = Ran(root / "models" / "vqe_h2.qsan", None, "SV1", 50, tmp_path)
    ran.run(method)
    assert ran.explained(method, capsys) == counted(service)


@pytest.mark.parametrize("method", [None, "spsa", "adjoint"])
def test_sentences_on_a_managed_simulator(
    method: str | None, service: Service, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shipped data, one task a circuit."""
    lines = (root / "models" / "data" / "food_or_computing.tsv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "few.tsv").write_text("\n".join([lines[0], *lines[1:12]]) + "\n", encoding="utf-8")
    sizes = {"n": 2, "d_enc": 1, "d": 1}
    ran = Ran(root / "models" / "qsann.qsan", tmp_path / "few.tsv", "SV1", 20, tmp_path, 1, sizes)
    ran.run(method)
    assert ran.explained(method, capsys) == counted(service)


def yelp(root: Path, shared_data: Path, folder: Path, batch: int | None, **sizes: int) -> Ran:
    return Ran(root / "models" / "qsann.qsan", shared_data / "yelp.tsv", "Garnet", 100, folder, batch, sizes)


@pytest.mark.parametrize("method", [None, "spsa"])
def test_yelp_on_garnet(
    method: str | None,
    garnet: Service,
    root: Path,
    shared_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Program sets of up to a hundred circuits: the whole test part, and a step by two losses."""
    ran = yelp(root, shared_data, tmp_path, None)
    ran.run(method)
    assert ran.explained(method, capsys) == counted(garnet)


def test_yelp_on_garnet_by_shifts(
    garnet: Service, root: Path, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A step on one sentence, with two qubits: on sixteen it would be 20 000 circuits."""
    ran = yelp(root, shared_data, tmp_path, 1, n=2)
    ran.run("parameter_shift")
    assert ran.explained("parameter_shift", capsys) == counted(garnet)
