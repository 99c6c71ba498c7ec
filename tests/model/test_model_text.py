"""Functions and programs as text and back; what is no text or no legal program is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_attention import model
from test_reverse import KINDS

from qsanc.diagnostics import CompilerBug
from qsanc.ir.model import Attribute, Function, Input, Operation, Type
from qsanc.ir.model_text import print_function, print_program, read_function, read_program
from qsanc.ir.program import (
    DataField,
    DimBounds,
    Distribution,
    Model,
    Optimizer,
    Parameter,
    Program,
    Recipe,
    SizeValue,
)
from qsanc.ir.verify_model import verify_function, verify_program

HERE = Path(__file__).parent


def program() -> Program:
    function, module = model(layers=2)
    parameters = (
        Parameter("emb", "angle", (5, 3), Distribution("normal", (0.0, 0.01))),
        Parameter("turns", "angle", (2, 1, 6), Distribution("glorot", ()), frozen=True),
        Parameter("w", "real", (3,), (0.5, -1e-300, float("inf")), low=-1.0),
        Parameter("b", "prob", (), 0.25, 0.0, 1.0),
    )
    fields = (
        DataField("tokens", "tokens", Type("int", ("record", "S")), 0.0, 5.0, closed=False, sized_by="vocab"),
        DataField("label", "label", Type("int", ("record",)), classes=2),
    )
    sizes = (SizeValue("n", 2, "default"), SizeValue("vocab", 5, "data"), SizeValue("lambda", 0.2, "set"))
    recipe = Recipe(Optimizer("sgd", (("lr", 0.1), ("momentum", 0.9))), 12, None, 3, 4, "parameter_shift")
    dims = (DimBounds("S", 1, 128), DimBounds("T", 0, None))
    return Program((module,), (function,), (Model("model", parameters, fields, dims, sizes, recipe),))


def test_a_program_as_text(golden: Callable[[Path, str], None]) -> None:
    golden(HERE / "program.ir", print_program(program()))


def test_a_program_reads_back() -> None:
    assert read_program(print_program(program())) == program()
    verify_program(program())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_functions_read_back(kind: dict[str, int]) -> None:
    function, module = model(**kind)
    assert read_function(print_function(function)) == function
    verify_function(function, {module.name: module})


names = st.text(min_size=1, max_size=6) | st.sampled_from(["inf", "nan", "true", "a.b", "tq[0]", 'say "x"', "//"])
leaves = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | names
attributes = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)


@st.composite
def functions(draw: Callable[[st.SearchStrategy], object]) -> Function:
    """Any function that can be written down, legal or not."""
    axes = st.lists(st.sampled_from(["record", "S", 0, 3, 12]), max_size=3).map(tuple)
    types = st.builds(Type, st.sampled_from(["real", "int"]), axes)
    inputs = tuple(draw(st.lists(st.builds(Input, names, st.sampled_from(["parameter", "data", "argument"]), types))))
    body: list[Operation] = []
    first = len(inputs)
    for _ in range(draw(st.integers(0, 4))):
        settings_: dict[str, Attribute] = draw(st.dictionaries(names, attributes, max_size=2))
        results = tuple(draw(st.lists(types, min_size=1, max_size=2)))
        operands = tuple(draw(st.lists(st.integers(0, 99), max_size=3)))
        body.append(Operation(draw(names), operands, tuple(sorted(settings_.items())), first, results))
        first += len(results)
    named = st.lists(st.tuples(names, st.integers(0, 99)), max_size=2).map(tuple)
    return Function(draw(names), inputs, tuple(body), draw(named), draw(named))


@settings(max_examples=200)
@given(functions())
def test_any_function_reads_back(function: Function) -> None:
    assert read_function(print_function(function)) == function


def test_comments_and_blanks_are_skipped() -> None:
    text = '\n// note\nfunction @f // title\n\n  %0 = parameter "a//b": real[2]   // here\n    output y=%0\n'
    assert read_function(text) == Function("f", (Input("a//b", "parameter", Type("real", (2,))),), (), (("y", 0),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected one function, and there are 0"),
        ("func @f\n", "line 1: expected circuit, function or model, and not 'func'"),
        ("  output y = %0\n", "line 1: expected circuit, function or model"),
        ("function f\n", "line 1: expected @ at 'f'"),
        ("function @f\n  %1 = data x: real\n", "line 2: input %1 is out of order"),
        ("function @f\n  %0 = data x: complex\n", "line 2: expected real or int at 'complex'"),
        ("function @f\n  %0 = data x: real[2\n", "line 2: expected , at 'the end of the line'"),
        ("function @f\n  %0: real = exp %1 {a = }\n", "line 2: expected a number, a name or a list at '}'"),
        ("function @f\n  %0: real, %2: real = pairs\n", "line 2: expected %1, and not %2"),
        ("function @f\n  output y = 3\n", "line 2: expected a value such as %3 at '3'"),
        ("function @f\n  output y = %3 now\n", "line 2: unexpected 'now'"),
        ("function @f\n  %0: real = constant {value = " + "[" * 200 + "\n", "line 2: lists are nested too deeply"),
        ("model @m\n  parameter w: matrix = 1\n", "line 2: expected one of angle, real, prob, and not 'matrix'"),
        ("model @m\n  dim S {high = 3}\n", "line 2: low is missing"),
        ("model @m\n  recipe {epochs = 1.5}\n", "line 2: epochs is an integer"),
        ("model @m\n  speed 3\n", "line 2: expected parameter, dim, field, size, optimizer or recipe, and not 'speed'"),
        ("function @f\n\ncircuit @c wires x\n", "line 3: "),
    ],
)
def test_what_is_no_program_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_function(text)
    assert message in str(caught.value)


@settings(max_examples=200)
@given(st.text(alphabet='funcio@%01:=,[]{}~()". \nrealmodpty-', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    refused = ""
    try:
        read_program("function @f\n  %0" + text)
    except ValueError as refusal:
        refused = str(refusal)
    assert refused == "" or refused.startswith("line ")


def broken(function: Function, at: int, **changes: object) -> Function:
    body = list(function.body)
    body[at] = replace(body[at], **changes)
    return replace(function, body=tuple(body))


def test_illegal_functions_are_bugs() -> None:
    function, module = model()
    modules = {module.name: module}
    cases = {
        "two have the input name w": replace(function, inputs=(*function.inputs[:3], *function.inputs[2:3] * 3)),
        "the next value is %6": broken(function, 0, first=7),
        "%99 is no earlier value": broken(function, 0, inputs=(0, 99)),
        "are not sorted": broken(function, 1, attributes=(("index", 0), ("axis", 0))),
        "the results are real[record, S, 3], and not real[3]": broken(function, 0, types=(Type("real", (3,)),)),
        "there is no operation `vanish`": broken(function, 0, name="vanish"),
        "y is %99, which is no value": replace(function, outputs=(("y", 99),)),
        "two have the output name y": replace(function, outputs=(("y", 0), ("y", 1))),
    }
    for message, case in cases.items():
        with pytest.raises(CompilerBug) as caught:
            verify_function(case, modules)
        assert message in str(caught.value)


def test_illegal_programs_are_bugs() -> None:
    legal = program()
    settings_ = legal.models[0]
    function = legal.functions[0]
    cases = {
        "there is no circuit attention": replace(legal, modules=()),
        "two have the function name model": replace(legal, functions=(function, function)),
        "model other has no function": replace(legal, models=(replace(settings_, name="other"),)),
        "the inputs are": replace(legal, models=(replace(settings_, fields=settings_.fields[:1]),)),
        "no output loss": replace(legal, functions=(replace(function, outputs=function.outputs[:1]),)),
    }
    for message, case in cases.items():
        with pytest.raises(CompilerBug) as caught:
            verify_program(case)
        assert message in str(caught.value)
