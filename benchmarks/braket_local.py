"""What `braket:sv` costs beside the simulator that it runs on: an epoch of training, circuit by circuit.

    python -m benchmarks.braket_local [--data TABLE] [--model FILE] [--target sv|dm] [--requests N] [--rounds N]

One epoch runs, and its requests are noted. Then each request is answered again, in turns: by `qsanc`, from bindings to
values, and by the simulator's own `evolve`, which takes every distinct bound circuit of the request from |0...0> to its
end. Its operations are made beforehand and not timed, and it reads no result. Seconds are processor time of one thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from braket.default_simulator import DensityMatrixSimulation, StateVectorSimulation

from benchmarks.harness.machine import ROOT
from qsanc.api.names import model_named, module_of
from qsanc.diagnostics import Diagnostic
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule, Instruction
from qsanc.target import Capabilities, Context, Executable, Request
from qsanc.target.expand import expand
from qsanc.train.session import carry_out
from qsanc.train.tables import read_table
from qsanc.train.task import Choices, Tables, assemble
from qsanc_braket import local_simulator
from qsanc_braket.local import LocalBackend
from qsanc_braket.local_executable import Finished, LocalExecutable

Work = tuple[LocalExecutable, Request, Context]


class Noted(LocalExecutable):
    """Notes what it is asked."""

    work: list[Work]

    def submit(self, request: Request, context: Context) -> Finished:
        self.work.append((self, request, context))
        return super().submit(request, context)

    def again(self, request: Request, context: Context) -> None:
        super().submit(request, context)


@dataclass
class NotingBackend:
    backend: LocalBackend
    mixed: bool
    work: list[Work] = field(default_factory=list)

    @property
    def capabilities(self) -> Capabilities:
        return self.backend.capabilities

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        return self.backend.check(module, shots=shots)

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> Executable:
        made = Noted(module, mixed=self.mixed)
        made.work = self.work
        return made


def epoch(model: Path, data: Path, target: str) -> list[Work]:
    """The requests of one epoch and its validation, in order."""
    noting = NotingBackend(LocalBackend(target), target == "dm")
    module = module_of(model)
    tables = Tables(read_table(data))
    task = assemble(module, model_named(module, None), noting, tables, choices=Choices(epochs=1))
    carry_out(task, noting, controls=False)
    return noting.work


def by_simulator(executable: LocalExecutable, request: Request, mixed: bool) -> tuple[Callable[[], None], int]:
    """The simulator on each distinct circuit of a request, however it is read; and how many there are."""
    wires = executable.module.wires
    bodies = dict.fromkeys(circuit.body for circuit in expand(executable.module, request).circuits)
    circuits = [[_plain(step) for step in body] for body in bodies]

    def run() -> None:
        for operations in circuits:
            simulation = DensityMatrixSimulation(wires, 0) if mixed else StateVectorSimulation(wires, 0, 1)
            simulation.evolve(operations)

    return run, len(circuits)


def _plain(step: Instruction) -> object:
    """The operation as the simulator makes it itself, without our keeping its matrix."""
    angles = [angle.constant for angle in getattr(step, "angles", ())]
    return local_simulator.CLASSES[step.kind if hasattr(step, "kind") else step.name](step.wires, *angles)


def seconds(run: Callable[[], None]) -> float:
    start = time.thread_time()
    run()
    return time.thread_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models/qsann.qsan")
    parser.add_argument("--data", type=Path, default=ROOT / "models/data/food_or_computing.tsv")
    parser.add_argument("--target", choices=("sv", "dm"), default="sv")
    parser.add_argument("--requests", type=int, help="so many of them, evenly spread (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    work = epoch(given.model, given.data, given.target)
    step = max(1, len(work) // (given.requests or len(work)))
    ours, theirs, circuits = [0.0] * given.rounds, [0.0] * given.rounds, 0
    for executable, request, context in work[::step]:
        assert isinstance(executable, Noted)
        simulator, count = by_simulator(executable, request, given.target == "dm")
        circuits += count

        def answer(executable: Noted = executable, request: Request = request, context: Context = context) -> None:
            executable.again(request, context)

        for number in range(given.rounds):
            ours[number] += seconds(answer)
            theirs[number] += seconds(simulator)
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    found = {
        "target": f"braket:{given.target}",
        "requests": len(work[::step]),
        "circuits": circuits,
        "qsanc_s": round(statistics.median(ours), 3),
        "evolve_s": round(statistics.median(theirs), 3),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
