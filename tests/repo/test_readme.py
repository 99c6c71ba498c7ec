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

from qsanc.cli import main

NUMBER = re.compile(r"-?\d+(\.\d+)?")
WRONG = """qsan 1.0
from std.ring import ring;

ansatz wrong(t: angle[3, 2]) on q: qubit[2] {
  rnig(t) q;
  ring(t, t) q;
}
"""


def blocks(text: str, kind: str) -> list[str]:
    """The fenced blocks marked with `kind`, in order."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [body for marked, body in fenced if marked == kind]


def named_programs(text: str) -> list[tuple[str, str]]:
    """Each program with the file name that ends the paragraph before it."""
    found = re.findall(r"`([\w/]+\.qsan)`:\n\n```qsan\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert len(found) == len(blocks(text, "qsan")), "a program without a name"
    return found


def sessions(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with the lines it is said to print."""
    for block in blocks(text, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *printed = part.rstrip("\n").split("\n")
            yield command, printed


def close(said: str, found: str) -> bool:
    """The same words; numbers within 0.02, and times whatever they are."""
    if said.endswith("..."):
        return found.startswith(said.removesuffix("..."))
    words, others = (re.sub(r"[\d.]+ s\b", "", line).split() for line in (said, found))
    return len(words) == len(others) and all(
        a == b or (NUMBER.fullmatch(a) and NUMBER.fullmatch(b) and abs(float(a) - float(b)) <= 0.02)
        for a, b in zip(words, others, strict=True)
    )


def check(said: list[str], found: list[str]) -> None:
    """A line `...` stands for any number of lines."""
    place = 0
    for number, line in enumerate(said):
        if line == "...":
            following = said[number + 1] if number + 1 < len(said) else None
            while following is not None and place < len(found) and not close(following, found[place]):
                place += 1
            continue
        assert place < len(found), f"missing: {line}"
        assert close(line, found[place]), f"said:  {line}\nfound: {found[place]}"
        place += 1


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
