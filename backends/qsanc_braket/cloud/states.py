"""Where a task can stand."""

from __future__ import annotations

from typing import Literal

State = Literal["INTENDED", "CREATED", "QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "PARTIAL"]
"""INTENDED: written down, and perhaps submitted. PARTIAL: some executables of a program set failed."""

FINAL: frozenset[State] = frozenset({"COMPLETED", "FAILED", "CANCELLED", "PARTIAL"})
FAILED: frozenset[State] = frozenset({"FAILED", "CANCELLED", "PARTIAL"})
"""Something is missing, and is not submitted anew unasked."""
