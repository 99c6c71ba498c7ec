"""From a checked module to the IR: templates expanded, loops unrolled, every size, shape and qubit checked on the way.

`elaborate` compiles one entry (a model, a circuit, an ansatz or an attention block). `check_all` elaborates everything
in a file for the sake of its diagnostics, generic templates at small sample sizes.
"""

from __future__ import annotations

from collections.abc import Mapping

from qsanc.check.module import Definition, Module
from qsanc.collector import put_off
from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.elaborate.alone import compile_alone
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.limits import limited
from qsanc.elaborate.noise import elaborate_noise
from qsanc.elaborate.properties import elaborate_property
from qsanc.elaborate.report import Report
from qsanc.elaborate.samples import sampled
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sizes import Sizes
from qsanc.ir.program import Program
from qsanc.syntax import ast

__all__ = ["check_all", "elaborate", "entries"]

_ENOUGH_TOO_LARGE = 3
"""Templates that outgrow a limit, and take their time for it, before no others are tried."""


def entries(module: Module) -> tuple[str, ...]:
    """The names of the file's own models, circuits, ansaetze and attention blocks, models first."""
    kinds = (ast.Model, ast.Circuit, ast.Attention, ast.Ansatz)
    items = [item for item in module.file.items if isinstance(item, kinds)]
    return tuple(item.name for kind in kinds for item in items if isinstance(item, kind))


@put_off
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
    program = compile_alone(report, definition, chosen, shapes)
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
    too_large = 0
    for name in entries(module):
        definition = module.names[name]
        assert isinstance(definition, Definition)
        if isinstance(definition.item, ast.Model):
            chosen, own = Sizes(sizes or {}, {}), Report()
            program = compile_alone(own, definition, chosen)
            programs += [program] if program is not None else []
            for diagnostic in own.diagnostics:
                report.add(diagnostic)
            used.update(value.name for value in chosen.chosen)
        else:
            if too_large < _ENOUGH_TOO_LARGE:
                found = sampled(definition, sizes or {})
                too_large += any(diagnostic.code == "QS209" for diagnostic in found)
                for diagnostic in found:
                    report.add(diagnostic)
            for part in ("generics", "params"):
                used.update(declared.name for declared in getattr(definition.item, part))
    for item in module.file.items:
        if isinstance(item, ast.Noise):
            with limited(report):
                elaborate_noise(Evaluator(report, Sizes(sizes or {}, {}), Graph()), item, Scope(module))
        if isinstance(item, (ast.Property, ast.Test)):
            elaborate_property(report, item, module, sizes or {})
        if isinstance(item, (ast.Const, ast.Size, ast.Hyper)):
            used.add(item.name)
            with limited(report):
                ev = Evaluator(report, Sizes(sizes or {}, {}), Graph())
                ev.entry(ast.Name(item.name, span=item.name_span), Scope(module))
    for name in sizes or {}:
        if name not in used:
            report.add(
                Diagnostic(
                    "QS101", Severity.ERROR, f"the file has no size or setting `{name}`", help=", ".join(sorted(used))
                )
            )
    report.raise_errors()
    return tuple(programs), report.diagnostics
