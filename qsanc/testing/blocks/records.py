"""Models of a block: what they say about one record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from qsanc.driver import Compiled, compile_program
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.values import Instance, Unknown
from qsanc.ir.ops import Array
from qsanc.ir.program import DataField, Program
from qsanc.syntax import ast
from qsanc.target import Ints
from qsanc.train.parameters import initial
from qsanc.train.records import ONE, Records
from qsanc.train.task import method_for, objective_of
from qsanc.train.words import Vocabulary

if TYPE_CHECKING:
    from qsanc.testing.blocks.execution import Execution


def parameters(run: Execution, owner: Instance) -> dict[str, Array]:
    """The parameters by name: those given in the block, the others as they are at the start of a training."""
    values = initial(owner.model, owner.model.recipe.seed)
    for name, value in owner.given:
        array = run.array(value)
        if array is not None:
            values[name] = np.broadcast_to(np.asarray(array, np.float64), values[name].shape)
    return values


def compiled(run: Execution, owner: Instance) -> Compiled:
    """The model on the engine's backend, compiled once."""

    def make() -> Compiled:
        run.engine.seen += owner.modules
        program = Program(owner.modules, (owner.function,), (owner.model,))
        return compile_program(program, run.engine.backend)

    found = run.engine.once(("compiled", id(owner.function)), lambda: (make(), owner))
    assert isinstance(found, tuple)
    made: Compiled = found[0]
    return made


def of_record(
    run: Execution, owner: Instance, what: Literal["predict", "loss"], fields: Mapping[str, ast.Expr], scope: Scope
) -> Array | None:
    """`predict` or `loss` for one record, of the declared shape; None after an error."""
    record = written(run, owner, fields, scope)
    if record is None:
        return None
    program = compiled(run, owner)
    objective = objective_of(program, method_for(program, "auto", None))
    values, context = parameters(run, owner), run.engine.context(run.seed)
    if what == "predict":
        return np.asarray(objective.predict(values, record, context=context)[0])
    return np.asarray(objective.outputs(values, record, context=context).loss[0])


def written(run: Execution, owner: Instance, fields: Mapping[str, ast.Expr], scope: Scope) -> Records | None:
    """One record with the fields that the block gives; None after an error."""
    if not owner.model.fields:
        return ONE
    columns: dict[str, Array] = {}
    dims: dict[str, str] = {}
    lengths: dict[str, Ints] = {}
    for field in owner.model.fields:
        if field.name not in fields:
            continue
        value = run.ev.expr(fields[field.name], scope)
        if isinstance(value, Unknown):
            return None
        array = np.array(Vocabulary(()).numbers(value)) if isinstance(value, str) else run.array(value)
        if array is None:
            return None
        columns[field.name] = _column(field, array)
        for axis, length in zip(field.type.axes[1:], array.shape, strict=True):
            if isinstance(axis, str):
                dims[field.name], lengths[axis] = axis, np.array([length])
    return Records.of(1, columns, dims, lengths)


def _column(field: DataField, array: Array) -> Array:
    """The field of one record as the model's function takes it: the rows of a sentence, or a row of numbers."""
    sentence = any(isinstance(axis, str) for axis in field.type.axes[1:])
    typed = array.astype(np.int64 if field.type.kind == "int" else np.float64)
    return typed if sentence else typed[np.newaxis]
