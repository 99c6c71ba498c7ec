"""What a legal function, and a legal program, satisfies. Runs after elaboration, after each pass and after reading.

- Values are numbered without gaps: inputs, then the results of each operation; operations take earlier values only.
- Every operation is in the table (or is `circuit`), its attributes are sorted, and its types are those of `ops.infer`.
- Outputs and probes name values that are there; input names are distinct, and so are output and probe names.
- In a program, modules, functions and models have distinct names; each model has its function, whose inputs are the
  parameters of the model in order, then its data fields, and whose outputs include `predict` and `loss`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from qsanc.diagnostics import CompilerBug
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.model import Function, Type
from qsanc.ir.ops import ShapeError, infer
from qsanc.ir.program import Model, Program
from qsanc.ir.verify import verify


def verify_function(function: Function, modules: Mapping[str, CircuitModule]) -> None:
    """Do nothing if `function` is legal among circuits `modules`. Raises CompilerBug naming the first fault."""
    where = f"function {function.name}"
    _distinct(where, "input", (value.name for value in function.inputs))
    types: list[Type] = [value.type for value in function.inputs]
    for operation in function.body:
        at = f"{where}, %{operation.first} = {operation.name}"
        if operation.first != len(types):
            raise CompilerBug(f"{at}: the next value is %{len(types)}")
        for number in operation.inputs:
            if not 0 <= number < len(types):
                raise CompilerBug(f"{at}: %{number} is no earlier value")
        names = [name for name, _ in operation.attributes]
        if names != sorted(set(names)):
            raise CompilerBug(f"{at}: the attributes {names} are not sorted")
        try:
            inferred = infer(
                operation.name, [types[number] for number in operation.inputs], operation.attributes, modules=modules
            )
        except ShapeError as error:
            raise CompilerBug(f"{at}: {error}") from error
        if inferred != operation.types:
            written, expected = (", ".join(map(str, kinds)) for kinds in (operation.types, inferred))
            raise CompilerBug(f"{at}: the results are {expected}, and not {written}")
        types.extend(inferred)
    for name, number in (*function.outputs, *function.probes):
        if not 0 <= number < len(types):
            raise CompilerBug(f"{where}: {name} is %{number}, which is no value")
    _distinct(where, "output", (name for name, _ in function.outputs))
    _distinct(where, "probe", (name for name, _ in function.probes))


def verify_program(program: Program) -> None:
    """Do nothing if `program` is legal, all its modules included. Raises CompilerBug naming the first fault."""
    _distinct("program", "circuit", (module.name for module in program.modules))
    _distinct("program", "function", (function.name for function in program.functions))
    _distinct("program", "model", (model.name for model in program.models))
    modules = {module.name: module for module in program.modules}
    for module in program.modules:
        verify(module)
    for function in program.functions:
        verify_function(function, modules)
    functions = {function.name: function for function in program.functions}
    for model in program.models:
        if model.name not in functions:
            raise CompilerBug(f"model {model.name} has no function")
        _verify_model(model, functions[model.name])


def _verify_model(model: Model, function: Function) -> None:
    expected = [(p.name, "parameter", Type("real", p.shape)) for p in model.parameters]
    expected += [(field.name, "data", field.type) for field in model.fields]
    found = [(value.name, value.role, value.type) for value in function.inputs]
    if found != expected:
        raise CompilerBug(f"model {model.name}: the inputs are {found}, and should be {expected}")
    missing = {"predict", "loss"} - {name for name, _ in function.outputs}
    if missing:
        raise CompilerBug(f"model {model.name}: no output {', '.join(sorted(missing))}")


def _distinct(where: str, what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise CompilerBug(f"{where}: two have the {what} name {name}")
        seen.add(name)
