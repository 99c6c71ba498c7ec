"""Sizes and settings: what the caller set, what data gave, and what was chosen in the end."""

from __future__ import annotations

from collections.abc import Mapping

from qsanc.ir.program import SizeOrigin, SizeValue

# Until data gives a size, a number stands in for it that is unlikely to equal another one by accident.
_STAND_IN = {"classes": 3}
_STAND_IN_OTHERWISE = 1009


class Sizes:
    """`set_` are the user's (`--set n=6`), `data` those that the data set has (`vocab`, `classes`)."""

    def __init__(self, set_: Mapping[str, int | float], data: Mapping[str, int]) -> None:
        self._set = dict(set_)
        self._data = dict(data)
        self._chosen: dict[str, SizeValue] = {}

    def given(self, name: str) -> int | float | None:
        """The value from outside, if there is one."""
        if name in self._set:
            return self.record(name, self._set[name], "set")
        if name in self._data:
            return self.record(name, self._data[name], "data")
        return None

    def placeholder(self, name: str) -> int:
        return _STAND_IN.get(name, _STAND_IN_OTHERWISE)

    def record(self, name: str, value: int | float, origin: SizeOrigin) -> int | float:
        self._chosen[name] = SizeValue(name, value, origin)
        return value

    @property
    def chosen(self) -> tuple[SizeValue, ...]:
        return tuple(self._chosen.values())

    @property
    def unused(self) -> tuple[str, ...]:
        """Names the user set that nothing asked for."""
        return tuple(name for name in self._set if name not in self._chosen)
