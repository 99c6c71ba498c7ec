"""The meaning of expressions, with sizes known.

One evaluator serves circuits, attention blocks, flows and settings: what an operator does follows from what its
operands are (`values`). Numbers fold, symbolic scalars stay affine where they can, tensors become operations of the
model graph.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from qsanc.check.module import Definition, Module
from qsanc.diagnostics import Note
from qsanc.elaborate import observables
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.indexing import index
from qsanc.elaborate.limits import DEEPEST_LIST, LARGEST_INTEGER, MOST_ITEMS, MOST_STEPS, Steps, TooLarge
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Entry, Scope
from qsanc.elaborate.sizes import Sizes
from qsanc.elaborate.symbols import affine, elements, finite, holds, nested, rectangular, symbolic
from qsanc.elaborate.values import (
    UNKNOWN,
    Deferred,
    DimRef,
    Interval,
    Observed,
    Scalar,
    Template,
    Tensor,
    Time,
    Unknown,
    Value,
    Word,
    a,
    describe,
    is_number,
    number,
)
from qsanc.ir.circuit import Angle
from qsanc.ir.ops import ShapeError
from qsanc.source import Span
from qsanc.syntax import ast
from qsanc.syntax.walk import dotted, names_in

_UNITS = {"rad": 1.0, "deg": math.pi / 180, "turn": 2 * math.pi, "ns": 1e-9, "us": 1e-6, "ms": 1e-3}
_CONSTANTS = {"pi": math.pi, "tau": 2 * math.pi}
_WORDS = frozenset(
    {"causal", "none", "rows", "softmax", "auto", "parameter_shift", "adjoint", "spsa", "finite_difference"}
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
Special: TypeAlias = "Callable[[ast.Expr, Scope], Value | None]"
_OPERATION = {"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow"}


class Evaluator:
    """Evaluates expressions and reports what is wrong with them; `graph` is where tensors are computed.

    `special` is asked first what an expression means, and answers None where the rules here hold.
    """

    def __init__(
        self,
        report: Report,
        sizes: Sizes,
        graph: Graph,
        special: Special | None = None,
        *,
        steps: Steps | None = None,
    ) -> None:
        self.report = report
        self.sizes = sizes
        self.graph = graph
        self.special = special
        self.overlaps: dict[int, list[Tensor]] = {}
        self.steps = steps or Steps()
        self._globals: dict[Definition, Entry] = {}

    # ---- entry points ---------------------------------------------------------------------------------------------

    def expr(self, node: ast.Expr, scope: Scope) -> Value:
        """The value of an expression; UNKNOWN where it has an error, which is then reported."""
        if self.special is not None and (found := self.special(node, scope)) is not None:
            return found
        match node:
            case ast.Number():
                return node.value
            case ast.Quantity():
                scaled = node.value * _UNITS[node.unit]
                return Time(scaled) if node.unit in ("ns", "us", "ms") else scaled
            case ast.String() | ast.Bool():
                return node.value
            case ast.Name():
                return self.entry(node, scope).value
            case ast.ListOf():
                return self.listed(tuple(self.expr(item, scope) for item in node.items), node.span)
            case ast.Comprehension():
                return self._comprehension(node, scope)
            case ast.Unary():
                return self._unary(node, self.expr(node.operand, scope))
            case ast.Binary():
                return self.binary(node.op, self.expr(node.left, scope), self.expr(node.right, scope), node)
            case ast.Compare():
                return self.compare(node, self.expr(node.left, scope), self.expr(node.right, scope))
            case ast.Range():
                return self._range(node, scope)
            case ast.Index():
                try:
                    return index(self, node, scope)
                except ShapeError as error:
                    return self.report.error("QS201", "shapes do not fit in an index", node.span, label=str(error))
            case ast.Call():
                return self._call(node, scope)
            case ast.Attr():
                return self._attribute(node, scope)
            case ast.Approx():
                return self.report.error("QS108", "`~=` stands only in an assertion", node.span)
            case ast.Whole():
                return self.report.error("QS108", "`..` alone stands only inside an index", node.span)

    def attempt(self, node: ast.Expr, scope: Scope) -> Value:
        """The value of an expression as a trial: UNKNOWN where it has an error, and nothing is reported."""
        reported, known = self.report, dict(self._globals)
        self.report = Report()
        value = self.expr(node, scope)
        self.report, self._globals = reported, known
        return value

    def entry(self, node: ast.Name, scope: Scope) -> Entry:
        """What a name stands for: the innermost binding, then the module's, then the language's own."""
        found = scope.find(node.name) or self._global(node.name, scope.module)
        if found is not None:
            return found
        if node.name in _CONSTANTS:
            return Entry(_CONSTANTS[node.name])
        if node.name in _WORDS:
            return Entry(Word(node.name))
        self.report.error("QS101", f"unknown name `{node.name}`", node.span)
        return Entry(UNKNOWN)

    def integer(self, node: ast.Expr, scope: Scope, what: str) -> int | None:
        """A compile-time integer, or None after QS206."""
        value = self.expr(node, scope)
        if isinstance(value, bool) or not isinstance(value, int):
            if not isinstance(value, Unknown):
                help_ = f"write `floor({node.span.text})`" if isinstance(value, float) else ""
                self.report.error(
                    "QS206",
                    f"{what} must be an integer known at compile time",
                    node.span,
                    label=self.shown(value),
                    help=help_,
                )
            return None
        return value

    def repetitions(self, node: ast.Expr, scope: Scope) -> range | None:
        """The values a loop runs through; None after an error."""
        value = self.expr(node, scope)
        if isinstance(value, Unknown):
            return None
        steps = value.integers() if isinstance(value, Interval) else None
        if steps is None:
            self.report.error(
                "QS206",
                "a loop runs over a range of integers known at compile time",
                node.span,
                label=self.shown(value),
            )
            return None
        count = max(0, steps.stop - steps.start)
        if count > MOST_STEPS:
            raise TooLarge(f"a loop of {count} rounds is longer than {MOST_STEPS}", node.span)
        self.steps.take(count, node.span)
        return steps

    def shown(self, value: Value) -> str:
        return number(value) if is_number(value) else describe(value)  # type: ignore[arg-type]

    def tensor(self, value: Value, span: Span) -> Tensor | None:
        """A value of the model graph: numbers and lists of them become constants, lists of tensors one tensor."""
        if isinstance(value, Tensor):
            return value
        if is_number(value):
            return self.graph.constant(float(value))  # type: ignore[arg-type]
        if isinstance(value, np.ndarray) and all(is_number(item) for item in value.ravel()):
            value = nested(value)
        if isinstance(value, tuple) and value:
            constant = rectangular(value)
            if constant is not None:
                return self.graph.constant(tuple(constant.ravel().tolist()), constant.shape)
            parts = [self.tensor(item, span) for item in value]
            if all(part is not None for part in parts):
                return self._stacked([part for part in parts if part is not None], span)
            return None
        if not isinstance(value, Unknown):
            self.report.error("QS108", f"{a(value)} cannot be used as a number here", span)
        return None

    # ---- names ----------------------------------------------------------------------------------------------------

    def _global(self, name: str, module: Module) -> Entry | None:
        definition = module.names.get(name)
        return self._defined(definition) if isinstance(definition, Definition) else None

    def _defined(self, definition: Definition) -> Entry:
        """The value of a definition, found once."""
        if definition not in self._globals:
            self._globals[definition] = Entry(UNKNOWN)  # what a cyclic constant finds
            self._globals[definition] = Entry(self._define(definition), span=definition.item.name_span)
        return self._globals[definition]

    def _define(self, definition: Definition) -> Value:
        scope = Scope(definition.module)
        match definition.item:
            case ast.Const() as item:
                value = self.expr(item.value, scope)
                return value if item.type is None else self._typed(item.name, item.type, value, item.value.span, scope)
            case ast.Size() as item:
                return self.size(item, scope)
            case ast.Hyper() as item:
                return self.hyper(item, scope)
            case _:
                return Template(definition)

    def size(self, item: ast.Size, scope: Scope) -> Value:
        """The value of a size: what was set, what data gave, its default, or a stand-in until data is there."""
        given = self.sizes.given(item.name)
        if given is None and item.value is not None:
            default = self.integer(item.value, scope, f"size `{item.name}`")
            if default is None:
                return UNKNOWN
            given = self.sizes.record(item.name, default, "default")
        elif given is None:
            given = self.sizes.record(item.name, self._stand_in(item, scope), "placeholder")
        if isinstance(given, bool) or not isinstance(given, int) or given < 0:
            return self.report.error(
                "QS206", f"size `{item.name}` must be a natural number", item.span, label=f"set to {given}"
            )
        return self._within(given, item.name, item.within, item.span, scope)

    def _stand_in(self, item: ast.Size, scope: Scope) -> int:
        """A number for a size that only data can tell, in its range."""
        number = self.sizes.placeholder(item.name)
        bounds = self.expr(item.within, scope) if item.within is not None else None
        steps = bounds.integers() if isinstance(bounds, Interval) else None
        return steps[-1] if steps and number not in steps else number

    def hyper(self, item: ast.Hyper, scope: Scope) -> Value:
        """The value of a setting: what was set, or its default."""
        if item.type.dims:
            return self.report.error("QS206", f"the setting `{item.name}` is one number", item.type.span)
        span = item.value.span
        given: Value
        if (chosen := self.sizes.given(item.name)) is not None:
            span = item.name_span
            given = bool(chosen) if item.type.kind == "bool" and chosen in (0, 1) else self.computed(chosen, span)
        else:
            given = self.expr(item.value, scope)
            if isinstance(given, (int, float)):
                self.sizes.record(item.name, int(given) if isinstance(given, bool) else given, "default")
        return self._within(self._typed(item.name, item.type, given, span, scope), item.name, item.within, span, scope)

    def _typed(self, name: str, type_: ast.Type, value: Value, span: Span, scope: Scope) -> Value:
        from qsanc.elaborate.declared import fits

        return fits(self, name, type_, value, span, scope)

    def _within(self, value: Value, name: str, within: ast.Expr | None, span: Span, scope: Scope) -> Value:
        if within is None:
            return value
        bounds = self.expr(within, scope)
        if isinstance(bounds, Interval) and is_number(value) and value not in bounds:  # type: ignore[operator]
            return self.report.error(
                "QS203",
                f"`{name}` = {self.shown(value)} is outside its range {bounds}",
                within.span,
                label=f"must lie in {bounds}",
            )
        return value

    def _attribute(self, node: ast.Attr, scope: Scope) -> Value:
        path = dotted(node)
        definition = scope.module.lookup(path) if path else None
        if definition is not None:
            return self._defined(definition).value
        return self.report.error("QS108", f"`.{node.name}` cannot be used here", node.span)

    # ---- operators ------------------------------------------------------------------------------------------------

    def _unary(self, node: ast.Unary, value: Value) -> Value:
        if isinstance(value, Unknown):
            return UNKNOWN
        if node.op == "not":
            if isinstance(value, bool):
                return not value
            return self.report.error(
                "QS206", "`not` needs a condition known at compile time", node.span, label=self.shown(value)
            )
        if isinstance(value, Tensor):
            return self.graph.emit("neg", self.graph.real(value), span=node.span)
        return self.binary("*", -1, value, node)

    def binary(self, op: str, left: Value, right: Value, node: ast.Unary | ast.Binary) -> Value:
        """`left op right` by the kinds of the operands."""
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return UNKNOWN
        if op in ("and", "or"):
            if isinstance(left, bool) and isinstance(right, bool):
                return (left and right) if op == "and" else (left or right)
            return self.report.error("QS206", f"`{op}` needs conditions known at compile time", node.span)
        try:
            if op == "%" and any(isinstance(side, (Tensor, Angle, Deferred)) for side in (left, right)):
                return self.report.error("QS401", "`%` of a run-time number has no derivative", node.span)
            if op == "/" and is_number(right) and right == 0 and not isinstance(left, Observed):
                return self.report.error("QS203", "division by zero", node.span)
            if holds(left, Tensor) or holds(right, Tensor):
                if op in _OPERATION:
                    x, y = self.tensor(left, node.span), self.tensor(right, node.span)
                    return self.graph.binary(_OPERATION[op], x, y, node.span) if x and y else UNKNOWN
            elif isinstance(left, Time) or isinstance(right, Time):
                duration = _time(op, left, right)
                if duration is not None:
                    return duration
            elif isinstance(left, Observed) or isinstance(right, Observed):
                return observables.combine(self, op, left, right, node)
            elif is_number(left) and is_number(right):
                return self._arithmetic(op, left, right, node)  # type: ignore[arg-type]
            elif op in _OPERATION:
                combined = symbolic(lambda a, b: self._scalars(op, a, b, node), left, right)
                if combined is not None:
                    return combined
        except ShapeError:
            return self.report.error(
                "QS201",
                f"shapes do not fit in `{node.span.text}`"
                if len(node.span.text) < 60
                else f"shapes do not fit in `{op}`",
                node.span,
                label=f"{describe(left)} {op} {describe(right)}",
                help="only a scalar combines with any shape; broadcast(b, [S, D]) spreads a value on purpose",
            )
        return self.report.error("QS108", f"`{op}` does not combine {a(left)} with {a(right)}", node.span)

    def _scalars(self, op: str, left: Scalar, right: Scalar, node: ast.Unary | ast.Binary) -> Value:
        """`left op right` for two scalars inside a circuit, at least one of them in an array or symbolic."""
        if is_number(left) and is_number(right):
            return self._arithmetic(op, left, right, node)  # type: ignore[arg-type]
        if op == "/" and is_number(right) and right == 0:
            return self.report.error("QS203", "division by zero", node.span)
        result = affine(_OPERATION[op], left, right)
        return result if finite(result) else self.report.error("QS203", "the number is too large", node.span)

    def _arithmetic(self, op: str, left: int | float, right: int | float, node: ast.Unary | ast.Binary) -> Value:
        try:
            match op:
                case "+":
                    result: int | float = left + right
                case "-":
                    result = left - right
                case "*":
                    result = left * right
                case "/":
                    result = left / right
                case "%":
                    result = left % right
                case "^":
                    if isinstance(left, int) and isinstance(right, int) and abs(left) > 1 and right > 64:
                        raise OverflowError
                    result = left**right
                case _:
                    return self.report.error("QS108", f"`{op}` does not combine numbers", node.span)
        except ZeroDivisionError:
            return self.report.error("QS203", "division by zero", node.span)
        except OverflowError:
            return self.report.error("QS203", "the number is too large", node.span, label="more than 63 bits")
        return self.computed(result, node.span)

    def computed(self, result: int | float | complex, span: Span) -> Value:
        """A computed number; QS203 where it is not finite or no integer of 64 bits."""
        if isinstance(result, int) and abs(result) > LARGEST_INTEGER:
            return self.report.error("QS203", "the integer is too large", span, label="more than 63 bits")
        if isinstance(result, complex) or not math.isfinite(result):
            return self.report.error("QS203", "the result is not a finite real number", span)
        return result

    def compare(self, node: ast.Compare, left: Value, right: Value) -> Value:
        """Whether `left op right` holds."""
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return UNKNOWN
        comparable = (is_number(left) and is_number(right)) or (
            type(left) is type(right) and isinstance(left, (bool, str))
        )
        if not comparable:
            return self.report.error(
                "QS206",
                "a comparison needs numbers known at compile time",
                node.span,
                label=f"{describe(left)} {node.op} {describe(right)}",
            )
        return _COMPARE[node.op](left, right)

    def _range(self, node: ast.Range, scope: Scope) -> Value:
        low, high = self.expr(node.low, scope), self.expr(node.high, scope)
        if isinstance(low, Unknown) or isinstance(high, Unknown):
            return UNKNOWN
        if isinstance(high, DimRef):
            return self.report.error(
                "QS206",
                f"`{high.name}` is known only at run time",
                node.high.span,
                label="a range needs numbers known at compile time",
            )
        if not (is_number(low) and is_number(high)):
            wrong, place = (high, node.high) if is_number(low) else (low, node.low)
            return self.report.error(
                "QS206", "the ends of a range are numbers known at compile time", place.span, label=self.shown(wrong)
            )
        return Interval(low, high, node.closed)  # type: ignore[arg-type]

    def _comprehension(self, node: ast.Comprehension, scope: Scope) -> Value:
        items = []
        steps = self.repetitions(node.over, scope)
        if steps is None:
            return UNKNOWN
        for k in steps:
            inner = scope.inner()
            inner.bind(node.name, k, span=node.name_span)
            first = len(self.graph.probes)
            items.append(self.expr(node.body, inner))
            self.graph.relabel(first, k)
        return self.listed(tuple(items), node.span)

    def listed(self, items: tuple[Any, ...], span: Span) -> Value:
        """The list of these items. Raises `TooLarge` for one too long or too deep to be meant."""
        if any(isinstance(item, Unknown) for item in items):
            return UNKNOWN
        count, depth = elements(items)
        if count > MOST_ITEMS or depth > DEEPEST_LIST:
            raise TooLarge(f"a list of more than {MOST_ITEMS} elements, or nested more than {DEEPEST_LIST} deep", span)
        return items

    def where(self, node: ast.Expr | tuple[ast.Expr, ...], scope: Scope) -> tuple[Note, ...]:
        """The values of the names in expressions, for a note: `with l = 2, n = 4`."""
        parts: dict[str, str] = {}
        for name in names_in(node):
            entry = scope.find(name) or self._global(name, scope.module)
            if entry is not None and is_number(entry.value):
                parts[name] = f"{name} = {self.shown(entry.value)}"
        return (Note("with " + ", ".join(parts.values())),) if parts else ()

    # ---- calls ----------------------------------------------------------------------------------------------------

    def with_generics(self, template: Template, args: tuple[ast.Arg, ...], scope: Scope) -> Value:
        """A template with generics given in square brackets, in order or by name."""
        item = template.definition.item
        generics: tuple[ast.Generic, ...] = getattr(item, "generics", ())
        names = [g.name for g in generics if g.type is None or g.type.kind != "dim"]  # a dim follows from the arguments
        given = list(template.generics)
        for position, arg in enumerate(args):
            name = arg.name or (names[position] if position < len(names) else None)
            if name not in names:
                return self.report.error(
                    "QS202",
                    f"`{item.name}` has no generic `{name}`" if name else f"`{item.name}` has {len(names)} generics",
                    arg.span,
                )
            value = self.expr(arg.value, scope)
            if isinstance(value, Unknown):
                return UNKNOWN
            given.append((str(name), value, arg.value.span))
        return Template(template.definition, tuple(given))

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        from qsanc.elaborate.functions import FUNCTIONS

        if isinstance(node.base, ast.Name) and scope.find(node.base.name) is None:
            name = node.base.name
            if name in FUNCTIONS and self._global(name, scope.module) is None:
                try:
                    return FUNCTIONS[name](self, node, scope)
                except ShapeError as reason:
                    return self.report.error("QS201", f"shapes do not fit in `{name}`", node.span, label=str(reason))
        base = self.expr(node.base, scope)
        if isinstance(base, Unknown):
            return UNKNOWN
        if isinstance(base, Template):
            from qsanc.elaborate.calls import call_template

            return call_template(self, base, node, scope)
        return self.report.error("QS108", f"{a(base)} cannot be called", node.span)

    def _stacked(self, parts: list[Tensor], span: Span) -> Tensor | None:
        """Values of one shape as one value with a new first static axis."""
        rows = max((part.type.rows for part in parts), key=len)
        shape = parts[0].type.static
        if any(part.type.static != shape or rows[: len(part.type.rows)] != part.type.rows for part in parts):
            self.report.error(
                "QS201",
                "the elements of a list differ in shape",
                span,
                label=", ".join(describe(part) for part in parts[:4]),
            )
            return None
        flat = self.graph.joined(parts, rows)
        return self.graph.emit("reshape", flat, axes=(len(parts), *shape), span=span) if shape else flat


def _time(op: str, left: Value, right: Value) -> Time | None:
    """Times add, and scale with numbers; None where they do not combine."""
    if isinstance(left, Time) and isinstance(right, Time) and op in ("+", "-"):
        return Time(left.seconds + right.seconds if op == "+" else left.seconds - right.seconds)
    if op == "*" and is_number(left) and isinstance(right, Time):
        return Time(left * right.seconds)  # type: ignore[operator]
    if op in ("*", "/") and isinstance(left, Time) and is_number(right) and (right or op == "*"):
        return Time(left.seconds * right if op == "*" else left.seconds / right)  # type: ignore[operator]
    return None
