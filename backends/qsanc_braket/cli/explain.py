"""`qsanc explain`: what a model would cost on every device, before anything runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from qsanc.api.names import model_named
from qsanc.check.imports import load
from qsanc.cli import options
from qsanc.cli.report import print_json, show, warn_of_noise
from qsanc.cli.spending import named
from qsanc.diagnostics import Diagnostic
from qsanc.diagnostics.render import to_json
from qsanc.train.tables import read_table
from qsanc.train.task import Tables
from qsanc_braket.check import accepts
from qsanc_braket.cli import table
from qsanc_braket.cli.choice import Choice, choose
from qsanc_braket.cli.counts import CREATED_A_SECOND, Bill, Counter, Kind, Work, bill
from qsanc_braket.cli.planned import Planned
from qsanc_braket.cli.table import grouped
from qsanc_braket.devices.fidelity import Expected, expected_fidelity
from qsanc_braket.devices.model import Device
from qsanc_braket.native import lowered
from qsanc_braket.offered import capabilities

HEADINGS: dict[Kind, str] = {
    "inference": "inference",
    "parameter_shift": "one training step by parameter_shift",
    "spsa": "one training step by spsa",
    "adjoint": "one training step by adjoint, exact values",
}
COLUMNS = ("", ">circuits", ">settings", ">executables", ">tasks", ">shots", ">USD", ">time")


@dataclass(frozen=True, slots=True)
class Row:
    """A pass on a device: what it comes to, what the device refuses of it, and how well a circuit of each setting will
    do where the sheet of the device says how well its gates do.
    """

    device: Device
    work: Work
    bill: Bill
    refused: tuple[Diagnostic, ...]
    fidelities: tuple[Expected, ...]

    @property
    def runs(self) -> bool:
        return not any(diagnostic.is_error for diagnostic in self.refused)


@click.command()
@click.argument("file", metavar="FILE", type=options.file)
@options.model_name
@click.option("--data", type=options.file, help="A .tsv, .csv or .jsonl file, divided as in training.")
@click.option("--backend", metavar="braket:DEVICE", help="Mark this device, and say more of it.")
@click.option("--native", is_flag=True, help="In the device's own gates, as braket:NAME+native.")
@click.option("--shots", type=options.SHOTS, default=1000, show_default=True, help="Samples a circuit.")
@click.option("--batch", type=click.IntRange(min=1), help="Records of one step.")
@click.option("--seed", type=options.SEED, help="Of split, initial values and the batch.")
@click.option("--independent-shots", is_flag=True, help="Sample equal tokens each by itself.")
@click.option(
    "--sheet",
    type=options.file,
    metavar="FILE",
    help="Take the facts about the device of --backend from this file, its capabilities as GetDevice gives them.",
)
@options.sizes
@options.columns
@options.truncate
@options.as_json
def command(
    file: Path,
    model: str | None,
    data: Path | None,
    backend: str | None,
    native: bool,
    shots: int,
    batch: int | None,
    seed: int | None,
    independent_shots: bool,
    sheet: Path | None,
    sizes: dict[str, int | float],
    columns: dict[str, str],
    truncate: bool,
    as_json: bool,
) -> int:
    """Say what inference and one training step of a model would cost on each device of Amazon Braket.

    The circuits are those of the compiled model on its data, counted one by one; nothing is run, and nothing is asked
    of the network. Inference is one pass over the test part of the data; the step is the first one of
    the first epoch. The exit code is 1 where the device of --backend would refuse the circuits.
    """
    if native and backend is None:
        raise click.UsageError("--native stands beside --backend braket:DEVICE")
    if sheet is not None and backend is None:
        raise click.UsageError("--sheet stands beside --backend braket:DEVICE")
    choice = choose(None if backend is None else named(backend, native=native), sheet)
    module = load(file)
    counter = Counter(
        module,
        model_named(module, model, "--model"),
        None if data is None else Tables(read_table(data), columns=columns, truncate=truncate),
        sizes,
        batch,
        seed,
        shots,
        independent_shots,
    )
    warn_of_noise(module)
    rows = _rows(counter, choice)
    if as_json:
        print_json(_json(counter, choice, rows))
    else:
        _show(counter, choice, rows)
    refused = {found.title: found for row in rows if row.device is choice.device for found in row.refused}
    if refused and not as_json:
        show(tuple(refused.values()))
    return 1 if any(found.is_error for found in refused.values()) else 0


def _rows(counter: Counter, choice: Choice) -> tuple[Row, ...]:
    """Every pass on every device, pass by pass. Devices that the compiler sees alike are counted once."""
    counted: dict[tuple[frozenset[str], frozenset[str]], tuple[Work, ...]] = {}
    rows: list[Row] = []
    for device in choice.devices:
        offered = capabilities(device)
        alike = offered.gates, offered.gradients
        if alike not in counted:
            counted[alike] = counter.works(Planned(offered))
        native = choice.native and device is choice.device
        for work in counted[alike]:
            refused = work.refused or accepts(device, work.samples, work.shots, native)
            fidelities = () if any(found.is_error for found in refused) else _fidelities(device, work)
            rows.append(Row(device, work, bill(work, device), refused, fidelities))
    return tuple(sorted(rows, key=lambda row: list(HEADINGS).index(row.work.kind)))


def _fidelities(device: Device, work: Work) -> tuple[Expected, ...]:
    """Of the circuits as we place them on the device; none where its sheet was not given."""
    if device.fidelity is None or not device.native:
        return ()
    found = (expected_fidelity(lowered(sample, device), device) for sample in work.samples)
    return tuple(expected for expected in found if expected is not None)


def _show(counter: Counter, choice: Choice, rows: Sequence[Row]) -> None:
    for kind, heading in HEADINGS.items():
        ours = [row for row in rows if row.work.kind == kind]
        if not ours:
            continue
        work = ours[0].work
        shots = f", {grouped(work.shots)} shots an executable" if work.shots else ""
        click.echo(f"{counter.entry}, {heading}: {_records(work)}{shots}")
        refused, shown = list[str](), list[tuple[str, ...]]()
        for row in ours:
            name = f"* {row.device.name}" if row.device is choice.device else f"  {row.device.name}"
            if not row.runs:
                refused.append(f"{name}: refused, {row.refused[0].title}")
                continue
            bill = row.bill
            usd = f"{'from ' if row.device.price.minute_usd else ''}{_usd(bill.usd)}"
            counts = (bill.circuits, bill.settings, bill.executables, bill.tasks, bill.shots)
            shown.append((name, *map(grouped, counts), usd, _duration(bill.seconds)))
        if shown:
            table.show(COLUMNS, shown)
        for line in refused:
            click.echo(line)
        for row in ours:
            if row.fidelities:
                click.echo(f"* {row.device.name}: {_quality(row.fidelities)}")
        click.echo()
    _show_assumptions([row.device for row in rows])


def _quality(found: Sequence[Expected]) -> str:
    """In words: the worst and the best of the settings, and what is not known."""
    values = sorted(expected.value for expected in found)
    spread = " to ".join(dict.fromkeys((f"{values[0]:.3f}", f"{values[-1]:.3f}")))
    gates = max(expected.two_qubit_gates for expected in found)
    missing = {name for expected in found for name in expected.missing}
    rest = f"; without a number, and taken as perfect: {', '.join(sorted(missing))}" if missing else ""
    return f"expected fidelity of a circuit {spread}, with up to {gates} gates on two qubits{rest}"


def _records(work: Work) -> str:
    if work.part is None:
        return "one evaluation"
    return f"{work.records} record{'s' * (work.records != 1)} of the {work.part} part"


def _show_assumptions(devices: Sequence[Device]) -> None:
    devices = tuple({device.arn: device for device in devices}.values())
    for as_of, source in dict.fromkeys((device.price.as_of, device.price.source) for device in devices):
        named = [device.name for device in devices if (device.price.as_of, device.price.source) == (as_of, source)]
        click.echo(f"prices of {', '.join(named)}: {source}, {as_of or 'of a day that the sheet does not say'}")
    for price in dict.fromkeys(device.price for device in devices if device.price.minute_usd):
        named = [device.name for device in devices if device.price == price]
        click.echo(
            f"from: {' and '.join(named)} are billed by time, {price.minute_usd:g} USD a minute; "
            f"this is the least, {price.minimum_s:g} s a task"
        )
    click.echo(
        f"time: to create the tasks, at the service's quota of {CREATED_A_SECOND} a second; "
        "how long they queue and run is left out, as no device publishes a rate of shots"
    )


def _usd(amount: float) -> str:
    """A price that nobody knows counts as infinite: no budget allows it."""
    if not math.isfinite(amount):
        return "not known"
    return f"{amount:,.2f}".replace(",", " ") if amount >= 1 else f"{amount:.4f}"


def _duration(seconds: float) -> str:
    """Not less than this."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _json(counter: Counter, choice: Choice, rows: Sequence[Row]) -> dict[str, object]:
    return {
        "model": counter.entry,
        "backend": None if choice.device is None else f"braket:{choice.device.name}{'+native' * choice.native}",
        "shots": counter.shots,
        "passes": [
            {
                "pass": "inference" if row.work.kind == "inference" else "training step",
                "method": None if row.work.kind == "inference" else row.work.kind,
                "part": row.work.part,
                "records": row.work.records,
                "device": row.device.name,
                "arn": row.device.arn,
                "chosen": row.device is choice.device,
                "circuits": row.bill.circuits,
                "settings": row.bill.settings,
                "executables": row.bill.executables,
                "tasks": row.bill.tasks,
                "shots": row.bill.shots,
                "usd": row.bill.usd if math.isfinite(row.bill.usd) else None,
                "usd_is_least": bool(row.device.price.minute_usd),
                "seconds_to_create": row.bill.seconds,
                "price_as_of": row.device.price.as_of,
                "price_source": row.device.price.source,
                "fidelities": [expected.value for expected in row.fidelities],
                "refused": to_json(row.refused),
            }
            for row in rows
        ],
    }
