"""A training task: a model compiled for its data, with the records of each part.

model with stand-ins for `vocab`, `classes`  ->  division of the tables  ->  coding, learnt from the training part
-> the model compiled with the sizes of that coding  ->  records of every part
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from qsanc.check.module import Module
from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.driver import Compiled, compile_entry
from qsanc.elaborate import elaborate
from qsanc.fast import OFF, Tier
from qsanc.grad.circuit import Method
from qsanc.ir.program import Model, Recipe
from qsanc.passes.model.pipeline import Level
from qsanc.target import Backend, Ints
from qsanc.train import draws, errors, seeds, splits
from qsanc.train.compiled import Compiled as CompiledObjective
from qsanc.train.data import Coding, divide, learn
from qsanc.train.encoding import encode
from qsanc.train.parameters import trained
from qsanc.train.records import ONE, Records
from qsanc.train.tables import Table
from qsanc.train.words import Vocabulary

PartName = Literal["train", "valid", "test"]
Grad = Literal["auto", "parameter_shift", "adjoint", "spsa"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller wants other than the model's `train` block says; None leaves it as it is."""

    epochs: int | None = None
    batch: int | None = None
    lr: float | None = None
    seed: int | None = None
    patience: int | None = None
    grad: Grad | None = None

    def applied(self, recipe: Recipe) -> Recipe:
        """Raises QsanError (QS922) for a learning rate where the optimiser has none, and for a seed that is none."""
        optimizer = recipe.optimizer
        seeds.need(recipe.seed if self.seed is None else self.seed)
        if self.lr is not None:
            if "lr" not in dict(optimizer.options):
                raise errors.fail(errors.bad_setting(f"the optimiser {optimizer.name} has no learning rate"))
            options = tuple((name, self.lr if name == "lr" else value) for name, value in optimizer.options)
            optimizer = replace(optimizer, options=options)
        return replace(
            recipe,
            optimizer=optimizer,
            epochs=recipe.epochs if self.epochs is None else self.epochs,
            batch=recipe.batch if self.batch is None else self.batch,
            seed=recipe.seed if self.seed is None else self.seed,
            patience=recipe.patience if self.patience is None else self.patience,
            grad=recipe.grad if self.grad is None else self.grad,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """The data of a training. What is not given as a table of its own is drawn from `train` by these shares."""

    train: Table
    valid: Table | None = None
    test: Table | None = None
    valid_share: float = splits.VALID
    test_share: float = splits.TEST
    columns: Mapping[str, str] = field(default_factory=dict)
    truncate: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """`parts` holds the records of each part there is; it is empty for a model without data. `origins` says where they
    stood: the name of the table and int64[record], the records of it from 0.
    """

    compiled: Compiled
    objective: CompiledObjective
    method: Method
    recipe: Recipe
    coding: Coding
    parts: Mapping[PartName, Records]
    origins: Mapping[PartName, tuple[str, Ints]] = field(default_factory=dict)

    @property
    def model(self) -> Model:
        return self.compiled.program.models[0]

    @property
    def first_batch(self) -> Records:
        """What the first step of the first epoch is taken on: one record for a model without data."""
        train = self.parts.get("train", ONE)
        order = draws.permutation(train.count, self.recipe.seed, "shuffle", 0)
        return train.take(order).slice(0, min(self.recipe.batch or train.count, train.count))


def assemble(
    module: Module,
    entry: str,
    backend: Backend,
    tables: Tables | None,
    *,
    sizes: Mapping[str, int | float] | None = None,
    choices: Choices | None = None,
    recipe: Recipe | None = None,
    shots: int | None = None,
    independent: bool = False,
    level: Level = "O2",
    vocabulary: Vocabulary | None = None,
    tier: Tier = OFF,
) -> Task:
    """The task of training the model `entry` on these tables. `recipe` stands for the one of the model,
    `vocabulary` for the one of the training part. With `tier` native code is compiled here where it must be there.

    Raises QsanError for everything that is wrong with model, data or settings; nothing has run then.
    """
    model = elaborate(module, entry=entry, sizes=sizes)[0].models[0]
    recipe = (choices or Choices()).applied(recipe or model.recipe)
    if (tables is None) != (not model.fields):
        raise errors.fail(errors.data_mismatch(model.name, needs=tables is None))
    if tables is None:
        compiled = compile_entry(
            module, entry, backend, sizes=sizes, level=level, shots=shots, independent=independent, tier=tier
        )
        return _task(compiled, recipe, Coding(), {}, shots, independent)
    division = divide(
        model,
        tables.train,
        valid=tables.valid,
        test=tables.test,
        seed=recipe.seed,
        valid_share=tables.valid_share,
        test_share=tables.test_share,
        columns=tables.columns,
    )
    coding = learn(model, division.train, columns=tables.columns, truncate=tables.truncate)
    if vocabulary is not None:
        coding = replace(coding, vocabulary=vocabulary)
    compiled = compile_entry(
        module,
        entry,
        backend,
        sizes=sizes,
        data_sizes=data_sizes(model, coding),
        level=level,
        shots=shots,
        independent=independent,
        tier=tier,
    )
    model = compiled.program.models[0]
    named: tuple[PartName, ...] = ("train", "valid", "test")
    divided = zip(named, (division.train, division.valid, division.test), strict=True)
    parts = {name: part for name, part in divided if part is not None}
    records = {name: encode(model, part, coding) for name, part in parts.items()}
    task = _task(compiled, recipe, coding, records, shots, independent)
    return replace(task, origins={name: (part.table.name, part.rows) for name, part in parts.items()})


def data_sizes(model: Model, coding: Coding) -> dict[str, int]:
    """The sizes that the coding of a training part gives, of those that wait for data."""
    waiting = {size.name for size in model.sizes if size.origin == "placeholder"}
    return {name: size for name, size in coding.sizes.items() if name in waiting}


def objective_of(
    compiled: Compiled, method: Method, *, shots: int | None = None, independent: bool = False
) -> CompiledObjective:
    """The program's model as the trainer sees it."""
    program = compiled.program
    function = program.function(program.models[0].name)
    return CompiledObjective(
        function,
        program.modules,
        compiled.executables,
        method=method,
        shots=shots,
        independent=independent,
        tier=compiled.tier,
    )


def method_for(compiled: Compiled, grad: Grad, shots: int | None) -> Method:
    """How circuits are differentiated: by the backend's own gradient where it offers one and values are exact.

    Raises QsanError (QS405) where `adjoint` is asked for and cannot be had.
    """
    if grad not in ("auto", "adjoint", "parameter_shift", "spsa"):
        raise errors.fail(errors.bad_setting(f"there is no gradient method `{grad}`"))
    adjoint = "adjoint" in compiled.capabilities.gradients and shots is None
    if grad == "adjoint" and not adjoint:
        reason = "samples have no adjoint" if shots is not None else f"{compiled.capabilities.name} does not offer it"
        title = f"the gradient method `adjoint` cannot be used: {reason}"
        raise QsanError([Diagnostic("QS405", Severity.ERROR, title, help="use parameter_shift")])
    return "adjoint" if adjoint and grad in ("auto", "adjoint") else "parameter_shift"


def control_for(model: Model) -> tuple[str, dict[str, int]] | None:
    """The model of `std.controls` that stands beside this one, and its sizes; None where there is none."""
    label = next((field for field in model.fields if field.role == "label"), None)
    tokens = [field for field in model.fields if field.role == "tokens"]
    numbers = [field for field in model.fields if field.role == "numbers"]
    if label is None:
        return None
    classes = {} if label.classes in (None, 2) else {"classes": label.classes or 0}
    suffix = "_multiclass" if classes else ""
    if len(tokens) == 1 and label.classes is not None and tokens[0].high is not None:
        vocab = int(tokens[0].high) + (1 if tokens[0].closed else 0)
        widths = [math.prod(p.shape[1:]) for p in model.parameters if p.shape[:1] == (vocab,)]
        return (f"mean_embedding{suffix}", {"width": max(widths), "vocab": vocab, **classes}) if widths else None
    if numbers and not tokens:
        width = sum(math.prod(field.type.static) for field in numbers)
        return ("linear_regression" if label.classes is None else f"linear{suffix}", {"width": width, **classes})
    return None


def _task(
    compiled: Compiled,
    recipe: Recipe,
    coding: Coding,
    parts: Mapping[PartName, Records],
    shots: int | None,
    independent: bool,
) -> Task:
    method = method_for(compiled, recipe.grad, shots)
    objective = objective_of(compiled, method, shots=shots, independent=independent)
    if compiled.tier.mode != "off":
        objective.ready(trained(compiled.program.models[0]))
    return Task(compiled, objective, method, recipe, coding, parts)
