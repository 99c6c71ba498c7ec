"""What a training shows of itself: a bar on a terminal, one plain line an epoch elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from qsanc.train.progress import EpochRecord, StepRecord


class Lines:
    """One line an epoch, and nothing between."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def on_step(self, record: StepRecord) -> None:
        return None

    def on_epoch(self, record: EpochRecord) -> None:
        click.echo(line(record, self._epochs))
        sys.stdout.flush()


class Bar:
    """A bar of steps with the latest epoch beside it."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._progress = Progress(
            BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn(), console=Console(), transient=True
        )
        self._task = self._progress.add_task("", total=None)
        self._latest = ""

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def on_step(self, record: StepRecord) -> None:
        done = (record.epoch - 1) * record.steps + record.step
        text = self._latest or f"epoch {record.epoch}/{self._epochs}  loss {record.loss:.4f}"
        self._progress.update(self._task, total=self._epochs * record.steps, completed=done, description=text)

    def on_epoch(self, record: EpochRecord) -> None:
        self._latest = line(record, self._epochs)


def line(record: EpochRecord, epochs: int) -> str:
    """`epoch  3/30  train loss 0.1042 acc 0.71  valid loss 0.1101 acc 0.69  best`."""
    parts = [
        f"epoch {record.epoch:>{len(str(epochs))}}/{epochs}",
        f"train {_pair(record.train_loss, record.train_accuracy)}",
    ]
    if record.valid_loss is not None:
        parts.append(f"valid {_pair(record.valid_loss, dict(record.valid.values).get('accuracy'))}")
    return "  ".join([*parts, *(["best"] if record.best else [])])


def _pair(loss: float, accuracy: float | None) -> str:
    return f"loss {loss:.5f}" + ("" if accuracy is None else f" acc {accuracy:.3f}")


def watch(epochs: int) -> Bar | Lines:
    """The observer that suits the standard output."""
    return Bar(epochs) if sys.stdout.isatty() else Lines(epochs)
