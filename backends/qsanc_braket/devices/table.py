"""The devices that are known without asking anyone: our table of facts, with its date.

Fidelities change by the day and are not in it; they are in the sheets that the service gives (`sheet`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

from qsanc.diagnostics import Diagnostic, Note, QsanError, Severity
from qsanc_braket.devices.model import Device, Price, ProgramSets


@cache
def known() -> tuple[Device, ...]:
    """Every device of the table, simulators first; none that is retired."""
    facts = _facts()
    return tuple(_device(row, facts["as_of"]) for row in facts["devices"])


@cache
def retired() -> Mapping[str, str]:
    """The names of devices that are gone, and which one does their work now."""
    return {row["name"]: row["instead"] for row in _facts()["retired"]}


def find(text: str) -> Device:
    """The device of that name, in any case, or of that ARN.

    Raises QsanError: QS801 for a device that is retired, QS810 for one that the table does not have.
    """
    wanted = text.strip().casefold()
    for device in known():
        if wanted in (device.name.casefold(), device.arn.casefold()):
            return device
    for row in _facts()["retired"]:
        if wanted in (row["name"].casefold(), row["arn"].casefold()):
            raise QsanError([gone(row["name"], row["instead"])])
    names = [device.name for device in known()]
    meant = get_close_matches(wanted, [name.casefold() for name in names], n=1, cutoff=0.5)
    nearest = next((name for name in names if [name.casefold()] == meant), None)
    raise QsanError(
        [
            Diagnostic(
                "QS810",
                Severity.ERROR,
                f"Braket has no device `{text}`" if wanted else "a device of Braket has a name",
                expected=f"sv or dm, which run here, or one of {', '.join(names)}, or an ARN",
                notes=(Note(f"the table of devices is of {_facts()['as_of']}"),),
                help=f"did you mean `braket:{nearest}`?" if nearest else "`qsanc devices` lists them",
            )
        ]
    )


def gone(name: str, instead: str) -> Diagnostic:
    """QS801: the device was switched off for good."""
    return Diagnostic("QS801", Severity.ERROR, f"{name} is retired and takes no tasks", help=f"use `braket:{instead}`")


@cache
def _facts() -> Any:
    return json.loads((files("qsanc_braket.devices") / "facts.json").read_text(encoding="utf-8"))


def _device(row: Any, as_of: str) -> Device:
    price, sets, wires = row["price"], row.get("program_sets"), row.get("connectivity")
    return Device(
        name=row["name"],
        arn=row["arn"],
        provider=row["provider"],
        kind=row["kind"],
        status="online",
        qubits=row["qubits"],
        qubit_names=tuple(row.get("qubit_names", range(row["qubits"]))),
        gates=frozenset(row["gates"]),
        native=frozenset(row["native"]),
        connectivity=None if wires is None else frozenset((a, b) for a, b in wires),
        shots=(row["shots"][0], row["shots"][1]),
        exact=bool(row["exact_results"]),
        results=frozenset(row["results"]),
        noise=frozenset(row["noise"]),
        program_sets=None if sets is None else ProgramSets(sets["executables"], sets["shots"]),
        concurrent=row.get("concurrent"),
        price=Price(
            task_usd=price.get("task_usd", 0.0),
            shot_usd=price.get("shot_usd", 0.0),
            minute_usd=price.get("minute_usd", 0.0),
            minimum_s=price.get("minimum_s", 0.0),
            as_of=as_of,
            source=row["source"],
        ),
        fidelity=None,
        as_of=as_of,
        exact_results=frozenset(row["exact_results"]),
    )
