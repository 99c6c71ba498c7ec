"""What circuits and attention blocks share when they are entered: registers on wires, arguments as slots, results."""

from __future__ import annotations

import math

from qsanc.elaborate.blocks import bind_register
from qsanc.elaborate.circuits import CircuitBuilder
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.limits import MOST_QUBITS, TooLarge
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.signature import Binding
from qsanc.elaborate.values import UNKNOWN, Tensor, Value, Wires, shape_text
from qsanc.ir.model import Axis
from qsanc.source import Span
from qsanc.syntax import ast


def registers(ev: Evaluator, binding: Binding) -> int | None:
    """Lay out the registers of an entry on wires 0, 1, ...; their number, or None after an error."""
    at = 0
    for register in binding.item.registers:
        if register.type.dims:
            axes = binding.expected(register.type)
            if axes is None:
                return None
            extent = axes[0]
            if len(axes) != 1 or not isinstance(extent, int):
                ev.report.error("QS304", f"register `{register.name}` has one axis of known length", register.span)
                return None
            if at + extent > MOST_QUBITS:
                raise TooLarge(f"`{binding.item.name}` has more than {MOST_QUBITS} qubits", register.type.span)
            wires = Wires(tuple(range(at, at + extent)), register.name)
        else:
            wires = Wires((at,), register.name, single=True)
        if not bind_register(ev, binding, register, wires, register.span):
            return None
        at += len(wires.wires)
    if at == 0:
        ev.report.error("QS304", f"`{binding.item.name}` has no qubits", binding.span)
        return None
    return at


def explode_arguments(circuit: CircuitBuilder, scope: Scope) -> None:
    """Inside a circuit the parameters are arrays of slots, and lists of numbers are arrays."""
    for name, entry in list(scope.entries.items()):
        if isinstance(entry.value, Tensor):
            scope.bind(
                name,
                circuit.explode(name, entry.value, entry.span),
                declared=entry.declared,
                span=entry.span,
                per_token="record" in entry.value.type.rows and len(entry.value.type.rows) > 1,
            )


def declared_result(ev: Evaluator, binding: Binding, type_: ast.Type, value: Tensor, span: Span) -> Value:
    """A result in the shape the signature declares (QS201 where the counts differ)."""
    axes = binding.expected(type_)
    if axes is None:
        return UNKNOWN
    if type_.kind in ("nat", "int"):
        expected = f"expected {shape_text('real', axes)}"
        return ev.report.error("QS201", f"the result of `{binding.item.name}` is real", type_.span, expected=expected)
    static = tuple(axis for axis in axes if isinstance(axis, int))
    rows: tuple[Axis, ...] = value.written[: len(value.written) - len(value.type.static)]
    if axes[: len(rows)] != rows or math.prod(static) != math.prod(value.type.static):
        found, wanted = shape_text("real", value.written), shape_text(type_.kind, axes)
        return ev.report.error(
            "QS201",
            f"the result of `{binding.item.name}` has another shape",
            span,
            label=found,
            expected=f"expected {wanted}" + ("" if type_.span.text == wanted else f": {type_.span.text}"),
        )
    if value.type.static == static:
        return value
    return ev.graph.emit("reshape", value, axes=static, span=span)
