"""The sheets of a run folder's devices, as they were when it began.

Placement and chunks follow from a sheet, and tokens from them: a sheet that changed in between would make other tasks.
So each is asked for once and kept in `device.json`, as the service gave it. The file also names the run whose journal
is beside it. Its prices are believed as far as they are not below those of the table: limits rest on them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from qsanc_braket.cloud import errors
from qsanc_braket.devices.model import Device, Price
from qsanc_braket.devices.sheet import device_of
from qsanc_braket.devices.table import known

NAME = "device.json"
KIND, VERSION = "qsanc devices", 1
_FIGURES = ("task_usd", "shot_usd", "minute_usd", "minimum_s")


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
    return _priced(device_of(sheet.get("capabilities"), arn, name, status, where=str(path)), path)


def _priced(device: Device, path: Path) -> Device:
    """With each figure of the price at least that of the table, if the table knows the device."""
    table = next((each.price for each in known() if each.arn == device.arn), None)
    if table is None:
        return device
    least = {name: max(getattr(device.price, name), getattr(table, name)) for name in _FIGURES}
    if all(getattr(device.price, name) == figure for name, figure in least.items()):
        return device
    source = f"{table.source}, where {path} says less"
    return replace(device, price=Price(**least, as_of=table.as_of, source=source))


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
