"""Training: epochs of shuffled batches, the best weights by validation loss, and a test part read once at the end.

A step is a function from one `Progress` to the next. Whatever stops the training (Ctrl-C, a backend that fails, a loss
that is not finite) finds the progress of the last whole step, which is kept; going on from it gives the same weights,
bit for bit, as never having stopped: batches follow from (seed, epoch), samples and perturbations from (seed, step).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from qsanc.diagnostics import QsanError
from qsanc.ir.program import Model, Recipe
from qsanc.target import BackendFailure, Context, Floats
from qsanc.train import draws, errors, spsa
from qsanc.train.metrics import Metrics, chosen_class, score
from qsanc.train.objective import Objective, Outputs, Parameters
from qsanc.train.optimizers import Spsa, advance, rule_of
from qsanc.train.parameters import initial, trained
from qsanc.train.progress import (
    EpochRecord,
    History,
    Interrupted,
    Keeper,
    Observer,
    Progress,
    Report,
    StepRecord,
)
from qsanc.train.records import ONE, Records


@dataclass(frozen=True, slots=True)
class Saving:
    """How many seconds of work may be lost by a crash: kept after an epoch, and within one, if so long has passed."""

    after_epoch: float = 1.0
    after_step: float = 60.0


def fit(
    model: Model,
    objective: Objective,
    *,
    train: Records | None = None,
    valid: Records | None = None,
    test: Records | None = None,
    recipe: Recipe | None = None,
    start: Parameters | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    keeper: Keeper | None = None,
    observer: Observer | None = None,
    saving: Saving | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> History:
    """Train a model.

    A model without data has one record and one step an epoch, and its loss after the step is its validation loss.
    Without a validation part the last epoch counts as the best. `start` replaces the initial values, `progress` goes on
    from where a training of the same model, data and recipe was stopped. `context` brings run folder and budget.

    Raises `Interrupted` on Ctrl-C, `QsanError` where loss or gradient are not finite or settings make no sense, and
    `BackendFailure`; in each case `keeper` has kept the progress after the last whole step.
    """
    recipe = recipe or model.recipe
    train, valid = _data_of(model, train, valid)
    run = _Run(model, objective, recipe, train, valid, replace(context or Context(), seed=recipe.seed))
    saving = saving or Saving()
    progress = run.begin(start or initial(model, recipe.seed)) if progress is None else run.resumed(progress)
    began = clock() - progress.seconds
    kept = clock()
    try:
        while not run.finished(progress):
            if progress.step < run.steps:
                progress, noted = run.step(progress)
                progress = replace(progress, seconds=clock() - began)
                if observer is not None:
                    observer.on_step(noted)
                due = clock() - kept >= saving.after_step
            else:
                progress = run.close(progress, clock() - began)
                if keeper is not None:
                    keeper.record(progress.history[-1])
                if observer is not None:
                    observer.on_epoch(progress.history[-1])
                due = clock() - kept >= saving.after_epoch
            if keeper is not None and due:
                keeper.keep(progress)
                kept = clock()
        if keeper is not None:
            keeper.keep(progress)
        return run.conclude(progress, test, clock() - began)
    except KeyboardInterrupt as stop:
        if keeper is not None:
            keeper.keep(progress)
        interrupted = Interrupted(progress, run.context.run_folder)
        for note in getattr(stop, "__notes__", ()):
            interrupted.add_note(note)
        raise interrupted from None
    except (QsanError, BackendFailure):
        if keeper is not None:
            keeper.keep(progress)
        raise


def report(model: Model, outputs: Outputs, records: Records) -> Report:
    """The mean loss and the metrics of outputs against the labels of their records."""
    name, classes = label_of(model)
    label = records.columns[name] if name is not None else None
    metrics = score(outputs.predict, label, classes)
    return Report(float(np.mean(outputs.loss)), metrics, records.count)


def label_of(model: Model) -> tuple[str | None, int | None]:
    """The name of the label field and its number of classes (None for a real label)."""
    for field in model.fields:
        if field.role == "label":
            return field.name, field.classes
    return None, None


def _data_of(model: Model, train: Records | None, valid: Records | None) -> tuple[Records, Records | None]:
    if model.fields:
        if train is None:
            raise errors.fail(errors.data_mismatch(model.name, needs=True))
        return train, valid
    if train is not None:
        raise errors.fail(errors.data_mismatch(model.name, needs=False))
    return ONE, ONE


class _Run:
    """What stays the same during a training, and the one thing remembered: the order of the current epoch."""

    def __init__(
        self,
        model: Model,
        objective: Objective,
        recipe: Recipe,
        train: Records,
        valid: Records | None,
        context: Context,
    ) -> None:
        _check(recipe, train, valid)
        self.model, self.objective, self.recipe, self.context = model, objective, recipe, context
        self.train, self.valid = train, valid
        self.batch = min(recipe.batch or train.count, train.count)
        self.steps = -(-train.count // self.batch)
        self.rule = rule_of(recipe.optimizer)
        self.wrt = trained(model)
        self.label, self.classes = label_of(model)
        self._shuffled: tuple[int, Records] | None = None

    def begin(self, parameters: Parameters) -> Progress:
        free = {name: parameters[name] for name in self.wrt}
        return Progress(parameters, self.rule.start(free), parameters)

    def resumed(self, progress: Progress) -> Progress:
        if progress.step > self.steps or progress.total != progress.epoch * self.steps + progress.step:
            title = (
                f"the checkpoint has done {progress.total} steps, which is not epoch {progress.epoch + 1} of this data"
            )
            raise errors.fail(errors.resume_mismatch(title, "resume with the data and the batch size of the run"))
        return progress

    def finished(self, progress: Progress) -> bool:
        return progress.epoch >= self.recipe.epochs or (progress.step == 0 and self.tired(progress))

    def tired(self, progress: Progress) -> bool:
        patience = self.recipe.patience
        return patience is not None and progress.epoch - progress.best_epoch >= patience

    def step(self, progress: Progress) -> tuple[Progress, StepRecord]:
        batch = self._epoch(progress.epoch).slice(progress.step * self.batch, (progress.step + 1) * self.batch)
        outputs, gradient = self._gradient(progress, batch)
        loss = float(np.mean(outputs.loss))
        self._finite(progress, loss, gradient)
        values, state = advance(self.model, self.rule, progress.parameters, gradient, progress.optimizer)
        after = replace(
            progress,
            parameters=values,
            optimizer=state,
            step=progress.step + 1,
            total=progress.total + 1,
            loss_sum=progress.loss_sum + float(np.sum(outputs.loss)),
            hits=progress.hits + self._hits(outputs.predict, batch),
        )
        return after, StepRecord(after.epoch + 1, after.step, self.steps, loss)

    def close(self, progress: Progress, seconds: float) -> Progress:
        """Validate, and begin the next epoch."""
        epoch = progress.epoch + 1
        found = self._report(progress, progress.parameters, self.valid)
        loss = None if found is None else found.loss
        if loss is not None and not np.isfinite(loss):
            raise errors.fail(errors.not_finite(f"the validation loss is {loss}", epoch, progress.step, ()))
        best = loss is None or progress.best_loss is None or loss < progress.best_loss
        record = EpochRecord(
            epoch,
            progress.loss_sum / self.train.count,
            progress.hits / self.train.count if self.classes is not None else None,
            loss,
            Metrics() if found is None else found.metrics,
            best,
            seconds,
        )
        after = replace(
            progress, epoch=epoch, step=0, loss_sum=0.0, hits=0, history=(*progress.history, record), seconds=seconds
        )
        if not best:
            return after
        return replace(after, best=progress.parameters, best_epoch=epoch, best_loss=loss)

    def conclude(self, progress: Progress, test: Records | None, seconds: float) -> History:
        return History(
            progress.history,
            progress.best_epoch,
            dict(progress.best),
            self._report(progress, progress.best, self.valid),
            self._report(progress, progress.best, test),
            progress.total,
            seconds,
            progress.epoch < self.recipe.epochs,
        )

    def _epoch(self, epoch: int) -> Records:
        if self._shuffled is None or self._shuffled[0] != epoch:
            order = draws.permutation(self.train.count, self.recipe.seed, "shuffle", epoch)
            self._shuffled = epoch, self.train.take(order)
        return self._shuffled[1]

    def _gradient(self, progress: Progress, batch: Records) -> tuple[Outputs, Parameters]:
        context = replace(self.context, step=progress.total, purpose="gradient")
        method = self.recipe.grad
        if method == "spsa" or (method == "auto" and isinstance(self.rule, Spsa)):
            gains = self.rule if isinstance(self.rule, Spsa) else Spsa()
            return spsa.estimate(
                self.objective,
                self.model,
                progress.parameters,
                batch,
                c=gains.c,
                gamma=gains.gamma,
                context=context,
            )
        return self.objective.gradient(progress.parameters, batch, wrt=self.wrt, context=context)

    def _finite(self, progress: Progress, loss: float, gradient: Parameters) -> None:
        wrong = [name for name in self.wrt if not np.isfinite(gradient[name]).all()]
        if np.isfinite(loss) and not wrong:
            return
        what = f"the loss is {loss}" if not np.isfinite(loss) else "the gradient is not finite"
        notes = [f"largest parameter: {_largest(progress.parameters)}"]
        if wrong:
            notes.append(f"gradients that are not finite: {errors.listed(wrong)}")
        raise errors.fail(errors.not_finite(what, progress.epoch + 1, progress.step + 1, notes))

    def _hits(self, predict: Floats, batch: Records) -> int:
        if self.label is None or self.classes is None:
            return 0
        return int(np.sum(chosen_class(predict, self.classes) == batch.columns[self.label]))

    def _report(self, progress: Progress, parameters: Parameters, records: Records | None) -> Report | None:
        if records is None:
            return None
        context = replace(self.context, step=progress.total, purpose="forward")
        return report(self.model, self.objective.outputs(parameters, records, context=context), records)


def _check(recipe: Recipe, train: Records, valid: Records | None) -> None:
    if recipe.epochs < 0:
        raise errors.fail(errors.bad_setting(f"{recipe.epochs} epochs", "0 or more"))
    if recipe.batch is not None and recipe.batch < 1:
        raise errors.fail(errors.bad_setting(f"batches of {recipe.batch} records", "1 or more"))
    if recipe.patience is not None and recipe.patience < 1:
        raise errors.fail(errors.bad_setting(f"patience of {recipe.patience} epochs", "1 or more"))
    if recipe.patience is not None and valid is None:
        help = "give a validation part, or leave patience out"
        raise errors.fail(errors.bad_setting("patience needs validation data", help=help))
    if train.count < 1:
        raise errors.fail(errors.too_few("the training part", 0, 1, "to train on"))


def _largest(parameters: Parameters) -> str:
    sizes = {name: float(np.max(np.abs(value))) for name, value in parameters.items() if value.size}
    name = max(sizes, key=sizes.__getitem__, default="")
    return f"`{name}`, {sizes[name]:.3g} in magnitude" if name else "none"
