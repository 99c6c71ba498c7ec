"""What a training step on one record costs, counted while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from qsanc.diagnostics import Diagnostic, Severity
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.values import UNKNOWN, Instance, Outcome, Value, Word
from qsanc.syntax import ast
from qsanc.testing.blocks import records
from qsanc.testing.blocks.engine import Counted, Tally
from qsanc.train.parameters import trained
from qsanc.train.records import Records
from qsanc.train.task import Grad, method_for, objective_of

if TYPE_CHECKING:
    from qsanc.testing.blocks.execution import Execution

DEFAULT_SHOTS = 1000
_BY_CIRCUITS: Mapping[str, Grad] = {"auto": "auto", "adjoint": "adjoint", "parameter_shift": "parameter_shift"}


def step(
    run: Execution, owner: Instance, fields: Mapping[str, ast.Expr], given: Mapping[str, ast.Expr], scope: Scope
) -> Value:
    """Circuits, shots, tasks and dollars of the loss on a record and of its gradient, as the backend would run them.

    A circuit has numbers for its angles; each is measured in as many settings as its observables need, with `shots`
    shots each (1000 where nothing is said). Simulators take no tasks and no money. Reports QS704 for a backend that
    takes money: its prices are not known.
    """
    capabilities = run.engine.backend.capabilities
    if capabilities.billed:
        title = f"what a step costs on {capabilities.name} is not known before it runs"
        return run.refuse(Diagnostic("QS704", Severity.ERROR, title, given["m"].span))
    record = records.written(run, owner, fields, scope)
    if record is None:
        return UNKNOWN
    method = _word(run, given.get("method"), scope)
    tally = Tally()
    plain = records.compiled(run, owner)
    counted = replace(plain, executables={name: Counted(e, tally) for name, e in plain.executables.items()})
    values, context = records.parameters(run, owner), run.engine.context(run.seed)
    wrt, repeated = trained(owner.model), 1
    if method in _BY_CIRCUITS:
        objective = objective_of(counted, method_for(plain, _BY_CIRCUITS[method], None))
        objective.gradient(values, _labelled(owner, record), wrt=wrt, context=context)
    else:
        objective_of(counted, "parameter_shift").outputs(values, _labelled(owner, record), context=context)
        repeated = 2 if method == "spsa" else 1 + 2 * sum(values[name].size for name in wrt)
    shots = run.number_for("shots", DEFAULT_SHOTS, _number(run, given.get("shots"), scope))
    amounts = {
        "circuits": repeated * tally.circuits,
        "shots": repeated * tally.measured * int(shots),
        "tasks": 0,
        "usd": 0,
    }
    return Outcome("cost", tuple(amounts.items()))


def _labelled(owner: Instance, record: Records) -> Records:
    """The record with a label, which changes no circuit: 0 where the block gives none."""
    label = next((field for field in owner.model.fields if field.role == "label"), None)
    if label is None or label.name in record.columns:
        return record
    nothing = np.zeros((1, *label.type.static))
    columns = {**record.columns, label.name: nothing.astype(np.int64) if label.type.kind == "int" else nothing}
    return Records.of(record.count, columns, record.dims, record.lengths)


def _word(run: Execution, node: ast.Expr | None, scope: Scope) -> str:
    found = None if node is None else run.ev.expr(node, scope)
    return found.name if isinstance(found, Word) else "auto"


def _number(run: Execution, node: ast.Expr | None, scope: Scope) -> float | None:
    return None if node is None else run.setting("shots", node, scope)
