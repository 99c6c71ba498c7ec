"""What tasks give: the service's result files, read by us, and the small files in which a run keeps what was in them.

    gate_model_task_result      one program: measurements, or how often each outcome came; or exact values
    program_set_task_result     a set: for each program its executables, in this file or in files of their own

Split parts are fetched through the session that has the credentials; the SDK would make a client of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from qsanc_braket.text import Program

Read = Callable[[str, str], bytes]
"""The file of a bucket under a key."""


class Unreadable(Exception):
    """A result file is not what it has to be."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one executable gave: how often each string of bits of its register was seen, or exact values, or neither,
    and then why."""

    counts: Mapping[str, int] | None = None
    values: tuple[float, ...] | None = None
    failure: str = ""

    @property
    def good(self) -> bool:
        return self.counts is not None or self.values is not None


@dataclass(frozen=True, slots=True)
class Given:
    """What a task gave, executable by executable; `seconds` of a simulator, where it says so."""

    outcomes: tuple[Outcome, ...]
    seconds: float | None = None

    @property
    def good(self) -> int:
        return sum(outcome.good for outcome in self.outcomes)

    def to_json(self) -> dict[str, Any]:
        return {"executables": [_to_json(outcome) for outcome in self.outcomes], "seconds": self.seconds}


def _to_json(outcome: Outcome) -> dict[str, Any]:
    if outcome.counts is not None:
        return {"counts": dict(outcome.counts)}
    if outcome.values is not None:
        return {"values": list(outcome.values)}
    return {"failed": outcome.failure}


def from_json(value: Mapping[str, Any], programs: Sequence[Program], shots: int, values: int) -> Given:
    """What `Given.to_json` wrote for these programs; `values` exact ones each for 0 shots. Raises `Unreadable`."""
    found = _Value("", value).list("executables", len(programs))
    outcomes = []
    for each, program in zip(found, programs, strict=True):
        if "failed" in each.fields():
            outcomes.append(Outcome(failure=each.text("failed")))
        elif shots:
            outcomes.append(Outcome(counts=_checked(each.at("counts"), program, shots)))
        else:
            outcomes.append(Outcome(values=_numbers(each.list("values", values))))
    seconds = value.get("seconds")
    return Given(tuple(outcomes), None if seconds is None else _Value("seconds", seconds).number())


def _checked(counts: _Value, program: Program, shots: int) -> dict[str, int]:
    seen = {}
    for bits, times in counts.fields().items():
        if len(bits) != program.bits or set(bits) - {"0", "1"}:
            counts.wrong(f"{bits!r} are not {program.bits} bits")
        if not isinstance(times, int) or isinstance(times, bool) or times < 1:
            counts.wrong(f"{bits} was seen {times!r} times")
        seen[bits] = times
    if sum(seen.values()) != shots:
        counts.wrong(f"holds {sum(seen.values())} shots and not {shots}")
    return seen


def parse(read: Read, bucket: str, folder: str, programs: Sequence[Program], shots: int, *, as_set: bool) -> Given:
    """What lies in a task's folder; `shots` of each executable, 0 for exact values. Raises `Unreadable`, and what
    `read` raises."""
    whole = _file(read, bucket, f"{folder}/results.json")
    if not as_set:
        whole.header("gate_model_task_result")
        seconds = None
        more = whole.fields().get("additionalMetadata") or {}
        if isinstance(more, dict) and more.get("simulatorMetadata") is not None:
            took = whole.at("additionalMetadata").at("simulatorMetadata").at("executionDuration").number()
            seconds = took / 1000
        if shots == 0:
            kinds = whole.list("resultTypes", None)
            return Given((Outcome(values=_exact(kinds)),), seconds)
        return Given((Outcome(counts=_counts(whole, programs[0], shots)),), seconds)
    whole.header("program_set_task_result")
    place = whole.fields().get("s3Location")
    if place is not None:
        bucket, folder = (each.told() for each in whole.list("s3Location", 2))
    outcomes = []
    for found, program in zip(whole.list("programResults", len(programs)), programs, strict=True):
        inner = folder
        if isinstance(found.value, str):
            inner = f"{folder}/{found.value.rpartition('/')[0]}"
            found = _file(read, bucket, f"{folder}/{found.value}")
        found.header("program_result")
        executables = found.list("executableResults", None)
        if not executables:
            outcomes.append(Outcome(failure="it was not run"))
            continue
        if len(executables) != 1:
            found.wrong(f"has {len(executables)} executables, and one was sent")
        one = executables[0]
        if isinstance(one.value, str):
            one = _file(read, bucket, f"{inner}/{one.value}")
        if one.named("program_set_executable_failure"):
            outcomes.append(Outcome(failure=one.at("failureMetadata").text("failureReason") or "no reason given"))
        else:
            one.header("program_set_executable_result")
            outcomes.append(Outcome(counts=_counts(one, program, shots)))
    return Given(tuple(outcomes))


def _counts(result: _Value, program: Program, shots: int) -> dict[str, int]:
    """How often each string of bits of the program's register was seen."""
    columns = _columns(result, program)
    fields = result.fields()
    if fields.get("measurements") is not None:
        rows = fields["measurements"]
        try:
            bits = np.asarray(rows, dtype=np.int8)
        except (TypeError, ValueError, OverflowError):
            result.wrong("`measurements` are no table of bits")
        if bits.shape != (shots, len(columns)) or (bits.size and (bits.min() < 0 or bits.max() > 1)):
            result.wrong(f"`measurements` are not {shots} rows of {len(columns)} bits")
        seen, times = np.unique(bits[:, columns], axis=0, return_counts=True)
        return {"".join(map(str, row)): count for row, count in zip(seen.tolist(), times.tolist(), strict=True)}
    often: dict[str, int] = {}
    for text, chance in result.at("measurementProbabilities").fields().items():
        if len(text) != len(columns) or set(text) - {"0", "1"}:
            result.wrong(f"{text!r} are not {len(columns)} bits")
        number = _Value("measurementProbabilities", chance).number() * shots
        if abs(number - round(number)) > 1e-6 * shots + 1e-3:
            result.wrong(f"the probability of {text} is no multiple of 1/{shots}")
        if round(number):
            bits_of = "".join(text[k] for k in columns)
            often[bits_of] = often.get(bits_of, 0) + round(number)
    if sum(often.values()) != shots:
        result.wrong(f"its probabilities hold {sum(often.values())} shots and not {shots}")
    return often


def _columns(result: _Value, program: Program) -> list[int]:
    """The column of each bit of the register."""
    measured = [each.whole() for each in result.list("measuredQubits", None)]
    if sorted(measured) != sorted(program.qubits):
        result.wrong(f"the qubits {measured} were measured, and {list(program.qubits)} were asked for")
    return [measured.index(qubit) for qubit in program.qubits]


def _exact(kinds: Sequence[_Value]) -> tuple[float, ...]:
    """The values of all expectations, or the only distribution, or an expectation and its slopes by a0, a1, ..."""
    values: list[float] = []
    for kind in kinds:
        match kind.at("type").text("type"):
            case "expectation":
                values.append(kind.at("value").number())
            case "probability":
                values += _numbers(kind.list("value", None))
            case "adjoint_gradient":
                slopes = kind.at("value").at("gradient")
                if slopes.fields().keys() != {f"a{k}" for k in range(len(slopes.fields()))}:
                    slopes.wrong("is not by the inputs of the program")
                values.append(kind.at("value").at("expectation").number())
                values += [slopes.at(f"a{k}").number() for k in range(len(slopes.fields()))]
            case other:
                kind.wrong(f"holds a {other}, which was not asked for")
    return tuple(values)


def _numbers(values: Sequence[_Value]) -> tuple[float, ...]:
    return tuple(value.number() for value in values)


def _file(read: Read, bucket: str, key: str) -> _Value:
    content = read(bucket, key)
    try:
        return _Value(key.rpartition("/")[2], json.loads(content))
    except (ValueError, RecursionError):
        raise Unreadable(f"{key} is not JSON") from None


@dataclass(frozen=True, slots=True)
class _Value:
    """A value of a result file, and where it stands."""

    where: str
    value: Any

    def wrong(self, what: str) -> NoReturn:
        raise Unreadable(f"{self.where or 'it'}: {what}")

    def fields(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            self.wrong("is not an object")
        found: dict[str, Any] = self.value
        return found

    def at(self, name: str) -> _Value:
        fields = self.fields()
        if fields.get(name) is None:
            self.wrong(f"has no `{name}`")
        return _Value(f"{self.where}.{name}" if self.where else name, fields[name])

    def list(self, name: str, length: int | None) -> list[_Value]:
        inner = self.at(name)
        if not isinstance(inner.value, list) or (length is not None and len(inner.value) != length):
            inner.wrong("is not a list" if length is None else f"is not a list of {length}")
        return [_Value(f"{inner.where}[{k}]", each) for k, each in enumerate(inner.value)]

    def text(self, name: str) -> str:
        return self.at(name).told()

    def told(self) -> str:
        if not isinstance(self.value, str):
            self.wrong("is not a text")
        return str(self.value)

    def number(self) -> float:
        if not isinstance(self.value, int | float) or isinstance(self.value, bool) or not math.isfinite(self.value):
            self.wrong("is not a finite number")
        return float(self.value)

    def whole(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < 0:
            self.wrong("is not a count")
        return int(self.value)

    def named(self, name: str) -> bool:
        header = self.fields().get("braketSchemaHeader")
        return isinstance(header, dict) and header.get("name") == f"braket.task_result.{name}"

    def header(self, name: str) -> None:
        if not self.named(name):
            self.wrong(f"is no {name}")
