"""The commands that this package adds to `qsanc`: module and help by name."""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str]] = {}
