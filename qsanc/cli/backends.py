"""`qsanc backends`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import click

from qsanc import registry
from qsanc.cli import options
from qsanc.cli.report import print_json
from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.ir.circuit import CircuitModule
from qsanc.target import Backend, Capabilities


@click.command()
@options.as_json
def command(as_json: bool) -> int:
    """List the installed backends and what they can do."""
    rows = [_row(offer) for offer in registry.available()]
    if as_json:
        print_json(
            [
                {
                    "name": row.offer.entry,
                    "from": f"{row.offer.distribution} {row.offer.version}",
                    "targets": dict(row.targets),
                    "capabilities": _plain(row.capabilities) if row.capabilities else None,
                    "problem": row.problem or None,
                }
                for row in rows
            ]
        )
        return 0
    for row in rows:
        entry = row.offer.entry
        click.echo(f"{entry}  ({row.offer.distribution} {row.offer.version})")
        if row.problem:
            click.echo(f"  cannot be used: {row.problem}")
        for target, words in row.targets.items():
            click.echo(f"  {entry}:{target}: {words}")
        for name, value in _plain(row.capabilities).items() if row.capabilities else ():
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            if shown not in (None, "", False):
                click.echo(f"  {name.replace('_', ' ')}: {'yes' if shown is True else shown}")
    return 0


@dataclass(frozen=True, slots=True)
class _Row:
    offer: registry.Offer
    targets: Mapping[str, str]
    capabilities: Capabilities | None
    problem: str


def _row(offer: registry.Offer) -> _Row:
    try:
        backend = registry.load(offer.entry)
        return _Row(offer, registry.targets(offer.entry), backend.capabilities, _problem(backend))
    except QsanError as error:
        return _Row(offer, {}, None, _said(error.diagnostics[0]))


def _problem(backend: Backend) -> str:
    """What a backend has against an empty circuit of one qubit: that it lacks something."""
    shots = backend.capabilities.shots
    found = backend.check(
        CircuitModule("empty", 1, (), (), (), ()), shots=shots[0] if shots and not backend.capabilities.exact else None
    )
    return next((_said(diagnostic) for diagnostic in found if diagnostic.is_error), "")


def _said(diagnostic: Diagnostic) -> str:
    return f"{diagnostic.title} ({diagnostic.help})" if diagnostic.help else diagnostic.title


def _plain(capabilities: Capabilities) -> dict[str, object]:
    return {
        "gates": sorted(capabilities.gates),
        "most_qubits": capabilities.max_wires,
        "results": sorted(kind.value for kind in capabilities.results),
        "exact": capabilities.exact,
        "shots": None if capabilities.shots is None else f"{capabilities.shots[0]} to {capabilities.shots[1]}",
        "connectivity": None
        if capabilities.connectivity is None
        else [list(p) for p in sorted(capabilities.connectivity)],
        "noise": sorted(capabilities.noise),
        "gradients": sorted({"parameter_shift", *capabilities.gradients}),
        "overlaps": list(capabilities.overlaps),
        "billed": capabilities.billed,
    }
