"""Reports of trained models as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from qsanc.train.progress import Report


def table(rows: Sequence[tuple[str, Report]]) -> None:
    """One line for each report: its name, metrics, mean loss and number of records."""
    names = list(dict.fromkeys(name for _, report in rows for name, _ in report.metrics.values))
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", *names, "loss", "records"):
        shown.add_column(name, justify="left" if not name else "right")
    for title, report in rows:
        values = dict(report.metrics.values)
        numbers = [values.get(name) for name in names] + [report.loss]
        shown.add_row(title, *("-" if number is None else f"{number:.4f}" for number in numbers), str(report.records))
    console = Console(soft_wrap=True)
    console.print(shown)


def confusion(classes: Sequence[object], report: Report) -> None:
    """How often each class was predicted as each; nothing where there is no confusion matrix."""
    if report.metrics.confusion is None:
        return
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("label \\ predicted")
    for label in classes:
        shown.add_column(str(label), justify="right")
    for label, row in zip(classes, report.metrics.confusion, strict=True):
        shown.add_row(str(label), *map(str, row))
    Console(soft_wrap=True).print(shown)
