"""The data sets in `models/data` are what their script writes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from qsanc.train.tables import read_table
from qsanc.train.words import Vocabulary


@pytest.fixture(scope="module")
def script(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("sample_data", root / "models/data/make_food_or_computing.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_writes_these_files(script: ModuleType, root: Path, tmp_path: Path) -> None:
    script.main(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(script.files())
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (root / "models" / "data" / file.name).read_bytes()


@pytest.mark.parametrize(("name", "each", "words"), [("food_or_computing.tsv", 65, 26), ("three_topics.tsv", 60, 34)])
def test_sentences_are_distinct_and_classes_equal(root: Path, name: str, each: int, words: int) -> None:
    table = read_table(root / "models" / "data" / name)
    labels = list(table.columns["label"])
    assert {labels.count(label) for label in labels} == {each}
    assert len(set(table.columns["text"])) == table.rows
    assert Vocabulary.of(table.columns["text"]).size == words


def test_the_moons_lie_within_half_a_turn(root: Path) -> None:
    table = read_table(root / "models" / "data" / "two_moons.csv")
    assert all(abs(float(cell)) < 3.1416 for name in ("x_0", "x_1") for cell in table.columns[name])
    assert table.rows == 160
