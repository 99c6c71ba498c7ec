"""Capability sheets: what the service's GetDevice says of a device, or a file that holds it.

Nothing in a sheet is trusted. Every field that is read is checked for its type and range; where one is wrong, QS814
names the sheet and the field. A sheet may lack what a device has no use for, and may hold what is new: gates, results
and actions that are unknown here are passed over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from qsanc.diagnostics import Diagnostic, Note, QsanError, Severity
from qsanc.ir.gates import GATES
from qsanc_braket.devices.model import Device, Fidelity, Price, ProgramSets
from qsanc_braket.devices.table import known
from qsanc_braket.text import CHANNELS

Status = Literal["online", "offline", "retired"]

LARGEST = 16 << 20
"""Bytes of the largest file that is read; real sheets have up to 230 000."""
TASK_USD = 0.3
"""A task on a processor, in US dollars; sheets give the price of a shot alone."""
MINIMUM_S = 3.0
"""The shortest time of a simulator that is billed, in seconds."""
_PROGRAM, _SETS = "braket.ir.openqasm.program", "braket.ir.openqasm.program_set"
_MOST_QUBITS, _MOST_SHOTS = 100_000, 10**9
_MOST_PAIRS = 1 << 16
_NO_GATES = frozenset({"barrier", "cc_prx", "measure_ff"})
"""What stands among native gates and is none, or needs a measurement in the middle of a circuit."""
_OURS = {gate.braket: name for name, gate in GATES.items() if gate.braket is not None and name != "u3"}
_TOGETHER, _ALONE = "SIMULTANEOUS_RANDOMIZED_BENCHMARKING", "RANDOMIZED_BENCHMARKING"


def read_sheet(path: Path, *, arn: str, name: str, status: Status = "online") -> Device:
    """The device whose sheet is in a file.

    Raises QsanError (QS814) for a file that holds no sheet, and for one of another device than the table has there.
    """
    where = path.name
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise _damaged(where, "", f"has {size} bytes, and a sheet at most {LARGEST}")
        sheet = json.loads(path.read_bytes())
    except OSError as error:
        raise _damaged(where, "", f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(where, "", "is not JSON") from error
    device = device_of(sheet, arn, name, status, where=where)
    _need_same(_Field(where, "", sheet), device)
    return device


def _need_same(whole: _Field, found: Device) -> None:
    """Raises QsanError (QS814) unless the sheet is one of the device that the table has under its ARN, if any.

    A sheet need not say whose it is. What it does say is compared: name and ARN, the provider in the name of its
    schema, native gates, and the number of qubits, of which a device may gain or lose a tenth.
    """
    meant = next((device for device in known() if device.arn == found.arn), None)
    if meant is None or not (unlike := _unlike(whole, found, meant)):
        return
    others = [device.name for device in known() if not _unlike(whole, found, device)]
    seems = f"; it looks like one of {' or '.join(others)}" if others else ""
    raise QsanError(
        [
            Diagnostic(
                "QS814",
                Severity.ERROR,
                f"{whole.where} is not a sheet of {meant.name}{seems}",
                notes=tuple(Note(each) for each in unlike),
                help=f"give the sheet of {meant.name}" + (f", or name `braket:{others[0]}`" if others else ""),
            )
        ]
    )


def _unlike(whole: _Field, found: Device, device: Device) -> list[str]:
    """In what the sheet differs from `device` of the table, so that it cannot be its own."""
    unlike = []
    for key, own in (("deviceName", device.name), ("deviceArn", device.arn)):
        given = whole.find(key)
        if given is not None and given.text().casefold() != own.casefold():
            unlike.append(f"the sheet's `{key}` is {_shown(given.value)}")
    header = whole.find("braketSchemaHeader")
    schema = None if header is None else header.find("name")
    parts = [] if schema is None else schema.text().split(".")
    maker = "simulators" if device.kind == "simulator" else device.arn.split("/")[-2]
    if parts[:2] == ["braket", "device_schema"] and len(parts) > 2 and parts[2] != maker:
        unlike.append(f"the sheet is by {parts[2]}, and {device.name} by {device.provider}")
    if not device.native <= found.native:
        ours, theirs = (", ".join(sorted(gates)) or "none" for gates in (device.native, found.native))
        unlike.append(f"the sheet's native gates are {theirs}, and those of {device.name} {ours}")
    if 10 * abs(found.qubits - device.qubits) > device.qubits:
        unlike.append(f"the sheet has {found.qubits} qubits, and {device.name} {device.qubits}")
    return unlike


def device_of(sheet: object, arn: str, name: str, status: Status, *, where: str = "") -> Device:
    """The device that a sheet describes, `deviceCapabilities` of GetDevice parsed as JSON. `where` names the sheet.

    Its price of a shot or a minute is the sheet's. Where the sheet has none and the table knows none either, a task
    costs infinitely much, so that no budget allows it. Raises QsanError (QS814).
    """
    whole = _Field(where or f"the sheet of {name}", "", sheet)
    program = whole.at("action").find(_PROGRAM)
    if program is None:
        raise whole.at("action").wrong("has no OpenQASM programs: this is no device for gates")
    operations = [field.text().lower() for field in program.at("supportedOperations").each()]
    by_case = {given.lower(): ours for given, ours in _OURS.items()}
    service, paradigm = whole.at("service"), whole.at("paradigm")
    kind: Literal["qpu", "simulator"] = "simulator" if "quantum-simulator" in arn else "qpu"
    qubits = paradigm.at("qubitCount").integer(1, _MOST_QUBITS)
    native = frozenset(field.text().lower() for field in _each(paradigm.find("nativeGateSet"))) - _NO_GATES
    wires = _connectivity(paradigm)
    names = _names(whole, paradigm, wires, qubits)
    least, most = _range(service.at("shotsRange"))
    results, exact = _results(program)
    updated = _date(service)
    return Device(
        name=name,
        arn=arn,
        provider=_provider(arn),
        kind=kind,
        status=status,
        qubits=qubits,
        qubit_names=names,
        gates=frozenset(by_case[operation] for operation in operations if operation in by_case),
        native=native,
        connectivity=wires,
        shots=(max(least, 1), most),
        exact=bool(exact),
        results=results,
        noise=frozenset(operations) & frozenset(CHANNELS),
        program_sets=_program_sets(whole.at("action")),
        concurrent=next((device.concurrent for device in known() if device.arn == arn), None),
        price=_price(service, arn, kind, updated),
        fidelity=_fidelity(whole, names, native, wires),
        as_of=updated,
        exact_results=exact,
    )


@dataclass(frozen=True, slots=True)
class _Field:
    """A value of a sheet, with the way to it."""

    where: str
    path: str
    value: object

    def wrong(self, what: str) -> QsanError:
        return _damaged(self.where, self.path, what)

    def find(self, key: str) -> _Field | None:
        """The value under `key`; None where there is none."""
        if not isinstance(self.value, Mapping):
            raise self.wrong(f"is {_shown(self.value)}, not an object")
        found = self.value.get(key)
        return None if found is None else _Field(self.where, f"{self.path}.{key}" if self.path else key, found)

    def at(self, key: str) -> _Field:
        found = self.find(key)
        if found is None:
            raise _damaged(self.where, f"{self.path}.{key}" if self.path else key, "is missing")
        return found

    def items(self) -> Iterator[tuple[str, _Field]]:
        if not isinstance(self.value, Mapping):
            raise self.wrong(f"is {_shown(self.value)}, not an object")
        for key, value in self.value.items():
            yield str(key), _Field(self.where, f"{self.path}.{key}", value)

    def each(self) -> Iterator[_Field]:
        if not isinstance(self.value, list | tuple):
            raise self.wrong(f"is {_shown(self.value)}, not a list")
        for place, value in enumerate(self.value):
            yield _Field(self.where, f"{self.path}[{place}]", value)

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.wrong(f"is {_shown(self.value)}, not a text")
        return self.value

    def integer(self, low: int, high: int) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool) or not low <= self.value <= high:
            raise self.wrong(f"is {_shown(self.value)}, not a whole number from {low} to {high}")
        return self.value

    def number(self, low: float, high: float) -> float:
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            raise self.wrong(f"is {_shown(self.value)}, not a number")
        if not low <= self.value <= high:
            raise self.wrong(f"is {_shown(self.value)}, not a number from {low:g} to {high:g}")
        return float(self.value)

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.wrong(f"is {_shown(self.value)}, neither true nor false")
        return self.value

    def qubit(self, text: str) -> int:
        """The number of a qubit that is written as `text` in this field."""
        if not (text.isascii() and text.isdigit()) or len(text) > len(str(_MOST_QUBITS)):
            raise self.wrong(f"speaks of {_shown(text)}, not of the number of a qubit")
        return int(text)


def _damaged(where: str, path: str, what: str) -> QsanError:
    return QsanError(
        [
            Diagnostic(
                "QS814",
                Severity.ERROR,
                f"{where}: `{path}` {what}" if path else f"{where} {what}",
                notes=(Note("a sheet is what GetDevice gives as `deviceCapabilities`"),),
                help="fetch the sheet again, or leave it away: then the table of devices is used",
            )
        ]
    )


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = "null" if value is None else json.dumps(value) if isinstance(value, str | int | float) else repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _each(field: _Field | None) -> Iterator[_Field]:
    return iter(()) if field is None else field.each()


def _connectivity(paradigm: _Field) -> frozenset[tuple[int, int]] | None:
    """Pairs (a < b), None where the sheet says that every pair can interact or says nothing."""
    wiring = paradigm.find("connectivity")
    if wiring is None or wiring.at("fullyConnected").flag():
        return None
    pairs = set()
    for key, neighbours in wiring.at("connectivityGraph").items():
        a = neighbours.qubit(key)
        for field in neighbours.each():
            b = field.qubit(field.text())
            if a == b:
                raise field.wrong(f"connects qubit {a} with itself")
            pairs.add((min(a, b), max(a, b)))
    return frozenset(pairs)


def _names(whole: _Field, paradigm: _Field, wires: frozenset[tuple[int, int]] | None, qubits: int) -> tuple[int, ...]:
    """As the device numbers its qubits: those of the graph and of the table of qubits, else 0 to n - 1."""
    named = {qubit for pair in wires or () for qubit in pair}
    tables = [paradigm.find("connectivity"), whole.find("standardized")]
    for table, key in zip(tables, ("connectivityGraph", "oneQubitProperties"), strict=True):
        rows = None if table is None else table.find(key)
        named |= set() if rows is None else {row.qubit(name) for name, row in rows.items()}
    if len(named) > qubits:
        raise paradigm.at("qubitCount").wrong(f"is {qubits}, and the sheet speaks of {len(named)} qubits")
    return tuple(sorted(named)) if len(named) == qubits or wires else tuple(range(qubits))


def _range(field: _Field) -> tuple[int, int]:
    bounds = [bound.integer(0, _MOST_SHOTS) for bound in field.each()]
    if len(bounds) != 2 or bounds[0] > bounds[1] or not bounds[1]:
        raise field.wrong(f"is {bounds}, not the least and the largest number of shots")
    return bounds[0], bounds[1]


def _results(program: _Field) -> tuple[frozenset[str], frozenset[str]]:
    """The result types, and those of them that 0 shots give."""
    names, exact = set(), set()
    for field in _each(program.find("supportedResultTypes")):
        name, least = field.at("name").text(), field.find("minShots")
        names.add(name)
        if least is not None and least.integer(0, _MOST_SHOTS) == 0:
            exact.add(name)
    return frozenset(names), frozenset(exact)


def _program_sets(action: _Field) -> ProgramSets | None:
    sets = action.find(_SETS)
    if sets is None:
        return None
    most = sets.at("maximumExecutables").integer(1, _MOST_SHOTS)
    return ProgramSets(most, sets.at("maximumTotalShots").integer(1, _MOST_SHOTS))


def _date(service: _Field) -> str:
    """The day of the sheet, "" where it has none."""
    field = service.find("updatedAt")
    if field is None:
        return ""
    try:
        return date.fromisoformat(field.text()[:10]).isoformat()
    except ValueError:
        raise field.wrong(f"is {_shown(field.value)}, not a date") from None


def _provider(arn: str) -> str:
    for device in known():
        if device.arn.rpartition("/")[0] == arn.rpartition("/")[0]:
            return device.provider
    parts = arn.split("/")
    return parts[-2] if len(parts) > 2 else "unknown"


def _price(service: _Field, arn: str, kind: Literal["qpu", "simulator"], updated: str) -> Price:
    cost = service.find("deviceCost")
    if cost is None:
        unknown = Price(math.inf, 0.0, 0.0, 0.0, updated, "no price is known")
        return next((device.price for device in known() if device.arn == arn), unknown)
    price, unit = cost.at("price").number(0, 1e6), cost.at("unit").text()
    if unit == "shot":
        return Price(TASK_USD if kind == "qpu" else 0.0, price, 0.0, 0.0, updated, "GetDevice")
    if unit == "minute":
        return Price(0.0, 0.0, price, MINIMUM_S, updated, "GetDevice")
    raise cost.at("unit").wrong(f"is {_shown(unit)}, neither shot nor minute")


def _fidelity(
    whole: _Field, names: tuple[int, ...], native: frozenset[str], wires: frozenset[tuple[int, int]] | None
) -> Fidelity | None:
    """What the sheet says of single qubits and pairs, and where it does not, what it says of all alike."""
    table = whole.find("standardized")
    one: dict[int, float] = {}
    two: dict[tuple[int, int], float] = {}
    readout: dict[int, float] = {}
    mean_one, mean_two, mean_readout = _means(whole)
    if table is not None:
        mean_two = _first(table.find("twoQubitGateFidelity"), mean_two)
        mean_readout = _first(table.find("readoutFidelity"), mean_readout)
        for key, row in _items(table.find("oneQubitProperties")):
            qubit, kinds = row.qubit(key), _by_kind(row.find("oneQubitFidelity"))
            if "READOUT" in kinds:
                readout[qubit] = kinds["READOUT"]
            if found := [kinds[kind] for kind in (_TOGETHER, _ALONE) if kind in kinds]:
                one[qubit] = found[0]
        for key, row in _items(table.find("twoQubitProperties")):
            first, dash, second = key.partition("-")
            a, b = row.qubit(first), row.qubit(second if dash else "")
            gates = [
                field.at("fidelity").number(0, 1)
                for field in _each(row.find("twoQubitGateFidelity"))
                if field.at("gateName").text().lower() in native
            ]
            if gates:
                two[min(a, b), max(a, b)] = min(gates)
    if mean_one is not None:
        one = dict.fromkeys(names, mean_one) | one
    if mean_readout is not None:
        readout = dict.fromkeys(names, mean_readout) | readout
    if mean_two is not None:
        pairs = wires if wires is not None else _all_pairs(names)
        two = dict.fromkeys(sorted(pairs), mean_two) | two
    return Fidelity(one, two, readout) if one or two or readout else None


def _items(field: _Field | None) -> Iterator[tuple[str, _Field]]:
    return iter(()) if field is None else field.items()


def _all_pairs(names: tuple[int, ...]) -> list[tuple[int, int]]:
    """Every pair of a device that is small enough to list them."""
    if len(names) * (len(names) - 1) // 2 > _MOST_PAIRS:
        return []
    return [(a, b) for k, a in enumerate(names) for b in names[k + 1 :]]


def _by_kind(field: _Field | None) -> dict[str, float]:
    """Fidelities by how they were measured; errors (`READOUT_ERROR_0_TO_1`) are no fidelities, but checked alike."""
    return {entry.at("fidelityType").at("name").text(): entry.at("fidelity").number(0, 1) for entry in _each(field)}


def _first(field: _Field | None, otherwise: float | None) -> float | None:
    for entry in _each(field):
        return entry.at("fidelity").number(0, 1)
    return otherwise


def _means(whole: _Field) -> tuple[float | None, float | None, float | None]:
    """One-qubit gates, two-qubit gates and readout of a provider that gives means of its device (IonQ)."""
    provider = whole.find("provider")
    given = None if provider is None else provider.find("fidelity")
    if given is None:
        return None, None, None
    found = []
    for key in ("1Q", "2Q", "spam"):
        row = given.find(key)
        mean = None if row is None else row.find("mean")
        found.append(None if mean is None else mean.number(0, 1))
    return found[0], found[1], found[2]
