"""Findings that need sizes: each file of these folders beside what `qsanc check` prints for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from qsanc import driver
from qsanc.check.imports import load
from qsanc.diagnostics import QsanError
from qsanc.diagnostics.render import render

HERE = Path(__file__).parent
CASES = sorted(path for area in ("sizes", "qubits", "properties") for path in HERE.glob(f"{area}/*.qsan"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_rendered(case: Path, golden: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case.parent)
    try:
        found = driver.check(load(Path(case.name)))
    except QsanError as error:
        found = error.diagnostics
    text = render(found)
    golden(case.with_suffix(".err"), text)
    code = re.match(r"qs\d+", case.stem)
    assert code, "a case is named after the code it is for"
    assert code.group().upper() in {diagnostic.code for diagnostic in found}


def test_properties_with_nothing_wrong() -> None:
    assert driver.check(load(HERE / "properties" / "parts" / "all_well.qsan")) == ()
