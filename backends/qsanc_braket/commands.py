"""The commands that this package adds to `qsanc`: module and help by name."""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str]] = {
    "explain": ("qsanc_braket.cli.explain", "Say what a model would cost on the devices of Amazon Braket."),
    "devices": ("qsanc_braket.cli.devices", "List the devices of Amazon Braket with limits and prices."),
    "tasks": ("qsanc_braket.cli.tasks", "List the tasks of a run on Amazon Braket, and what they cost."),
    "resume": ("qsanc_braket.cli.resume", "Finish a training that was stopped; no task is paid twice."),
    "job": ("qsanc_braket.cli.job", "Train in a Hybrid Job of Amazon Braket, beside the device."),
}
