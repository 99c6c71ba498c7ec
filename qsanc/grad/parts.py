"""Evaluation of many records: what belongs to the whole batch once, the rest for some records at a time.

Values without a row for each record (distinct words, and the circuits that depend on a word alone) are computed once
for all records; what mixes the words of a record would take too much memory so. A function is split in two, of which
the second takes values of the first as inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from qsanc.grad.prepared import CONSTANT, Prepared, prepare
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.layout import RECORD, Layout, Rows
from qsanc.ir.model import Function, Input, Operation, Type
from qsanc.ir.ops import CIRCUIT, Array
from qsanc.passes.model.graph import Graph, Rename, results_of

DISTINCT = "distinct"


@dataclass(frozen=True, slots=True)
class Parts:
    """The function of the whole batch, and that of some of its records, each with what is wanted of it.

    The inputs of the second are those of the original function, and outputs of the first by their names. `sized` are
    the axes of the batch, each with the name of an output that has it.
    """

    whole: Prepared
    some: Prepared
    sized: tuple[tuple[str, str], ...]


def parts_of(prepared: Prepared, modules: Mapping[str, CircuitModule]) -> Parts | None:
    """Both parts, or None where there is no circuit in the first, or one that is needed in both."""
    function, types = prepared.function, prepared.types
    body = [op for op in function.body if any(number in prepared.needed for number in results_of(op))]
    early = {op.first for op in body if op.name == DISTINCT or not any(map(_is_of_records, op.types))}
    first = [op for op in body if op.first in early]
    rest = [op for op in body if op.first not in early]
    circuits = [op for op in first if op.name == CIRCUIT]
    mixed = [op for op in rest if op.name == CIRCUIT and not _is_of_records(types[op.inputs[1]])]
    later = {number for op in rest for number in results_of(op)}
    if not circuits or mixed or any(number in later for op in first for number in op.inputs):
        return None
    made = {number for op in first for number in results_of(op) if op.name != CONSTANT}
    wanted = {number for _, number in prepared.wanted}
    used = made & ({number for op in rest for number in op.inputs} | wanted)
    taken = sorted(used)
    given = [Input(_name(number), "data", types[number]) for number in taken]
    whole = _function(function, function.inputs, {}, first, [(_name(number), number) for number in taken], modules)
    constants = [op for op in first if op.name == CONSTANT]
    names = {number: len(function.inputs) + k for k, number in enumerate(taken)}
    some = _function(function, (*function.inputs, *given), names, [*constants, *rest], prepared.wanted, modules)
    sized = {types[number].rows[0]: _name(number) for number in taken if is_of_batch(types[number])}
    return Parts(
        prepare(whole, modules.values(), [_name(number) for number in taken]),
        prepare(some, modules.values(), [name for name, _ in prepared.wanted]),
        tuple(sized.items()),
    )


def _is_of_records(kind: Type) -> bool:
    return kind.rows[:1] == (RECORD,)


def is_of_batch(kind: Type) -> bool:
    """Whether a value has a row for each place of the batch as a whole, as distinct words have."""
    return bool(kind.rows) and not _is_of_records(kind)


def _name(number: int) -> str:
    return f"%{number}"


def _function(
    before: Function,
    inputs: Sequence[Input],
    names: Rename,
    body: Sequence[Operation],
    outputs: Sequence[tuple[str, int]],
    modules: Mapping[str, CircuitModule],
) -> Function:
    graph = Graph(inputs, modules)
    rename = {**{number: number for number in range(len(before.inputs))}, **names}
    for operation in body:
        graph.copy(operation, rename)
    found = tuple((name, rename[number]) for name, number in outputs)
    return Function(before.name, graph.inputs, tuple(graph.body), found)


def stretches(layout: Layout, size: int) -> Iterator[tuple[int, int, Layout]]:
    """Records first .. stop - 1, so many at a time, with their layout."""
    for first in range(0, layout.records, size):
        stop = min(first + size, layout.records)
        lengths = {dim: length[first:stop] for dim, length in layout.lengths.items()}
        yield first, stop, Layout(stop - first, lengths, layout.sizes)


def rows_of(array: Array, rows: Rows, layout: Layout, first: int, stop: int) -> Array:
    """The rows that belong to records first .. stop - 1, as a view; all of it where it has none of its own."""
    if rows[:1] != (RECORD,):
        return array
    if len(rows) == 1:
        return array[first:stop]
    starts, stops = layout.starts(rows, 1), layout.stops(rows, 1)
    return array[starts[first] : stops[stop - 1]]
