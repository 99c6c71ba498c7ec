"""Every code that a diagnostic can have is explained, and shown by a case that is wrong in that way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qsanc.diagnostics import catalog

CODE = re.compile(r"\bQS\d{3}\b")


def raised(root: Path) -> set[str]:
    """The codes that stand in quotes in the code."""
    texts = [p.read_text(encoding="utf-8") for top in ("qsanc", "backends") for p in (root / top).rglob("*.py")]
    return {code for text in texts for code in re.findall(r'"(QS\d{3})"', text)}


def test_every_code_has_a_title_and_a_page(root: Path) -> None:
    titled = set(catalog.TITLES)
    assert raised(root) <= titled
    for code in sorted(titled):
        page = catalog.page(code)
        assert page.startswith(f"# {code} "), code


def test_every_title_is_of_a_code_that_is_raised(root: Path) -> None:
    assert set(catalog.TITLES) <= raised(root)


def test_every_code_has_a_case(root: Path) -> None:
    tests = [path for path in (root / "tests").rglob("*") if path.suffix in {".py", ".err", ".golden"}]
    shown = {code for path in tests for code in CODE.findall(path.read_text(encoding="utf-8"))}
    missing = sorted(raised(root) - shown)
    if missing:
        pytest.fail(f"no test shows {', '.join(missing)}")
