"""What failed before, in `.qsanc/failures/`: programs that reproduce a failure, and arguments to try first.

    .qsanc/.gitignore                                      *, so that nothing here is committed by accident
    .qsanc/failures/entangler-is-unitary-1f2e3d4c5b.qsan   begins with `// from: properties.qsan::entangler_is_unitary`
    .qsanc/failures/entangler-is-unitary-9a8b7c6d5e.json   arguments for which that property failed
    .qsanc/failures/test-layers-0a1b2c3d4e.qsan            what the test `test_layers.py::test_layers` failed on last

What lies there may have been written by anyone: it is read as data of bounded size and never as anything else. File
names are for people; who a file belongs to is said inside it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

FOLDER = Path(".qsanc/failures")

LARGEST = 8 * 2**20
"""In bytes: what the compiler reads as a program, and what is read as arguments."""
_HEAD = 64 * 1024
_LONGEST_NAME = 300
_DEEPEST = 32
_FORMAT = "qsanc example"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a kept program came from, as its head says: the block or test, and the seed of its random draws."""

    name: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """Arguments for which a property failed, by name, and the file that holds them."""

    path: Path
    arguments: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is passed over, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Running:
    """The test that runs now, as its head in a kept program names it, and the folder of its failures."""

    name: str
    folder: Path


_running: ContextVar[Running | None] = ContextVar("qsanc_running", default=None)


@contextmanager
def of_test(name: str, folder: Path) -> Iterator[None]:
    """What assertions keep in here is kept for the test `name`, in `folder` where they are told no other."""
    token = _running.set(Running(name, folder))
    try:
        yield
    finally:
        _running.reset(token)


def running() -> Running | None:
    """The test that runs now; None where nothing has said so, as in a program without pytest."""
    return _running.get()


def keep(text: str, *, name: str, folder: Path = FOLDER) -> Path:
    """Write a program that reproduces a failure of `name`, such as `properties.qsan::gradients_agree`; its path.

    The same text for the same name is one file. A line `// from: name` is put in front. The file is whole or absent,
    whatever happens in between. Raises OSError where the system refuses, ValueError for a text larger than 8 MiB.
    """
    return _write(f"// from: {_one_line(name)}\n{text}", ".qsan", name, folder)


def keep_last(text: str, *, name: str, folder: Path = FOLDER) -> Path:
    """As `keep`, in the place of what this function wrote for `name` before.

    A search for smaller counterexamples fails many times and ends with the smallest, which is the one that stays.
    """
    return _write(f"// from: {_one_line(name)}\n{text}", ".qsan", name, folder, told_apart_by=name)


def kept(folder: Path = FOLDER, name: str | None = None) -> list[Path]:
    """The programs kept in a folder, all or those of `name`, in the order of their file names."""
    paths = _files(folder, ".qsan")
    return paths if name is None else [path for path in paths if origin(path).name == _one_line(name)]


def forget(path: Path) -> None:
    """Remove a kept file that fails no more; nothing where it is gone already. Raises OSError where that is refused."""
    path.unlink(missing_ok=True)


def clear(name: str, *, folder: Path = FOLDER) -> None:
    """Remove the programs and arguments of `name`, which fails no more. What the system refuses to remove stays."""
    for path in (*kept(folder, name), *(example.path for example in examples(folder, name)[0])):
        with suppress(OSError):
            forget(path)


def origin(path: Path) -> Origin:
    """What the comment lines at the head of a kept program say; nothing where it cannot be read or says nothing."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("utf-8", errors="replace")
    except OSError:
        return Origin()
    said: dict[str, str] = {}
    for line in head.splitlines():
        if not line.startswith("//"):
            break
        found = re.fullmatch(r"// (from|seed): (.*)", line)
        if found:
            said.setdefault(found[1], found[2])
    seed = said.get("seed", "")
    return Origin(said["from"][:_LONGEST_NAME] if "from" in said else None, int(seed) if _is_seed(seed) else None)


def keep_example(folder: Path, name: str, arguments: Mapping[str, Json]) -> Path:
    """Keep the arguments for which the property `name` failed, to be tried first next time; the path of the file.

    Numbers read back to the same bits. Raises ValueError for what JSON cannot hold (an infinity, say) or what would be
    larger than 8 MiB, OSError where the system refuses.
    """
    if (wrong := _misfit(dict(arguments))) is not None:
        raise ValueError(f"the arguments of `{name}` cannot be kept: {wrong}")
    content = {"format": _FORMAT, "from": _one_line(name), "arguments": dict(arguments)}
    return _write(json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n", ".json", name, folder)


def examples(folder: Path, name: str) -> tuple[list[Example], list[Unreadable]]:
    """The arguments kept for the property `name`, in the order of their file names, and the files passed over.

    A file that cannot be read as kept arguments might have been anybody's, so it is reported whatever its name is.
    """
    found: list[Example] = []
    passed_over: list[Unreadable] = []
    for path in _files(folder, ".json"):
        read = _read(path)
        if isinstance(read, Unreadable):
            passed_over.append(read)
        elif read[0] == _one_line(name):
            found.append(Example(path, read[1]))
    return found, passed_over


# ---- reading --------------------------------------------------------------------------------------------------------


def _read(path: Path) -> tuple[str, dict[str, Json]] | Unreadable:
    """The name and the arguments in a file."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        return Unreadable(path, error.strerror or type(error).__name__)
    if len(data) > LARGEST:
        return Unreadable(path, "it is larger than 8 MiB")
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return Unreadable(path, "it is not JSON in UTF-8")
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        return Unreadable(path, f'it has no "format": "{_FORMAT}"')
    name, arguments = value.get("from"), value.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return Unreadable(path, '"from" is a text and "arguments" are an object')
    wrong = _misfit(arguments)
    return Unreadable(path, wrong) if wrong is not None else (name, arguments)


def _misfit(value: object, depth: int = 0) -> str | None:
    """Why a value is no argument; None where it is one: JSON of finite numbers, not nested too deep."""
    match value:
        case None | bool():
            return None
        case str():
            return None if value.encode("utf-8", errors="replace").decode() == value else "a text is not Unicode"
        case int():
            return None if abs(value) < 2**63 else "an integer has more than 63 bits"
        case float():
            return None if math.isfinite(value) else f"{value} is no finite number"
        case _ if depth == _DEEPEST:
            return f"it is nested more than {_DEEPEST} deep"
        case list():
            return next((wrong for part in value if (wrong := _misfit(part, depth + 1)) is not None), None)
        case dict():
            if not all(isinstance(key, str) for key in value):
                return "a key is not a text"
            parts = (*value, *value.values())
            return next((wrong for part in parts if (wrong := _misfit(part, depth + 1)) is not None), None)
        case _:
            return f"{type(value).__name__} is not of JSON"


def _is_seed(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20


def _files(folder: Path, suffix: str) -> list[Path]:
    """The files in a folder; none where it is not there or may not be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == suffix and path.is_file())
    except OSError:
        return []


# ---- writing --------------------------------------------------------------------------------------------------------


def _write(text: str, suffix: str, name: str, folder: Path, *, told_apart_by: str | None = None) -> Path:
    """The file is told apart from others of the same name by its content, or by what is given."""
    content = text.encode("utf-8")
    if len(content) > LARGEST:
        raise ValueError(f"what failed in `{name}` is larger than 8 MiB")
    told_apart = content if told_apart_by is None else told_apart_by.encode("utf-8", errors="replace")
    path = folder / f"{_slug(name)}-{_digest(told_apart)}{suffix}"
    _make(folder)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _make(folder: Path) -> None:
    """The folder; where its parent `.qsanc` is new, with a marker there that keeps it out of version control."""
    ours = folder.parent.name == ".qsanc" and not folder.parent.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if ours:
        (folder.parent / ".gitignore").write_text("*\n", encoding="utf-8")


def _slug(name: str) -> str:
    """The last part of a name, as it may stand in a file name on any system."""
    last = name.replace("\\", "/").rpartition("::")[2].rpartition("/")[2]
    return re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")[:60] or "failure"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:10]


def _one_line(name: str) -> str:
    """A name as a head can hold it; of a long one the beginning, and what tells it from others that begin so."""
    line = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if len(line) <= _LONGEST_NAME:
        return line
    digest = _digest(line.encode("utf-8"))
    return f"{line[: _LONGEST_NAME - len(digest) - 1]}-{digest}"
