"""Models: what a record holds, what is trained, the flow that predicts, the loss, and the training settings."""

from __future__ import annotations

from typing import Any, Literal, cast

from qsanc.elaborate.blocks import let, require
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.values import (
    UNKNOWN,
    DimRef,
    Interval,
    Later,
    Tensor,
    Unknown,
    Value,
    describe,
    is_number,
    shape_text,
)
from qsanc.ir.layout import RECORD
from qsanc.ir.model import Axis, Function, Input, Type
from qsanc.ir.ops import ShapeError, is_batch_axis
from qsanc.ir.program import DataField, DimBounds, Distribution, Model, Optimizer, Parameter, Recipe
from qsanc.source import Span
from qsanc.syntax import ast
from qsanc.syntax.walk import names_in

_OPTIMIZERS: dict[str, dict[str, float]] = {
    "adam": {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "sgd": {"lr": 0.01, "momentum": 0.0},
    "spsa": {"a": 0.1, "c": 0.1, "A": 10.0, "alpha": 0.602, "gamma": 0.101},
}
_DISTRIBUTIONS = {"normal": ("mean", "sd"), "uniform": ("low", "high"), "glorot": ()}


def elaborate_model(ev: Evaluator, item: ast.Model, scope: Scope) -> tuple[Model, Function] | None:
    """The model and its function, whose outputs are `predict` and `loss`; None after an error."""
    builder = _ModelBuilder(ev, item, scope.inner())
    return builder.build()


class _ModelBuilder:
    def __init__(self, ev: Evaluator, item: ast.Model, scope: Scope) -> None:
        self.ev, self.item, self.scope = ev, item, scope
        self.parameters: list[Parameter] = []
        self.fields: list[DataField] = []
        self.dims: list[DimBounds] = []
        self.recipe = Recipe()
        self.predict: Tensor | None = None
        self.predicted: Span | None = None
        self.declared: dict[str, ast.Node] = {}
        self.inputs: list[tuple[ast.ParamDecl | ast.DataField, Tensor]] = []

    def build(self) -> tuple[Model, Function] | None:
        for generic in self.item.generics:
            self.scope.bind(generic.name, self._generic(generic), span=generic.name_span)
        blocks: dict[type, Any] = {}
        for part in self.item.parts:
            match part:
                case ast.Size():
                    self.scope.bind(part.name, self.ev.size(part, self.scope), span=part.name_span)
                case ast.Hyper():
                    self.scope.bind(part.name, self.ev.hyper(part, self.scope), span=part.name_span)
                case ast.Let():
                    let(self.ev, part, self.scope)
                case ast.Require():
                    require(self.ev, part, self.scope)
                case _:
                    blocks.setdefault(type(part), part)
        if ast.Data in blocks:
            self._dims(blocks[ast.Data])
        if ast.Params in blocks:
            for decl in blocks[ast.Params].decls:
                self._parameter(decl)
        if ast.Data in blocks:
            for decl in blocks[ast.Data].fields:
                if isinstance(decl, ast.DataField):
                    self._field(decl)
            self._dims_have_fields(blocks[ast.Data])
        if ast.Train in blocks:
            self.recipe = self._recipe(blocks[ast.Train])
        if ast.Flow not in blocks or ast.Loss not in blocks:
            return None  # QS601 has said so
        inner = self.scope.inner()
        for decl, tensor in self.inputs:
            inner.bind(decl.name, tensor, declared=decl.type, span=decl.name_span)
        self._flow(blocks[ast.Flow].body, inner)
        loss = self._loss(blocks[ast.Loss], inner)
        if self.predict is None or loss is None or self.ev.report.failed:
            return None
        function = self.ev.graph.finish(self.item.name, (("predict", self.predict), ("loss", loss)))
        self._without_path(function)
        self._without_label(function)
        if self.ev.report.failed:
            return None
        model = Model(
            self.item.name,
            tuple(self.parameters),
            tuple(self.fields),
            tuple(self.dims),
            self.ev.sizes.chosen,
            self.recipe,
        )
        return model, function

    def _generic(self, generic: ast.Generic) -> Value:
        """A generic of a model is a size or a setting of it, as nobody calls a model."""
        name, within, default, span = generic.name, generic.within, generic.default, generic.span
        kind = generic.type.kind if generic.type is not None else "nat"
        if kind == "nat":
            return self.ev.size(ast.Size(name, within, default, span=span, name_span=generic.name_span), self.scope)
        if generic.type is None or default is None or kind == "dim":
            return self.ev.report.error("QS202", f"generic `{name}` of `{self.item.name}` needs a default", span)
        hyper = ast.Hyper(name, generic.type, within, default, span=span, name_span=generic.name_span)
        return self.ev.hyper(hyper, self.scope)

    # ---- data and parameters --------------------------------------------------------------------------------------

    def _dims(self, data: ast.Data) -> None:
        for decl in data.fields:
            if not isinstance(decl, ast.Dim):
                continue
            if decl.name == RECORD or is_batch_axis(decl.name):
                self.ev.report.error(
                    "QS102",
                    f"`{decl.name}` is an axis of the compiler's own",
                    decl.name_span,
                    help=f"write `S_{decl.name}`",
                )
                self.scope.bind(decl.name, UNKNOWN)
                continue
            low, high = 1, None
            if decl.within is not None:
                bounds = self.ev.expr(decl.within, self.scope)
                steps = bounds.integers() if isinstance(bounds, Interval) else None
                if steps is None or steps.start < 0 or steps.stop <= max(steps.start, 1):
                    if not isinstance(bounds, Unknown):
                        self.ev.report.error(
                            "QS206",
                            f"the length of `{decl.name}` lies in a range of natural numbers",
                            decl.within.span,
                            label=self.ev.shown(bounds),
                        )
                else:
                    low, high = max(steps.start, 1), steps[-1]
            self.dims.append(DimBounds(decl.name, low, high))
            self.scope.bind(decl.name, DimRef(decl.name), span=decl.name_span)

    def _declare(self, decl: ast.ParamDecl | ast.DataField, tensor: Tensor) -> None:
        """The name is known from here on, and its value in the flow."""
        self.scope.bind(decl.name, Later(decl.name), declared=decl.type, span=decl.name_span)
        self.inputs.append((decl, tensor))

    def _dims_have_fields(self, data: ast.Data) -> None:
        """QS207 for a dim whose length nothing in a record tells."""
        fields = [decl for decl in data.fields if isinstance(decl, ast.DataField)]
        lengths = {axis for decl in fields for axis in names_in(decl.type.dims)}
        for dim in data.fields:
            if isinstance(dim, ast.Dim) and dim.name not in lengths:
                self.ev.report.error(
                    "QS207",
                    f"no data field has the axis `{dim.name}`",
                    dim.span,
                    label="its length is nowhere to be seen",
                    help=f"a field such as `words: int[{dim.name}] in 0..100;` has it",
                )

    def _axes(self, type_: ast.Type) -> tuple[Axis, ...] | None:
        axes: list[Axis] = []
        for dim in type_.dims:
            value = self.ev.expr(dim, self.scope)
            if isinstance(value, DimRef):
                axes.append(value.name)
            elif isinstance(value, int) and not isinstance(value, bool) and value > 0:
                axes.append(value)
            else:
                if not isinstance(value, Unknown):
                    self.ev.report.error(
                        "QS206",
                        "an extent is a positive integer known at compile time",
                        dim.span,
                        label=self.ev.shown(value),
                        notes=self.ev.where(dim, self.scope),
                    )
                return None
        return tuple(axes)

    def _parameter(self, decl: ast.ParamDecl) -> None:
        self.declared[decl.name] = decl
        axes = self._axes(decl.type)
        if (
            axes is None
            or not all(isinstance(axis, int) for axis in axes)
            or decl.type.kind not in ("angle", "real", "prob")
        ):
            if axes is not None:
                self.ev.report.error(
                    "QS206",
                    f"parameter `{decl.name}` must be an array of angles or reals of known shape",
                    decl.type.span,
                    label=shape_text(decl.type.kind, axes),
                )
            self.scope.bind(decl.name, UNKNOWN)
            return
        shape = cast("tuple[int, ...]", axes)
        low, high = self._bounds(decl.within)
        if decl.type.kind == "prob":
            low, high = max(low or 0.0, 0.0), min(1.0 if high is None else high, 1.0)
        initial = self._initial(decl, shape)
        if initial is None:
            self.scope.bind(decl.name, UNKNOWN)
            return
        for value in initial if isinstance(initial, tuple) else (initial,):
            if isinstance(value, float) and ((low is not None and value < low) or (high is not None and value > high)):
                self.ev.report.error("QS203", f"`{decl.name}` starts outside its range", decl.span, label=str(value))
                break
        kind = decl.type.kind
        self.parameters.append(Parameter(decl.name, kind, shape, initial, low, high, decl.frozen))
        tensor = self.ev.graph.input(Input(decl.name, "parameter", Type("real", shape)), decl.type.span)
        self._declare(decl, tensor)

    def _bounds(self, within: ast.Expr | None) -> tuple[float | None, float | None]:
        if within is None:
            return None, None
        bounds = self.ev.expr(within, self.scope)
        if isinstance(bounds, Interval):
            if bounds.low > bounds.high:
                self.ev.report.error("QS203", f"the range {bounds} is empty", within.span)
            return float(bounds.low), float(bounds.high)
        if not isinstance(bounds, Unknown):
            self.ev.report.error("QS206", "this must be a range such as 0..1", within.span, label=describe(bounds))
        return None, None

    def _initial(self, decl: ast.ParamDecl, shape: tuple[int, ...]) -> Distribution | float | tuple[float, ...] | None:
        if decl.distribution is not None:
            return self._distribution(decl.distribution)
        if decl.value is None:
            return 0.0
        value = self.ev.expr(decl.value, self.scope)
        if is_number(value):
            return float(value)  # type: ignore[arg-type]
        numbers, found = _elements(value), _shape(value)
        if numbers is not None and found == shape:
            return numbers
        if not isinstance(value, Unknown):
            label = shape_text(decl.type.kind, found) if found is not None else describe(value)
            self.ev.report.error(
                "QS201",
                f"the initial value of `{decl.name}` has another shape",
                decl.value.span,
                label=label,
                expected="expected " + shape_text(decl.type.kind, shape),
            )
        return None

    def _distribution(self, node: ast.Expr) -> Distribution | None:
        name = node.base.name if isinstance(node, ast.Call) and isinstance(node.base, ast.Name) else ""
        if not isinstance(node, ast.Call) or name not in _DISTRIBUTIONS:
            self.ev.report.error(
                "QS108", "a parameter starts from normal(mean, sd), uniform(low, high) or glorot()", node.span
            )
            return None
        wanted = _DISTRIBUTIONS[name]
        given = {
            (arg.name or (wanted[k] if k < len(wanted) else "")): self.ev.expr(arg.value, self.scope)
            for k, arg in enumerate(node.args)
        }
        if set(given) != set(wanted):
            self.ev.report.error("QS107", f"`{name}` takes ({', '.join(wanted)})", node.span)
            return None
        numbers = []
        for key in wanted:
            value = given[key]
            if not is_number(value):
                if not isinstance(value, Unknown):
                    self.ev.report.error(
                        "QS206", f"`{key}` of `{name}` must be a number", node.span, label=describe(value)
                    )
                return None
            numbers.append(float(value))  # type: ignore[arg-type]
        if (name == "normal" and numbers[1] < 0) or (name == "uniform" and numbers[0] > numbers[1]):
            self.ev.report.error("QS203", f"`{node.span.text}` is no distribution", node.span)
            return None
        return Distribution(cast(Literal["normal", "uniform", "glorot"], name), tuple(numbers))

    def _field(self, decl: ast.DataField) -> None:
        axes = self._axes(decl.type)
        if axes is None:
            self.scope.bind(decl.name, UNKNOWN)
            return
        bounds = self.ev.expr(decl.within, self.scope) if decl.within is not None else None
        if isinstance(bounds, Unknown):
            self.scope.bind(decl.name, UNKNOWN)
            return
        interval = bounds if isinstance(bounds, Interval) else None
        if interval is not None and interval.low > interval.high and decl.within is not None:
            self.ev.report.error("QS203", f"the range {interval} is empty", decl.within.span)
        sized_by = self._sized_by(decl)
        kind = decl.type.kind
        dynamic = [axis for axis in axes if isinstance(axis, str)]
        role: Literal["tokens", "numbers", "label"] = (
            "label" if decl.name == "label" else "tokens" if dynamic and kind in ("int", "nat") else "numbers"
        )
        whole = role == "tokens" or (role == "label" and kind in ("bit", "nat", "int", "bool"))
        if (role == "tokens" and len(axes) != 1) or (role == "numbers" and dynamic) or (role == "label" and axes):
            self.ev.report.error(
                "QS207",
                f"`{decl.name}` is nothing that a data file can hold",
                decl.type.span,
                label=shape_text(kind, axes),
                help="fields are such as `tokens: int[S] in 0..vocab`, `x: real[4]`, `label: bit`",
            )
            self.scope.bind(decl.name, UNKNOWN)
            return
        classes = None
        if role == "label" and whole:
            steps = interval.integers() if interval else None
            classes = 2 if kind == "bit" else steps.stop if steps is not None and steps.start == 0 else None
            if classes is not None and classes < 2:
                self.ev.report.error("QS203", "a label has two classes at least", decl.span, label=f"{classes} here")
            if classes is None or kind == "bool":
                self.ev.report.error(
                    "QS206", "a label is `bit`, `nat in 0..k` or `real`", decl.type.span, label=shape_text(kind, axes)
                )
                self.scope.bind(decl.name, UNKNOWN)
                return
        if role == "tokens" and (interval is None or interval.integers() is None or interval.low != 0):
            self.ev.report.error(
                "QS206",
                "tokens lie in a range such as 0..vocab",
                decl.span,
                help=f"write `{decl.span.text.rstrip(';')} in 0..100;`",
            )
            self.scope.bind(decl.name, UNKNOWN)
            return
        low, high = (float(interval.low), float(interval.high)) if interval else (None, None)
        type_ = Type("int" if whole else "real", ("record", *axes))
        self.fields.append(
            DataField(decl.name, role, type_, low, high, interval.closed if interval else True, classes, sized_by)
        )
        tensor = self.ev.graph.input(Input(decl.name, "data", type_), decl.type.span)
        self._declare(decl, tensor)

    def _sized_by(self, decl: ast.DataField) -> str | None:
        """The size that bounds a field and that has no default: data gives its value."""
        high = decl.within.high if isinstance(decl.within, ast.Range) else None
        if not isinstance(high, ast.Name):
            return None
        sizes = [part for part in self.item.parts if isinstance(part, ast.Size)]
        sizes += [item for item in self.scope.module.file.items if isinstance(item, ast.Size)]
        return next((size.name for size in sizes if size.name == high.name and size.value is None), None)

    # ---- flow and loss --------------------------------------------------------------------------------------------

    def _flow(self, body: tuple[ast.FlowStmt, ...], scope: Scope) -> None:
        for node in body:
            match node:
                case ast.Bind():
                    value = self.ev.expr(node.value, scope)
                    target = scope
                    while (
                        target.parent is not None
                        and node.name not in target.entries
                        and target.find(node.name) is not None
                    ):
                        target = target.parent
                    target.bind(node.name, value, span=node.name_span)
                case ast.Repeat():
                    for k in self.ev.repetitions(node.over, scope) or ():
                        inner = scope.inner()
                        inner.bind(node.name, k, span=node.name_span)
                        first = len(self.ev.graph.probes)
                        self._flow(node.body, inner)
                        self.ev.graph.relabel(first, k)
                case ast.Predict():
                    self._predict(node, scope)
                case ast.Let():
                    let(self.ev, node, scope)
                case ast.Require():
                    require(self.ev, node, scope)

    def _predict(self, node: ast.Predict, scope: Scope) -> None:
        tensor = self.ev.tensor(self.ev.expr(node.value, scope), node.value.span)
        if tensor is not None and len(tensor.written) != len(tensor.type.static):
            self.ev.report.error(
                "QS201",
                "a prediction has a known shape",
                node.value.span,
                label=describe(tensor),
                help=f"write `mean({node.value.span.text}, axis = 0)`",
            )
            tensor = None
        if tensor is not None and (wanted := self._wanted(tensor.type.static)):
            self.ev.report.error(
                "QS201",
                "the prediction does not fit the label",
                node.value.span,
                label=describe(tensor),
                expected=wanted,
            )
            tensor = None
        self.predicted = node.value.span
        self.predict = None if tensor is None else self._per_record(self.ev.graph.real(tensor))
        self.scope.bind("predict", self.predict or UNKNOWN, span=node.span)

    def _wanted(self, shape: tuple[int, ...]) -> str:
        """What the prediction for the label must be, where a value of this shape is none; empty where it is."""
        label = next((field for field in self.fields if field.role == "label"), None)
        if label is None or (shape == () and label.classes in (None, 2)) or shape == (label.classes,):
            return ""
        if label.classes is None:
            return "expected real: the value of the label"
        either = "real, the probability of class 1, or " if label.classes == 2 else ""
        return f"expected {either}real[{label.classes}], a probability for each class of the label"

    def _per_record(self, tensor: Tensor) -> Tensor:
        """The value with one row a record, where the model has data."""
        if not self.fields or tensor.type.rows:
            return tensor
        return self.ev.graph.broadcast(tensor, ("record", *tensor.type.axes))

    def _loss(self, node: ast.Loss, scope: Scope) -> Tensor | None:
        value = self.ev.tensor(self.ev.expr(node.value, scope), node.value.span)
        if value is None:
            return None
        if value.written:
            self.ev.report.error(
                "QS201",
                "a loss is one number for each record",
                node.value.span,
                label=describe(value),
                help=f"write `sum({node.value.span.text})`",
            )
            return None
        try:
            return self._per_record(self.ev.graph.real(value))
        except ShapeError:
            return None

    def _without_path(self, function: Function) -> None:
        """QS111 for every parameter that the loss does not depend on."""
        needed = _leading_to(function, "loss")
        for position, value in enumerate(function.inputs):
            if value.role == "parameter" and position not in needed:
                decl = self.declared[value.name]
                self.ev.report.warning("QS111", f"the loss does not depend on parameter `{value.name}`", decl.span)

    def _without_label(self, function: Function) -> None:
        """QS405 where the prediction depends on the label, which nobody has who predicts."""
        needed = _leading_to(function, "predict")
        labels = {field.name for field in self.fields if field.role == "label"}
        for position, value in enumerate(function.inputs):
            if value.name in labels and position in needed:
                self.ev.report.error(
                    "QS405",
                    f"the prediction depends on the label `{value.name}`",
                    self.predicted,
                    label="only the loss may use it",
                )

    # ---- training settings ----------------------------------------------------------------------------------------

    def _recipe(self, block: ast.Train) -> Recipe:
        recipe = Recipe()
        chosen: dict[str, Any] = {}
        for setting in block.settings:
            node = setting.value
            if setting.name == "optimizer":
                chosen["optimizer"] = self._optimizer(node) or recipe.optimizer
            elif setting.name == "grad":
                name = node.name if isinstance(node, ast.Name) else ""
                if name not in ("auto", "parameter_shift", "adjoint", "spsa"):
                    self.ev.report.error("QS108", "grad is auto, parameter_shift, adjoint or spsa", node.span)
                else:
                    chosen["grad"] = name
            elif setting.name in ("epochs", "batch", "seed", "patience"):
                value = self.ev.integer(node, self.scope, f"`{setting.name}`")
                if value is not None and (value < 0 or (value == 0 and setting.name in ("batch", "patience"))):
                    wanted = "must be positive" if setting.name in ("batch", "patience") else "must not be negative"
                    self.ev.report.error("QS203", f"`{setting.name}` {wanted}", node.span, label=str(value))
                elif value is not None:
                    chosen[setting.name] = value
        return Recipe(**chosen)

    def _optimizer(self, node: ast.Expr) -> Optimizer | None:
        base = node.base if isinstance(node, ast.Call) else node
        name = base.name if isinstance(base, ast.Name) else ""
        if name not in _OPTIMIZERS:
            self.ev.report.error("QS108", f"the optimizer is one of {', '.join(_OPTIMIZERS)}", node.span)
            return None
        options = dict(_OPTIMIZERS[name])
        for position, arg in enumerate(node.args if isinstance(node, ast.Call) else ()):
            key = arg.name or (list(options)[position] if position < len(options) else "")
            value: Value = self.ev.expr(arg.value, self.scope)
            if key not in options:
                self.ev.report.error("QS101", f"`{name}` has no option `{key}`", arg.span, help=", ".join(options))
            elif not is_number(value) or value < 0:  # type: ignore[operator]
                if not isinstance(value, Unknown):
                    self.ev.report.error("QS203", f"`{key}` must be a number that is not negative", arg.span)
            else:
                options[key] = float(value)  # type: ignore[arg-type]
        return Optimizer(cast(Literal["adam", "sgd", "spsa"], name), tuple(options.items()))


def _leading_to(function: Function, output: str) -> set[int]:
    """The values that an output is computed from, itself included."""
    needed = {function.output(output)}
    for operation in reversed(function.body):
        if any(operation.first <= value < operation.first + len(operation.types) for value in needed):
            needed.update(operation.inputs)
    return needed


def _elements(value: Value) -> tuple[float, ...] | None:
    """The numbers of a nested list in order; None where something else is in it."""
    if is_number(value):
        return (float(value),)  # type: ignore[arg-type]
    if not isinstance(value, tuple):
        return None
    parts = [_elements(item) for item in value]
    return None if any(part is None for part in parts) else tuple(n for part in parts if part is not None for n in part)


def _shape(value: Value) -> tuple[int, ...] | None:
    if is_number(value):
        return ()
    if not isinstance(value, tuple) or not value:
        return None
    shapes = {_shape(item) for item in value}
    only = shapes.pop() if len(shapes) == 1 else None
    return None if only is None else (len(value), *only)
