"""From a checked module to the IR: templates expanded, loops unrolled, every size, shape and qubit checked on the way.

`elaborate` compiles one entry (a model, a circuit, an ansatz or an attention block). `check_all` elaborates everything
in a file for the sake of its diagnostics, generic templates at small sample sizes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from qsanc.check.module import Definition, Module
from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.elaborate.attention import call_attention
from qsanc.elaborate.calls import call_circuit, elaborate_ansatz
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.models import elaborate_model
from qsanc.elaborate.noise import elaborate_noise
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.signature import Argument, Binding
from qsanc.elaborate.sizes import Sizes
from qsanc.elaborate.values import DimRef, Template, Tensor
from qsanc.ir.model import Axis, Input, Type
from qsanc.ir.program import Program
from qsanc.syntax import ast

__all__ = ["check_all", "elaborate", "entries"]

_SAMPLES = (2, 3, 4, 1, 0)
_MOST_SAMPLES = 200


def entries(module: Module) -> tuple[str, ...]:
    """The names of the file's own models, circuits, ansaetze and attention blocks, models first."""
    kinds = (ast.Model, ast.Circuit, ast.Attention, ast.Ansatz)
    items = [item for item in module.file.items if isinstance(item, kinds)]
    return tuple(item.name for kind in kinds for item in items if isinstance(item, kind))


def elaborate(
    module: Module,
    *,
    entry: str,
    sizes: Mapping[str, int | float] | None = None,
    data_sizes: Mapping[str, int] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[Program, tuple[Diagnostic, ...]]:
    """Compile `entry` with these sizes: the program, and warnings.

    `sizes` are settings by name, for a circuit also its generics and integer parameters. `data_sizes` come from a data
    set (`vocab`, `classes`); a size without any value stays at a stand-in, which the model's `sizes` tell. `shapes` are
    the shapes of a circuit's arguments, from which generics follow. Raises `QsanError` with everything that is wrong.
    """
    definition = module.names.get(entry)
    if not isinstance(definition, Definition):
        raise QsanError(
            [Diagnostic("QS101", Severity.ERROR, f"the file has no `{entry}`", help=", ".join(entries(module)))]
        )
    report = Report()
    chosen = Sizes(sizes or {}, data_sizes or {})
    program = _compile(report, definition, chosen, shapes)
    for name in chosen.unused:
        known = ", ".join(value.name for value in chosen.chosen)
        report.add(Diagnostic("QS101", Severity.ERROR, f"`{entry}` has no size or setting `{name}`", help=known))
    report.raise_errors()
    if program is None:
        raise QsanError(report.diagnostics)
    return program, report.diagnostics


def check_all(
    module: Module, sizes: Mapping[str, int | float] | None = None
) -> tuple[tuple[Program, ...], tuple[Diagnostic, ...]]:
    """Everything that can be found in the file's items. Errors are raised as `QsanError`.

    Returns the programs of the file's models, with stand-ins for what only data can tell, and warnings.
    """
    report = Report()
    programs: list[Program] = []
    used: set[str] = set()
    for name in entries(module):
        definition = module.names[name]
        assert isinstance(definition, Definition)
        if isinstance(definition.item, ast.Model):
            chosen = Sizes(sizes or {}, {})
            program = _compile(report, definition, chosen, None)
            programs += [program] if program is not None else []
            used.update(value.name for value in chosen.chosen)
        else:
            for diagnostic in _sampled(definition, sizes or {}):
                report.add(diagnostic)
            used.update(generic.name for generic in getattr(definition.item, "generics", ()))
    for item in module.file.items:
        if isinstance(item, ast.Noise):
            elaborate_noise(Evaluator(report, Sizes(sizes or {}, {}), Graph()), item, Scope(module))
        if isinstance(item, (ast.Const, ast.Size, ast.Hyper)):
            used.add(item.name)
            chosen = Sizes(sizes or {}, {})
            Evaluator(report, chosen, Graph()).entry(ast.Name(item.name, span=item.name_span), Scope(module))
    for name in sizes or {}:
        if name not in used:
            report.add(
                Diagnostic(
                    "QS101", Severity.ERROR, f"the file has no size or setting `{name}`", help=", ".join(sorted(used))
                )
            )
    report.raise_errors()
    return tuple(programs), report.diagnostics


def _compile(
    report: Report, definition: Definition, sizes: Sizes, shapes: Mapping[str, tuple[int, ...]] | None
) -> Program | None:
    graph = Graph()
    ev = Evaluator(report, sizes, graph)
    item = definition.item
    if isinstance(item, ast.Model):
        built = elaborate_model(ev, item, Scope(definition.module))
        return None if built is None or report.failed else Program(tuple(graph.modules), (built[1],), (built[0],))
    if not isinstance(item, (ast.Circuit, ast.Attention, ast.Ansatz)):
        report.error("QS108", f"`{item.name}` is no circuit and no model", item.name_span)
        return None
    template, given = _free_arguments(ev, definition, sizes, shapes)
    if report.failed:
        return None
    if isinstance(item, ast.Ansatz):
        module = elaborate_ansatz(ev, template, given, item.name_span)
        return None if module is None or report.failed else Program((module,), ())
    if isinstance(item, ast.Attention):
        value = call_attention(ev, template, item, given, item.name_span)
    else:
        value = call_circuit(ev, template, given, item.name_span)
    if not isinstance(value, Tensor) or report.failed:
        return None
    return Program(tuple(graph.modules), (graph.finish(item.name, (("result", value),)),))


def _free_arguments(
    ev: Evaluator, definition: Definition, sizes: Sizes, shapes: Mapping[str, tuple[int, ...]] | None
) -> tuple[Template, dict[str, Argument]]:
    """Arguments for an entry that nobody calls: function inputs of the declared shapes, one row a record."""
    item = definition.item
    assert isinstance(item, (ast.Circuit, ast.Attention, ast.Ansatz))
    names = [generic.name for generic in item.generics]
    generics = tuple((n, v, item.name_span) for n in names if (v := sizes.given(n)) is not None)
    dims = tuple(
        (g.name, DimRef(g.name), item.name_span) for g in item.generics if g.type is not None and g.type.kind == "dim"
    )
    template = Template(definition, generics + dims)
    probe = Binding(ev, template, item.name_span)
    stand_ins = {
        name: Argument(Tensor(-1, Type("real", shape)), item.name_span) for name, shape in (shapes or {}).items()
    }
    if not probe.infer(stand_ins, {}, entry=True):
        return template, {}
    given: dict[str, Argument] = {}
    for param in item.params:
        value = sizes.given(param.name)
        if value is not None:
            given[param.name] = Argument(value, param.span)
            continue
        if param.type.kind in ("nat", "int", "bit", "bool"):
            if param.default is None:
                ev.report.error(
                    "QS206", f"`{param.name}` of `{item.name}` needs a value", param.span, help=f"--set {param.name}=1"
                )
            continue
        axes = probe.expected(param.type)
        if axes is None:
            continue
        row_axes: tuple[Axis, ...] = ("record", *axes)
        tensor = ev.graph.input(Input(param.name, "argument", Type("real", row_axes)))
        given[param.name] = Argument(tensor, param.name_span)
        probe.scope.bind(param.name, tensor)
    return template, given


def _sampled(definition: Definition, sizes: Mapping[str, int | float]) -> tuple[Diagnostic, ...]:
    """Diagnostics of a template at the first sample sizes that its requirements allow."""
    first: tuple[Diagnostic, ...] | None = None
    for sample in itertools.islice(_samples(definition, sizes), _MOST_SAMPLES):
        report = Report()
        _compile(report, definition, Sizes(sample, {}), None)
        if not (report.has("QS204") or report.has("QS203")):
            return tuple(d for d in report.diagnostics if d.is_error or d.code == "QS604")
        first = first if first is not None else report.diagnostics
    return first or ()


def _samples(definition: Definition, sizes: Mapping[str, int | float]) -> Iterator[dict[str, int | float]]:
    item = definition.item
    assert isinstance(item, (ast.Circuit, ast.Attention, ast.Ansatz))
    scalars = [p for p in item.params if p.type.kind in ("nat", "int", "bit", "bool") and not p.type.dims]
    numbers = [g for g in item.generics if g.type is None or g.type.kind in ("nat", "int")] + scalars
    fixed = {declared.name: sizes[declared.name] for declared in numbers if declared.name in sizes}
    free = [declared for declared in numbers if declared.name not in fixed]
    needed = [declared.name for declared in free if declared.default is None]
    for values in itertools.product(_SAMPLES, repeat=len(needed)):
        yield {**fixed, **dict(zip(needed, values, strict=True))}
    everything = [declared.name for declared in free]
    for values in itertools.product(_SAMPLES, repeat=len(everything)):
        yield {**fixed, **dict(zip(everything, values, strict=True))}
