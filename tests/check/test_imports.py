"""Loading files with what they import."""

from __future__ import annotations

from pathlib import Path

import pytest

from qsanc.check.imports import DEEPEST_IMPORTS, load, load_text
from qsanc.check.module import Definition, Module
from qsanc.diagnostics import QsanError
from qsanc.source import Source


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.qsan").write_text(f"qsan 1.0\n{text}\n", encoding="utf-8")
    return folder / "main.qsan"


def codes(path: Path) -> list[tuple[str, str]]:
    """File and code of each finding, in their order."""
    with pytest.raises(QsanError) as raised:
        load(path)
    found = raised.value.diagnostics
    return [(Path(d.span.source.name).name if d.span else "", d.code) for d in found]


ANSATZ = "ansatz a() on q: qubit { h q; }"


def test_names_by_alias_and_by_module(tmp_path: Path) -> None:
    path = write(tmp_path, main='from "a.qsan" import a as b;\nimport "a.qsan" as m;\nimport std.ring;', a=ANSATZ)
    module = load(path)
    assert sorted(module.names) == ["b", "m", "ring"]
    direct, dotted = module.lookup("b"), module.lookup("m.a")
    assert direct is dotted
    assert direct is not None
    assert direct.item.name == "a"
    assert module.lookup("ring.ring") is not None
    assert module.lookup("m") is None
    assert module.lookup("m.none") is None


def test_a_definition_knows_the_module_it_is_read_in(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main='from "a.qsan" import a;\nconst k = 2;',
        a="const k = 1;\nansatz a(x: angle) on q: qubit { rx(k * x) q; }",
    )
    definition = load(path).lookup("a")
    assert definition is not None
    inner = definition.module.lookup("k")
    assert inner is not None
    assert inner.item.span.source.name.endswith("a.qsan")


def test_each_file_is_loaded_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main='import "b.qsan" as b;\nimport "c.qsan" as c;',
        b='import "d.qsan" as d;',
        c='import "d.qsan" as d;',
        d=ANSATZ,
    )
    module = load(path)
    b, c = module.names["b"], module.names["c"]
    assert isinstance(b, Module)
    assert isinstance(c, Module)
    assert b.names["d"] is c.names["d"]


def test_what_a_file_imports_can_be_imported_from_it(tmp_path: Path) -> None:
    path = write(tmp_path, main='from "b.qsan" import a;', b='from "c.qsan" import a;', c=ANSATZ)
    assert isinstance(load(path).names["a"], Definition)


def test_folders_below(tmp_path: Path) -> None:
    (tmp_path / "parts" / "more").mkdir(parents=True)
    write(tmp_path / "parts", b='from "more/c.qsan" import a;')
    write(tmp_path / "parts" / "more", c=ANSATZ)
    path = write(tmp_path, main='from "parts/b.qsan" import a;')
    assert "a" in load(path).names


def test_errors_of_all_files_are_told_those_of_the_first_file_first(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main='from "b.qsan" import b;\nfrom "c.qsan" import c;\nconst k = nothing;',
        b="ansatz b() on q: qubit { h q }",
        c="ansatz c() on q: qubit { hh q; }",
    )
    assert codes(path) == [("main.qsan", "QS101"), ("b.qsan", "QS003"), ("c.qsan", "QS101")]


def test_names_of_a_broken_import_count_as_known(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main='from "b.qsan" import b;\nimport "b.qsan" as m;\nansatz a() on q: qubit { b q; m.b q; m.c(1) q; }',
        b="ansatz b( {",
    )
    assert {file for file, _ in codes(path)} == {"b.qsan"}


def test_warnings_stay_with_their_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main='from "b.qsan" import b;\nansatz a(x: angle) on q: qubit { b(0.1) q; }',
        b="ansatz b(y: angle) on q: qubit { h q; }",
    )
    module = load(path)
    definition = module.lookup("b")
    assert definition is not None
    assert [d.title for d in module.warnings] == ["the parameter `x` is never used"]
    assert [d.title for d in definition.module.warnings] == ["the parameter `y` is never used"]


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    write(outside, a=ANSATZ)
    (inside / "a.qsan").symlink_to(outside / "a.qsan")
    (inside / "folder").symlink_to(outside, target_is_directory=True)
    path = write(inside, main='from "a.qsan" import a;\nfrom "folder/a.qsan" import a as b;')
    assert codes(path) == [("main.qsan", "QS104"), ("main.qsan", "QS104")]


def test_a_link_inside_the_folder_is_the_file_it_leads_to(tmp_path: Path) -> None:
    path = write(tmp_path, main='import "a.qsan" as a;\nimport "b.qsan" as b;', a=ANSATZ)
    (tmp_path / "b.qsan").symlink_to(tmp_path / "a.qsan")
    module = load(path)
    assert module.names["a"] is module.names["b"]


def test_a_file_that_imports_itself(tmp_path: Path) -> None:
    assert codes(write(tmp_path, main='from "main.qsan" import a as b;\n' + ANSATZ)) == [("main.qsan", "QS104")]


def test_a_chain_of_many_files_ends(tmp_path: Path) -> None:
    last = DEEPEST_IMPORTS + 5
    files = {f"f{k}": f'import "f{k + 1}.qsan" as next;' for k in range(last)}
    write(tmp_path, **files, **{f"f{last}": ANSATZ})
    assert codes(tmp_path / "f0.qsan") == [(f"f{DEEPEST_IMPORTS}.qsan", "QS104")]
    assert load(tmp_path / "f6.qsan").names


def test_binary_files_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, main='import "a.qsan" as a;')
    (tmp_path / "a.qsan").write_bytes(b"\xff\xfe\x00")
    assert codes(path) == [("a.qsan", "QS007")]


def test_a_text_without_a_folder_imports_std_alone(tmp_path: Path) -> None:
    assert load_text(Source("text", "qsan 1.0\nfrom std.ring import ring;\n"), None).names
    write(tmp_path, a=ANSATZ)
    text = Source("text", 'qsan 1.0\nfrom "a.qsan" import a;\n')
    assert load_text(text, tmp_path).names
    with pytest.raises(QsanError) as raised:
        load_text(text, None)
    assert [d.code for d in raised.value.diagnostics] == ["QS104"]
