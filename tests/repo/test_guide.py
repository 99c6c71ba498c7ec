"""The guide to testing is true: it is followed from top to bottom in a folder of its own."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import Block, check, commands, fenced

from qsanc.check.builtins import CHECK_SETTINGS
from qsanc.cli import main
from qsanc.testing import __all__ as offered

GUIDE = "docs/testing.md"


class Reader:
    """Someone who does what the guide says. `ran` are the commands that were typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""
        self.ran: list[str] = []

    def follow(self, block: Block) -> None:
        match block.kind:
            case "qsan":
                self.write(block)
            case "python" if block.file is not None:
                (self.folder / block.file).write_text(block.body, encoding="utf-8")
            case "python":
                output = io.StringIO()
                with contextlib.redirect_stdout(output):
                    exec(compile(block.body, GUIDE, "exec"), {})
                self.printed = output.getvalue()
            case "text":
                assert block.body == self.printed
            case "console":
                for command, said in commands(block.body):
                    self.type(command, said)
            case _:
                raise AssertionError(f"a block marked {block.kind!r}")

    def write(self, block: Block) -> None:
        """A program: of a new file, added to one, or in the place of what has its name. One without a file is run."""
        path = self.folder / (block.file or "nameless.qsan")
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if "Replace in" in block.before:
            head = re.escape(block.body.partition("[")[0])
            text, count = re.subn(rf"^{head}\b.*?^}}\n", lambda _: block.body, text, flags=re.DOTALL | re.MULTILINE)
            assert count == 1, head
        elif "Add to" in block.before:
            text = f"{text}\n{block.body}"
        else:
            text = block.body
        path.write_text(text, encoding="utf-8")
        assert main(["fmt", "--check", str(path)]) == 0
        if block.file is None:
            assert main(["test", path.name]) == 0

    def type(self, command: str, said: list[str]) -> None:
        name, *arguments = shlex.split(command)
        self.ran.append(" ".join([name, *arguments[:1]]))
        if name == "cat":
            (kept,) = self.folder.glob(re.sub(r"-[0-9a-f]{10}\.", "-*.", arguments[0]))
            code, found = 0, kept.read_text(encoding="utf-8")
        elif name == "pytest":
            process = subprocess.run(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
                cwd=self.folder,
                capture_output=True,
                text=True,
            )
            code, found = process.returncode, process.stdout + process.stderr
        else:
            assert name == "qsanc"
            output = io.StringIO()
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                code = main(arguments)
            found = output.getvalue()
        wrong = any(line.startswith("error[") for line in said)
        assert code == (1 if wrong else 0), found
        check(said, found.splitlines())


def test_the_guide_can_be_followed(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(root / "models", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    reader = Reader(tmp_path)
    for block in fenced((root / GUIDE).read_text(encoding="utf-8")):
        reader.follow(block)
    assert {"qsanc test", "qsanc mutate", "pytest -q"} <= set(reader.ran)


def test_what_the_guide_names_is_there(root: Path) -> None:
    """Every assertion and strategy, and no other; every setting of a block; every option of the plug-in."""
    text = (root / GUIDE).read_text(encoding="utf-8")
    for name in offered:
        wanted = f"| `{name}(" if name.startswith("assert_") else f"`{name}`"
        assert name[0].isupper() or wanted in text, name
    assert set(re.findall(r"assert_\w+", text)) <= set(offered)
    for name in CHECK_SETTINGS:
        assert f"`{name}`" in text, name
    plugin = (root / "qsanc" / "testing" / "plugin" / "settings.py").read_text(encoding="utf-8")
    for option in re.findall(r'_Option\(\s*"(\w+)"', plugin):
        assert f"`--qsan-{option.replace('_', '-')}`" in text, option
