"""What is said about blocks that do not hold, or cannot be executed: each file of `executed` beside its messages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from qsanc.diagnostics.render import render
from qsanc.testing.blocks.cases import cases_of
from qsanc.testing.blocks.engine import Engine
from qsanc.testing.blocks.search import Options, check

HERE = Path(__file__).parent / "executed"
CASES = sorted(HERE.glob("*.qsan"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_messages(case: Path, golden: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case.parent)
    engine = Engine()
    outcomes = [check(block, engine, Options(failures=None)) for block in cases_of(Path(case.name))]
    found = [diagnostic for outcome in outcomes for diagnostic in outcome.diagnostics]
    code = re.match(r"qs\d+", case.stem)
    assert code, "a case is named after the code it is for"
    assert {diagnostic.code for diagnostic in found} == {code.group().upper()}
    assert not any(outcome.passed for outcome in outcomes)
    golden(case.with_suffix(".err"), render(found))
