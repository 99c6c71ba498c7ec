"""Findings that need no sizes, and noise: each file of these folders, what is said about it, and the help applied."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from qsanc.check.imports import load, load_text
from qsanc.check.module import Module
from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.diagnostics.render import render
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.graph import Graph
from qsanc.elaborate.noise import elaborate_noise
from qsanc.elaborate.report import Report
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.sizes import Sizes
from qsanc.source import Source
from qsanc.syntax import ast

HERE = Path(__file__).parent
AREAS = ("names", "attention", "gradients", "noise", "tests")
CASES = sorted(path for area in AREAS for path in HERE.glob(f"{area}/*.qsan"))
REPLACEMENT = re.compile(r"write `(.+)`", re.DOTALL)


def noise_of(module: Module) -> tuple[Diagnostic, ...]:
    report = Report()
    for item in module.file.items:
        if isinstance(item, ast.Noise):
            elaborate_noise(Evaluator(report, Sizes({}, {}), Graph()), item, Scope(module))
    return report.diagnostics


def findings(path: Path) -> tuple[Diagnostic, ...]:
    try:
        module = load(path)
    except QsanError as error:
        return error.diagnostics
    return (*module.warnings, *noise_of(module))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_rendered(case: Path, golden: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case.parent)
    found = findings(Path(case.name))
    golden(case.with_suffix(".err"), render(found))
    code = re.match(r"qs\d+", case.stem)
    assert code, "a case is named after the code it is for"
    assert code.group().upper() in {diagnostic.code for diagnostic in found}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_help_that_is_program_text_ends_its_finding(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a help says "write `...`", that text in the place of the underlined one leaves one finding less."""
    monkeypatch.chdir(case.parent)
    before = [d for d in findings(Path(case.name)) if d.span is not None and d.span.source.name == case.name]
    for diagnostic in before:
        written = REPLACEMENT.fullmatch(diagnostic.help)
        if written is None or diagnostic.span is None:
            continue
        text, span = diagnostic.span.source.text, diagnostic.span
        changed = text[: span.start] + written.group(1) + text[span.end :]
        try:
            module = load_text(Source(case.name, changed), Path())
            after = [*module.warnings, *noise_of(module)]
        except QsanError as error:
            after = [d for d in error.diagnostics if d.span is not None and d.span.source.name == case.name]
        left = sum(d.is_error for d in after) if diagnostic.is_error else len(after)
        had = sum(d.is_error for d in before) if diagnostic.is_error else len(before)
        assert left < had, f"{diagnostic.title}: {diagnostic.help}"
        assert not any(d.code[:4] == "QS00" for d in after), "the help does not parse"
