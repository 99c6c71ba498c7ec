"""What an expression can mean while a program is elaborated with known sizes.

static      int, float, bool, str, tuple (a list), Interval, Time, DimRef
symbolic    Angle (affine in slots) and Deferred (any other function of slots): scalars inside a circuit;
            a numpy object array of them, or of numbers, is an array inside a circuit
Tensor      a value of the model graph
Wires       qubits of a register;  Observed: a sum of Pauli products;  Measured: what a circuit returns
Template    an ansatz, circuit or attention block, perhaps with its generics;  Word: a name with a fixed meaning
Unitary     in a property or test, an ansatz with its arguments;  Instance: a model with its settings;
            Outcome: what only the execution of the property knows
UNKNOWN     an error was reported where it arose, and everything computed from it stays silent
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qsanc.check.module import Definition
from qsanc.ir.bound import Bound
from qsanc.ir.circuit import Angle, CircuitModule, Pauli, Result
from qsanc.ir.model import Axis, Function, Type
from qsanc.ir.program import Model
from qsanc.source import Span

ObjectArray: TypeAlias = "NDArray[np.object_]"


class Unknown:
    """The meaning of an expression that has an error."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Interval:
    """`low..high` (half open) or `low..=high`."""

    low: int | float
    high: int | float
    closed: bool

    def __contains__(self, value: float) -> bool:
        return self.low <= value and (value <= self.high if self.closed else value < self.high)

    def integers(self) -> range | None:
        if isinstance(self.low, float) or isinstance(self.high, float):
            return None
        return range(self.low, self.high + 1 if self.closed else self.high)

    def __str__(self) -> str:
        return f"{number(self.low)}..{'=' if self.closed else ''}{number(self.high)}"


@dataclass(frozen=True, slots=True)
class Time:
    seconds: float


@dataclass(frozen=True, slots=True)
class Later:
    """A trained parameter or a data field, where declarations are read: its value is there when the flow begins."""

    name: str


@dataclass(frozen=True, slots=True)
class DimRef:
    """A run-time dim by name."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Deferred:
    """A function of symbolic scalars that is not affine; the model graph computes it and binds it to a slot of its own.

    `name` is an elementwise operation of the model language. Operands are often shared, and equality is identity.
    """

    name: str
    operands: tuple[Scalar, ...]


Scalar: TypeAlias = "int | float | Angle | Deferred"


@dataclass(frozen=True, slots=True)
class Tensor:
    """Value number `value` of the function under construction.

    `in_row`: it belongs to an expression that is read for one row at a time (a score: one pair of tokens), so that no
    run-time axis is in sight.
    """

    value: int
    type: Type
    in_row: bool = False

    @property
    def written(self) -> tuple[Axis, ...]:
        """The axes a program sees: all but `record`, and in one row the static ones."""
        return self.type.static if self.in_row else tuple(axis for axis in self.type.axes if axis != "record")


def stand_in(axes: tuple[int, ...] = ()) -> Tensor:
    """An array of a property that only execution computes: a value of no graph, of which only the type is known."""
    return Tensor(-1, Type("real", axes))


@dataclass(frozen=True, slots=True)
class Wires:
    """Wires of a register or of a part of it. `single`: one qubit, not a register of length one."""

    wires: tuple[int, ...]
    name: str
    single: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """A real sum of Pauli products, each product once."""

    terms: tuple[tuple[float, Pauli], ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """One result of a circuit. Its segment is filled in by the builder (0 until then)."""

    result: Result


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A definition with the generics given so far: `entangler[depth = 2]`. Values come with the text they stood as."""

    definition: Definition
    generics: tuple[tuple[str, Value, Span], ...] = ()


@dataclass(frozen=True, slots=True)
class StateOf:
    """`query` or `key` without observables: the state of that block."""

    role: str


@dataclass(frozen=True, slots=True)
class Word:
    """A name of the language itself: `causal`, `rows`, `adam`. `numbers` are its arguments where it was called."""

    name: str
    numbers: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Unitary:
    """A unitary of a property or test: templates one after the other, their inverses, an identity.

    `circuit` holds its gates where the property is executed.
    """

    qubits: int
    circuit: Bound | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """A model of a property or test with its settings, the function that computes its `predict` and `loss` with the
    modules that this calls, and the parameters that were given."""

    model: Model
    function: Function
    modules: tuple[CircuitModule, ...]
    given: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A condition, or the cost of a training step, that is known when the property is executed; then `numbers` are
    what a cost consists of."""

    kind: Literal["condition", "cost"]
    numbers: tuple[tuple[str, float], ...] = ()


Value: TypeAlias = (
    "int | float | bool | str | tuple[Any, ...] | Interval | Time | DimRef | Later | Angle | Deferred | ObjectArray"
    " | Tensor | Wires | Observed | Measured | Template | StateOf | Word | Unitary | Instance | Outcome | Unknown"
)


def number(value: int | float) -> str:
    """A number as a person writes it."""
    if isinstance(value, int) or not float(value).is_integer():
        return f"{value:.12g}" if isinstance(value, float) else str(value)
    return f"{value:.12g}"


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_symbolic(value: object) -> bool:
    """A scalar or an array that lives inside a circuit and depends on slots."""
    return isinstance(value, (Angle, Deferred, np.ndarray))


def shape_text(kind: str, axes: tuple[Axis, ...]) -> str:
    return f"{kind}[{', '.join(map(str, axes))}]" if axes else kind


def of_kind(kind: str, value: Value) -> bool:
    """Whether one element may stand where a type of this kind is written."""
    if isinstance(value, bool) or kind == "bool":
        return isinstance(value, bool) and kind == "bool"
    if kind not in ("nat", "int", "bit"):
        return True
    if isinstance(value, Tensor):
        return value.type.kind == "int"
    return isinstance(value, int) and (kind == "int" or value >= 0) and (kind != "bit" or value <= 1)


def article(noun: str) -> str:
    """A noun with its article."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def a(value: Value) -> str:
    """What a value is, with its article."""
    return article(describe(value))


def describe(value: Value) -> str:
    """What a value is, in the words of the language."""
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "real"
        case str():
            return "string"
        case tuple():
            return f"list of {len(value)}"
        case Interval():
            return f"range {value}"
        case Time():
            return "time"
        case DimRef():
            return f"run-time dim {value.name}"
        case Later():
            return f"run-time value {value.name}"
        case Angle() | Deferred():
            return "real"
        case np.ndarray():
            return shape_text("real", tuple(value.shape))
        case Tensor():
            return shape_text(value.type.kind, value.written)
        case Wires():
            return "qubit" if value.single else f"qubit[{len(value.wires)}]"
        case Observed():
            return "observable"
        case Measured():
            return "measurement"
        case StateOf():
            return f"state of {value.role}"
        case Template():
            return f"{type(value.definition.item).__name__.lower()} {value.definition.item.name}"
        case Word():
            return value.name
        case Unitary():
            return f"unitary on {value.qubits} qubit{'' if value.qubits == 1 else 's'}"
        case Instance():
            return f"model {value.model.name}"
        case Outcome():
            return value.kind
        case _:
            return "unknown"
