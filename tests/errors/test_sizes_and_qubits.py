"""Findings that need sizes: each file of these folders beside what `qsanc check` prints for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from qsanc import driver
from qsanc.check.imports import load, load_text
from qsanc.check.module import Module
from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.diagnostics.render import render
from qsanc.source import Source

REPLACEMENT = re.compile(r"write `(.+)`", re.DOTALL)
HERE = Path(__file__).parent
CASES = sorted(path for area in ("sizes", "qubits", "properties") for path in HERE.glob(f"{area}/*.qsan"))


def findings(load: Callable[[], Module]) -> tuple[Diagnostic, ...]:
    try:
        return driver.check(load())
    except QsanError as error:
        return error.diagnostics


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_rendered(case: Path, golden: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case.parent)
    found = findings(lambda: load(Path(case.name)))
    text = render(found)
    golden(case.with_suffix(".err"), text)
    code = re.match(r"qs\d+", case.stem)
    assert code, "a case is named after the code it is for"
    assert code.group().upper() in {diagnostic.code for diagnostic in found}


def test_properties_with_nothing_wrong() -> None:
    assert driver.check(load(HERE / "properties" / "parts" / "all_well.qsan")) == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_help_that_is_program_text_ends_its_finding(case: Path) -> None:
    """Where a help says "write `...`", that text in the place of the underlined one leaves no such finding there."""
    text = case.read_text(encoding="utf-8")
    for diagnostic in findings(lambda: load(case)):
        written = REPLACEMENT.fullmatch(diagnostic.help)
        if written is None or diagnostic.span is None:
            continue
        start, end = diagnostic.span.start, diagnostic.span.end
        changed = Source(case.name, text[:start] + written.group(1) + text[end:])
        after = findings(lambda changed=changed: load_text(changed, case.parent))
        assert not any(d.code[:4] == "QS00" for d in after), "the help does not parse"
        titles = [d.title for d in after if d.span is not None and d.span.start == start and d.code == diagnostic.code]
        assert diagnostic.title not in titles, diagnostic.help
