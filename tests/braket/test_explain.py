"""`qsanc explain` counts what a device would be asked for: held against circuits written out one by one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from qsanc.check.imports import load
from qsanc.cli import main
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
from qsanc_braket.cli.explain import _quality
from qsanc_braket.cli.planned import Planned
from qsanc_braket.devices.fidelity import Expected
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


WIDE = """qsan 1.0
circuit f(th: angle) on q: qubit[21] -> real {
  ry(th) q[0];
  for i in 0..20 { cx q[i], q[i + 1]; }
  return expval(Z(q[20]));
}
model m { params { th: angle ~ normal(0, 1); } flow { predict f(th); } loss predict; train { epochs: 1; } }
"""
"""Twenty-one qubits, of which one is read."""


def rows(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["explain", *arguments, "--json"]) == code
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)["passes"]
    return found


def test_prices_are_those_by_hand(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """H2 has two settings, and two losses or four shifts a step: 2, 4 and 10 circuits."""
    found = rows(capsys, str(root / "models" / "vqe_h2.qsan"), "--shots", "100")
    by = {(row["method"], row["device"]): row for row in found}
    for method, circuits in ((None, 2), ("spsa", 4), ("parameter_shift", 10)):
        assert by[method, "Garnet"]["executables"] == circuits
        assert by[method, "Garnet"]["shots"] == 100 * circuits
        assert by[method, "Forte-1"]["tasks"] == circuits
        assert by[method, "Forte-1"]["usd"] == pytest.approx(circuits * (0.30 + 100 * 0.08))
        assert by[method, "SV1"]["usd"] == pytest.approx(circuits * 0.075 * 3 / 60)
        sets = 1 if method is None else 2
        assert by[method, "Garnet"]["tasks"] == sets, "one for each request: losses, or values and shifts"
        assert by[method, "Garnet"]["usd"] == pytest.approx(sets * 0.30 + circuits * 100 * 0.00145)


def test_every_device_stands_beside_the_chosen_one(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(root / "models" / "vqe_h2.qsan")
    assert main(["explain", model, "--backend", "braket:emerald"]) == 0
    printed = capsys.readouterr().out
    for heading in ("inference", "one training step by parameter_shift", "one training step by spsa"):
        assert f"vqe_h2, {heading}: one evaluation, 1 000 shots an executable" in printed
    marked = [line for line in printed.splitlines() if line.startswith("* ")]
    assert [line.split()[1] for line in marked] == ["Emerald"] * 3
    for device in known():
        passes = sum(line[2:].split()[:1] == [device.name] for line in printed.splitlines())
        assert passes == (4 if device.name == "SV1" else 3), "SV1 differentiates by itself as well"
    assert "the least" in printed, "what simulators cost is known only afterwards"
    assert "no device publishes a rate of shots" in printed


def test_the_part_that_is_predicted_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(root / "models" / "data" / "food_or_computing.tsv")
    found = rows(capsys, str(root / "models" / "qsann.qsan"), "--data", data, "--set", "n=2", "--batch", "5")
    assert {(row["method"], row["part"], row["records"]) for row in found} == {
        (None, "test", 26),
        ("parameter_shift", "train", 5),
        ("spsa", "train", 5),
        ("adjoint", "train", 5),
    }
    assert [row["device"] for row in found if row["method"] == "adjoint"] == ["SV1"]


def test_what_a_device_refuses_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.qsan").write_text(WIDE)
    found = rows(capsys, str(tmp_path / "m.qsan"))
    refused = {row["device"] for row in found if row["refused"]}
    assert refused == {"DM1", "Garnet", "Ibex-Q1"}, "17, 20 and 12 qubits"
    assert main(["explain", str(tmp_path / "m.qsan")]) == 0, "a device was not chosen"
    capsys.readouterr()
    assert main(["explain", str(tmp_path / "m.qsan"), "--backend", "braket:Garnet"]) == 1
    captured = capsys.readouterr()
    assert "error[QS801]" in captured.err
    assert "21 qubits" in captured.err
    assert "* Garnet: refused" in captured.out
    assert main(["explain", str(tmp_path / "m.qsan"), "--backend", "braket:Emerald"]) == 0


def test_too_many_qubits_at_once_are_refused_and_not_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    all_read = WIDE
    for one, other in (
        ("qubit[21] -> real", "qubit[30] -> real[30]"),
        ("expval(Z(q[20]))", "[expval(Z(q[i])) for i in 0..30]"),
        ("predict f(th)", "predict sum(f(th))"),
    ):
        assert one in all_read
        all_read = all_read.replace(one, other)
    (tmp_path / "m.qsan").write_text(all_read)
    assert main(["explain", str(tmp_path / "m.qsan")]) == 1
    assert "reads 30 qubits at once" in capsys.readouterr().err


def test_a_sheet_gives_limits_prices_and_fidelities(
    root: Path, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = json.loads((shared_data / "devices" / "garnet.json").read_text())
    sheet["service"]["deviceCost"]["price"] = 1.0
    sheet["service"]["updatedAt"] = "2026-09-08T07:06:05+00:00"
    (tmp_path / "sheet.json").write_text(json.dumps(sheet))
    model = str(root / "models" / "vqe_h2.qsan")
    for backend in ("braket:Garnet", "braket:Garnet+native"):
        found = rows(capsys, model, "--backend", backend, "--sheet", str(tmp_path / "sheet.json"), "--shots", "100")
        (row,) = [row for row in found if row["chosen"] and row["method"] is None]
        assert row["usd"] == pytest.approx(0.30 + 200 * 1.0)
        fidelities = row["fidelities"]
        assert isinstance(fidelities, list)
        assert len(fidelities) == 2
        assert all(0.8 < value < 1 for value in fidelities)
        assert not [other for other in found if other["fidelities"] and not other["chosen"]]
    assert main(["explain", model, "--backend", "braket:Garnet", "--sheet", str(tmp_path / "sheet.json")]) == 0
    printed = capsys.readouterr().out
    assert "* Garnet: expected fidelity of a circuit 0.9" in printed
    assert "prices of Garnet: GetDevice, 2026-09-08\n" in printed, "the day of the sheet, not that of the table"
    emerald = ["--backend", "braket:Emerald", "--sheet", str(tmp_path / "sheet.json")]
    assert main(["explain", model, *emerald]) == 1
    assert "sheet.json is not a sheet of Emerald; it looks like one of Garnet" in capsys.readouterr().err


def test_one_of_several_models_is_named_as_the_command_takes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = TWO_LAYERS[TWO_LAYERS.index("model m") :].replace("model m", "model k")
    (tmp_path / "two.qsan").write_text(TWO_LAYERS + second)
    assert main(["explain", str(tmp_path / "two.qsan")]) == 1
    assert "name one of them, as in `--model m`" in capsys.readouterr().err


def test_shots_are_written_in_one_way(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(root / "models" / "vqe_h2.qsan")
    assert main(["explain", model, "--shots", "60000"]) == 0
    printed = capsys.readouterr().out
    assert ", 60 000 shots an executable" in printed
    assert "Garnet takes 1 to 20 000 shots a circuit, and 60 000 are asked for" in printed
    assert "60000" not in printed


def test_a_fidelity_that_all_have_is_one_number() -> None:
    def expected(value: float) -> Expected:
        return Expected(value, 1.0, 1.0, 5, 3, 2, ())

    like = (expected(0.9711), expected(0.9714))
    assert "circuit 0.971, with" in _quality(like)
    assert "circuit 0.871 to 0.971, with" in _quality((*like, expected(0.8711)))


def test_overlaps_have_no_adjoint_gradient(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(root / "models" / "data" / "food_or_computing.tsv")
    found = rows(capsys, str(root / "models" / "kernel_attention.qsan"), "--data", data, "--batch", "2")
    (row,) = [row for row in found if row["method"] == "adjoint"]
    assert "overlaps" in str(row["refused"])
    assert not [other for other in found if other["refused"] and other is not row]


def test_independent_shots_run_equal_tokens_each_by_itself(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(root / "models" / "data" / "food_or_computing.tsv")
    arguments = [str(root / "models" / "qsann.qsan"), "--data", data, "--set", "n=2", "--batch", "4"]
    shared = rows(capsys, *arguments)
    alone = rows(capsys, *arguments, "--independent-shots")
    for one, other in zip(shared, alone, strict=True):
        if one["method"] == "adjoint":
            assert other["executables"] == one["executables"], "exact values have no samples to share"
            continue
        assert other["executables"] > one["executables"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--backend", "numpy"], 2, "numpy runs on this machine and costs nothing"),
        (["--backend", "braket:sv"], 2, "braket:sv runs on this machine and costs nothing"),
        (["--backend", "Garnet"], 2, "braket:Garnet"),
        (["--backend", "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet"], 2, "write braket:arn:aws:braket:eu-north"),
        (["--backend", "braket:Garnett"], 1, "QS810"),
        (["--native"], 2, "--backend"),
        (["--sheet", "x.json"], 2, "--backend"),
        (["--backend", "braket:Garnet", "--sheet", "x.json"], 1, "x.json"),
        (["--shots", "0"], 2, "--shots"),
    ],
)
def test_wrong_use_is_told(
    arguments: list[str], code: int, words: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(root / "models" / "vqe_h2.qsan"), *arguments]) == code
    assert words in capsys.readouterr().err


def test_it_needs_neither_the_sdk_nor_the_network(root: Path) -> None:
    """As if the SDK were not installed, and every connection an error."""
    program = (
        "import socket, sys\n"
        "for name in ('braket', 'boto3', 'botocore'): sys.modules[name] = None\n"
        "def refused(*given, **named): raise AssertionError('a connection')\n"
        "socket.socket.connect = refused; socket.getaddrinfo = refused\n"
        "from qsanc.cli import main\n"
        f"sys.exit(main(['explain', {str(root / 'models' / 'vqe_h2.qsan')!r}, '--backend', 'braket:Garnet+native']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "* Garnet" in done.stdout
