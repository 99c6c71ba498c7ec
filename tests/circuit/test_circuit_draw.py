"""Drawings, as a physicist would check them: by eye, against golden files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given

from qsanc.ir.circuit import CircuitModule
from qsanc.ir.draw import draw
from qsanc.ir.text import read_module
from qsanc.testing.strategies import circuits
from qsanc.testing.strategies.circuits import CHANNELS

HERE = Path(__file__).parent / "drawings"


@pytest.mark.parametrize("path", sorted(HERE.glob("*.ir")), ids=lambda path: path.stem)
def test_drawings(path: Path, golden: Callable[[Path, str], None]):
    golden(path.with_suffix(".txt"), draw(read_module(path.read_text(encoding="utf-8")), width=80))


@given(circuits(channels=CHANNELS))
def test_every_wire_is_a_line_and_lines_of_one_block_are_equally_long(module: CircuitModule):
    for block in draw(module, width=60).split("\n\n"):
        wires = [line for line in block.splitlines() if line.startswith(tuple(f"{w}: ─" for w in range(module.wires)))]
        assert len({len(line) for line in wires}) <= 1
        assert len(wires) in (0, module.wires)
