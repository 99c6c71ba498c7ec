"""Reading the model language and whole programs: what `ir.model_text` prints, with comments and in any spacing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias, TypeVar, cast

from qsanc.ir.model import Attribute, Axis, Function, Input, Operation, Type
from qsanc.ir.program import (
    DataField,
    DimBounds,
    Distribution,
    Model,
    Optimizer,
    Parameter,
    Program,
    Recipe,
    SizeOrigin,
    SizeValue,
)
from qsanc.ir.reader import read_module

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|inf|nan)(?![A-Za-z0-9_.])")
_VALUE = re.compile(r"%([0-9]{1,9})")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT = re.compile(r'^((?:[^"/]|"(?:[^"\\]|\\.)*"|/(?!/))*)//.*$')
_BLOCKS = ("circuit", "function", "model")
Role: TypeAlias = Literal["parameter", "data", "argument"]
Method: TypeAlias = Literal["auto", "parameter_shift", "adjoint", "spsa"]

_DEEPEST = 100
_KINDS: tuple[Literal["angle", "real", "prob"], ...] = ("angle", "real", "prob")
_DISTRIBUTIONS: tuple[Literal["normal", "uniform", "glorot"], ...] = ("normal", "uniform", "glorot")
_FIELD_ROLES: tuple[Literal["tokens", "numbers", "label"], ...] = ("tokens", "numbers", "label")
_ORIGINS: tuple[SizeOrigin, ...] = ("default", "set", "data", "placeholder")
_OPTIMIZERS: tuple[Literal["adam", "sgd", "spsa"], ...] = ("adam", "sgd", "spsa")
_GRADIENTS: tuple[Method, ...] = (
    "auto",
    "parameter_shift",
    "adjoint",
    "spsa",
)

T = TypeVar("T")


def read_function(text: str) -> Function:
    """The function that `text` describes. Raises ValueError with the line number where it describes none."""
    functions = read_program(text).functions
    if len(functions) != 1:
        raise ValueError(f"line 1: expected one function, and there are {len(functions)}")
    return functions[0]


def read_program(text: str) -> Program:
    """The program that `text` describes. Raises ValueError with the line number where it describes none."""
    modules, functions, models = [], [], []
    for keyword, first, lines in _blocks(text):
        if keyword == "circuit":
            modules.append(read_module("\n" * (first - 1) + "\n".join(lines)))
            continue
        cursors = [_Line(first + k, line) for k, line in enumerate(lines)]
        block = [cursor for cursor in cursors if not cursor.done]
        if keyword == "function":
            functions.append(_read_function(block))
        else:
            models.append(_read_model(block))
    return Program(tuple(modules), tuple(functions), tuple(models))


def _blocks(text: str) -> Iterator[tuple[str, int, list[str]]]:
    """Keyword, first line number and lines of each top-level block."""
    keyword, first, lines = "", 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        word = WORD.match(line)
        if word:
            if keyword:
                yield keyword, first, lines
            keyword, first, lines = word.group(), number, []
            if keyword not in _BLOCKS:
                raise ValueError(f"line {number}: expected circuit, function or model, and not {keyword!r}")
        elif not keyword and not _Line(number, line).done:
            raise ValueError(f"line {number}: expected circuit, function or model")
        lines.append(line)
    if keyword:
        yield keyword, first, lines


class _Line:
    """A cursor over one line."""

    def __init__(self, number: int, text: str) -> None:
        self.place = number
        self.text = _COMMENT.sub(r"\1", text).rstrip()
        self.at = 0
        self._skip()

    def _skip(self) -> None:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1

    def error(self, message: str) -> ValueError:
        return ValueError(f"line {self.place}: {message}")

    @property
    def done(self) -> bool:
        return self.at == len(self.text)

    def take(self, pattern: re.Pattern[str] | str) -> str | None:
        match = re.compile(re.escape(pattern) if isinstance(pattern, str) else pattern).match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        self._skip()
        return match.group()

    def need(self, pattern: re.Pattern[str] | str, what: str = "") -> str:
        found = self.take(pattern)
        if found is None:
            raise self.error(f"expected {what or pattern} at {self.text[self.at :] or 'the end of the line'!r}")
        return found

    def end(self) -> None:
        if not self.done:
            raise self.error(f"unexpected {self.text[self.at :]!r}")

    def word(self, what: str = "a name") -> str:
        quoted = self.take(_QUOTED)
        if quoted is None:
            return self.need(WORD, what)
        try:
            return str(json.loads(quoted))
        except ValueError:
            raise self.error(f"{quoted} is not a quoted name") from None

    def value_number(self) -> int:
        return int(self.need(_VALUE, "a value such as %3")[1:])

    def number(self) -> int | float:
        found = self.need(NUMBER, "a number")
        return int(found) if found.lstrip("-").isdecimal() else float(found)

    def listed(self, item: Callable[[], T], close: str) -> tuple[T, ...]:
        """Items with commas between them, up to and with `close`."""
        items: list[T] = []
        while not self.take(close):
            if items:
                self.need(",")
            items.append(item())
        return tuple(items)

    def attribute(self, depth: int = 0) -> Attribute:
        if depth > _DEEPEST:
            raise self.error("lists are nested too deeply")
        if self.take("["):
            return self.listed(lambda: self.attribute(depth + 1), "]")
        if self.take("@"):
            return self.word()
        mark = self.at
        if self.take(NUMBER) is not None:
            self.at = mark
            return self.number()
        return self.word("a number, a name or a list")

    def setting(self) -> tuple[str, Attribute]:
        name = self.word()
        self.need("=")
        return name, self.attribute()

    def settings(self) -> tuple[tuple[str, Attribute], ...]:
        return self.listed(self.setting, "}") if self.take("{") else ()

    def axis(self) -> Axis:
        if WORD.match(self.text, self.at):
            return self.word()
        return self.size()

    def size(self) -> int:
        return int(self.need(re.compile("[0-9]{1,18}"), "a size"))

    def type(self) -> Type:
        kind = self.need(re.compile("real|int"), "real or int")
        axes = self.listed(self.axis, "]") if self.take("[") else ()
        return Type("real" if kind == "real" else "int", axes)


def _title(line: _Line) -> str:
    line.need(WORD)
    line.need("@")
    name = line.word()
    line.end()
    return name


def _read_function(lines: list[_Line]) -> Function:
    name = _title(lines[0])
    inputs, body = list[Input](), list[Operation]()
    named: dict[str, list[tuple[str, int]]] = {"output": [], "probe": []}
    for line in lines[1:]:
        if line.text.startswith("%", line.at):
            _read_value(line, inputs, body)
        else:
            keyword = line.need(re.compile("output|probe"), "a value, output or probe")
            label = line.word()
            line.need("=")
            named[keyword].append((label, line.value_number()))
        line.end()
    return Function(name, tuple(inputs), tuple(body), tuple(named["output"]), tuple(named["probe"]))


def _read_value(line: _Line, inputs: list[Input], body: list[Operation]) -> None:
    first = line.value_number()
    if line.take("="):
        role = line.need(re.compile("parameter|data|argument"), "parameter, data or argument")
        name = line.word()
        line.need(":")
        if first != len(inputs) or body:
            raise line.error(f"input %{first} is out of order")
        inputs.append(Input(name, cast(Role, role), line.type()))
        return
    line.need(":")
    types = [line.type()]
    while line.take(","):
        number = line.value_number()
        if number != first + len(types):
            raise line.error(f"expected %{first + len(types)}, and not %{number}")
        line.need(":")
        types.append(line.type())
    line.need("=")
    operation = line.word("an operation")
    operands: list[int] = []
    while line.text.startswith("%", line.at):
        operands.append(line.value_number())
        if not line.take(","):
            break
    body.append(Operation(operation, tuple(operands), line.settings(), first, tuple(types)))


def _read_model(lines: list[_Line]) -> Model:
    name = _title(lines[0])
    parameters, dims, fields, sizes = list[Parameter](), list[DimBounds](), list[DataField](), list[SizeValue]()
    recipe = Recipe()
    optimizer = recipe.optimizer
    for line in lines[1:]:
        keyword = line.need(WORD, "parameter, dim, field, size, optimizer or recipe")
        match keyword:
            case "parameter":
                parameters.append(_read_parameter(line))
            case "dim":
                label, given = line.word(), _Given(line)
                dims.append(DimBounds(label, given.need_integer("low"), given.integer("high")))
            case "field":
                fields.append(_read_field(line))
            case "size":
                label = line.word()
                line.need("=")
                value = line.number()
                sizes.append(SizeValue(label, value, _Given(line).one_of("origin", _ORIGINS)))
            case "optimizer":
                which = _choice(line, line.word(), _OPTIMIZERS)
                options = line.settings()
                if not all(isinstance(value, int | float) for _, value in options):
                    raise line.error("the options of an optimizer are numbers")
                optimizer = Optimizer(which, cast(tuple[tuple[str, float], ...], options))
            case "recipe":
                given = _Given(line)
                recipe = Recipe(
                    optimizer,
                    given.need_integer("epochs"),
                    given.integer("batch"),
                    given.need_integer("seed"),
                    given.integer("patience"),
                    given.one_of("grad", _GRADIENTS),
                )
            case _:
                raise line.error(f"expected parameter, dim, field, size, optimizer or recipe, and not {keyword!r}")
        line.end()
    return Model(name, tuple(parameters), tuple(fields), tuple(dims), tuple(sizes), recipe)


def _read_parameter(line: _Line) -> Parameter:
    name = line.word()
    line.need(":")
    kind = _choice(line, line.word("a kind of parameter"), _KINDS)
    shape = line.listed(line.size, "]") if line.take("[") else ()
    initial: Distribution | float | tuple[float, ...]
    if line.take("~"):
        distribution = _choice(line, line.word("a distribution"), _DISTRIBUTIONS)
        line.need("(")
        initial = Distribution(distribution, line.listed(line.number, ")"))
    else:
        line.need("=", "= or ~")
        initial = line.listed(line.number, "]") if line.take("[") else line.number()
    given = _Given(line)
    return Parameter(
        name, kind, shape, initial, given.number("low"), given.number("high"), given.truth("frozen", False)
    )


def _read_field(line: _Line) -> DataField:
    name = line.word()
    line.need(":")
    kind = line.type()
    given = _Given(line)
    role = given.one_of("role", _FIELD_ROLES)
    low, high, closed = given.number("low"), given.number("high"), given.truth("closed", True)
    return DataField(name, role, kind, low, high, closed, given.integer("classes"), given.text("sized_by"))


def _choice(line: _Line, value: object, choices: tuple[T, ...]) -> T:
    for choice in choices:
        if choice == value:
            return choice
    raise line.error(f"expected one of {', '.join(map(str, choices))}, and not {value!r}")


class _Given:
    """The settings in braces at the end of a line, asked for one by one."""

    def __init__(self, line: _Line) -> None:
        self.line = line
        self.settings = dict(line.settings())

    def number(self, name: str) -> int | float | None:
        value = self.settings.get(name)
        if value is not None and not isinstance(value, int | float):
            raise self.line.error(f"{name} is a number")
        return value

    def integer(self, name: str) -> int | None:
        value = self.settings.get(name)
        if value is not None and not isinstance(value, int):
            raise self.line.error(f"{name} is an integer")
        return value

    def need_integer(self, name: str) -> int:
        value = self.integer(name)
        if value is None:
            raise self.line.error(f"{name} is missing")
        return value

    def text(self, name: str) -> str | None:
        value = self.settings.get(name)
        if value is not None and not isinstance(value, str):
            raise self.line.error(f"{name} is a name")
        return value

    def truth(self, name: str, default: bool) -> bool:
        if name not in self.settings:
            return default
        return self.one_of(name, ("false", "true")) == "true"

    def one_of(self, name: str, choices: tuple[T, ...]) -> T:
        return _choice(self.line, self.settings.get(name), choices)
