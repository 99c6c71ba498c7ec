"""A compiled program: circuit modules, functions that call them, and what a model says of its data and its training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from qsanc.ir.circuit import CircuitModule
from qsanc.ir.model import Function, Type


@dataclass(frozen=True, slots=True)
class Distribution:
    """Where initial values are drawn from: `normal(mean, sd)`, `uniform(low, high)`, `glorot()`."""

    name: Literal["normal", "uniform", "glorot"]
    numbers: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A trained array. `initial` is a distribution, or a number for every element, or all elements in row-major order.

    After each step values are projected into [low, high], where given. A frozen one is never changed by training.
    """

    name: str
    kind: Literal["angle", "real", "prob"]
    shape: tuple[int, ...]
    initial: Distribution | float | tuple[float, ...]
    low: float | None = None
    high: float | None = None
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class DimBounds:
    """A run-time dim: the smallest and the largest length a record may have (None: unbounded)."""

    name: str
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class DataField:
    """One field of a record.

    `tokens`: word numbers below `high` (the vocabulary), one run-time axis. `numbers`: real columns, static axes.
    `label`: `classes` gives the number of classes (2 for a bit), None for a real label. `low` and `high` bound the
    values:
    low <= value < high, or <= high where `closed`; None where nothing was declared. `sized_by` is the size that bounds
    the values and whose value the data gives (`vocab`, `classes`), if there is one.
    """

    name: str
    role: Literal["tokens", "numbers", "label"]
    type: Type
    low: float | None = None
    high: float | None = None
    closed: bool = True
    classes: int | None = None
    sized_by: str | None = None


@dataclass(frozen=True, slots=True)
class Optimizer:
    name: Literal["adam", "sgd", "spsa"]
    options: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The training settings of a `train` block, with the defaults of the language where it is silent.

    `patience`: stop after so many epochs without a lower validation loss (None: never). `batch` None: all records.
    """

    optimizer: Optimizer = Optimizer("adam", (("lr", 0.01),))
    epochs: int = 30
    batch: int | None = 16
    seed: int = 0
    patience: int | None = None
    grad: Literal["auto", "parameter_shift", "adjoint", "spsa"] = "auto"


SizeOrigin: TypeAlias = Literal["default", "set", "data", "placeholder"]


@dataclass(frozen=True, slots=True)
class SizeValue:
    """A size or hyper setting of the model as compiled, and who chose it."""

    name: str
    value: int | float
    origin: SizeOrigin


@dataclass(frozen=True, slots=True)
class Model:
    """What training needs to know beside the function `name`, whose outputs are `predict` and `loss` (one a record).

    The inputs of that function are the parameters, then the data fields, by name. A model without fields has one
    record.
    """

    name: str
    parameters: tuple[Parameter, ...]
    fields: tuple[DataField, ...]
    dims: tuple[DimBounds, ...]
    sizes: tuple[SizeValue, ...]
    recipe: Recipe

    def parameter(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Program:
    """Everything compiled from one entry point. Exists only if checking succeeded."""

    modules: tuple[CircuitModule, ...]
    functions: tuple[Function, ...]
    models: tuple[Model, ...] = ()

    def module(self, name: str) -> CircuitModule:
        for module in self.modules:
            if module.name == name:
                return module
        raise KeyError(name)

    def function(self, name: str) -> Function:
        for function in self.functions:
            if function.name == name:
                return function
        raise KeyError(name)
