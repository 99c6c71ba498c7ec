"""What an assertion that holds has found, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """`method` says in words what was compared. An exact method has a `deviation`, the largest that was found, and the
    tolerance `tol` it is within; one with shots has a `p_value` and the level `alpha` that it is above.

    `power` says what deviation would have been found, and with how many shots.
    """

    method: str
    deviation: float | None = None
    tol: float | None = None
    p_value: float | None = None
    alpha: float | None = None
    shots: int | None = None
    shots_needed: int | None = None
    power: str = ""

    def __str__(self) -> str:
        parts = [self.method]
        if self.deviation is not None:
            parts.append(f"off by {self.deviation:.3g}, tolerance {self.tol:.3g}")
        if self.p_value is not None:
            parts.append(f"p = {self.p_value:.3g}, alpha {self.alpha:.3g}, {self.shots} shots")
        return "; ".join([*parts, *([self.power] if self.power else [])])
