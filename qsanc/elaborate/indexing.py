"""Elements, slices and look-ups: `th[0, i]`, `q[0..m]`, `emb[tokens]`, `x[-1]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qsanc.elaborate.scope import Scope
from qsanc.elaborate.values import UNKNOWN, Interval, Template, Tensor, Unknown, Value, Wires, a, describe
from qsanc.source import Span
from qsanc.syntax import ast

if TYPE_CHECKING:
    from qsanc.elaborate.expressions import Evaluator


def index(ev: Evaluator, node: ast.Index, scope: Scope) -> Value:
    base = ev.expr(node.base, scope)
    if isinstance(base, Unknown):
        return UNKNOWN
    if isinstance(base, Template):
        return ev.with_generics(base, node.args, scope)
    if isinstance(base, Wires):
        return wires(ev, base, node.args, node.span, scope)
    if isinstance(base, (Tensor, tuple, np.ndarray)):
        return element(ev, base, node.args, node, scope)
    return ev.report.error("QS108", f"{a(base)} has no elements", node.span)


def element(ev: Evaluator, base: Value, args: tuple[ast.Arg, ...], node: ast.Index, scope: Scope) -> Value:
    """`base[args]`. In a list the first index chooses, and the others belong to what it chose."""
    if isinstance(base, Tensor):
        return index_tensor(ev, base, args, node, scope)
    if isinstance(base, np.ndarray):
        if len(args) > base.ndim:
            return too_many(ev, node, base)
        places = [place(ev, arg, extent, node, scope) for arg, extent in zip(args, base.shape, strict=False)]
        return UNKNOWN if any(at is None for at in places) else base[tuple(places)]
    if not args or not isinstance(base, tuple):
        return too_many(ev, node, base) if args else base
    at = place(ev, args[0], len(base), node, scope)
    if at is None:
        return UNKNOWN
    if isinstance(at, int):
        return element(ev, base[at], args[1:], node, scope)
    parts = tuple(element(ev, part, args[1:], node, scope) for part in base[at])
    return UNKNOWN if any(isinstance(part, Unknown) for part in parts) else parts


def place(ev: Evaluator, arg: ast.Arg, extent: int, node: ast.Node, scope: Scope) -> int | slice | None:
    """A static index or slice into an axis of `extent` elements, checked; None after an error."""
    if isinstance(arg.value, ast.Whole):
        return slice(0, extent)
    value = ev.expr(arg.value, scope)
    if isinstance(value, Unknown):
        return None
    if isinstance(value, Interval):
        steps = value.integers()
        if steps is None:
            ev.report.error("QS206", "a slice needs integers", arg.span, label=ev.shown(value))
            return None
        if steps.start < 0 or steps.stop > extent or steps.stop < steps.start:
            outside(ev, str(value), extent, arg, scope)
            return None
        return slice(steps.start, steps.stop)
    if isinstance(value, bool) or not isinstance(value, int):
        ev.report.error("QS206", "an index must be an integer known at compile time", arg.span, label=ev.shown(value))
        return None
    if not 0 <= value < extent:
        outside(ev, str(value), extent, arg, scope)
        return None
    return value


def outside(ev: Evaluator, value: str, extent: int, arg: ast.Arg, scope: Scope) -> None:
    ev.report.error(
        "QS205",
        f"index {value} is out of range",
        arg.span,
        label=f"valid are 0 to {extent - 1}" if extent else "the axis is empty",
        notes=ev.where(arg.value, scope),
    )


def too_many(ev: Evaluator, node: ast.Index, base: Value) -> Unknown:
    return ev.report.error("QS201", "more indices than axes", node.span, label=f"indexes {a(base)}")


def index_tensor(ev: Evaluator, base: Tensor, args: tuple[ast.Arg, ...], node: ast.Index, scope: Scope) -> Value:
    graph, at = ev.graph, 0
    for arg in args:
        written = base.written
        if at >= len(written):
            return too_many(ev, node, base)
        axis = at + len(base.type.axes) - len(written)
        extent = written[at]
        whole = isinstance(arg.value, ast.Whole)
        if isinstance(extent, str):
            if not whole:
                token = ev.integer(arg.value, scope, "the place of a token")
                if token is None:
                    return UNKNOWN
                base = graph.emit("token", base, index=token, span=node.span)
                continue
            at += 1
            continue
        value = None if whole else ev.expr(arg.value, scope)
        if isinstance(value, Unknown):
            return UNKNOWN
        if isinstance(value, Tensor):
            if value.type.kind != "int":
                return ev.report.error("QS206", "an index must be an integer", arg.span, label=describe(value))
            if base.type.rows or at:
                return ev.report.error("QS108", "only the first axis of a parameter is looked up by data", arg.span)
            base = graph.emit("gather", base, value, span=node.span)
            at = len(value.written)
            continue
        checked = place(ev, arg, extent, node, scope)
        if checked is None:
            return UNKNOWN
        if isinstance(checked, int):
            base = graph.emit("select", base, axis=axis, index=checked, span=node.span)
            continue
        if (checked.start, checked.stop) != (0, extent):
            base = graph.emit("slice", base, axis=axis, start=checked.start, stop=checked.stop, span=node.span)
        at += 1
    return base


def wires(ev: Evaluator, base: Wires, args: tuple[ast.Arg, ...], span: Span, scope: Scope) -> Value:
    """Some qubits of a register: `q[i]`, `q[0..m]`."""
    if base.single:
        return ev.report.error("QS304", f"`{base.name}` is a single qubit and has no index", span)
    if len(args) != 1 or args[0].name is not None:
        return ev.report.error("QS304", "a register has one index", span)
    arg, extent = args[0], len(base.wires)
    if isinstance(arg.value, ast.Whole):
        return base
    value = ev.expr(arg.value, scope)
    if isinstance(value, Unknown):
        return UNKNOWN
    bad = f"`{base.name}` is qubit[{extent}]: valid are 0 to {extent - 1}"
    if isinstance(value, Interval) and (steps := value.integers()) is not None:
        if steps.start < 0 or steps.stop > extent or steps.stop < steps.start:
            return ev.report.error(
                "QS301", f"qubits {value} are out of range", arg.span, label=bad, notes=ev.where(arg.value, scope)
            )
        return Wires(base.wires[steps.start : steps.stop], base.name)
    if isinstance(value, bool) or not isinstance(value, int):
        return ev.report.error(
            "QS206",
            "the index of a qubit must be an integer known at compile time",
            arg.span,
            label=ev.shown(value),
        )
    if not 0 <= value < extent:
        return ev.report.error(
            "QS301", f"qubit {value} is out of range", arg.span, label=bad, notes=ev.where(arg.value, scope)
        )
    return Wires((base.wires[value],), base.name, single=True)
