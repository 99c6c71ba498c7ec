"""A training step, measured as a whole and by parts.

Steps are taken as a training takes them, one after the other on the first batch of the first epoch: undisturbed, and in
turn with these on the watch. What the parts leave of the whole is calls between them, and all that is no part; what
they come to beyond it, after few repetitions or where the watch costs much, is told.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from statistics import median

from qsanc.grad.reverse import Prepared, prepare
from qsanc.target import Context
from qsanc.target.profile import Part
from qsanc.train import draws, spsa
from qsanc.train.compiled import Compiled
from qsanc.train.objective import Objective
from qsanc.train.optimizers import Spsa, advance, rule_of
from qsanc.train.parameters import initial, trained
from qsanc.train.profile.circuits import watched
from qsanc.train.profile.graph import WatchedTier
from qsanc.train.profile.graph import watched as watched_graph
from qsanc.train.profile.machine import Machine, measure, threads_in_use
from qsanc.train.profile.watch import Clock, Stopwatch, Timed, typical
from qsanc.train.records import ONE, Records
from qsanc.train.task import Task

TRAINER = "trainer"
BATCH = Part("step", "batch", "taken from the shuffled records")
NO_DATA = Part("step", "batch", "one record, as the model reads no data")
OPTIMISER = Part("step", "optimiser")

_FEWEST, _MOST = 3, 400
"""Repetitions of a step."""

Lap = Callable[[Part], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time of a step goes.

    `seconds` is that of undisturbed steps (see `watch`), `median` the one over all of them. `tokens` are those of the
    batch, by dim. `memory` is the most that the process had until then, in bytes, None where the system does not say.
    `native` names the libraries that ran as native code, None where they changed meanwhile.
    """

    model: str
    method: str
    records: int
    tokens: tuple[tuple[str, int], ...]
    repetitions: int
    seconds: float
    median: float
    parts: tuple[Timed, ...]
    machine: Machine
    memory: int | None
    native: tuple[str, ...] | None

    @property
    def rest(self) -> float:
        """The seconds that are in no part."""
        return max(0.0, self.seconds - sum(timed.seconds for timed in self.parts))

    @property
    def excess(self) -> float:
        """The seconds by which the parts come to more than the step: those are timed in other repetitions."""
        return max(0.0, sum(timed.seconds for timed in self.parts) - self.seconds)

    def share(self, seconds: float) -> float:
        return seconds / self.seconds if self.seconds else 0.0

    def reached(self, timed: Timed) -> float | None:
        """The fraction of what the machine allows, None where nothing was counted."""
        if timed.work is None or not timed.seconds or not (timed.work.flops or timed.work.bytes):
            return None
        return self.machine.bound(timed.part, timed.work) / timed.seconds


def profile(
    task: Task,
    *,
    shots: int | None = None,
    independent: bool = False,
    seconds: float = 3.0,
    clock: Clock = time.perf_counter,
) -> Profile:
    """Measure a task for about so many seconds, at the `shots` it was assembled for. Raises what a step raises."""
    run, watch = _Steps(task), Stopwatch(clock)
    lap, objective = watch.section(TRAINER).time, _watched(task, watch, shots, independent)
    for _ in range(2):
        run.step(task.objective, _unwatched)
    memory, builds = most_memory(), task.compiled.tier.builds()
    with watch.step(counting=True):
        run.step(objective, lap)
    began, whole = clock(), list[float]()
    while len(whole) < _FEWEST or (clock() - began < seconds and len(whole) < _MOST):
        started = clock()
        run.step(task.objective, _unwatched)
        whole.append(clock() - started)
        with watch.step():
            run.step(objective, lap)
    parts = tuple(watch.parts())
    return Profile(
        task.model.name,
        run.method,
        run.batch,
        tuple((dim, int(length.sum())) for dim, length in run.records.slice(0, run.batch).lengths.items()),
        len(whole),
        typical(whole),
        median(whole),
        parts,
        measure((timed.part.threads for timed in parts), clock),
        memory,
        tuple(sorted(builds)) if task.compiled.tier.builds() == builds else None,
    )


class _Steps:
    """The steps of the first batch, from the initial parameters on."""

    def __init__(self, task: Task) -> None:
        self._model, self._recipe = task.model, task.recipe
        part = task.parts.get("train", ONE)
        order = draws.permutation(part.count, self._recipe.seed, "shuffle", 0)
        self.records: Records = part.take(order) if part.columns else part
        self._taken = BATCH if part.columns else NO_DATA
        self.batch = min(self._recipe.batch or part.count, part.count)
        self._rule = rule_of(self._recipe.optimizer)
        self._wrt = trained(self._model)
        self._parameters = initial(self._model, self._recipe.seed)
        self._state = self._rule.start({name: self._parameters[name] for name in self._wrt})
        self._context = Context(seed=self._recipe.seed, purpose="gradient")
        perturbed = self._recipe.grad == "spsa" or (self._recipe.grad == "auto" and isinstance(self._rule, Spsa))
        self.method = "spsa" if perturbed else task.method

    def step(self, objective: Objective, lap: Lap) -> None:
        with lap(self._taken):
            records = self.records.slice(0, self.batch)
        if self.method == "spsa":
            gains = self._rule if isinstance(self._rule, Spsa) else Spsa()
            _, gradient = spsa.estimate(
                objective, self._model, self._parameters, records, c=gains.c, gamma=gains.gamma, context=self._context
            )
        else:
            found = objective.gradient(self._parameters, records, wrt=self._wrt, context=self._context)
            gradient = dict(found[1])
        with lap(OPTIMISER):
            self._parameters, self._state = advance(self._model, self._rule, self._parameters, gradient, self._state)
        self._context = replace(self._context, step=self._context.step + 1)


def _unwatched(part: Part) -> AbstractContextManager[object]:
    return nullcontext()


class _Watched(Compiled):
    """An objective whose operations and circuits are on the watch."""

    watch: Stopwatch | None = None

    def _plan(self, wanted: tuple[str, ...], wrt: tuple[str, ...]) -> Prepared:
        if (wanted, wrt) not in self._prepared:
            plain = super()._plan(wanted, wrt)
            assert self.watch is not None
            self._prepared[wanted, wrt] = watched_graph(plain, self.watch, threads_in_use())
        return self._prepared[wanted, wrt]


def _watched(task: Task, watch: Stopwatch, shots: int | None, independent: bool) -> Objective:
    compiled = task.compiled
    program, tier = compiled.program, compiled.tier
    function = program.function(task.model.name)
    prepared = prepare(function, program.modules, ("predict", "loss"))
    objective = _Watched(
        function,
        program.modules,
        watched(compiled.executables, task.method, watch, prepared),
        method="adjoint",
        shots=shots,
        independent=independent,
        tier=WatchedTier(tier.mode, inner=tier, section=watch.section("model graph")),
    )
    objective.watch = watch
    return objective


def most_memory() -> int | None:
    """The most memory that this process has had, in bytes."""
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
