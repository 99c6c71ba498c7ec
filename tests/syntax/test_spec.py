"""Every code block of the specification and of the pages on error codes says what it claims."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from qsanc import driver
from qsanc.check.imports import load
from qsanc.diagnostics import QsanError
from qsanc.diagnostics.catalog import PAGES, TITLES, page
from qsanc.source import Source
from qsanc.syntax.parse import parse
from qsanc.syntax.printer import print_file

SPEC = (Path(__file__).resolve().parents[2] / "grammar" / "SPEC.md").read_text(encoding="utf-8")
FOUND_WITH_VALUES = {"QS501", "QS503", "QS506", "QS507"}
"""Found when the noise of a program is given its numbers, which no command does yet."""


class Block(NamedTuple):
    """A block tagged `ok`, `error CODE` or `fragment`, and the rule or page it stands under."""

    place: str
    tag: str
    text: str

    @property
    def code(self) -> str:
        return self.tag.removeprefix("error ")

    @property
    def source(self) -> Source:
        return Source(f"{self.place}.qsan", self.text)


def blocks(place: str, text: str) -> Iterator[Block]:
    for match in re.finditer(r"^```(.*?)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if match.group(1) == "openqasm":
            continue
        rules = re.findall(r"^\*\*(R[0-9.]+)\*\*", text[: match.start()], re.MULTILINE)
        tag, body = match.group(1).removeprefix("qsan "), match.group(2)
        if place == "SPEC" and not re.search(r"^qsan \d", body, re.MULTILINE):
            body = f"qsan 1.0\n{body}"
        yield Block(rules[-1] if rules else place, tag, body)


BLOCKS = [*blocks("SPEC", SPEC), *(block for code in TITLES for block in blocks(code, page(code) or ""))]
OK = [block for block in BLOCKS if block.tag == "ok"]
ERRORS = [block for block in BLOCKS if block.tag.startswith("error ")]


def name(block: Block) -> str:
    return f"{block.place}-{block.tag.replace(' ', '-')}"


@pytest.mark.parametrize("block", OK, ids=name)
def test_is_accepted(block: Block, tmp_path: Path) -> None:
    tree = parse(block.source)
    printed = print_file(tree)
    assert parse(Source("printed", printed)) == tree
    assert print_file(parse(Source("printed", printed))) == printed
    path = tmp_path / f"{block.place}.qsan"
    path.write_text(block.text, encoding="utf-8")
    assert not [d for d in driver.check(load(path)) if d.is_error]


@pytest.mark.parametrize("block", ERRORS, ids=name)
def test_is_refused_with_its_code(block: Block, tmp_path: Path) -> None:
    if block.code.startswith("QS00"):
        with pytest.raises(QsanError) as refused:
            parse(block.source)
        assert block.code in {d.code for d in refused.value.diagnostics}
        return
    parse(block.source)
    path = tmp_path / f"{block.place}.qsan"
    path.write_text(block.text, encoding="utf-8")
    try:
        found = driver.check(load(path))
    except QsanError as error:
        found = error.diagnostics
    assert block.code in {d.code for d in found} or block.code in FOUND_WITH_VALUES


def test_blocks_are_tagged() -> None:
    assert all(re.fullmatch(r"ok|fragment|error QS\d{3}", block.tag) for block in BLOCKS)
    assert {block.code for block in ERRORS} <= TITLES.keys()


def test_rules_are_numbered_and_have_examples() -> None:
    rules = re.findall(r"^\*\*R([0-9]+)\.([0-9]+)\*\*", SPEC, re.MULTILINE)
    chapters = re.findall(r"^## ([0-9]+) ", SPEC, re.MULTILINE)
    assert [int(chapter) for chapter in chapters] == list(range(1, len(chapters) + 1))
    for chapter in chapters:
        numbers = [int(rule) for in_chapter, rule in rules if in_chapter == chapter]
        assert numbers == list(range(1, len(numbers) + 1))
    assert {f"R{chapter}.{rule}" for chapter, rule in rules} == {block.place for block in blocks("SPEC", SPEC)}


def test_every_code_has_a_page() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(TITLES)
    for code, title in TITLES.items():
        text = page(code)
        assert text is not None
        assert text.startswith(f"# {code} {title}\n\n")
        assert text.count("\n") >= 5
    assert page("QS000") is None


def test_the_specification_names_every_code_of_its_groups() -> None:
    table = SPEC[SPEC.index("## 12 Checks") :]
    assert {code for code in TITLES if code < "QS800"} <= set(re.findall(r"QS\d{3}", table))
