"""The sheets of a run folder's devices, as they were when it began.

Placement and chunks follow from a sheet, and tokens from them: a sheet that changed in between would make other tasks.
So each is asked for once and kept in `device.json`, as the service gave it. The file also names the run whose journal
is beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qsanc_braket.cloud import errors
from qsanc_braket.devices.model import Device
from qsanc_braket.devices.sheet import device_of

NAME = "device.json"
KIND, VERSION = "qsanc devices", 1


def kept(folder: Path, arn: str, ask: Callable[[], Mapping[str, Any]], begin: Callable[[], str]) -> Device:
    """The device `arn` as the folder knows it. Where it does not yet, `ask` gives the answer of GetDevice, and `begin`
    the run, from a journal that it begins.

    Raises QsanError: QS933, QS937 and QS936 for the file, QS801 for a sheet that is none.
    """
    path = folder / NAME
    sheets = _sheets(path)
    sheet = sheets.get(arn)
    if sheet is None:
        sheet = dict(ask())
        run = begin()
        sheets = _sheets(path) | {arn: sheet}  # another process may have begun at the same time
        _write(path, run, sheets)
    name, status = sheet.get("name"), sheet.get("status")
    if not isinstance(name, str) or status not in ("online", "offline", "retired"):
        raise errors.damaged(path, None, f"the name or the status of {arn} is missing")
    return device_of(sheet.get("capabilities"), arn, name, status, where=str(path))


def run_of(folder: Path) -> str | None:
    """The run of this folder, where its file names one. Raises QsanError (QS933, QS937)."""
    run = _read(folder / NAME).get("run")
    if run is not None and not isinstance(run, str):
        raise errors.damaged(folder / NAME, None, "`run` is not a text")
    return run


def _sheets(path: Path) -> dict[str, Any]:
    sheets = _read(path).get("devices", {})
    if not isinstance(sheets, dict) or not all(isinstance(sheet, dict) for sheet in sheets.values()):
        raise errors.damaged(path, None, "`devices` are no sheets by ARN")
    return sheets


def _read(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as failure:
        raise errors.unreadable(path, failure) from None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise errors.damaged(path, None, "it is not JSON") from None
    if not isinstance(value, dict) or value.get("kind") != KIND:
        raise errors.damaged(path, None, f"it is not of the kind {KIND!r}")
    if value.get("version") != VERSION:
        raise errors.newer(path, value.get("version"), VERSION)
    return value


def _write(path: Path, run: str, sheets: Mapping[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    content = json.dumps({"kind": KIND, "version": VERSION, "run": run, "devices": sheets})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as failure:
        raise errors.unwritable(path, failure) from None
