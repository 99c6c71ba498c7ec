"""Programs given as text, compiled for the NumPy backend and run on ragged batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qsanc import driver
from qsanc.check.imports import load_text
from qsanc.elaborate import elaborate
from qsanc.grad.circuit import Method
from qsanc.grad.reverse import evaluate, prepare, value_and_gradient
from qsanc.ir.layout import Layout
from qsanc.ir.program import Program
from qsanc.ir.verify_model import verify_program
from qsanc.passes.model.pipeline import Level
from qsanc.source import Source
from qsanc_numpy.backend import NumpyBackend

Arrays = Mapping[str, NDArray[np.float64]]


def sentences(*lengths: int) -> Layout:
    """A batch of records with so many tokens on their axis `S`."""
    return Layout(len(lengths), {"S": np.array(lengths)})


@dataclass(frozen=True)
class Compiled:
    """One entry of a program, with executables for its circuits."""

    program: Program

    def __post_init__(self) -> None:
        verify_program(self.program)

    def evaluate(self, inputs: Arrays, layout: Layout, wanted: Sequence[str] = ("result",)) -> list[np.ndarray]:
        """The wanted outputs or probes, in order."""
        prepared = prepare(self.program.functions[0], self.program.modules, wanted)
        values = evaluate(prepared, self._executables(), inputs, layout)
        return [values[name] for name in wanted]

    def gradient(self, inputs: Arrays, layout: Layout, wrt: Sequence[str], method: Method) -> tuple[float, Arrays]:
        """The mean loss of the records, and its gradient by name."""
        prepared = prepare(self.program.functions[0], self.program.modules, ("loss",), wrt=wrt)
        values, gradients = value_and_gradient(prepared, self._executables(), inputs, layout, method=method)
        return float(np.mean(values["loss"])), gradients

    def _executables(self) -> dict[str, object]:
        return {module.name: NumpyBackend().lower(module) for module in self.program.modules}


def compiled(
    text: str,
    entry: str,
    *,
    level: Level = "O2",
    root: Path | None = None,
    sizes: Mapping[str, int | float] | None = None,
    data_sizes: Mapping[str, int] | None = None,
) -> Compiled:
    """The entry of a text, without its header, after the passes of `level`."""
    module = load_text(Source("test.qsan", f"qsan 1.0\n{text}"), root)
    program, _ = elaborate(module, entry=entry, sizes=sizes, data_sizes=data_sizes)
    return Compiled(driver.optimise(program, level))
