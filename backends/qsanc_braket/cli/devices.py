"""`qsanc devices`: what is known of the devices of Amazon Braket."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import click

from qsanc.cli import options
from qsanc.cli.report import print_json
from qsanc_braket.cli import table
from qsanc_braket.cli.table import grouped
from qsanc_braket.devices.model import Device
from qsanc_braket.devices.sheet import read_sheet
from qsanc_braket.devices.table import find, known
from qsanc_braket.names import ENTRY


@click.command()
@click.argument("device", metavar="[DEVICE]", required=False)
@click.option("--live", is_flag=True, help="Ask the service, with the credentials that the AWS SDK finds.")
@click.option("--sheet", type=options.file, metavar="FILE", help="What this file says of DEVICE, its capabilities.")
@options.as_json
def command(device: str | None, live: bool, sheet: Path | None, as_json: bool) -> int:
    """List the devices of Amazon Braket, or one of them, with their limits and prices.

    The list is qsanc's own, with the date on which it was made: prices change. The service has the last word, and is
    asked with --live.
    """
    if sheet is not None and (device is None or live):
        raise click.UsageError("--sheet stands beside DEVICE, and without --live")
    devices = known() if device is None else (find(device.removeprefix(ENTRY)),)
    if sheet is not None:
        devices = tuple(read_sheet(sheet, arn=d.arn, name=d.name, status=d.status) for d in devices)
    if live:
        from qsanc_braket.cli.service import asked

        devices, untold = asked(devices)
        for reason in untold:
            click.echo(reason, err=True)
    if as_json:
        print_json([_json(found) for found in devices])
        return 0
    _show(devices, live=live)
    return 0


def limits(device: Device) -> str:
    """Of program sets: executables and shots of one task."""
    sets = device.program_sets
    return "" if sets is None else f"{sets.executables} with {grouped(sets.shots)} shots"


def price(device: Device) -> str:
    """In US dollars."""
    found = device.price
    if found.minute_usd:
        return f"{found.minute_usd:g} a minute, at least {found.minimum_s:g} s a task"
    if not math.isfinite(found.task_usd + found.shot_usd):
        return "not known"
    return f"{found.task_usd:g} a task, {found.shot_usd:g} a shot"


def _show(devices: Sequence[Device], *, live: bool) -> None:
    columns = ("device", "kind", "by", ">qubits", "shots", "program sets", "USD", "as of")
    table.show(columns, [_row(device) for device in devices])
    for source in dict.fromkeys(device.price.source for device in devices):
        named = ", ".join(device.name for device in devices if device.price.source == source)
        click.echo(f"prices of {named}: {source}")
    if not live:
        click.echo("prices change: --live asks the service, and whether a device is online")


def _row(device: Device) -> tuple[str, ...]:
    name = device.name if device.status == "online" else f"{device.name} ({device.status})"
    shots = f"{'exact, ' if device.exact else ''}{device.shots[0]} to {grouped(device.shots[1])}"
    facts = (device.kind, device.provider, str(device.qubits), shots, limits(device), price(device))
    return (name, *facts, device.price.as_of)


def _json(device: Device) -> dict[str, object]:
    found = device.price
    return {
        "name": device.name,
        "arn": device.arn,
        "provider": device.provider,
        "kind": device.kind,
        "status": device.status,
        "qubits": device.qubits,
        "gates": sorted(device.gates),
        "native": sorted(device.native),
        "connectivity": None if device.connectivity is None else [list(pair) for pair in sorted(device.connectivity)],
        "shots": list(device.shots),
        "exact": device.exact,
        "results": sorted(device.results),
        "noise": sorted(device.noise),
        "program_sets": None
        if device.program_sets is None
        else {"executables": device.program_sets.executables, "shots": device.program_sets.shots},
        "concurrent_tasks": device.concurrent,
        "price": {
            "task_usd": _known(found.task_usd),
            "shot_usd": _known(found.shot_usd),
            "minute_usd": found.minute_usd,
            "minimum_s": found.minimum_s,
            "as_of": found.as_of,
            "source": found.source,
        },
        "as_of": device.as_of,
    }


def _known(amount: float) -> float | None:
    """A price that nobody knows is infinite in a device, and null in JSON."""
    return amount if math.isfinite(amount) else None
