"""The protocol of training: what is read when, which weights are kept, and what stops it."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from toys import Bowl, MeanEmbedding, bowl_model, text_model, text_records

from qsanc.diagnostics import QsanError
from qsanc.ir.program import Optimizer, Recipe
from qsanc.target import BackendFailure, Context
from qsanc.train.loop import fit
from qsanc.train.progress import EpochRecord, Interrupted, Progress, StepRecord
from qsanc.train.records import Records

TRAIN, VALID, TEST = text_records(10, 1), text_records(6, 2), text_records(5, 3)


class Memory:
    """Keeps the last progress, and notes what it is told."""

    def __init__(self) -> None:
        self.kept: Progress | None = None
        self.epochs: list[EpochRecord] = []
        self.steps: list[StepRecord] = []

    def keep(self, progress: Progress) -> None:
        self.kept = progress

    def record(self, epoch: EpochRecord) -> None:
        self.epochs.append(epoch)

    def on_step(self, record: StepRecord) -> None:
        self.steps.append(record)

    def on_epoch(self, record: EpochRecord) -> None:
        assert record == self.epochs[-1]


def test_an_epoch_meets_every_record_once_in_an_order_of_its_own() -> None:
    objective = MeanEmbedding()
    fit(text_model(), objective, train=TRAIN, valid=VALID, test=TEST)
    batches = [records for kind, records in objective.calls if kind == "gradient"]
    assert [batch.count for batch in batches] == [4, 4, 2] * 3
    epochs = [np.concatenate([b.columns["tokens"] for b in batches[k : k + 3]]) for k in (0, 3, 6)]
    assert all(sorted(tokens) == sorted(TRAIN.columns["tokens"]) for tokens in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()


def test_every_step_has_a_number_of_its_own_from_which_its_samples_follow() -> None:
    contexts: list[Context] = []

    class Noting(MeanEmbedding):
        def gradient(self, parameters, records, *, wrt, context):  # type: ignore[no-untyped-def]
            contexts.append(context)
            return super().gradient(parameters, records, wrt=wrt, context=context)

    fit(text_model(), Noting(), train=TRAIN, valid=VALID)
    assert [context.step for context in contexts] == list(range(9))
    assert {(context.seed, context.purpose) for context in contexts} == {(11, "gradient")}


def test_the_test_part_is_read_once_after_everything_else() -> None:
    objective = MeanEmbedding()
    fit(text_model(), objective, train=TRAIN, valid=VALID, test=TEST)
    read = [records.count == TEST.count and kind == "outputs" for kind, records in objective.calls]
    assert sum(read) == 1
    assert read[-1]


def test_the_best_weights_are_those_of_the_lowest_validation_loss() -> None:
    memory = Memory()
    recipe = Recipe(Optimizer("adam", (("lr", 0.2),)), epochs=12, batch=4, seed=2)
    mislabelled = np.where(np.arange(VALID.count) == 4, 1 - VALID.columns["label"], VALID.columns["label"])
    valid = replace(VALID, columns={**VALID.columns, "label": mislabelled})
    history = fit(
        text_model(),
        MeanEmbedding(),
        train=TRAIN,
        valid=valid,
        test=TEST,
        recipe=recipe,
        keeper=memory,
        observer=memory,
    )
    losses = [epoch.valid_loss for epoch in history.epochs]
    assert 1 < history.best_epoch == 1 + losses.index(min(losses)) < 12
    assert history.valid.loss == min(losses)
    outputs = MeanEmbedding().outputs(history.parameters, TEST, context=Context())
    assert history.test.loss == pytest.approx(outputs.loss.mean())
    assert [epoch.best for epoch in history.epochs] == [
        loss < min(losses[:k], default=9) for k, loss in enumerate(losses)
    ]
    assert memory.epochs == list(history.epochs)
    assert [step.step for step in memory.steps] == [1, 2, 3] * 12


def test_the_first_of_equal_epochs_is_the_best() -> None:
    recipe = Recipe(Optimizer("sgd", (("lr", 1e-300),)), epochs=4, batch=4)
    assert fit(text_model(), MeanEmbedding(), train=TRAIN, valid=VALID, recipe=recipe).best_epoch == 1


def test_patience_stops_after_so_many_epochs_without_a_better_one() -> None:
    recipe = Recipe(Optimizer("sgd", (("lr", 1e-300),)), epochs=50, batch=4, patience=3)
    history = fit(text_model(), MeanEmbedding(), train=TRAIN, valid=VALID, recipe=recipe)
    assert len(history.epochs) == 4
    assert history.stopped_early


def test_without_validation_the_last_epoch_is_the_best() -> None:
    history = fit(text_model(), MeanEmbedding(), train=TRAIN)
    assert history.best_epoch == 3
    assert (history.valid, history.test) == (None, None)


def test_a_model_without_data_is_validated_after_its_step() -> None:
    history = fit(bowl_model(Recipe(Optimizer("sgd", (("lr", 0.25),)), epochs=2)), Bowl())
    assert [epoch.train_loss for epoch in history.epochs] == [2.0, 0.5]
    assert [epoch.valid_loss for epoch in history.epochs] == [0.5, 0.125]


def test_training_loss_and_accuracy_are_means_over_records() -> None:
    model = text_model()
    recipe = replace(model.recipe, optimizer=Optimizer("sgd", (("lr", 1e-300),)), epochs=1)
    history = fit(model, MeanEmbedding(), train=TRAIN, recipe=recipe)
    outputs = MeanEmbedding().outputs(history.parameters, TRAIN, context=Context())
    assert history.epochs[0].train_loss == pytest.approx(outputs.loss.mean())
    right = (outputs.predict >= 0.5) == (TRAIN.columns["label"] == 1)
    assert history.epochs[0].train_accuracy == pytest.approx(right.mean())


def test_a_loss_that_is_not_finite_stops_with_epoch_and_step_and_loses_nothing() -> None:
    class Overflow(MeanEmbedding):
        def gradient(self, parameters, records, *, wrt, context):  # type: ignore[no-untyped-def]
            outputs, gradient = super().gradient(parameters, records, wrt=wrt, context=context)
            return outputs, {**gradient, "w": gradient["w"] * (np.nan if context.step == 4 else 1)}

    memory = Memory()
    with pytest.raises(QsanError, match="QS921: the gradient is not finite in epoch 2, step 2") as caught:
        fit(text_model(), Overflow(), train=TRAIN, valid=VALID, keeper=memory)
    assert caught.value.diagnostics[0].notes[1].text == "gradients that are not finite: w"
    assert (memory.kept.epoch, memory.kept.step, memory.kept.total) == (1, 1, 4)
    assert all(np.isfinite(value).all() for value in memory.kept.parameters.values())


def test_a_backend_that_fails_loses_nothing() -> None:
    def break_down(kind: str, records: Records) -> None:
        if kind == "outputs":
            raise BackendFailure("the device is gone", retryable=True)

    memory = Memory()
    with pytest.raises(BackendFailure):
        fit(text_model(), MeanEmbedding(break_down), train=TRAIN, valid=VALID, keeper=memory)
    assert (memory.kept.epoch, memory.kept.step) == (0, 3)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=-1),
        Recipe(batch=0),
        Recipe(patience=0),
        Recipe(patience=2),
        Recipe(Optimizer("adam", (("lr", -1),))),
    ],
)
def test_settings_that_make_no_sense(recipe: Recipe) -> None:
    with pytest.raises(QsanError, match="QS922"):
        fit(text_model(), MeanEmbedding(), train=TRAIN, recipe=recipe)


def test_data_where_none_is_needed_and_none_where_it_is() -> None:
    with pytest.raises(QsanError, match="QS923"):
        fit(text_model(), MeanEmbedding())
    with pytest.raises(QsanError, match="QS923"):
        fit(bowl_model(Recipe()), Bowl(), train=TRAIN)


def test_the_loop_itself_takes_a_millisecond_a_step() -> None:
    class Free(MeanEmbedding):
        def gradient(self, parameters, records, *, wrt, context):  # type: ignore[no-untyped-def]
            outputs = self.outputs(parameters, records, context=context)
            return outputs, {name: parameters[name] for name in wrt}

        def outputs(self, parameters, records, *, context):  # type: ignore[no-untyped-def]
            half = np.full(records.count, 0.5)
            return type(super()._forward(parameters, records)[1])(half, half)

    records = text_records(1000, 1, vocab=2000)
    recipe = Recipe(epochs=1, batch=16)
    fit(text_model(2000, 12), Free(), train=records, recipe=recipe)
    began = time.process_time()
    history = fit(text_model(2000, 12), Free(), train=records, recipe=replace(recipe, epochs=5))
    assert (time.process_time() - began) / history.steps < 0.004


def test_ctrl_c_names_where_it_stopped() -> None:
    def stop(kind: str, records: Records) -> None:
        interruption = KeyboardInterrupt()
        interruption.add_note("3 tasks wait")
        raise interruption

    with pytest.raises(Interrupted, match="interrupted in epoch 1 after 0 steps") as caught:
        fit(text_model(), MeanEmbedding(stop), train=TRAIN, valid=VALID)
    assert caught.value.folder is None
    assert caught.value.__notes__ == ["3 tasks wait"], "what the backend has to say is not lost"
