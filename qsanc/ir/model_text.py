"""The model language and whole programs as text, and back to the same value.

    function @reader
      %0 = parameter emb: real[100, 3, 4]
      %1 = data tokens: int[record, S]
      %2: real[record, S, 3, 4] = gather %0, %1
      %3: real[record, S, 12] = reshape %2 {axes = [12]}
      %4: real[record, S], %5: real[record, S] = circuit %0, %3 {module = @look}
      output predict = %5
      probe look.query = %4

    model @reader
      parameter emb: angle[100, 3, 4] ~ normal(0.0, 0.01)
      parameter b: real = 0.0 {low = -1.0}
      dim S {low = 1, high = 128}
      field tokens: int[record, S] {role = tokens, low = 0.0, high = 100.0, closed = false}
      size n = 4 {origin = default}
      optimizer adam {lr = 0.008}
      recipe {epochs = 30, batch = 16, seed = 7, grad = auto}

Names and texts that are no words stand in double quotes, as in JSON. What has its default None is left out. A program
is its circuits (`ir.text`), functions and models with blank lines between them. `//` begins a comment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from qsanc.ir.model import Attribute, Function, Operation
from qsanc.ir.model_reader import NUMBER, WORD, read_function, read_program
from qsanc.ir.program import DataField, Distribution, Model, Parameter, Program
from qsanc.ir.text import print_module

__all__ = ["print_function", "print_model", "print_program", "read_function", "read_program"]


def print_function(function: Function) -> str:
    """The text of a function, ending in a newline. `read_function` gives the same function again, but for spans."""
    return "\n".join(_function(function)) + "\n"


def print_model(model: Model) -> str:
    """The text of what a model says beside its function, ending in a newline."""
    return "\n".join(_model(model)) + "\n"


def print_program(program: Program) -> str:
    """The text of a program. `read_program` gives the same program again, but for spans."""
    blocks = [print_module(module) for module in program.modules]
    blocks += [print_function(function) for function in program.functions]
    blocks += [print_model(model) for model in program.models]
    return "\n".join(blocks)


def _function(function: Function) -> Iterator[str]:
    yield f"function @{_word(function.name)}"
    for number, value in enumerate(function.inputs):
        yield f"  %{number} = {value.role} {_word(value.name)}: {value.type}"
    for operation in function.body:
        yield f"  {_operation(operation)}"
    for name, number in function.outputs:
        yield f"  output {_word(name)} = %{number}"
    for name, number in function.probes:
        yield f"  probe {_word(name)} = %{number}"


def _operation(operation: Operation) -> str:
    results = ", ".join(f"%{operation.first + k}: {kind}" for k, kind in enumerate(operation.types))
    inputs = ", ".join(f"%{number}" for number in operation.inputs)
    line = f"{results} = {_word(operation.name)}" + (f" {inputs}" if inputs else "")
    return line + _settings(operation.attributes)


def _model(model: Model) -> Iterator[str]:
    yield f"model @{_word(model.name)}"
    for parameter in model.parameters:
        yield f"  {_parameter(parameter)}"
    for dim in model.dims:
        yield f"  dim {_word(dim.name)}" + _known(low=dim.low, high=dim.high)
    for field in model.fields:
        yield f"  {_field(field)}"
    for size in model.sizes:
        yield f"  size {_word(size.name)} = {_value(size.value)}" + _known(origin=size.origin)
    recipe = model.recipe
    yield f"  optimizer {_word(recipe.optimizer.name)}" + _settings(recipe.optimizer.options)
    yield "  recipe" + _known(
        epochs=recipe.epochs, batch=recipe.batch, seed=recipe.seed, patience=recipe.patience, grad=recipe.grad
    )


def _parameter(parameter: Parameter) -> str:
    shape = f"[{', '.join(map(str, parameter.shape))}]" if parameter.shape else ""
    initial = parameter.initial
    if isinstance(initial, Distribution):
        start = f"~ {initial.name}({', '.join(map(_value, initial.numbers))})"
    else:
        start = f"= {_value(initial)}"
    frozen = True if parameter.frozen else None
    limits = _known(low=parameter.low, high=parameter.high, frozen=frozen)
    return f"parameter {_word(parameter.name)}: {parameter.kind}{shape} {start}{limits}"


def _field(field: DataField) -> str:
    return f"field {_word(field.name)}: {field.type}" + _known(
        role=field.role,
        low=field.low,
        high=field.high,
        closed=field.closed,
        classes=field.classes,
        sized_by=field.sized_by,
    )


def _known(**settings: str | float | None) -> str:
    return _settings((name, value) for name, value in settings.items() if value is not None)


def _settings(settings: Iterable[tuple[str, Attribute]]) -> str:
    parts = [f"{_word(name)} = {'@' if name == 'module' else ''}{_value(value)}" for name, value in settings]
    return f" {{{', '.join(parts)}}}" if parts else ""


def _value(value: Attribute) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return _word(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def _word(name: str) -> str:
    return name if WORD.fullmatch(name) and not NUMBER.fullmatch(name) else json.dumps(name)
