"""The README is true: its program, its commands with their output, its Python and the names of files."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import blocks, check, commands, fenced

from qsanc.cli import main

WRONG = """qsan 1.0
from std.ring import ring;

ansatz wrong(t: angle[3, 2]) on q: qubit[2] {
  rnig(t) q;
  ring(t, t) q;
}
"""


def named_programs(text: str) -> list[tuple[str, str]]:
    """Each program with the file name that ends the paragraph before it."""
    found = [(block.file, block.body) for block in fenced(text) if block.kind == "qsan"]
    named = [(name, body) for name, body in found if name is not None]
    assert len(named) == len(found), "a program without a name"
    return named


def sessions(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with the lines it is said to print."""
    for block in blocks(text, "console"):
        yield from commands(block)


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("readme")
    shutil.copytree(root / "models", made / "models")
    for name, program in named_programs((root / "README.md").read_text(encoding="utf-8")):
        (made / name).write_text(program, encoding="utf-8")
    (made / "wrong.qsan").write_text(WRONG, encoding="utf-8")
    return made


def test_commands_print_what_is_said(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    ran = set()
    for command, said in sessions((root / "README.md").read_text(encoding="utf-8")):
        name, *arguments = shlex.split(command, comments=True)
        assert name == "qsanc"
        ran.add(arguments[0])
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = main(arguments)
        wrong = any(line.startswith("error[") for line in said)
        assert code == (1 if wrong else 0), output.getvalue()
        check(said, output.getvalue().splitlines())
    assert {"check", "fmt", "ir", "draw", "run", "train", "eval", "predict", "test", "backends", "explain-error"} <= ran
    assert {"export", "import"} <= ran


def test_python_prints_what_is_said(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    text = (root / "README.md").read_text(encoding="utf-8")
    (program,) = blocks(text, "python")
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(program, "README.md", "exec"), {})
    assert output.getvalue() == blocks(text, "")[1]


def test_make_has_the_targets(root: Path) -> None:
    for target in ("demo", "test", "check", "golden", "clean"):
        subprocess.run(["make", "-n", target], cwd=root, check=True, capture_output=True)
    assert blocks((root / "README.md").read_text(encoding="utf-8"), "")[0] == "make demo\nmake test\n"


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "models/README.md"])
def test_paths_that_are_named_exist(page: str, root: Path) -> None:
    text = (root / page).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[A-Z]+\.md)`", text):
        assert (root / path).exists() or (root / page).parent.joinpath(path).exists(), path
