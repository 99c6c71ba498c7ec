"""How far a training has come: immutable values, so that there is always one that is consistent."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from qsanc.target import Floats
from qsanc.train.metrics import Metrics
from qsanc.train.objective import Parameters
from qsanc.train.optimizers import State


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One finished epoch, counted from 1.

    `train_loss` (and `train_accuracy`, for classes) are means over the records as each was met, before its step;
    `valid_loss` and `valid` are taken after the last step, and are None and empty where there is no validation part.
    `best` says whether this epoch has the lowest validation loss so far. `seconds` is the wall time up to here.
    """

    epoch: int
    train_loss: float
    train_accuracy: float | None
    valid_loss: float | None
    valid: Metrics
    best: bool
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One finished step, both numbers from 1, out of `steps` in the epoch; `loss` is the mean over its batch."""

    epoch: int
    step: int
    steps: int
    loss: float


@dataclass(frozen=True, slots=True, eq=False)
class Progress:
    """The whole state of a training between two steps: with the data and the recipe it determines all that follows.

    `epoch` epochs are finished and `step` steps of the next one are done, `total` steps altogether. The sums run over
    the records met in the unfinished epoch. `best` are the parameters after epoch `best_epoch` (0: before the first).
    `seconds` is the wall time spent so far.
    """

    parameters: Parameters
    optimizer: State
    best: Parameters
    epoch: int = 0
    step: int = 0
    total: int = 0
    loss_sum: float = 0.0
    hits: int = 0
    best_epoch: int = 0
    best_loss: float | None = None
    history: tuple[EpochRecord, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """What one part of the data says of a model: mean loss (None where there is none), metrics, number of records."""

    loss: float | None
    metrics: Metrics
    records: int


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """A finished training. `parameters` are the best ones, those after epoch `best_epoch`; `valid` and `test` are their
    reports, and the test part was read for this alone. `stopped_early` says that patience ran out."""

    epochs: tuple[EpochRecord, ...]
    best_epoch: int
    parameters: dict[str, Floats]
    valid: Report | None
    test: Report | None
    steps: int
    seconds: float
    stopped_early: bool


class Observer(Protocol):
    """Is told what happens, and may show it."""

    def on_step(self, record: StepRecord) -> None: ...

    def on_epoch(self, record: EpochRecord) -> None: ...


class Keeper(Protocol):
    """Keeps progress where it outlives the process."""

    def keep(self, progress: Progress) -> None:
        """Make this the progress to resume from. When this returns, it is kept; until then the one before is."""
        ...

    def record(self, epoch: EpochRecord) -> None:
        """Note a finished epoch."""
        ...


class Interrupted(Exception):
    """Training was stopped by hand. The step under way was dropped; `folder` (if any) holds all done before."""

    def __init__(self, progress: Progress, folder: Path | None) -> None:
        super().__init__(f"interrupted in epoch {progress.epoch + 1} after {progress.step} steps")
        self.progress = progress
        self.folder = folder
