"""Reading the circuit language: what `ir.text` prints, with comments and in any layout of blanks."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

from qsanc.ir.circuit import (
    Angle,
    Channel,
    CircuitModule,
    Expectation,
    Gate,
    Instruction,
    Observable,
    Overlap,
    Pauli,
    Probabilities,
    Probability,
    Result,
    Segment,
    State,
)
from qsanc.ir.verify import instruction_fault, result_fault

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
SLOT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*(\[[A-Za-z0-9_., ]*\])?")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_NATURAL = re.compile(r"[0-9]{1,18}(?![0-9])")
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_FACTOR = re.compile(r"([XYZ])([0-9]{1,9})")
_SLOT = re.compile(r"s([0-9]{1,9})")


def read_module(text: str) -> CircuitModule:
    """The module that `text` describes. Raises ValueError with the line number where it describes none."""
    return _Reader().read(text)


class _Line:
    """A cursor over one line."""

    def __init__(self, number: int, text: str) -> None:
        self.line = number
        self.text = text
        self.at = 0
        self._skip()

    def _skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def error(self, message: str) -> ValueError:
        return ValueError(f"line {self.line}: {message}")

    @property
    def done(self) -> bool:
        return self.at == len(self.text)

    def take(self, pattern: re.Pattern[str] | str) -> re.Match[str] | None:
        """The match of `pattern` here, moving behind it and the blanks that follow; None, without moving, if none."""
        match = re.compile(re.escape(pattern) if isinstance(pattern, str) else pattern).match(self.text, self.at)
        if match:
            self.at = match.end()
            self._skip()
        return match

    def need(self, pattern: re.Pattern[str] | str, what: str) -> str:
        match = self.take(pattern)
        if match is None:
            raise self.error(f"expected {what} at {self.text[self.at :] or 'the end of the line'!r}")
        return match.group()

    def name(self, what: str, bare: re.Pattern[str] = WORD) -> str:
        quoted = self.take(_QUOTED)
        if quoted is None:
            return self.need(bare, what)
        try:
            return str(json.loads(quoted.group()))
        except ValueError:
            raise self.error(f"{quoted.group()} is not a quoted name") from None

    def naturals(self, what: str) -> tuple[int, ...]:
        numbers = [int(self.need(_NATURAL, what))]
        while self.take(","):
            numbers.append(int(self.need(_NATURAL, what)))
        return tuple(numbers)

    def number(self) -> float:
        sign = -1.0 if self.take("-") else 1.0
        return sign * self.product()

    def product(self) -> float:
        """Numbers and `pi`, multiplied and divided from left to right, up to a `*` before something else."""
        value = self.literal()
        while True:
            before = self.at
            if self.take("*") and (self.text.startswith("pi", self.at) or _NUMBER.match(self.text, self.at)):
                value *= self.literal()
            elif self.take("/"):
                divisor = self.literal()
                if divisor == 0:
                    raise self.error("division by zero")
                value /= divisor
            else:
                self.at = before
                return value

    def literal(self) -> float:
        if self.take("pi"):
            return math.pi
        return float(self.need(_NUMBER, "a number"))

    def signs(self) -> Iterator[float]:
        """The signs between the terms of a sum, the first one included."""
        yield -1.0 if self.take("-") else 1.0
        while not self.done:
            if self.take("+"):
                yield 1.0
            elif self.take("-"):
                yield -1.0
            else:
                return

    def angle(self) -> Angle:
        total = Angle()
        for sign in self.signs():
            bare = _SLOT.match(self.text, self.at) is not None
            coefficient = sign if bare else sign * self.product()
            if bare or self.take("*"):
                slot = int(self.need(_SLOT, "a slot such as s0")[1:])
                total = total + Angle.slot(slot, coefficient)
            else:
                total = total.shifted(coefficient)
        return total

    def observable(self) -> Observable:
        terms: list[tuple[float, Pauli]] = []
        for sign in self.signs():
            bare = self.text.startswith(("X", "Y", "Z", "I"), self.at)
            coefficient = sign if bare else sign * self.product()
            if bare or self.take("*"):
                terms.append((coefficient, self.pauli()))
            elif coefficient != 0 or terms:
                raise self.error("expected *, and a product of Paulis such as X0 Z2, or I")
        return Observable(tuple(terms))

    def pauli(self) -> Pauli:
        if self.take("I"):
            return Pauli()
        factors = []
        while match := self.take(_FACTOR):
            factors.append((int(match[2]), match[1]))
        if not factors:
            raise self.error("expected a product of Paulis such as X0 Z2, or I")
        return Pauli(tuple(factors))


class _Reader:
    """The parts of a module that were read so far, with the lines of the results for messages."""

    def __init__(self) -> None:
        self.header: tuple[str, int] | None = None
        self.shared: list[str] = []
        self.items: list[str] = []
        self.heads: list[tuple[str, int | None]] = []
        self.bodies: list[list[Instruction]] = []
        self.results: list[tuple[_Line, Result]] = []

    def read(self, text: str) -> CircuitModule:
        line = _Line(1, "")
        for number, written in enumerate(text.splitlines(), 1):
            line = _Line(number, _without_comment(written))
            if not line.done:
                self.read_line(line)
                if not line.done:
                    raise line.error(f"{line.text[line.at :]!r} is left over")
        if self.header is None:
            raise line.error("there is no circuit")
        name, wires = self.header
        segments = tuple(
            Segment(name, parent, tuple(body)) for (name, parent), body in zip(self.heads, self.bodies, strict=True)
        )
        results = tuple(result for _, result in self.results)
        module = CircuitModule(name, wires, tuple(self.shared), tuple(self.items), segments, results)
        for line, result in self.results:
            if fault := result_fault(result, module):
                raise line.error(fault)
        return module

    def read_line(self, line: _Line) -> None:
        if line.take(re.compile(r"circuit\b")):
            self.read_header(line)
        elif self.header is None:
            raise line.error("expected circuit @name wires n")
        elif match := line.take(re.compile(r"(shared|items)\b")):
            self.read_names(line, self.shared if match[1] == "shared" else self.items)
        elif line.take(re.compile(r"segment\b")):
            self.read_segment(line)
        elif match := line.take(re.compile(r"r([0-9]+)\s*=")):
            if int(match[1]) != len(self.results):
                raise line.error(f"expected r{len(self.results)}")
            self.results.append((line, self.read_result(line)))
        else:
            self.read_instruction(line)

    def read_header(self, line: _Line) -> None:
        if self.header is not None:
            raise line.error("a second circuit")
        line.need("@", "@ and a name")
        name = line.name("a name")
        line.need("wires", "wires")
        wires = int(line.need(_NATURAL, "a number of wires"))
        if wires < 1:
            raise line.error("a circuit has at least one wire")
        self.header = name, wires

    def read_names(self, line: _Line, names: list[str]) -> None:
        if self.heads:
            raise line.error("slots are named before the first segment")
        names.append(line.name("a slot's name", SLOT_NAME))
        while line.take(","):
            names.append(line.name("a slot's name", SLOT_NAME))

    def read_segment(self, line: _Line) -> None:
        if self.results:
            raise line.error("segments come before results")
        name = line.name("a segment's name")
        if not name or name in (taken for taken, _ in self.heads):
            raise line.error(f"segment {name!r}: the name is empty or taken")
        parent = self.segment(line) if line.take("after") else None
        self.heads.append((name, parent))
        self.bodies.append([])

    def segment(self, line: _Line) -> int:
        wanted = line.name("a segment's name")
        for k, (name, _) in enumerate(self.heads):
            if name == wanted:
                return k
        raise line.error(f"there is no segment {wanted}")

    def read_instruction(self, line: _Line) -> None:
        if not self.heads or self.results:
            raise line.error("gates and channels stand in segments, before the results")
        assert self.header is not None
        instruction: Instruction
        if line.take(re.compile(r"channel\b")):
            kind = line.name("a channel's name")
            line.need("(", "(")
            strength: list[float] = []
            while not line.take(")"):
                if strength:
                    line.need(",", ", or )")
                strength.append(line.number())
            instruction = Channel(kind, line.naturals("a wire"), tuple(strength))
        else:
            name = line.need(WORD, "a gate, segment or result")
            angles: list[Angle] = []
            if line.take("("):
                angles.append(line.angle())
                while line.take(","):
                    angles.append(line.angle())
                line.need(")", ", or )")
            instruction = Gate(name, line.naturals("a wire"), tuple(angles))
        if fault := instruction_fault(instruction, self.header[1], len(self.shared) + len(self.items)):
            raise line.error(fault)
        self.bodies[-1].append(instruction)

    def read_result(self, line: _Line) -> Result:
        kind = line.need(WORD, "a kind of result")
        if kind not in ("expectation", "probabilities", "probability", "overlap", "state"):
            raise line.error(f"there is no result {kind}")
        segment = self.segment(line)
        if kind == "state":
            return State(segment)
        if kind == "overlap":
            line.need(",", ", and the other segment")
            other = self.segment(line)
            line.need(":", ":")
            return Overlap(segment, other, line.naturals("a wire"))
        line.need(":", ":")
        if kind == "expectation":
            return Expectation(segment, line.observable())
        wires = line.naturals("a wire")
        if kind == "probabilities":
            return Probabilities(segment, wires)
        line.need("is", "is, and a basis state")
        return Probability(segment, wires, int(line.need(_NATURAL, "a basis state")))


def _without_comment(line: str) -> str:
    at = 0
    while at < len(line):
        if line.startswith("//", at):
            return line[:at]
        quoted = _QUOTED.match(line, at)
        at = quoted.end() if quoted else at + 1
    return line
