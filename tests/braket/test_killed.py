"""Nobody is billed twice: the client dies at any moment, and what it had bought is neither bought again nor lost.

Real processes: the command line in one, killed by SIGKILL, and the stand-in in another, with its state on disk. A model
is trained for three steps of SPSA and predicts twenty sentences, on Garnet. All runs are copies of one folder, so
that they have one run id, with it the same tokens, and with these the same samples: weights have to agree to the last
bit.

One death a run here, among all troubles at once; `make killed` (`--kills 10`) dies ten times under each by itself.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from standin import Service
from standin.sheets import TASK_FEE_USD, TEST_QPU

from qsanc.cli import main

pytest.importorskip("braket.aws", reason="needs the extra `braket`")

GARNET = "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet"
HASTY = """
import sys, time
from qsanc_braket.cloud.backend import CloudBackend
from qsanc_braket.cloud.desk import Manner
from qsanc_braket.devices.table import find
fast = Manner(clock=lambda: 1000 * time.monotonic(), sleep=lambda seconds: time.sleep(seconds / 1000))
CloudBackend.of = classmethod(lambda cls, target: cls(find(target.name), native=target.native, manner=fast))
from qsanc.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""The command line, for which an hour passes in 3.6 seconds."""

TROUBLES: dict[str, dict[str, Any]] = {
    "none": {},
    "throttled": {
        "throttle": {"CreateQuantumTask": 3, "GetQuantumTask": 3, "GetObject": 2, "SearchQuantumTasks": 1},
        "internal": {"CreateQuantumTask": 1, "GetQuantumTask": 1},
    },
    "dropped": {"drop_after": {"CreateQuantumTask": 2, "GetQuantumTask": 1}, "drop_before": {"CreateQuantumTask": 1}},
    "split": {"split": True},
    "slow": {"running_s": 0.3, "delay_s": 0.03},
}
"""Switches, set again each time that a client starts."""
AT_ONCE: dict[str, Any] = {
    "throttle": {"CreateQuantumTask": 1, "GetQuantumTask": 1, "GetObject": 1},
    "drop_after": {"CreateQuantumTask": 1},
    "split": True,
    "running_s": 0.1,
    "delay_s": 0.02,
}


class Standin:
    """The service as a process: `ledger` is what it counted, `calls` how often what was asked."""

    def __init__(self, folder: Path, sheet: Path) -> None:
        folder.mkdir(parents=True)
        port = folder / "port"
        command = [sys.executable, "-m", "standin", "--port-file", port, "--state", folder / "state"]
        tests = Path(__file__).resolve().parent.parent
        self._process = subprocess.Popen(
            [*map(str, command), "--devices", str(sheet)], env={**os.environ, "PYTHONPATH": str(tests)}
        )
        deadline = time.monotonic() + 60
        while not port.exists():
            assert self._process.poll() is None, "the stand-in ended"
            assert time.monotonic() < deadline, "the stand-in did not start"
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{port.read_text()}"

    def environment(self) -> dict[str, str]:
        with Service() as other:
            return {name: value.replace(other.url, self.url) for name, value in other.environment().items()}

    def fault(self, **switches: Any) -> None:
        self._get("/__faults__", json.dumps(switches).encode())

    @property
    def ledger(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get("/__ledger__")["tasks"]
        return found

    @property
    def calls(self) -> Counter[str]:
        return Counter(self._get("/__ledger__")["calls"])

    def _get(self, path: str, body: bytes | None = None) -> Any:
        with urllib.request.urlopen(self.url + path, data=body, timeout=30) as answer:
            return json.load(answer)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@dataclass
class Moment:
    """When to die: `early`, so many seconds after the start; `asked`, as soon as the service is asked for its `task`-th
    task, before it answers; `later`, so many seconds after it was asked."""

    kind: str
    task: int
    seconds: float

    def come(self, service: Standin, started: float) -> bool:
        if self.kind == "early":
            return time.monotonic() - started >= self.seconds
        return service.calls["CreateQuantumTask"] >= self.task

    def __str__(self) -> str:
        return f"{self.kind} task {self.task} + {self.seconds:.2f} s"


def moments(count: int, seed: str, tasks: int) -> list[Moment]:
    """Spread over the `tasks` calls that a run makes, in order; most of them around a submit."""
    draw = random.Random(seed)
    places = sorted(1 + k * tasks // count + draw.randrange(max(1, tasks // count)) for k in range(count))
    kinds = [("asked", "later", "asked", "later", "early")[k % 5] for k in range(count)]
    spans = {"asked": 0.0, "later": 0.6, "early": 3.0}
    return [Moment(kind, task, draw.random() * spans[kind]) for kind, task in zip(kinds, places, strict=True)]


@dataclass
class World:
    """A run folder and the service that it is billed by."""

    service: Standin
    folder: Path
    data: Path
    root: Path
    died: list[str] = field(default_factory=list)

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def start(self, *arguments: str, hasty: bool = False) -> subprocess.Popen[str]:
        command = ["-c", HASTY] if hasty else ["-m", "qsanc"]
        environment = {**os.environ, **self.service.environment()}
        environment.pop("AWS_PROFILE", None)
        return subprocess.Popen(
            [sys.executable, *command, *arguments], env=environment, cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def do(self, *arguments: str, hasty: bool = False) -> Ended:
        process = self.start(*arguments, hasty=hasty)
        out, err = process.communicate(timeout=300)
        return Ended(process.returncode, out, err)

    def train(self, hasty: bool = False) -> Ended:
        settings = "--set n=2 --batch 3 --epochs 1 --grad spsa --shots 20 --jit off --no-controls --seed 4"
        model = str(self.root / "models" / "qsann.qsan")
        billing = ["--backend", "braket:Garnet", "--max-cost", "60"]
        few = str(self.data / "few.tsv")
        return self.do("train", model, "--data", few, "--out", str(self.run), *billing, *settings.split(), hasty=hasty)

    @property
    def finished(self) -> bool:
        return bool(json.loads((self.run / "run.json").read_text())["status"] == "finished")

    def command(self) -> list[str]:
        """What a user types next."""
        if not self.finished:
            return ["resume", str(self.run)]
        return ["predict", str(self.run), "--data", str(self.data / "twenty.tsv"), "--max-cost", "60", "--json"]

    def live(
        self, deaths: list[Moment], trouble: Mapping[str, Any], again: Callable[[Ended], bool] | None = None
    ) -> str:
        """Train to the end and predict, with a death at each of these moments; the predictions. Where a client ends by
        itself, unsuccessfully, `again` looks at it and says whether `--again` is to be added."""
        left, more = list(deaths), []
        for _ in range(3 * len(deaths) + 12):
            self.service.fault(**trouble)
            command = self.command()
            process, started = self.start(*command, *more), time.monotonic()
            more = []
            while process.poll() is None and left and not left[0].come(self.service, started):
                time.sleep(0.002)
            if left and process.poll() is None:
                if left[0].kind == "later":
                    time.sleep(left[0].seconds)
                process.kill()
            out, err = process.communicate(timeout=300)
            if process.returncode == -signal.SIGKILL:
                self.died.append(f"{command[0]}: {left.pop(0)}")
            if process.returncode == 0 and command[0] == "predict" and not left:
                return out
            if process.returncode > 0:
                assert again is not None, err
                more = ["--again"] if again(Ended(process.returncode, out, err)) else []
        raise AssertionError(f"did not come to an end; died {self.died}, left {left}")

    def check(self) -> list[str]:
        """The ledger is the service's own count, task by task; the tokens."""
        with redirect_stdout(StringIO()) as shown:
            assert main(["tasks", str(self.run), "--json"]) == 0
        found = json.loads(shown.getvalue())
        ours = {task["token"]: task for task in found["tasks"]}
        bill = self.service.ledger
        tokens = [task["token"] for task in bill]
        assert len(set(tokens)) == len(tokens), "no token was taken twice"
        assert ours.keys() == set(tokens)
        for theirs in bill:
            mine = ours[theirs["token"]]
            assert mine["arn"] == theirs["arn"]
            assert (mine["executables"], mine["shots"]) == (theirs["executables"], theirs["shots"])
            assert mine["cost_usd"] == pytest.approx(theirs["billed_usd"], abs=1e-12)
        assert found["total"]["usd"] == pytest.approx(sum(task["billed_usd"] for task in bill), abs=1e-9)
        return tokens

    def weights(self) -> bytes:
        return (self.run / "weights.safetensors").read_bytes()


@pytest.fixture(scope="module")
def data(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight sentences to train on, of twelve, and twenty to predict."""
    folder = tmp_path_factory.mktemp("data")
    head, *lines = (root / "models" / "data" / "food_or_computing.tsv").read_text(encoding="utf-8").splitlines()
    (folder / "few.tsv").write_text("\n".join([head, *lines[:12]]) + "\n", encoding="utf-8")
    (folder / "twenty.tsv").write_text("\n".join([head, *lines[20:40]]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def sheet(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Garnet's own sheet, where there is one beside the checkout; that of the stand-in's processor under its name."""
    own = root.parent / "shared" / "data" / "devices" / "garnet.json"
    if own.exists():
        return own
    invented = tmp_path_factory.mktemp("sheet") / "garnet.json"
    invented.write_text(json.dumps({"arn": GARNET, "provider": "IQM", "capabilities": TEST_QPU.capabilities}))
    return invented


Worlds = Callable[[str], World]


@pytest.fixture(scope="module")
def worlds(root: Path, data: Path, sheet: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """`worlds(name)`: a service that never saw a task, and a run folder with its first tasks intended, all of one id.

    That folder is what an hour offline leaves: the client gave up, told how to go on, and nothing was bought.
    """
    stand: list[Standin] = []

    def made(name: str) -> World:
        folder = tmp_path_factory.mktemp(name)
        service = Standin(folder / "service", sheet)
        stand.append(service)
        return World(service, folder, data, root)

    first = made("offline")
    first.service.fault(offline=["Garnet"])
    ended = first.train(hasty=True)
    assert ended.code == 1
    assert f"qsanc resume {first.run}" in ended.err.replace("\n", " ")
    assert "Traceback" not in ended.err
    assert first.service.ledger == []
    assert first.service.calls["CreateQuantumTask"] > 5, "it was patient"

    def copied(name: str) -> World:
        world = made(name)
        shutil.copytree(first.run, world.run)
        return world

    yield copied
    for service in stand:
        service.stop()


@dataclass(frozen=True)
class Straight:
    weights: bytes
    predictions: str
    tokens: list[str]


@pytest.fixture(scope="module")
def straight(worlds: Worlds) -> Straight:
    """The run to which nothing happens after it went on."""
    world = worlds("straight")
    predictions = world.live([], {})
    tokens = world.check()
    assert len(json.loads(predictions)["predictions"]) == 20
    assert world.service.calls["CreateQuantumTask"] == len(tokens), "one call a task, the intended ones as well"
    return Straight(world.weights(), predictions, tokens)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "trouble" in metafunc.fixturenames:
        many = metafunc.config.getoption("--kills") > 2
        metafunc.parametrize("trouble", [*TROUBLES, "at_once"] if many else ["at_once"])


def test_every_task_is_created_once_and_the_weights_are_those_of_the_straight_run(
    trouble: str, straight: Straight, worlds: Worlds, request: pytest.FixtureRequest
) -> None:
    world, kills = worlds(trouble), request.config.getoption("--kills")
    predictions = world.live(moments(kills, trouble, len(straight.tokens)), TROUBLES.get(trouble, AT_ONCE))
    print("\n".join(world.died))
    assert len(world.died) == kills
    assert sorted(world.check()) == sorted(straight.tokens)
    assert world.weights() == straight.weights
    assert predictions == straight.predictions


def test_an_hour_offline_in_the_middle(straight: Straight, worlds: Worlds) -> None:
    """Whether the client meets it before a submit, and gives up, or behind one, and waits in the queue."""
    world = worlds("hour")
    process = world.start(*world.command(), hasty=True)
    while world.service.calls["CreateQuantumTask"] < 4:
        assert process.poll() is None
        time.sleep(0.002)
    world.service.fault(offline=["Garnet"])
    time.sleep(3.6)
    bought = len(world.service.ledger)
    world.service.fault(offline=[])
    _, err = process.communicate(timeout=120)
    assert bought <= 5
    assert process.returncode in (0, 1)
    assert process.returncode == 0 or f"qsanc resume {world.run}" in err.replace("\n", " ")
    assert world.live([], {}) == straight.predictions
    assert sorted(world.check()) == sorted(straight.tokens)
    assert world.weights() == straight.weights


def test_of_what_failed_in_part_only_that_is_paid_again_and_only_if_asked(
    worlds: Worlds, request: pytest.FixtureRequest
) -> None:
    """Three executables of the third set fail. The straight run, of which `make killed` alone has time to ask, is one
    with the same failure."""
    kills = request.config.getoption("--kills")
    ended: list[World] = []
    predictions = []
    for deaths in ([], moments(kills, "partial", 9)) if kills > 2 else (moments(kills, "partial", 9),):
        world = worlds(f"partial_{len(deaths)}")
        world.service.fault(partial=[[], [], [0, 4, 7]])
        stops: list[int] = []

        def again(stopped: Ended, world: World = world, stops: list[int] = stops) -> bool:
            """The first time not: nothing is submitted unasked. Then it is asked for."""
            assert stopped.code == 1
            assert "--again" in stopped.err
            assert "Traceback" not in stopped.err
            stops.append(len(world.service.ledger))
            return len(stops) > 1

        predictions.append(world.live(deaths, {}, again))
        print("\n".join(world.died))
        assert len(world.died) == len(deaths)
        assert stops[0] == stops[1]
        world.check()
        ended.append(world)
        (partly,) = [task for task in world.service.ledger if task["status"] == "FAILED"]
        (anew,) = [task for task in world.service.ledger if task["executables"] == 3]
        assert anew["status"] == "COMPLETED"
        assert anew["shots"] == 3 * 20
        assert partly["billed_usd"] + anew["billed_usd"] == pytest.approx(partly["price_usd"] + TASK_FEE_USD)
    if kills > 2:
        ours, theirs = (sorted(task["token"] for task in world.service.ledger) for world in ended)
        assert ours == theirs
        assert ended[0].weights() == ended[1].weights()
        assert predictions[0] == predictions[1]
