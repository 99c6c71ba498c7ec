"""JSON of our own files, read with suspicion: values are asked for by name and kind, and a misfit names its place."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, TypeAlias

from qsanc.train import atomic, errors

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


def text_of(value: Json) -> str:
    """One line of JSON; numbers read back to the same bits."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def file_text(value: Json) -> bytes:
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode("utf-8")


class Fields:
    """A JSON object in a file, at a dotted place in it."""

    def __init__(self, file: str, value: dict[str, Json], place: str = "") -> None:
        self._file, self._value, self._place = file, value, place

    @classmethod
    def read(cls, path: Path, kind: str, version: int) -> Fields:
        """The object in a file, which must say `"format": kind` and a version not above this one."""
        try:
            value = json.loads(atomic.read(path).decode("utf-8"))
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except (ValueError, RecursionError):
            raise errors.fail(errors.damaged(str(path), "it is not JSON in UTF-8")) from None
        if not isinstance(value, dict):
            raise errors.fail(errors.damaged(str(path), "it is not a JSON object"))
        fields = cls(str(path), value)
        if fields.text("format") != kind:
            fields.wrong("format", repr(kind))
        if fields.integer("version") > version:
            raise errors.fail(errors.newer_format(str(path), fields.integer("version"), version))
        return fields

    def names(self) -> list[str]:
        return list(self._value)

    def has(self, name: str) -> bool:
        """Whether there is a value other than null."""
        return self._value.get(name) is not None

    def text(self, name: str) -> str:
        value = self.value(name)
        return value if isinstance(value, str) else self.wrong(name, "a text")

    def integer(self, name: str, low: int = -(2**63)) -> int:
        value = self.value(name)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value < 2**128:
            return value
        return self.wrong(name, f"a whole number{f' from {low}' if low > -(2**63) else ''}")

    def number(self, name: str) -> float:
        value = self.value(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        return self.wrong(name, "a finite number")

    def flag(self, name: str) -> bool:
        value = self.value(name)
        return value if isinstance(value, bool) else self.wrong(name, "true or false")

    def inner(self, name: str) -> Fields:
        value = self.value(name)
        if isinstance(value, dict):
            return Fields(self._file, value, self._at(name))
        return self.wrong(name, "an object")

    def objects(self, name: str) -> Iterator[Fields]:
        for index, value in enumerate(self.items(name)):
            if not isinstance(value, dict):
                self.wrong(f"{name}[{index}]", "an object")
            yield Fields(self._file, value, self._at(f"{name}[{index}]"))

    def texts(self, name: str) -> tuple[str, ...]:
        texts = [value for value in self.items(name) if isinstance(value, str)]
        return tuple(texts) if len(texts) == len(self.items(name)) else self.wrong(name, "a list of texts")

    def items(self, name: str) -> list[Json]:
        value = self.value(name)
        return value if isinstance(value, list) else self.wrong(name, "a list")

    def number_of(self, name: str) -> int | float:
        """A number that stays whole where it is."""
        value = self.value(name)
        return self.integer(name) if isinstance(value, int) else self.number(name)

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.text(name)
        return value if value in choices else self.wrong(name, f"one of {', '.join(choices)}")

    def wrong(self, name: str, expected: str) -> NoReturn:
        raise errors.fail(errors.damaged(self._file, f"`{self._at(name)}` is not {expected}"))

    def value(self, name: str) -> Json:
        if name not in self._value:
            raise errors.fail(errors.damaged(self._file, f"`{self._at(name)}` is missing"))
        return self._value[name]

    def _at(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name
