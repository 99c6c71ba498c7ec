"""Constant folding: f(constants) = constant, where there are no run-time axes and no more than 256 numbers."""

from __future__ import annotations

from math import prod

import numpy as np

from qsanc.ir.layout import Layout
from qsanc.ir.model import Attribute, Function, Operation
from qsanc.ir.ops import CIRCUIT, OPS, Array, Call
from qsanc.passes.model.graph import Graph, Modules, Rename, rebuilt

LARGEST = 256


def fold(function: Function, modules: Modules) -> Function:
    known: dict[int, Array] = {}

    def rewrite(graph: Graph, operation: Operation, rename: Rename) -> None:
        inputs = [rename[number] for number in operation.inputs]
        if not _is_foldable(operation) or not all(number in known for number in inputs):
            graph.copy(operation, rename)
            return
        call = Call(tuple(graph.types[number] for number in inputs), dict(operation.attributes), operation.types)
        with np.errstate(all="ignore"):
            value = np.asarray(OPS[operation.name].evaluate(call, Layout(1), [known[number] for number in inputs])[0])
        if operation.name == "constant" or np.isnan(value).any():
            number = graph.copy(operation, rename)
        else:
            attributes: tuple[tuple[str, Attribute], ...] = (("axes", value.shape), ("value", _numbers(value)))
            number = graph.add("constant", (), attributes, operation.span)
            rename[operation.first] = number
        known[number] = value

    return rebuilt(function, modules, rewrite)


def _is_foldable(operation: Operation) -> bool:
    if operation.name == CIRCUIT or len(operation.types) > 1 or operation.types[0].rows:
        return False
    return prod(operation.types[0].static) <= LARGEST


def _numbers(value: Array) -> Attribute:
    return tuple(value.reshape(-1).tolist()) if value.shape else value.item()
