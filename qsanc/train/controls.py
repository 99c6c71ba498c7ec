"""What no circuit is needed for: the baselines that stand beside every result, under the same protocol.

The majority predicts the commonest label of the training part for everything. The other controls are models of
`std/controls.qsan` (mean embedding and linear head for text, logistic or linear regression for numbers), trained by
the same loop with the same optimiser, batches and seed, on the same parts. For text the epochs and the patience are the
same too; a control for numbers, whose steps cost next to nothing, is trained for `LONG` epochs or more, the best of
which by validation is taken as ever.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from qsanc.diagnostics import CompilerBug
from qsanc.ir.program import Model, Recipe
from qsanc.target import Floats, Ints
from qsanc.train.loop import fit, label_of
from qsanc.train.metrics import score
from qsanc.train.objective import Objective
from qsanc.train.progress import Report
from qsanc.train.records import Records

LONG = 200
"""The fewest epochs of a control for numbers."""


def majority(model: Model, train: Records, test: Records) -> Report | None:
    """The commonest class of the training part (the first of equals), or the mean of real labels, for all of `test`.

    It has no loss. None for a model without label.
    """
    name, classes = label_of(model)
    if name is None:
        return None
    known, truth = train.columns[name], test.columns[name]
    predict: Floats
    if classes is None:
        predict = np.full(test.count, float(np.mean(known)))
    else:
        predict = np.zeros((test.count, classes))
        predict[:, int(np.argmax(np.bincount(known.astype(np.int64), minlength=classes)))] = 1.0
    return Report(None, score(predict, truth, classes), test.count)


def control(
    control_model: Model,
    objective: Objective,
    model: Model,
    *,
    train: Records,
    valid: Records | None,
    test: Records,
    recipe: Recipe,
) -> Report:
    """The test report of a control trained on the records of a model by the recipe of that model's training.

    A control for numbers takes at least `LONG` epochs, whatever the recipe says.
    """
    parts = [None if part is None else as_control(control_model, model, part) for part in (train, valid, test)]
    recipe = replace(recipe, grad="auto")
    if not any(field.role == "tokens" for field in control_model.fields):
        recipe = replace(recipe, epochs=max(LONG, recipe.epochs), patience=None)
    history = fit(
        control_model,
        objective,
        train=parts[0],
        valid=parts[1],
        test=parts[2],
        recipe=recipe,
    )
    if history.test is None:
        raise CompilerBug("a control was trained without its test part")
    return history.test


def as_control(control_model: Model, model: Model, records: Records) -> Records:
    """The records of a model as a control reads them: the first token field, all numbers side by side, the label."""
    tokens = [field.name for field in model.fields if field.role == "tokens"]
    label, _ = label_of(model)
    columns: dict[str, Ints | Floats] = {}
    dims: dict[str, str] = {}
    lengths: dict[str, Ints] = {}
    for field in control_model.fields:
        if field.role == "tokens":
            dim, own = records.dims[tokens[0]], field.type.rows[1]
            columns[field.name], dims[field.name], lengths[own] = records.columns[tokens[0]], own, records.lengths[dim]
        elif field.role == "numbers":
            columns[field.name] = _numbers(model, records).reshape(records.count, *field.type.static)
        elif label is not None:
            columns[field.name] = records.columns[label]
    return Records.of(records.count, columns, dims, lengths)


def width_of(model: Model) -> int:
    """How many numbers a record of the model holds beside its label."""
    return sum(math.prod(field.type.static) for field in model.fields if field.role == "numbers")


def _numbers(model: Model, records: Records) -> Floats:
    numbers = [records.columns[field.name] for field in model.fields if field.role == "numbers"]
    return np.concatenate([column.reshape(records.count, -1).astype(np.float64) for column in numbers], axis=1)
