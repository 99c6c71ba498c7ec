"""The commands that this package adds to `qsanc`: module and help by name."""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str]] = {
    "explain": ("qsanc_braket.cli.explain", "Say what a model would cost on the devices of Amazon Braket."),
    "devices": ("qsanc_braket.cli.devices", "List the devices of Amazon Braket with limits and prices."),
}
