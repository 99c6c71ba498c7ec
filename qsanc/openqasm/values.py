"""Values of expressions: integers, real numbers, and affine forms over inputs.

A product or a sine of inputs is not affine. Such an expression becomes an *atom*, a slot of its own whose text is the
expression in the language of .qsan; inputs are atoms that are called by their names. So everything is affine in atoms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from qsanc.ir.circuit import Angle
from qsanc.openqasm.limits import LARGEST_INTEGER, LONGEST_EXPRESSION

Value: TypeAlias = int | float | Angle
"""Angles depend on an input at least; a number is never an Angle."""

CONSTANTS: dict[str, float] = {
    "pi": math.pi, "π": math.pi, "tau": math.tau, "τ": math.tau, "euler": math.e, "ℇ": math.e,
}  # fmt: skip
_ON_NUMBERS: dict[str, Callable[[float], float]] = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "exp": math.exp, "log": math.log, "sqrt": math.sqrt,
    "arcsin": math.asin, "arccos": math.acos, "arctan": math.atan, "floor": math.floor, "ceiling": math.ceil,
}  # fmt: skip
_ON_INPUTS = frozenset({"sin", "cos", "tan", "exp", "log", "sqrt"})
FUNCTIONS = {**dict.fromkeys(_ON_NUMBERS, 1), "pow": 2, "mod": 2}
"""Functions of OpenQASM that are read, with how many numbers they take."""


class BadValue(Exception):
    """An operation without a value: why, and what to do instead."""

    def __init__(self, why: str, help: str) -> None:
        super().__init__(why)
        self.why, self.help = why, help


class Atoms:
    """The inputs, and the expressions in them that are not affine, by slot."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._known: dict[str, int] = {}

    def slot(self, text: str) -> Angle:
        """The atom with this text in the language of .qsan, which is an identifier, a call or stands in parentheses."""
        if len(text) > LONGEST_EXPRESSION:
            raise BadValue("the expression grows too long", "split it into inputs that are computed beforehand")
        if text not in self._known:
            self._known[text] = len(self.texts)
            self.texts.append(text)
        return Angle.slot(self._known[text])

    def spelled(self, value: Value) -> str:
        """The value as a .qsan expression."""
        return affine(value, self.texts)


def checked(value: Value) -> Value:
    """The value, if it is a finite number of a reasonable size; a form without inputs as a number."""
    if isinstance(value, Angle):
        if not all(map(math.isfinite, (value.constant, *(c for _, c in value.terms)))):
            raise BadValue("this is no finite number", "keep numbers below 1e308")
        return value if value.terms else value.constant
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise BadValue("this integer is too large", "keep integers below 2**53, or write a real number")
        return value
    if not math.isfinite(value):
        raise BadValue("this is no finite number", "keep numbers below 1e308")
    return value


def as_angle(value: Value) -> Angle:
    return value if isinstance(value, Angle) else Angle(float(value))


def negated(value: Value) -> Value:
    return -value


def combined(op: str, left: Value, right: Value, atoms: Atoms) -> Value:
    """`left op right` for + - * / % and **. Raises BadValue."""
    if isinstance(left, Angle) or isinstance(right, Angle):
        return checked(_symbolic(op, left, right, atoms))
    try:
        return checked(_number(op, left, right))
    except ZeroDivisionError:
        raise BadValue("a division by zero", "divide by another number") from None
    except OverflowError:
        raise BadValue("this is no finite number", "keep numbers below 1e308") from None


def called(name: str, values: Sequence[Value], atoms: Atoms) -> Value:
    """A function of `FUNCTIONS` at so many values as it takes. Raises BadValue."""
    if name in ("pow", "mod"):
        return combined("**" if name == "pow" else "%", values[0], values[1], atoms)
    (value,) = values
    if isinstance(value, Angle):
        if name not in _ON_INPUTS:
            raise BadValue(f"`{name}` of an input is not read", "compute it beforehand and make the result an input")
        return atoms.slot(f"{name}({atoms.spelled(value)})")
    try:
        return checked(_ON_NUMBERS[name](value))
    except (ValueError, OverflowError):
        raise BadValue(f"`{name}` has no real value here", "give it a number inside of its domain") from None


def _number(op: str, left: int | float, right: int | float) -> int | float:
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" if isinstance(left, int) and isinstance(right, int):
            if left % right:
                raise BadValue(
                    "a division of integers with a remainder", f"write `{left}.0 / {right}` for the fraction"
                )
            return left // right
        case "/":
            return left / right
        case "%":
            if left < 0 or right < 0:
                raise BadValue("a remainder of negative numbers", "make both of them positive")
            return left % right
        case _:
            return _power(left, right)


def _power(left: int | float, right: int | float) -> int | float:
    if isinstance(left, int) and isinstance(right, int) and right >= 0:
        if abs(left) > 1 and right * (abs(left).bit_length() - 1) > 64:
            raise BadValue("this integer is too large", "keep integers below 2**53, or write a real number")
        power: int = left**right
        return power
    if left < 0 and right != math.floor(right):
        raise BadValue("a root of a negative number", "raise a positive number")
    root: float = float(left) ** float(right)
    return root


def _symbolic(op: str, left: Value, right: Value, atoms: Atoms) -> Value:
    a, b = as_angle(left), as_angle(right)
    match op:
        case "+":
            return a + b
        case "-":
            return a + -b
        case "*" if a.is_constant:
            return b.scaled(a.constant)
        case "*" if b.is_constant:
            return a.scaled(b.constant)
        case "/" if b.is_constant:
            if not b.constant:
                raise BadValue("a division by zero", "divide by another number")
            return Angle(a.constant / b.constant, tuple((slot, c / b.constant) for slot, c in a.terms))
        case "%":
            raise BadValue("a remainder of an input is not read", "compute it beforehand and make the result an input")
        case "**" if right in (0, 1):
            return a if right == 1 else 1.0
        case "**":
            return atoms.slot(f"(({atoms.spelled(left)})^({atoms.spelled(right)}))")
        case _:
            return atoms.slot(f"(({atoms.spelled(left)}) {op} ({atoms.spelled(right)}))")


# ---- as text ------------------------------------------------------------------------------------------------------


def affine(value: Value, texts: Sequence[str]) -> str:
    """The value as a .qsan expression, `texts` being the atoms."""
    angle = as_angle(value)
    text = ""
    for slot, coefficient in angle.terms:
        size = abs(coefficient)
        term = texts[slot] if size == 1 else f"{number(size)} * {texts[slot]}"
        text += (" - " if text else "-") + term if coefficient < 0 else (" + " if text else "") + term
    if not text:
        return number(angle.constant)
    if angle.constant:
        text += f" {'-' if angle.constant < 0 else '+'} {number(abs(angle.constant))}"
    return text


def number(value: float) -> str:
    """A number that reads back to the last bit, as a multiple of pi where it is one: `-3 * pi / 4`."""
    sign, size = ("-" if value < 0 else ""), abs(value)
    for below in (1, 2, 3, 4, 6, 8, 12, 16, 32) if size < 1_000 else ():
        above = round(size * below / math.pi)
        if 0 < above <= 64 and math.gcd(above, below) == 1 and above * math.pi / below == size:
            return f"{sign}{f'{above} * ' if above > 1 else ''}pi{f' / {below}' if below > 1 else ''}"
    if size == int(size) and size < 1e6:
        return f"{sign}{int(size)}"
    return repr(float(value))
