"""What the options of assertions may be. Wrong ones are refused before anything is run, with a name and a value.

Each raises TypeError for what is no number, ValueError for a number that is none of those.
"""

from __future__ import annotations

import math
from numbers import Integral, Real


def level(alpha: float, examples: int) -> float:
    """The level of one of so many examples that together raise a false alarm with probability `alpha` at most."""
    number("alpha", alpha)
    natural("examples", examples)
    if not 0 < alpha < 1 or examples < 1:
        raise ValueError(f"alpha lies between 0 and 1 and there is an example at least, not {alpha} and {examples}")
    return alpha / examples


def tolerance(tol: float) -> None:
    number("tol", tol)
    if not 0 <= tol < math.inf:
        raise ValueError(f"tol is a number from 0 on, not {tol}")


def number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} is a number, not {value!r}")


def natural(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} is an integer, not {value!r}")


def finite(name: str, value: float) -> None:
    number(name, value)
    if not math.isfinite(value):
        raise ValueError(f"{name} is a finite number, not {value}")


def share(name: str, value: float) -> None:
    number(name, value)
    if not 0 < value < 1:
        raise ValueError(f"{name} lies between 0 and 1, not {value}")


def positive(name: str, value: int) -> None:
    natural(name, value)
    if value < 1:
        raise ValueError(f"{name} is a positive integer, not {value}")


def seeded(seed: int) -> None:
    natural("seed", seed)
    if not 0 <= seed < 1 << 63:
        raise ValueError(f"seed is an integer from 0 on and below 2^63, not {seed}")
