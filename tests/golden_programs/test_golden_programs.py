"""Files and the programs they become: NAME.qsan, its program NAME.ir and, for some, NAME.O2.ir after all passes.

`--update-golden` writes them. Where a file has a model, it is the entry; the circuit is where there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qsanc.check.imports import load
from qsanc.driver import optimise
from qsanc.elaborate import elaborate
from qsanc.ir.model_text import print_program, read_program
from qsanc.ir.program import Program
from qsanc.ir.verify_model import verify_program

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.qsan"))
OPTIMISED = ("inverses", "partial")


def program_of(file: Path) -> Program:
    """The item called like the file, elaborated and not optimised. No file has a warning."""
    program, warnings = elaborate(load(file), entry=file.stem)
    assert not warnings
    return program


def same_again(program: Program) -> str:
    """The text of a program that is well formed and equal to what is read from its text."""
    verify_program(program)
    text = print_program(program)
    assert read_program(text) == program
    return text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_program(file: Path, golden: Callable[[Path, str], None]) -> None:
    golden(file.with_suffix(".ir"), same_again(program_of(file)))


@pytest.mark.parametrize("name", OPTIMISED)
def test_optimised_program(name: str, golden: Callable[[Path, str], None]) -> None:
    program = optimise(program_of(HERE / f"{name}.qsan"), "O2", verify=True)
    golden(HERE / f"{name}.O2.ir", same_again(program))


def test_every_text_has_its_file() -> None:
    names = {file.stem for file in FILES} | {f"{name}.O2" for name in OPTIMISED}
    assert {path.stem for path in HERE.glob("*.ir")} == names
