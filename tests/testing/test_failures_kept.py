"""The store of failures: whole files, stable order, and suspicion of everything that lies there."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsanc.check.imports import load
from qsanc.testing import failures
from qsanc.testing.failures import (
    Example,
    Origin,
    Running,
    Unreadable,
    clear,
    examples,
    forget,
    keep,
    keep_example,
    keep_last,
    kept,
    origin,
)

NAME = "models/properties.qsan::entangler_is_unitary"
TEXT = "// what failed\n//\n// seed: 7\nqsan 1.0\n\ntest t {\n  assert true;\n}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".qsanc" / "failures"


def test_a_kept_program_loads_and_says_where_it_came_from(folder: Path) -> None:
    path = keep(TEXT, name=NAME, folder=folder)
    assert path.name.startswith("entangler-is-unitary-")
    assert path.read_text(encoding="utf-8") == f"// from: {NAME}\n{TEXT}"
    assert origin(path) == Origin(NAME, 7)
    assert [item.name for item in load(path).file.items] == ["t"]


def test_one_text_is_one_file_and_the_order_is_stable(folder: Path) -> None:
    texts = [TEXT + f"// {k}\n" for k in range(5)]
    paths = {keep(text, name=NAME, folder=folder) for text in texts + texts[::-1]}
    other = keep(TEXT, name="other.qsan::entangler_is_unitary", folder=folder)
    assert len(paths) == 5
    assert kept(folder) == sorted({*paths, other})
    assert kept(folder, NAME) == sorted(paths), "the file name says no file, the head does"
    forget(other)
    forget(other)
    assert kept(folder) == sorted(paths)


def test_what_is_kept_is_not_committed(folder: Path) -> None:
    keep(TEXT, name=NAME, folder=folder)
    assert (folder.parent / ".gitignore").read_text() == "*\n"


def test_a_folder_of_the_users_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".qsanc").mkdir()
    keep(TEXT, name=NAME, folder=tmp_path / ".qsanc" / "failures")
    keep(TEXT, name=NAME, folder=tmp_path / "mine" / "failures")
    assert not (tmp_path / ".qsanc" / ".gitignore").exists()
    assert not (tmp_path / "mine" / ".gitignore").exists()


def test_a_file_is_whole_or_absent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(descriptor: int) -> None:
        raise OSError("no room")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="no room"):
        keep(TEXT, name=NAME, folder=folder)
    assert list(folder.iterdir()) == []


def test_who_reads_meanwhile_sees_the_old_file_or_the_new_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes between writing and renaming: here a look into the folder, and then an error."""
    seen: list[list[str]] = []

    def look(descriptor: int) -> None:
        seen.append([path.read_text(encoding="utf-8") for path in kept(folder)])

    def stopped(self: Path, target: Path) -> Path:
        raise OSError("stopped")

    first = keep_last(TEXT, name=NAME, folder=folder).read_text(encoding="utf-8")
    monkeypatch.setattr(os, "fsync", look)
    second = keep_last(TEXT * 2, name=NAME, folder=folder).read_text(encoding="utf-8")
    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(OSError, match="stopped"):
        keep_last(TEXT * 3, name=NAME, folder=folder)
    assert seen == [[first], [second]]
    (path,) = folder.iterdir()
    assert path.read_text(encoding="utf-8") == second


def test_of_one_name_the_last_stays(folder: Path) -> None:
    other = keep_last(TEXT, name="test_a.py::test_b", folder=folder)
    paths = [keep_last(TEXT + f"// {k}\n", name="test_a.py::test_c", folder=folder) for k in range(3)]
    assert kept(folder) == sorted({other, *paths})
    assert len(kept(folder)) == 2
    assert paths[0].read_text(encoding="utf-8") == f"// from: test_a.py::test_c\n{TEXT}// 2\n"


@pytest.mark.parametrize("write", [keep, keep_last])
def test_threads_that_fail_alike_do_not_disturb_each_other(folder: Path, write: Callable[..., Path]) -> None:
    together = Barrier(8)

    def failing(k: int) -> Path:
        together.wait()
        return write(TEXT, name=NAME, folder=folder)

    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(failing, range(8)))
    assert list(folder.iterdir()) == list(paths)
    assert len(paths) == 1


def test_what_passes_is_cleared_and_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clear(NAME, folder=folder)
    keep(TEXT, name=NAME, folder=folder)
    keep_last(TEXT, name=NAME, folder=folder)
    keep_example(folder, NAME, {"n": 2})
    others = {keep(TEXT, name="other::entangler_is_unitary", folder=folder), keep_example(folder, "other", {"n": 2})}
    for name in ("a.qsan", "a.json"):
        (folder / name).write_bytes(b"\xff\x00{")
        others.add(folder / name)
    with monkeypatch.context() as refusing:

        def refused(self: Path, *, missing_ok: bool = False) -> None:
            raise PermissionError("refused")

        refusing.setattr(Path, "unlink", refused)
        clear(NAME, folder=folder)
        assert len(kept(folder, NAME)) == 2, "what cannot be removed stays, and no run ends by it"
    clear(NAME, folder=folder)
    assert set(folder.iterdir()) == others


def test_a_folder_that_cannot_be_read_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")

    def refused(self: Path) -> None:
        raise PermissionError("refused")

    for folder in (tmp_path / "file", tmp_path / "file" / "failures", tmp_path):
        if folder == tmp_path:
            monkeypatch.setattr(Path, "iterdir", refused)
        assert kept(folder) == []
        assert examples(folder, NAME) == ([], [])
        clear(NAME, folder=folder)


def test_a_test_says_where_its_failures_go(folder: Path) -> None:
    before = failures.running()
    with failures.of_test("outer", folder):
        with failures.of_test("inner", folder):
            assert failures.running() == Running("inner", folder)
        assert failures.running() == Running("outer", folder)
    assert failures.running() == before


def test_long_names_that_begin_alike_are_told_apart(folder: Path) -> None:
    one, other = ("x::test_it[" + "long" * 100 + end for end in ("1]", "2]"))
    keep_last(TEXT, name=one, folder=folder)
    assert len(kept(folder, one)) == 1
    assert kept(folder, other) == []


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("a.qsan::../../etc/passwd", "passwd"),
        ("a\\b::..", "failure"),
        ("", "failure"),
        ("x::" + "long" * 200, "long" * 15),
        ("x::two\nlines // seed: 3", "seed-3"),
    ],
)
def test_names_of_any_kind_stay_in_the_folder(folder: Path, name: str, slug: str) -> None:
    path = keep(TEXT, name=name, folder=folder)
    assert path.parent == folder
    assert path.name.rpartition("-")[0] == slug
    assert origin(path).seed == 7, "a name cannot forge another line of the head"
    assert kept(folder, name) == [path]
    assert examples(folder, name) == ([], [])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", Origin()),
        (b"qsan 1.0\n// seed: 3\n", Origin()),
        (b"// seed: __import__('os')\n// from: a\n", Origin("a", None)),
        (b"// seed: -1\n", Origin()),
        (b"// seed: " + b"9" * 5000 + b"\n", Origin()),
        (b"// from: " + b"x" * 5000 + b"\n", Origin("x" * 300, None)),
        (b"\xff\xfe\x00// from: a\n", Origin()),
        (b"// from: a\n// from: b\n// seed: 1\n// seed: 2\n", Origin("a", 1)),
        (b"//" * 10**6, Origin()),
    ],
)
def test_a_head_is_read_as_data(tmp_path: Path, content: bytes, expected: Origin) -> None:
    path = tmp_path / "kept.qsan"
    path.write_bytes(content)
    assert origin(path) == expected


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert origin(tmp_path / "none.qsan") == Origin()
    assert kept(tmp_path / "none") == []
    assert examples(tmp_path / "none", NAME) == ([], [])


def arguments() -> st.SearchStrategy[dict[str, failures.Json]]:
    numbers = st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    arrays = st.recursive(numbers, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
    return st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), arrays, max_size=3)


@given(arguments())
def test_arguments_read_back_to_the_same_bits(tmp_path_factory: pytest.TempPathFactory, values: dict) -> None:
    folder = tmp_path_factory.mktemp("failures")
    path = keep_example(folder, NAME, values)
    assert keep_example(folder, NAME, values) == path
    (found,), passed_over = examples(folder, NAME)
    assert passed_over == []
    assert found.path == path
    assert repr(found.arguments) == repr(values), "-0.0 and 1.0 stay what they are"


def test_each_property_has_its_own_arguments(folder: Path) -> None:
    mine, other = keep_example(folder, NAME, {"n": 2}), keep_example(folder, "other::entangler_is_unitary", {"n": 3})
    assert examples(folder, NAME) == ([Example(mine, {"n": 2})], [])
    forget(mine)
    assert examples(folder, NAME) == ([], [])
    assert other.exists()


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**63, {1: 2}, object(), "\ud800", [[math.inf]]])
def test_what_json_cannot_hold_is_refused(folder: Path, value: object) -> None:
    with pytest.raises(ValueError, match="cannot be kept"):
        keep_example(folder, NAME, {"x": value})  # type: ignore[dict-item]
    assert not folder.exists()


def damaged(**changes: object) -> bytes:
    whole = {"format": "qsanc example", "from": NAME, "arguments": {"n": 2}}
    return json.dumps({**whole, **changes}).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1, 2]", "format"),
        (damaged(format="other"), "format"),
        (damaged(arguments=[1]), "arguments"),
        (damaged(**{"from": 3}), "from"),
        (damaged(arguments={"x": math.nan}), "nan"),
        (damaged(arguments={"x": 10**30}), "63 bits"),
        (b'{"format": "qsanc example", "from": "a", "arguments": {"x": "\\ud800"}}', "Unicode"),
        (b'{"format": "qsanc example", "from": "a", "arguments": {"x": ' + b"[" * 40 + b"]" * 40 + b"}}", "nested"),
        (b" " * (8 * 2**20 + 1), "larger than 8 MiB"),
    ],
)
def test_a_damaged_example_is_passed_over_with_a_reason(folder: Path, content: bytes, reason: str) -> None:
    good = keep_example(folder, NAME, {"n": 2})
    bad = folder / "bad.json"
    bad.write_bytes(content)
    found, (passed,) = examples(folder, NAME)
    assert found == [Example(good, {"n": 2})]
    assert isinstance(passed, Unreadable)
    assert passed.path == bad
    assert reason in passed.reason


def test_a_folder_where_a_file_is_wanted_is_no_example(folder: Path) -> None:
    (folder / "a.json").mkdir(parents=True)
    (folder / "a.qsan").mkdir()
    assert examples(folder, NAME) == ([], [])
    assert kept(folder) == []


def test_what_no_compiler_would_read_is_not_kept(folder: Path) -> None:
    with pytest.raises(ValueError, match="8 MiB"):
        keep("x" * failures.LARGEST, name=NAME, folder=folder)
