"""The whole flow on one screen: from a file to circuits that a backend has lowered.

Path    -> Module       `check.imports`: read, parse, resolve, check, with all that is imported
Module  -> Program      `elaborate`: one entry, templates expanded, every size a number
Program -> Program      `passes`: pure rewrites, verified; then decomposition towards the backend's gates
Program -> Compiled     target diagnostics, then `backend.lower`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from qsanc.check.module import Module
from qsanc.collector import put_off
from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.elaborate import check_all, elaborate
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.program import Program
from qsanc.passes.findings import findings
from qsanc.passes.model.pipeline import Level, run_model
from qsanc.passes.pipeline import O0, O1, O2, run, towards
from qsanc.target import Backend, Capabilities, Executable

PIPELINES = MappingProxyType({"O0": O0, "O1": O1, "O2": O2})


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A program in the gates of one backend, with an executable for each of its circuit modules by name.

    `tier` is the one that the executables were given.
    """

    program: Program
    executables: Mapping[str, Executable]
    capabilities: Capabilities
    warnings: tuple[Diagnostic, ...] = ()
    tier: Tier = OFF


def compile_entry(
    module: Module,
    entry: str,
    backend: Backend,
    *,
    sizes: Mapping[str, int | float] | None = None,
    data_sizes: Mapping[str, int] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    level: Level = "O2",
    verify: bool = False,
    shots: int | None = None,
    independent: bool = False,
    tier: Tier = OFF,
) -> Compiled:
    """Compile the model or circuit `entry` of a checked file for `backend`.

    `sizes`, `data_sizes` and `shapes` are those of `elaborate`. With `verify` every pass is tested on random bindings;
    with `independent` equal tokens are not computed once but each by itself. `tier` says whether native code runs.
    Raises QsanError with all that the first failing phase finds; target diagnostics are those of the last one.
    """
    program, warnings = elaborate(module, entry=entry, sizes=sizes, data_sizes=data_sizes, shapes=shapes)
    compiled = compile_program(
        program, backend, level=level, verify=verify, shots=shots, independent=independent, tier=tier
    )
    return replace(compiled, warnings=(*warnings, *compiled.warnings))


@put_off
def compile_program(
    program: Program,
    backend: Backend,
    *,
    level: Level = "O2",
    verify: bool = False,
    shots: int | None = None,
    independent: bool = False,
    tier: Tier = OFF,
) -> Compiled:
    """`compile_entry` from elaboration on.

    For a backend that is billed all else runs in NumPy: what is asked of it is known by its numbers, to the last bit,
    and a run that goes on must ask for the same.
    """
    tier = OFF if backend.capabilities.billed else tier
    program = optimise(program, level, verify=verify, independent=independent)
    program = decompose_towards(program, backend.capabilities, verify=verify)
    found = [diagnostic for circuit in program.modules for diagnostic in backend.check(circuit, shots=shots)]
    if any(diagnostic.is_error for diagnostic in found):
        raise QsanError(found)
    executables = {circuit.name: backend.lower(circuit, tier=tier) for circuit in program.modules}
    return Compiled(program, executables, backend.capabilities, tuple(found), tier)


def check(module: Module, *, sizes: Mapping[str, int | float] | None = None) -> tuple[Diagnostic, ...]:
    """The warnings of a file, compiled for no backend. Raises QsanError with everything that is wrong in it."""
    programs, warnings = check_all(module, sizes)
    seen = [finding for program in programs for circuit in program.modules for finding in findings(circuit)]
    return (*module.warnings, *warnings, *seen)


def optimise(program: Program, level: Level, *, verify: bool = False, independent: bool = False) -> Program:
    """The program after the passes of this level, over circuits and then over functions."""
    modules = tuple(run(circuit, PIPELINES[level], verify=verify) for circuit in program.modules)
    functions = (
        run_model(function, modules, level, share_equal=not independent, verify=verify)
        for function in program.functions
    )
    return replace(program, modules=modules, functions=tuple(functions))


def decompose_towards(program: Program, capabilities: Capabilities, *, verify: bool = False) -> Program:
    """The program in the gates of a backend. Raises QsanError (QS801) where a gate cannot be written in them."""

    def decomposed(circuit: CircuitModule) -> CircuitModule:
        try:
            return run(circuit, (towards(capabilities.gates),), verify=verify)
        except ValueError as reason:
            title = f"the backend {capabilities.name} cannot run the circuit `{circuit.name}`: {reason}"
            raise QsanError([Diagnostic("QS801", Severity.ERROR, title)]) from None

    return replace(program, modules=tuple(map(decomposed, program.modules)))
