"""What sort of thing an expression is, before any size is known, and where in a file it may stand."""

from __future__ import annotations

from enum import Enum


class Sort(Enum):
    """The value of a member is how messages name it."""

    NUMBER = "a number"
    TRUTH = "a condition"
    TEXT = "a text"
    RANGE = "a range"
    QUBIT = "a qubit"
    QUBITS = "a register"
    OBSERVABLE = "an observable"
    MEASURED = "a measurement"
    STATE = "a state"
    WORD = "a word of the language"
    DISTRIBUTION = "an initial distribution"
    OPTIMIZER = "an optimizer"
    CHANNEL = "a noise channel"
    ANSATZ = "an ansatz"
    CIRCUIT = "a circuit"
    ATTENTION = "an attention block"
    NOISE = "a noise block"
    MODEL = "a model"
    PROPERTY = "a property"
    TEST = "a test"
    MODULE = "an imported file"
    OPERATOR = "a unitary"
    APPLIED = "a circuit with its arguments"
    INSTANCE = "a model with its settings"
    COST = "a cost"
    NAMES = "names of arguments"
    ANY = "anything"
    """Of unknown sort: where an error was already reported, or where every sort will do."""


TEMPLATES = frozenset({Sort.ANSATZ, Sort.CIRCUIT, Sort.ATTENTION})


class Context(Enum):
    """A place with a vocabulary of its own. The value of a member is how messages name it."""

    NUMBER = "an expression of numbers"
    RESULT = "the result of a circuit"
    SCORE = "`score`"
    MASK = "`mask`"
    NORMALIZE = "`normalize`"
    FLOW = "`flow`"
    LOSS = "`loss`"
    INIT = "the initial value of a parameter"
    OPTIMIZER = "`optimizer`"
    GRAD = "`grad`"
    CHECK = "a property or test"
    METHOD = "a method of differentiation"
    CHANNEL = "a noise rule"
