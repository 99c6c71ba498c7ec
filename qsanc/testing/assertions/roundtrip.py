"""Whether what is written reads back as what it was."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from qsanc.api import Model, load_run
from qsanc.diagnostics import QsanError
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import CircuitModule
from qsanc.ir.model import Function
from qsanc.ir.model_reader import read_function, read_program
from qsanc.ir.model_text import print_function, print_program
from qsanc.ir.program import Program
from qsanc.ir.reader import read_module
from qsanc.ir.text import print_module
from qsanc.source import Source
from qsanc.syntax.parse import parse
from qsanc.syntax.printer import print_file
from qsanc.syntax.read import read_source
from qsanc.testing.assertions.evidence import Evidence
from qsanc.testing.failed import CheckFailed


def assert_roundtrip(subject: str | Path | CircuitModule | Function | Program | Bound | Model) -> Evidence:
    """What is printed or saved reads back as the same value, and prints the same again.

    A `.qsan` program (its text, a `str` with a line break, or its file) is printed in canonical layout and parsed; a
    circuit, function or program of the IR goes through its text; a model is saved as a run folder and loaded. Raises
    CheckFailed, QsanError for a program that does not parse, and TypeError for anything else.
    """
    match subject:
        case str() if "\n" in subject:
            return _source(Source("<text>", subject))
        case str() | Path():
            return _source(read_source(Path(subject)))
        case Bound():
            return assert_roundtrip(subject.module())
        case CircuitModule():
            return _text("the text of a circuit", subject, print_module(subject), read_module)
        case Function():
            return _text("the text of a function", subject, print_function(subject), read_function)
        case Program():
            return _text("the text of a program", subject, print_program(subject), read_program)
        case Model():
            return _saved(subject)
    raise TypeError(f"a {type(subject).__name__} has no form that is written and read here")


def _source(source: Source) -> Evidence:
    tree = parse(source)
    printed = print_file(tree)
    try:
        again = parse(Source(f"{source.name}, printed", printed))
    except QsanError as error:
        raise CheckFailed(f"{source.name} prints as what does not parse: {error}\n{printed}") from None
    if tree == again and print_file(again) == printed:
        return Evidence("source, parsed, printed and parsed again", 0.0, 0.0)
    if tree != again:
        raise CheckFailed(f"{source.name} does not read back as what it was; it prints as\n{printed}")
    raise CheckFailed(f"{source.name} prints in two ways:\n{_first_change(printed, print_file(again))}")


def _text(kind: str, before: object, printed: str, read: Callable[[str], object]) -> Evidence:
    try:
        after = read(printed)
    except ValueError as reason:
        raise CheckFailed(f"{kind} does not read back: {reason}\n{printed}") from None
    if before == after:
        return Evidence(f"{kind}, printed and read", 0.0, 0.0)
    raise CheckFailed(f"{kind} does not read back as what it was:\n{printed}")


def _saved(model: Model) -> Evidence:
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "run")
        loaded = load_run(Path(folder) / "run")
    if model.sizes != loaded.sizes:
        raise CheckFailed(f"the model {model.name} is saved with sizes {model.sizes} and loaded with {loaded.sizes}")
    if list(model.params) != list(loaded.params):
        raise CheckFailed(
            f"the model {model.name} is saved with {list(model.params)}, loaded with {list(loaded.params)}"
        )
    for name, value in model.params.items():
        if value.tobytes() != loaded.params[name].tobytes() or value.shape != loaded.params[name].shape:
            off = np.abs(value - loaded.params[name]).max() if value.shape == loaded.params[name].shape else np.inf
            raise CheckFailed(f"`{name}` of the model {model.name} is loaded with other values, off by {off:.3g}")
    return Evidence("a model, saved and loaded: sizes and parameters", 0.0, 0.0)


def _first_change(one: str, other: str) -> str:
    for number, (left, right) in enumerate(zip(one.splitlines(), other.splitlines(), strict=False), start=1):
        if left != right:
            return f"  line {number}: {left!r}, then {right!r}"
    return "  one of them is longer"
