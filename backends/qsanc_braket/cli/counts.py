"""What a model asks of a backend, counted by running its real objective on a backend that runs nothing.

inference      the outputs for the test part, or for all records where there is no such part
training step  the gradient on the first batch of the first epoch, by shifts, by two losses (SPSA), or by the backend
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qsanc.check.module import Module
from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.target import Backend, Context
from qsanc.target.expand import PlainCircuit
from qsanc.train import spsa
from qsanc.train.optimizers import Spsa, rule_of
from qsanc.train.parameters import initial, trained
from qsanc.train.records import ONE
from qsanc.train.task import Choices, Grad, PartName, Tables, Task, assemble
from qsanc_braket.batches import chunks, cost
from qsanc_braket.counting import Asked, Counting
from qsanc_braket.devices.model import Device

Kind = Literal["inference", "parameter_shift", "spsa", "adjoint"]
CREATED_A_SECOND = 20
"""The service's quota of tasks that are created in a second (AWS: Amazon Braket quotas, CreateQuantumTask)."""


@dataclass(frozen=True, slots=True)
class Work:
    """One pass: over so many `records` of a `part` of the data, with what is asked of the backend on the way.

    `part` is None for a model without data, which is evaluated once. `refused` says why it cannot be done in this way.
    """

    kind: Kind
    part: PartName | None
    records: int
    shots: int
    asked: tuple[Asked, ...]
    refused: tuple[Diagnostic, ...] = ()

    @property
    def samples(self) -> tuple[PlainCircuit, ...]:
        return tuple(dict.fromkeys(sample for asked in self.asked for sample in asked.samples))


@dataclass(frozen=True, slots=True)
class Bill:
    """A pass on one device.

    `circuits` are those that are read, one for each row (or pair, or shift) in each of `settings` bases of measurement;
    `executables` are the different ones among them, which run; `shots` are those of all executables. `usd` is the
    least where a simulator is billed by time. `seconds` is what creating the tasks takes at the service's quota.
    """

    circuits: int
    settings: int
    executables: int
    tasks: int
    shots: int
    usd: float
    seconds: float


def bill(work: Work, device: Device) -> Bill:
    """Each request is submitted by itself, so tasks are counted request by request."""
    tasks = sum(len(chunks(asked.circuits, work.shots, device)) for asked in work.asked)
    executables = sum(asked.circuits for asked in work.asked)
    return Bill(
        sum(asked.readings for asked in work.asked),
        len({setting for asked in work.asked for setting in asked.settings}),
        executables,
        tasks,
        executables * work.shots,
        cost(device, executables, work.shots, tasks),
        tasks / CREATED_A_SECOND,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Counter:
    """What is counted: a model of a file with its data and the settings of its training."""

    module: Module
    entry: str
    tables: Tables | None
    sizes: dict[str, int | float]
    batch: int | None
    seed: int | None
    shots: int
    independent: bool

    def works(self, backend: Backend) -> tuple[Work, ...]:
        """What is asked of this backend, by method. Raises QsanError for what is wrong with the model or its data."""
        counting = Counting(backend)
        task = self._task(counting, "parameter_shift", self.shots)
        found = [self._inference(counting, task), self._step(counting, task, "parameter_shift", self.shots)]
        found.append(self._step(counting, task, "spsa", self.shots))
        if "adjoint" in backend.capabilities.gradients:
            found.append(self._adjoint(counting))
        return tuple(found)

    def _adjoint(self, counting: Counting) -> Work:
        """The model could be compiled before: what is wrong now is wrong with this method alone."""
        task = self._task(counting, "adjoint", None)
        try:
            work = self._step(counting, task, "adjoint", 0)
        except QsanError as error:
            counting.taken()
            part: PartName | None = "train" if task.parts else None
            return Work("adjoint", part, task.first_batch.count, 0, (), error.diagnostics)
        return work

    def _task(self, backend: Backend, grad: Grad, shots: int | None) -> Task:
        return assemble(
            self.module,
            self.entry,
            backend,
            self.tables,
            sizes=self.sizes,
            choices=Choices(batch=self.batch, seed=self.seed, grad=grad),
            shots=shots,
            independent=self.independent and shots is not None,
        )

    def _inference(self, counting: Counting, task: Task) -> Work:
        part: PartName | None = next((name for name in ("test", "train") if name in task.parts), None)
        records = ONE if part is None else task.parts[part]
        context = Context(seed=task.recipe.seed, purpose="inference")
        task.objective.outputs(initial(task.model, task.recipe.seed), records, context=context)
        return Work("inference", part, records.count, self.shots, counting.taken())

    def _step(
        self, counting: Counting, task: Task, kind: Literal["parameter_shift", "spsa", "adjoint"], shots: int
    ) -> Work:
        records, start = task.first_batch, initial(task.model, task.recipe.seed)
        context = Context(seed=task.recipe.seed, purpose="gradient")
        if kind == "spsa":
            rule = rule_of(task.recipe.optimizer)
            gains = rule if isinstance(rule, Spsa) else Spsa()
            spsa.estimate(task.objective, task.model, start, records, c=gains.c, gamma=gains.gamma, context=context)
        else:
            task.objective.gradient(start, records, wrt=trained(task.model), context=context)
        part: PartName | None = "train" if task.parts else None
        return Work(kind, part, records.count, shots, counting.taken())
