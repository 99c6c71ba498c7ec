"""Noise blocks at the defaults of their parameters: probabilities that their channels allow, times that can pass.

Which gates a rule names, and on how many qubits its channel acts, is checked before (`check.noise`). Blocks are
executed by a later step; what is wrong in one is said now.
"""

from __future__ import annotations

from qsanc.check.arguments import by_name
from qsanc.check.builtins import builtin
from qsanc.check.channels import CHANNELS, ChannelDef
from qsanc.check.sorts import Context
from qsanc.diagnostics import CompilerBug, Note
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.values import Time, Unknown, Value, describe, is_number, number
from qsanc.source import Span
from qsanc.syntax import ast
from qsanc.syntax.walk import names_in

_TOLERANCE = 1e-9
"""How far the rows of a confusion matrix may be from a sum of one."""


def elaborate_noise(ev: Evaluator, item: ast.Noise, scope: Scope) -> None:
    """Check a noise block. `scope` is that of its module.

    Reports QS203 for a default outside its range, QS501 for a probability that its channel does not allow, QS506 for
    a confusion matrix that is none, QS507 for t2 > 2 t1, QS108 for what is not the number or the time that is wanted.
    Rules whose numbers need a parameter without default are left alone.
    """
    inner = scope.inner()
    open_: set[str] = set()
    for param in item.params:
        if param.default is None:
            open_.add(param.name)
            continue
        value = ev.expr(param.default, inner)
        if not isinstance(value, Unknown):
            _default(ev, param, value)
        inner.bind(param.name, value, text=param.name, declared=param.type, span=param.name_span)
    for rule in item.rules:
        _rule(ev, rule, inner, open_)


def _default(ev: Evaluator, param: ast.Param, value: Value) -> None:
    assert param.default is not None
    if (param.type.kind == "time") != isinstance(value, Time):
        _not_a(ev, "a time" if param.type.kind == "time" else "a number", param.default, value)
    elif param.type.kind == "prob" and is_number(value) and not 0 <= value <= 1:  # type: ignore[operator]
        ev.report.error(
            "QS203",
            f"`{param.name}` = {ev.shown(value)} is not a probability",
            param.default.span,
            label="outside 0..=1",
        )


def _not_a(ev: Evaluator, wanted: str, expr: ast.Expr, value: Value) -> None:
    text = expr.span.text
    ev.report.error(
        "QS108",
        f"`{text}` is not {wanted}",
        expr.span,
        label=f"this is {ev.shown(value) if is_number(value) else f'a {describe(value)}'}",
        help=f"write `{text}us`" if wanted == "a time" and isinstance(expr, ast.Number) else "",
    )


def _rule(ev: Evaluator, rule: ast.NoiseRule, scope: Scope, open_: set[str]) -> None:
    call = rule.channel
    if not (isinstance(call, ast.Call) and isinstance(call.base, ast.Name)):
        return
    row, channel = builtin(call.base.name, Context.CHANNEL), CHANNELS.get(call.base.name)
    if row is None or row.formals is None or channel is None:
        raise CompilerBug(f"a checked rule has the channel {call.base.name}")
    for wire in rule.wires or ():
        _wire(ev, wire, scope, open_)
    given = by_name(call.args, row.formals)
    if any(open_ & set(names_in(expr)) for expr in given.values()):
        return
    values = {name: ev.expr(expr, scope) for name, expr in given.items()}
    if any(isinstance(value, Unknown) for value in values.values()):
        return
    if channel.name == "confusion":
        _confusion(ev, given["rows"], values["rows"])
    elif channel.name == "thermal":
        _thermal(ev, given, values)
    else:
        _probabilities(ev, channel, given, values, call.span)


def _wire(ev: Evaluator, wire: ast.Expr, scope: Scope, open_: set[str]) -> None:
    if open_ & set(names_in(wire)):
        return
    value = ev.integer(wire, scope, "a wire")
    if value is not None and value < 0:
        ev.report.error("QS301", f"there is no wire {value}", wire.span, label="wires count from 0")


def _probabilities(
    ev: Evaluator, channel: ChannelDef, given: dict[str, ast.Expr], values: dict[str, Value], span: Span
) -> None:
    total = 0.0
    for name, largest in channel.largest:
        value = values[name]
        if not is_number(value):
            _not_a(ev, "a number", given[name], value)
            return
        assert isinstance(value, (int, float))
        total += value
        if not 0 <= value <= largest:
            ev.report.error(
                "QS501",
                f"`{channel.name}` takes `{name}` from 0 to {number(largest)}, and is given {ev.shown(value)}",
                given[name].span,
                label="outside the range of the channel",
                notes=_beyond(value, largest),
                help=f"write `{number(largest if value > largest else 0)}`",
            )
            return
    if channel.together is not None and total > channel.together + _TOLERANCE:
        ev.report.error(
            "QS501",
            f"the probabilities of `{channel.name}` add up to {number(total)}",
            span,
            label=f"more than {number(channel.together)}",
        )


def _beyond(value: float, largest: float) -> tuple[Note, ...]:
    if not largest < value <= 1:
        return ()
    return (Note(f"at {number(largest)} the noise is at its strongest; beyond that it would grow weaker again"),)


def _thermal(ev: Evaluator, given: dict[str, ast.Expr], values: dict[str, Value]) -> None:
    times: dict[str, float] = {}
    for name, value in values.items():
        if not isinstance(value, Time):
            _not_a(ev, "a time", given[name], value)
            return
        times[name] = value.seconds
        if value.seconds < 0 or (value.seconds == 0 and name != "dt"):
            ev.report.error(
                "QS501", f"`{name}` = {given[name].span.text} is not a time that can pass", given[name].span
            )
            return
    if times["t2"] > 2 * times["t1"] * (1 + _TOLERANCE):
        ev.report.error(
            "QS507",
            f"t2 = {_time(times['t2'])} is longer than twice t1 = {_time(times['t1'])}",
            given["t2"].span,
            label=f"at most {_time(2 * times['t1'])}",
            notes=(Note("relaxation alone (t1) already dephases at the rate 1 / (2 t1)"),),
            help=f"write `{_time(2 * times['t1'])}`",
        )


def _time(seconds: float) -> str:
    """A time as it is written in a program."""
    for unit, scale in (("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.12g}{unit}"
    return f"{seconds / 1e-9:.12g}ns"


def _confusion(ev: Evaluator, expr: ast.Expr, rows: Value) -> None:
    """Two rows of two: `rows[i][j]` is the probability of reading j where i is true."""
    square = isinstance(rows, tuple) and len(rows) == 2 and all(isinstance(r, tuple) and len(r) == 2 for r in rows)
    if not isinstance(rows, tuple) or not square or not all(is_number(p) for row in rows for p in row):
        ev.report.error(
            "QS506",
            "a confusion matrix has two rows of two probabilities",
            expr.span,
            label="rows[i][j]: reading j where i is true",
            help="write `[[0.98, 0.02], [0.03, 0.97]]`",
        )
        return
    for i, row in enumerate(rows):
        place = _row_span(expr, i)
        outside = [p for p in row if not 0 <= p <= 1]
        if outside:
            ev.report.error(
                "QS506", f"row {i} of the confusion matrix holds {number(outside[0])}", place, label="not a probability"
            )
        elif abs(sum(row) - 1) > _TOLERANCE:
            ev.report.error(
                "QS506",
                f"row {i} of the confusion matrix adds up to {number(sum(row))}",
                place,
                label=f"where {i} is true, something is read with certainty",
                help=f"write `[{number(row[0])}, {number(round(1 - row[0], 12))}]`",
            )


def _row_span(expr: ast.Expr, row: int) -> Span:
    return expr.items[row].span if isinstance(expr, ast.ListOf) and row < len(expr.items) else expr.span
