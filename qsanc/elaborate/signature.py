"""Binding a template's generics and parameters to what it is called with.

A generic is what the call says; else what the shapes of the arguments and the lengths of the registers make it (each
dim that is affine in one unknown generic is solved: `depth + 2` against 6 gives depth = 4); else its default. Then
every written dim is compared with what was passed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from qsanc.diagnostics import Note
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.scope import Entry, Scope
from qsanc.elaborate.symbols import leaves
from qsanc.elaborate.values import (
    DimRef,
    Interval,
    Template,
    Tensor,
    Unknown,
    Value,
    Wires,
    a,
    article,
    is_number,
    is_symbolic,
    of_kind,
    shape_text,
)
from qsanc.ir.model import Axis
from qsanc.source import Span
from qsanc.syntax import ast
from qsanc.syntax.walk import names_in


@dataclass(frozen=True, slots=True, eq=False)
class Argument:
    """What a parameter is given, and where that stands; `entry`, `name` and `scope` where it is a plain name."""

    value: Value
    span: Span
    entry: Entry | None = None
    name: str | None = None
    scope: Scope | None = None


def arguments(
    ev: Evaluator, params: tuple[ast.Param, ...], args: tuple[ast.Arg, ...], span: Span, what: str, scope: Scope
) -> dict[str, Argument] | None:
    """Arguments by parameter name; None after an error. Parameters with defaults may be missing from the result."""
    given: dict[str, Argument] = {}
    names = [param.name for param in params]
    for position, arg in enumerate(args):
        name = arg.name or (names[position] if position < len(names) else None)
        if name is None or name not in names or name in given:
            ev.report.error("QS107", f"`{what}` takes {len(names)} arguments: {', '.join(names) or 'none'}", arg.span)
            return None
        entry = ev.entry(arg.value, scope) if isinstance(arg.value, ast.Name) else None
        value = entry.value if entry else ev.expr(arg.value, scope)
        if isinstance(value, Unknown):
            return None
        given[name] = (
            Argument(value, arg.value.span, entry, arg.value.name, scope)
            if isinstance(arg.value, ast.Name)
            else Argument(value, arg.value.span)
        )
    missing = [param.name for param in params if param.name not in given and param.default is None]
    if missing:
        ev.report.error("QS107", f"`{what}` lacks the argument `{missing[0]}`", span)
        return None
    return given


def axes_of(value: Value) -> tuple[Axis, ...] | None:
    """The axes of an array value as its program sees them; None for what is no array or number."""
    if isinstance(value, Tensor):
        return value.written
    if isinstance(value, np.ndarray):
        return tuple(value.shape)
    if is_number(value) or is_symbolic(value) or isinstance(value, bool):
        return ()
    if isinstance(value, tuple):
        inner = {axes_of(item) for item in value}
        only = inner.pop() if len(inner) == 1 else None
        return None if only is None else (len(value), *only)
    return None


class Binding:
    """One call's generics and parameters; `scope` holds them for the body."""

    def __init__(self, ev: Evaluator, template: Template, span: Span) -> None:
        self.ev = ev
        item = template.definition.item
        assert isinstance(item, (ast.Ansatz, ast.Circuit, ast.Attention))
        self.item: ast.Ansatz | ast.Circuit | ast.Attention = item
        self.generics = {g.name: g for g in self.item.generics}
        self.scope = Scope(template.definition.module)
        self.span = span
        self._from: dict[str, str] = {}
        self._explicit: set[str] = set()
        self._contradicted = False
        for name, value, place in template.generics:
            self.scope.bind(name, value, text=place.text, span=place)
            self._explicit.add(name)

    def infer(self, given: dict[str, Argument], registers: dict[str, Wires], *, entry: bool = False) -> bool:
        """Bind every generic; False after an error. `entry`: nobody calls, so that sizes come from outside."""
        facts: list[tuple[ast.Expr, Axis, str, Span]] = []
        for param in self.item.params:
            axes = axes_of(given[param.name].value) if param.name in given else None
            if axes is not None and len(axes) == len(param.type.dims):
                facts += [
                    (dim, axis, param.name, given[param.name].span)
                    for dim, axis in zip(param.type.dims, axes, strict=True)
                ]
        for register in self.item.registers:
            wires = registers.get(register.name)
            if wires is not None and len(register.type.dims) == 1 and not wires.single:
                facts.append((register.type.dims[0], len(wires.wires), register.name, self.span))
        progress = True
        while progress:
            progress = False
            for dim, axis, source, place in facts:
                progress |= self._solve(dim, axis, source, place)
        for generic in self.item.generics:
            if self.scope.entries.get(generic.name) is None and generic.default is not None:
                self.scope.bind(generic.name, self.ev.expr(generic.default, self.scope), text=None)
        good = not self._contradicted
        for generic in self.item.generics:
            bound = self.scope.entries.get(generic.name)
            if bound is None:
                run_time = self._kind(generic.name) == "dim"
                self.ev.report.error(
                    "QS202",
                    f"generic `{generic.name}` of `{self.item.name}` cannot be inferred here",
                    self.span,
                    label="no argument has this run-time axis" if run_time else "",
                    help=self._way_out(generic.name, entry=entry) if not run_time else "",
                )
                good = False
            else:
                good &= self._legal(generic, bound)
        return good

    def _way_out(self, name: str, *, entry: bool) -> str:
        return f"--set {name}=2" if entry else f"{self.item.name}[{name} = 2]"

    def _solve(self, dim: ast.Expr, axis: Axis, source: str, place: Span) -> bool:
        """Bind the one unknown generic of `dim == axis`, if it has just one and the equation a natural solution."""
        unknown = [n for n in names_in(dim) if n in self.generics and n not in self.scope.entries]
        if len(unknown) != 1:
            if isinstance(dim, ast.Name) and dim.name in self._from and not unknown:
                bound = self.scope.entries[dim.name].value
                if isinstance(bound, int) and isinstance(axis, int) and bound != axis:
                    self._contradicted = True
                    self.ev.report.error(
                        "QS202",
                        f"generic `{dim.name}` of `{self.item.name}` is inferred two ways",
                        place,
                        label=f"{axis} from `{source}`, {bound} from `{self._from[dim.name]}`",
                    )
            return False
        name = unknown[0]
        if isinstance(axis, str):
            if not isinstance(dim, ast.Name):
                return False
            self.scope.bind(name, DimRef(axis))
        else:
            if self._kind(name) == "dim":
                return False
            low, high = (self._at(dim, name, k) for k in (0, 1))
            if (
                low is None
                or high is None
                or high == low
                or (axis - low) % (high - low)
                or (axis - low) // (high - low) < 0
            ):
                return False
            solution = (axis - low) // (high - low)
            if self._at(dim, name, solution) != axis:
                return False
            self.scope.bind(name, solution)
        self._from[name] = source
        return True

    def _at(self, dim: ast.Expr, name: str, value: int) -> int | None:
        """The value of a dim with the unknown generic at `value`."""
        trial = self.scope.inner()
        trial.bind(name, value)
        result = self.ev.attempt(dim, trial)
        return result if isinstance(result, int) and not isinstance(result, bool) else None

    def _kind(self, name: str) -> str:
        type_ = self.generics[name].type
        return type_.kind if type_ is not None else "nat"

    def _legal(self, generic: ast.Generic, entry: Entry) -> bool:
        value, kind = entry.value, self._kind(generic.name)
        if isinstance(value, Unknown):
            return False
        place = entry.span or self.span
        if kind == "dim":
            if isinstance(value, DimRef):
                return True
            self.ev.report.error(
                "QS202",
                f"`{generic.name}` of `{self.item.name}` is a run-time dim",
                place,
                label=f"got {self.ev.shown(value)}",
            )
            return False
        if kind in ("nat", "int") and (
            isinstance(value, bool) or not isinstance(value, int) or (kind == "nat" and value < 0)
        ):
            self.ev.report.error(
                "QS206",
                f"generic `{generic.name}` of `{self.item.name}` must be a {kind}",
                place,
                label=self.ev.shown(value),
            )
            return False
        if (kind == "bool" and not isinstance(value, bool)) or (kind == "real" and not is_number(value)):
            self.ev.report.error(
                "QS206",
                f"generic `{generic.name}` of `{self.item.name}` must be a {kind} known at compile time",
                place,
                label=self.ev.shown(value),
            )
            return False
        if generic.within is not None:
            bounds = self.ev.expr(generic.within, self.scope)
            if isinstance(bounds, Interval) and is_number(value) and value not in bounds:  # type: ignore[operator]
                self.ev.report.error(
                    "QS203",
                    f"`{generic.name}` = {self.ev.shown(value)} is outside its range {bounds}",
                    place,
                    label=f"`{self.item.name}` takes {bounds}",
                )
                return False
        return True

    def bind_parameters(self, given: dict[str, Argument], *, per_token: bool) -> bool:
        """Check every argument against the written type and bind it; False after an error.

        With `per_token`, arguments come from inside an attention block, where a run-time axis is gone already.
        """
        good = True
        for param in self.item.params:
            argument = given.get(param.name)
            if argument is None:
                assert param.default is not None
                argument = Argument(self.ev.expr(param.default, self.scope), param.default.span)
                if isinstance(argument.value, Unknown):
                    good = False
                    continue
            good &= self._check(param, argument, per_token=per_token)
            self.scope.bind(param.name, argument.value, declared=param.type, span=param.name_span)
        return good

    def expected(self, type_: ast.Type) -> tuple[Axis, ...] | None:
        """The axes of a written type with the generics at their values; None after an error."""
        axes: list[Axis] = []
        for dim in type_.dims:
            value = self.ev.expr(dim, self.scope)
            if isinstance(value, DimRef):
                axes.append(value.name)
            elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                axes.append(value)
            else:
                if not isinstance(value, Unknown):
                    self.ev.report.error(
                        "QS206",
                        "an extent must be a natural number",
                        dim.span,
                        label=self.ev.shown(value),
                        notes=self.ev.where(dim, self.scope),
                    )
                return None
        return tuple(axes)

    def _check(self, param: ast.Param, argument: Argument, *, per_token: bool) -> bool:
        expected = self.expected(param.type)
        if expected is None:
            return False
        found = axes_of(argument.value)
        if found is None:
            self.ev.report.error(
                "QS108",
                f"`{param.name}` of `{self.item.name}` is a {shape_text(param.type.kind, expected)}",
                argument.span,
                label=f"this is {a(argument.value)}",
            )
            return False
        if found != expected:
            self._mismatch(param, argument, expected, found, per_token=per_token)
            return False
        return self._kind_fits(param, argument)

    def _kind_fits(self, param: ast.Param, argument: Argument) -> bool:
        kind, value = param.type.kind, argument.value
        wrong = next((leaf for leaf in leaves(value) if not of_kind(kind, leaf)), None)
        if wrong is not None:
            known = " known at compile time" if kind in ("nat", "int", "bit", "bool") else ""
            self.ev.report.error(
                "QS206",
                f"`{param.name}` of `{self.item.name}` must be {article(kind)}{known}",
                argument.span,
                label=self.ev.shown(wrong),
            )
            return False
        bounds = self.ev.expr(param.within, self.scope) if param.within is not None else None
        if kind == "prob" and bounds is None:
            bounds = Interval(0, 1, closed=True)
        if isinstance(bounds, Interval):
            for number in _plain(value):
                if number not in bounds:
                    self.ev.report.error(
                        "QS203",
                        f"`{param.name}` = {self.ev.shown(number)} is outside its range {bounds}",
                        argument.span,
                    )
                    return False
        return True

    def _mismatch(
        self,
        param: ast.Param,
        argument: Argument,
        expected: tuple[Axis, ...],
        found: tuple[Axis, ...],
        *,
        per_token: bool,
    ) -> None:
        kind = param.type.kind
        label = shape_text(kind, found) + (
            " for each token" if per_token and argument.entry and argument.entry.per_token else ""
        )
        reasons = []
        for name in dict.fromkeys(n for dim in param.type.dims for n in names_in(dim)):
            entry = self.scope.find(name)
            if entry is None or not is_number(entry.value):
                continue
            via = f"{entry.text} = " if entry.text and entry.text != name and not entry.text.isdigit() else ""
            reasons.append(f"{name} = {via}{self.ev.shown(entry.value)}")
        written = ", ".join(dim.span.text for dim in param.type.dims)
        wanted = shape_text(kind, expected)
        if param.type.dims and written != ", ".join(map(str, expected)):
            wanted += f": [{written}]" + (f" with {', '.join(reasons)}" if reasons else "")
        notes: tuple[Note, ...] = ()
        help_ = ""
        declared = argument.entry.declared if argument.entry else None
        if declared is not None and argument.name:
            sizes = self.ev.where(declared.dims, argument.scope) if argument.scope else ()
            text = " ".join([f"{argument.name} is {declared.span.text}", *(note.text for note in sizes)])
            notes = (Note(text, argument.entry.span if argument.entry else None),)
            dims = [self._in_callers_words(dim.span.text) for dim in param.type.dims]
            if argument.entry and argument.entry.per_token and declared.dims:
                dims.insert(0, declared.dims[0].span.text)
            help_ = f"declare {argument.name} as {declared.kind}[{', '.join(dims)}]" if dims else ""
        self.ev.report.error(
            "QS201",
            f"shapes do not fit in the call of `{self.item.name}`",
            argument.span,
            label=label,
            expected=f"expected {wanted}",
            notes=notes,
            help=help_,
        )

    def _in_callers_words(self, text: str) -> str:
        """A dim of the signature with each generic replaced by what the caller gave for it."""

        def word(match: re.Match[str]) -> str:
            entry = self.scope.find(match.group())
            if entry is None or match.group() not in self.generics:
                return match.group()
            return entry.text or (str(entry.value) if match.group() in self._explicit else match.group())

        return re.sub(r"[A-Za-z_]\w*", word, text)


def _plain(value: Value) -> list[int | float]:
    """All plain numbers in a value."""
    if is_number(value):
        return [value]  # type: ignore[list-item]
    if isinstance(value, tuple):
        return [n for item in value for n in _plain(item)]
    return []
