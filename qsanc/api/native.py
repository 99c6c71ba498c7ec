"""Whether native code runs, as a caller of the Python interface says it."""

from __future__ import annotations

from typing import get_args

from qsanc.fast import Mode, Tier
from qsanc.train import errors


def tier_of(jit: Mode | Tier) -> Tier:
    """The tier of a mode. Raises QsanError (QS922) for what is none."""
    if isinstance(jit, Tier):
        return jit
    if jit not in get_args(Mode):
        raise errors.fail(errors.bad_setting(f"there is no jit {errors.shown(jit)}", "`off`, `on` or `auto`"))
    return Tier(jit)
