"""Where a task can stand."""

from __future__ import annotations

from typing import Literal

State = Literal["INTENDED", "CREATED", "QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "PARTIAL", "UNREADABLE"]
"""INTENDED: written down, and perhaps submitted. PARTIAL: some executables of a program set failed. UNREADABLE: it was
paid for, and its result in S3 is damaged or gone."""

FINAL: frozenset[State] = frozenset({"COMPLETED", "FAILED", "CANCELLED", "PARTIAL", "UNREADABLE"})
FAILED: frozenset[State] = frozenset({"FAILED", "CANCELLED", "PARTIAL", "UNREADABLE"})
"""Something is missing, and is not submitted anew unasked."""
