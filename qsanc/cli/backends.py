"""`qsanc backends`."""

from __future__ import annotations

import click

from qsanc import registry
from qsanc.cli import options
from qsanc.cli.report import print_json
from qsanc.diagnostics import QsanError
from qsanc.target import Capabilities


@click.command()
@options.as_json
def command(as_json: bool) -> int:
    """List the installed backends and what they can do."""
    rows: list[tuple[registry.Offer, Capabilities | None, str]] = []
    for offer in registry.available():
        try:
            rows.append((offer, registry.load(offer.entry).capabilities, ""))
        except QsanError as error:
            rows.append((offer, None, error.diagnostics[0].title))
    if as_json:
        print_json(
            [
                {
                    "name": offer.entry,
                    "from": f"{offer.distribution} {offer.version}",
                    "capabilities": _plain(capabilities) if capabilities else None,
                    "problem": problem or None,
                }
                for offer, capabilities, problem in rows
            ]
        )
        return 0
    for offer, capabilities, problem in rows:
        click.echo(f"{offer.entry}  ({offer.distribution} {offer.version})")
        if capabilities is None:
            click.echo(f"  cannot be used: {problem}")
            continue
        for name, value in _plain(capabilities).items():
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            if shown not in (None, "", False):
                click.echo(f"  {name.replace('_', ' ')}: {'yes' if shown is True else shown}")
    return 0


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
