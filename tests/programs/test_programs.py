"""Programs end to end: each `.qsan` beside what it becomes, before any pass and, where that teaches more, after all.

A line `// ir: NAME SIZE=VALUE ... LEVEL ...` of the program asks for the entry NAME with these sizes, once a level.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from qsanc import driver
from qsanc.check.imports import load
from qsanc.elaborate import elaborate
from qsanc.ir.model_text import print_program, read_program
from qsanc.ir.program import Program
from qsanc.ir.verify_model import verify_program

HERE = Path(__file__).parent
PROGRAMS = sorted(HERE.glob("*.qsan"))


def asked(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    """The entry, the sizes and the level of each program to print."""
    for words in re.findall(r"^// ir: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        entry, *rest = words.split()
        sizes = {name: int(value) for name, _, value in (word.partition("=") for word in rest if "=" in word)}
        for level in (word for word in rest if "=" not in word):
            yield entry, sizes, level


def built(path: Path, entry: str, sizes: Mapping[str, int], level: str) -> Program:
    program, _ = elaborate(load(path), entry=entry, sizes=sizes)
    return driver.optimise(program, level, verify=True)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_program(path: Path, golden: Callable[[Path, str], None]) -> None:
    blocks = []
    for entry, sizes, level in asked(path):
        program = built(path, entry, sizes, level)
        verify_program(program)
        text = print_program(program)
        assert read_program(text) == program
        chosen = "".join(f" {name}={value}" for name, value in sizes.items())
        blocks.append(f"// {entry}{chosen} {level}\n\n{text}")
    golden(path.with_suffix(".ir"), "\n".join(blocks))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_nothing_to_complain_of(path: Path) -> None:
    warnings = driver.check(load(path))
    assert {warning.code for warning in warnings} <= {"QS306", "QS308"}
