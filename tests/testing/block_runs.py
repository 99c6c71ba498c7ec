"""Programs run as `qsanc test` runs them: does a block of this text fail?"""

from __future__ import annotations

import numpy as np

from qsanc.check.imports import load_text
from qsanc.diagnostics import QsanError
from qsanc.driver import check
from qsanc.source import Source
from qsanc.syntax import ast
from qsanc.testing.blocks.engine import Engine
from qsanc.testing.blocks.once import Excluded, Level, execute


def fails(text: str, *, seed: int = 0) -> bool:
    """Whether a block of a program without imports of the user's fails. One with errors does not fail."""
    try:
        module = load_text(Source("kept.qsan", text), None)
        check(module)
        for item in module.file.items:
            if isinstance(item, (ast.Test, ast.Property)):
                empty = {param.name: np.empty(_extents(param)) for param in getattr(item, "params", ())}
                if execute(module, item, empty, Engine(), Level(seed=seed)) is not None:
                    return True
    except (QsanError, Excluded):
        return False
    return False


def _extents(param: ast.Param) -> tuple[int, ...]:
    return tuple(int(dim.value) for dim in param.type.dims if isinstance(dim, ast.Number))
