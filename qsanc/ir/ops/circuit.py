"""The types around a circuit call. How it is evaluated is the business of whoever holds an executable."""

from __future__ import annotations

from collections.abc import Sequence

from qsanc.ir.circuit import CircuitModule, Expectation, Overlap, Probabilities, Probability
from qsanc.ir.model import Type
from qsanc.ir.ops.definition import ShapeError, expect_int


def infer_circuit(module: CircuitModule, types: Sequence[Type]) -> tuple[Type, ...]:
    """The result types of a call of `module`: one for each of its results, in order.

    Expectations, probabilities and distributions have the rows of %items, overlaps those of %left and %right.
    """
    overlaps = any(isinstance(result, Overlap) for result in module.results)
    if len(types) != (4 if overlaps else 2):
        raise ShapeError(f"circuit {module.name} takes {4 if overlaps else 2} values, and there are {len(types)}")
    shared, items = types[0], types[1]
    if shared != Type("real", (len(module.shared),)):
        raise ShapeError(f"circuit {module.name} has {len(module.shared)} shared slots, and they are given {shared}")
    if items.kind != "real" or items.static != (len(module.items),):
        raise ShapeError(f"circuit {module.name} has {len(module.items)} item slots, and they are given {items}")
    pairs: tuple[str, ...] = ()
    if overlaps:
        left, right = types[2], types[3]
        expect_int("circuit", left)
        if left != right or left.static:
            raise ShapeError(f"an overlap needs the row numbers of both sides, and these are {left} and {right}")
        pairs = left.rows
    results = []
    for result in module.results:
        match result:
            case Expectation() | Probability():
                results.append(Type("real", items.rows))
            case Probabilities():
                results.append(Type("real", (*items.rows, 2 ** len(result.wires))))
            case Overlap():
                results.append(Type("real", pairs))
            case _:
                raise ShapeError(f"circuit {module.name} returns a state, which no array operation takes")
    return tuple(results)
