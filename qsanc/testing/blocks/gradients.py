"""`gradient(f, wrt, against)`: derivatives of a circuit by every method there is, against one that is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qsanc.diagnostics import Diagnostic, Severity
from qsanc.driver import Compiled, compile_program
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.limits import limited
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sizes import Sizes
from qsanc.elaborate.symbols import holds
from qsanc.elaborate.values import UNKNOWN, Tensor, Value, Word
from qsanc.grad.circuit import Method
from qsanc.grad.reverse import evaluate, prepare, value_and_gradient
from qsanc.ir.layout import Layout
from qsanc.ir.model import Input, Type
from qsanc.ir.ops import Array
from qsanc.ir.program import Program
from qsanc.syntax import ast
from qsanc.target import Context
from qsanc.testing.blocks.eager import brief, farthest
from qsanc.testing.differences import five_point

if TYPE_CHECKING:
    from qsanc.testing.blocks.execution import Execution

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class _Function:
    """`f` as a function of the arrays `wrt`, for any number of points at once."""

    compiled: Compiled
    wrt: Sequence[str]
    cotangent: Array

    def values(self, points: Mapping[str, Array], context: Context) -> Array:
        """<cotangent, f> at points float64[point, axes...] of each array: float64[point]."""
        count = len(next(iter(points.values())))
        prepared = prepare(self.compiled.program.functions[0], self.compiled.program.modules, ("value",))
        found = evaluate(prepared, self.compiled.executables, points, Layout(count), context=context)["value"]
        return np.asarray(found).reshape(count, -1) @ self.cotangent.ravel()

    def by_circuits(self, at: Mapping[str, Array], method: Method, context: Context) -> dict[str, Array]:
        program = self.compiled.program
        prepared = prepare(program.functions[0], program.modules, ("value",), wrt=self.wrt)
        found = value_and_gradient(
            prepared,
            self.compiled.executables,
            {name: array[np.newaxis] for name, array in at.items()},
            Layout(1),
            method=method,
            cotangents={"value": self.cotangent[np.newaxis]},
            context=context,
        )[1]
        return {name: found[name][0] for name in self.wrt}

    def by_differences(self, at: Mapping[str, Array], context: Context) -> dict[str, Array]:

        def along(name: str) -> Callable[[Array], Array]:
            def values(places: Array) -> Array:
                fixed = {other: np.repeat(array[np.newaxis], len(places), axis=0) for other, array in at.items()}
                return self.values({**fixed, name: places}, context)

            return values

        return {name: five_point(along(name), at[name]) for name in self.wrt}


def agree(run: Execution, node: ast.Call, given: Mapping[str, ast.Expr], scope: Scope) -> Value:
    """Whether all exact methods of the backend give the gradient that `against` gives, within `tol` (1e-6).

    An `f` with several elements is weighted with fixed random numbers. Reports QS704 for what is no circuit and for
    methods that are estimates.
    """
    against = run.ev.expr(given["against"], scope) if "against" in given else Word("finite_difference")
    name = against.name if isinstance(against, Word) else "finite_difference"
    wrt = [item.span.text for item in _items(given["wrt"])]
    at = _arrays(run, wrt, scope)
    function = _function(run, given["f"], wrt, at, scope)
    if function is None:
        return UNKNOWN
    context = run.engine.context(run.seed)
    methods: dict[str, Callable[[], dict[str, Array]]] = {
        "parameter_shift": lambda: function.by_circuits(at, "parameter_shift", context),
        "finite_difference": lambda: function.by_differences(at, context),
    }
    if "adjoint" in function.compiled.capabilities.gradients:
        methods["adjoint"] = lambda: function.by_circuits(at, "adjoint", context)
    if name == "auto":
        name = "adjoint" if "adjoint" in methods else "parameter_shift"
    if name not in methods:
        title = f"`{name}` is no exact gradient here" if name != "adjoint" else f"{run.engine.name} offers no `adjoint`"
        help_ = "against = finite_difference"
        return run.refuse(Diagnostic("QS704", Severity.ERROR, title, given["against"].span, help=help_))
    tolerance = run.number_for("tol", TOLERANCE, run.setting("tol", given["tol"], scope) if "tol" in given else None)
    expected = methods.pop(name)()
    worst = (0.0, "every method gives the same")
    for method, derive in methods.items():
        for what, slope in derive().items():
            place, apart = farthest(slope, expected[what])
            if not apart <= worst[0]:
                where = f"{what}{list(place)}" if place else what
                ours, theirs = brief(slope[place]), brief(expected[what][place])
                worst = apart, f"d/d{where}: {ours} by {method}, {theirs} by {name}"
    return run.observe(node, worst[0] <= tolerance, f"{worst[1]}, {worst[0]:.3g} apart, tol {tolerance:g}")


def _items(wrt: ast.Expr) -> tuple[ast.Expr, ...]:
    return wrt.items if isinstance(wrt, ast.ListOf) else (wrt,)


def _arrays(run: Execution, wrt: Sequence[str], scope: Scope) -> dict[str, Array]:
    """The arrays by name that `f` is a function of: those it is differentiated by, and the arguments of the block."""
    params = run.item.params if isinstance(run.item, ast.Property) else ()
    found = {}
    for name in dict.fromkeys([*wrt, *(param.name for param in params)]):
        entry = scope.find(name)
        if entry is not None and (name in wrt or isinstance(entry.value, Tensor)):
            array = run.array(entry.value)
            if array is not None:
                found[name] = array.astype(np.float64) if name in wrt else array
    return found


def _function(
    run: Execution, node: ast.Expr, wrt: Sequence[str], at: Mapping[str, Array], scope: Scope
) -> _Function | None:
    """`node` as a function of the arrays `at`, compiled once for their shapes; None after an error.

    Arrays that a `let` computes are functions of the arguments too, so that derivatives go through them; what only a
    block can compute is a constant.
    """
    lets = {statement.name: statement for statement in run.item.body if isinstance(statement, ast.Let)}
    others = {name: entry.value for name, entry in scope.entries.items() if name not in at}
    sizes = sorted((name, value) for name, value in others.items() if isinstance(value, int | float))
    shapes = tuple((name, array.shape) for name, array in at.items())
    made: _Function | None = None

    def make() -> tuple[_Function, ast.Expr] | None:
        """None, which is not kept, where a number of this example went into it."""
        nonlocal made
        graph, own = Graph(), Scope(scope.module)
        inner = Evaluator(Report(), Sizes({}, {}), graph)
        for name, array in at.items():
            kind = Type("int" if array.dtype.kind in "iu" else "real", ("record", *array.shape))
            own.bind(name, graph.input(Input(name, "argument", kind)))
        lasting = True
        for name, value in others.items():
            follows = name in lets and holds(inner.attempt(lets[name].value, own), Tensor)
            own.bind(name, inner.expr(lets[name].value, own) if follows else run.known(value))
            lasting = lasting and (follows or not holds(value, Tensor))
        with limited(inner.report):
            value = inner.expr(node, own)
        for found in inner.report.diagnostics:
            run.ev.report.add(found)
        if inner.report.failed or not isinstance(value, Tensor):
            return None
        record = graph.broadcast(graph.real(value), ("record", *value.type.static))
        program = Program(tuple(graph.modules), (graph.finish("gradient", (("value", record),)),), ())
        cotangent = np.random.default_rng(0).uniform(0.5, 1.5, value.type.static)
        made = _Function(compile_program(program, run.engine.backend), tuple(wrt), cotangent)
        return (made, node) if lasting else None

    kept = run.engine.once(("gradient", id(node), shapes, tuple(sizes)), make)
    return kept[0] if isinstance(kept, tuple) else made
