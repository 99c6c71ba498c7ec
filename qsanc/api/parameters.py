"""The trained arrays of a model by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping

import numpy as np
from numpy.typing import ArrayLike

from qsanc.ir.program import Model as ModelInfo
from qsanc.target import Floats
from qsanc.train.parameters import fitted


class Parameters(MutableMapping[str, Floats]):
    """The trained arrays of a model by name. What is set is checked: name, shape, finite values, range.

    An array that is read is a copy: setting is the only way to change one.
    """

    def __init__(self, model: ModelInfo, values: Mapping[str, Floats]) -> None:
        self._model, self._values = model, dict(values)

    def __getitem__(self, name: str) -> Floats:
        return self._values[name].copy()

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        self._values |= fitted(self._model, {name: np.asarray(value)}, origin="params", complete=False)

    def __delitem__(self, name: str) -> None:
        raise TypeError("a model keeps all its parameters")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name}: {list(value.shape)}" for name, value in self._values.items()) + "}"
