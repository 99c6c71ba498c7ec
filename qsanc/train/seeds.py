"""What can be a seed: every sample, shuffle and initial value is drawn from a whole number of 63 bits."""

from __future__ import annotations

from operator import index
from typing import SupportsIndex

from qsanc.train import errors

LARGEST = (1 << 63) - 1


def need(seed: object) -> None:
    """Raises QsanError (QS922) for what cannot be a seed."""
    if not isinstance(seed, SupportsIndex) or not 0 <= index(seed) <= LARGEST:
        title = f"{errors.shown(seed)} cannot be a seed"
        raise errors.fail(errors.bad_setting(title, f"a whole number from 0 to {LARGEST}"))
