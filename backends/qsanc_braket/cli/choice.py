"""Which devices a command speaks of: those of our table, and the one that is meant, by its sheet if there is one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from qsanc_braket.devices.model import Device
from qsanc_braket.devices.sheet import read_sheet
from qsanc_braket.devices.table import find, known
from qsanc_braket.names import ENTRY, target_of


@dataclass(frozen=True, slots=True)
class Choice:
    """All devices that can be had, and the one that is meant, if any; `native`: in its own gates."""

    devices: tuple[Device, ...]
    device: Device | None
    native: bool


def choose(backend: str | None, sheet: Path | None) -> Choice:
    """The device of the backend `braket:DEVICE[+native]` among all others, with the facts of `sheet` where given.

    Raises click.UsageError for a backend that is no device of Braket, QsanError for a device that nobody knows and for
    a sheet that is none.
    """
    devices = tuple(device for device in known() if device.status != "retired")
    if backend is None:
        return Choice(devices, None, False)
    if backend.startswith("arn:"):
        raise click.UsageError(f"--backend names a device behind its entry: write {ENTRY}{backend}")
    target = target_of(backend.removeprefix(ENTRY))
    if backend.partition(":")[0] == "numpy" or (backend.startswith(ENTRY) and target.local):
        raise click.UsageError(
            f"{backend} runs on this machine and costs nothing; --backend names a device, braket:NAME"
        )
    if not backend.startswith(ENTRY):
        raise click.UsageError(f"--backend names a device here, as in braket:Garnet, and {backend} is none")
    device = _described(target.name, sheet)
    others = tuple(device if other.arn == device.arn else other for other in devices)
    return Choice(others if device in others else (*others, device), device, target.native)


def _described(name: str, sheet: Path | None) -> Device:
    """A sheet describes a device that the table has, or any other that is named by its ARN."""
    if sheet is None:
        return find(name)
    if name.startswith("arn:") and name not in {device.arn for device in known()}:
        return read_sheet(sheet, arn=name, name=name.rpartition("/")[2])
    device = find(name)
    return read_sheet(sheet, arn=device.arn, name=device.name, status=device.status)
