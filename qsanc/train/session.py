"""A whole training: the loop, the controls beside it, and the run folder that keeps both."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib import resources

from qsanc.check.imports import load_text
from qsanc.diagnostics import QsanError
from qsanc.driver import compile_entry
from qsanc.source import Source
from qsanc.target import Backend, BackendFailure, Context
from qsanc.train.controls import control, majority
from qsanc.train.loop import Saving, fit
from qsanc.train.progress import EpochRecord, History, Interrupted, Observer, Progress, Report
from qsanc.train.run_folder import RunFolder
from qsanc.train.saving import results_of
from qsanc.train.task import Task, control_for, method_for, objective_of

Baselines = tuple[tuple[str, Report], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A finished training and, by name, what is reached on its test part without a circuit."""

    history: History
    baselines: Baselines


def carry_out(
    task: Task,
    backend: Backend,
    *,
    run: RunFolder | None = None,
    observer: Observer | None = None,
    controls: bool = True,
    budget_usd: float | None = None,
    again: bool = False,
) -> Outcome:
    """Train, from where the run was stopped if it was; then train the controls, and finish the run.

    Of what is billed every step is kept at once. `run.json` says from which step on native code ran. `budget_usd` and
    `again` are for a backend that is billed, see `Context`.

    Raises what `fit` raises, after noting in the run how it ended, and QsanError (QS939) for a run that another process
    is writing.
    """
    with run.held() if run is not None else nullcontext():
        context = Context(run_folder=None if run is None else run.path, budget_usd=budget_usd, again=again)
        return _carried_out(task, backend, run, observer, controls, context)


def _carried_out(
    task: Task,
    backend: Backend,
    run: RunFolder | None,
    observer: Observer | None,
    controls: bool,
    context: Context,
) -> Outcome:
    progress = run.progress(task.model) if run is not None else None
    keeper = _Keeper(run, task) if run is not None else None
    if run is not None:
        run.mark("running")
        run.note_parts(dict(task.origins.items()))
    try:
        history = fit(
            task.model,
            task.objective,
            train=task.parts.get("train"),
            valid=task.parts.get("valid"),
            test=task.parts.get("test"),
            recipe=task.recipe,
            progress=progress,
            context=context,
            keeper=keeper,
            observer=observer,
            saving=Saving(0.0, 0.0) if backend.capabilities.billed else None,
        )
        baselines = baselines_of(task, backend) if controls else ()
    except (Interrupted, KeyboardInterrupt):
        if run is not None and keeper is not None:
            keeper.note()
            run.mark("interrupted")
        raise
    except (QsanError, BackendFailure):
        if run is not None and keeper is not None:
            keeper.note()
            run.mark("failed")
        raise
    if run is not None and keeper is not None:
        keeper.note()
        run.finish(replace(results_of(history), baselines=baselines))
    return Outcome(history, baselines)


class _Keeper:
    """A run folder that is also told which steps ran as native code."""

    def __init__(self, run: RunFolder, task: Task) -> None:
        self._run, self._task = run, task
        self._before, self._known = run.info.jit.ran, len(task.objective.ran)

    def keep(self, progress: Progress) -> None:
        self._run.keep(progress)
        self.note()

    def record(self, epoch: EpochRecord) -> None:
        self._run.record(epoch)

    def note(self) -> None:
        """Write to `run.json` what ran, if that is not there yet."""
        ran, tier = self._task.objective.ran[self._known :], self._task.compiled.tier
        if self._run.info.jit.ran == (*self._before, *ran):
            return
        if tier.mode == "on" and self._before and self._before[-1].builds != ran[0].builds and tier.note is not None:
            tier.note("the native code is not that of the run so far: its numbers may differ in their last digits")
        self._run.note(replace(self._run.info, jit=replace(self._run.info.jit, ran=(*self._before, *ran))))


def baselines_of(task: Task, backend: Backend) -> Baselines:
    """The majority, and the control of `std.controls` that fits the model, on the test part; none without one."""
    train, valid, test = (task.parts.get(name) for name in ("train", "valid", "test"))
    if train is None or test is None:
        return ()
    found: list[tuple[str, Report]] = []
    commonest = majority(task.model, train, test)
    if commonest is not None:
        found.append(("majority", commonest))
    chosen = control_for(task.model)
    if chosen is not None:
        (name, sizes), tier = chosen, task.compiled.tier
        text = (resources.files("qsanc") / "std" / "controls.qsan").read_text(encoding="utf-8")
        module = load_text(Source("std/controls.qsan", text), None)
        compiled = compile_entry(module, name, backend, sizes=sizes, tier=tier)
        objective = objective_of(compiled, method_for(compiled, "auto", None))
        model = compiled.program.models[0]
        report = control(model, objective, task.model, train=train, valid=valid, test=test, recipe=task.recipe)
        found.append((name, report))
    return tuple(found)
