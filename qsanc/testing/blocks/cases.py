"""Which property and test blocks there are, in files and folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qsanc import driver
from qsanc.check.imports import load
from qsanc.check.module import Module
from qsanc.syntax import ast

_HIDDEN = (".", "__pycache__")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One block of a checked file."""

    path: Path
    module: Module
    item: ast.Property | ast.Test

    @property
    def name(self) -> str:
        return self.item.name

    @property
    def id(self) -> str:
        """`models/qsann.qsan::rows_sum_to_one`: what `-k` looks at, and what outcomes are known by."""
        return f"{self.path.as_posix()}::{self.item.name}"

    @property
    def line(self) -> int:
        """Where the block's name stands, from 1."""
        return self.item.name_span.source.position(self.item.name_span.start)[0]


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """The `.qsan` files among these paths and below these folders, sorted; hidden folders are passed over."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for file in sorted(path.rglob("*.qsan")):
            if not any(part.startswith(_HIDDEN) for part in file.relative_to(path).parts):
                yield file


def cases_of(path: Path) -> tuple[Case, ...]:
    """The blocks of a file, in its order.

    The whole file is checked first. Raises QsanError with everything that is wrong in it.
    """
    module = load(path)
    driver.check(module)
    return tuple(Case(path, module, item) for item in module.file.items if isinstance(item, ast.Property | ast.Test))
