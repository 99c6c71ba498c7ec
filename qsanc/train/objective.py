"""What the trainer needs of a model, and nothing more: its outputs, and the gradient of the mean loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from qsanc.target import Context, Floats
from qsanc.train.records import Records

Parameters: TypeAlias = Mapping[str, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """`predict` is float64[record, axis...], `loss` float64[record]."""

    predict: Floats
    loss: Floats


class Objective(Protocol):
    """A model with its gradient method, shots and backend chosen. Raises `BackendFailure` where a backend fails.

    Outputs and predictions are for any number of records, without memory for all of them at once.
    """

    def gradient(
        self, parameters: Parameters, records: Records, *, wrt: tuple[str, ...], context: Context
    ) -> tuple[Outputs, Parameters]:
        """The outputs, and the gradient of the mean loss over the records by the parameters named in `wrt`."""
        ...

    def outputs(self, parameters: Parameters, records: Records, *, context: Context) -> Outputs:
        """The outputs for all records, by these parameters."""
        ...

    def predict(self, parameters: Parameters, records: Records, *, context: Context) -> Floats:
        """float64[record, axis...]. The records need no label."""
        ...
