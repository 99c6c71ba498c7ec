"""What goes wrong on command."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

ANY = "*"


@dataclass
class Faults:
    """Switches, each settable while the service runs, as attributes or by POST /__faults__ with a JSON object of
    the same names. Operations have the SDK's names (CreateQuantumTask, GetObject, ...); "*" is every one.

    Counted: each call or task takes one, until none is left.
    """

    throttle: dict[str, int] = field(default_factory=dict)  # answer ThrottlingException, by operation
    internal: dict[str, int] = field(default_factory=dict)  # answer InternalServiceException, by operation
    drop_before: dict[str, int] = field(default_factory=dict)  # close the connection, having done nothing, by operation
    drop_after: dict[str, int] = field(default_factory=dict)  # do it, then close the connection without an answer
    refuse: dict[str, str] = field(default_factory=dict)  # answer this error code, until taken back, by operation
    fail: int = 0  # the next tasks created end FAILED, unbilled
    cancel: int = 0  # the next tasks created are cancelled by the service
    partial: list[list[int]] = field(default_factory=list)  # of the next program sets, the executables that fail
    partial_status: str = "FAILED"  # where a partly failed program set ends: FAILED or COMPLETED
    truncate: int = 0  # the next result files are cut in half
    corrupt: int = 0  # the next result files are JSON of no known schema
    # Lasting: on until taken back.
    offline: list[str] = field(default_factory=list)  # devices, by name or ARN: they take nothing, queues stand still
    retired: list[str] = field(default_factory=list)
    split: bool = False  # program-set results come in parts
    queued_s: float = 0.0  # how long tasks stay QUEUED; judged when someone looks, so lowering it lets tasks go
    running_s: float = 0.0
    delay_s: float = 0.0  # before each answer
    quota: int = 35  # tasks in flight on one simulator

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def update(self, values: dict[str, Any]) -> None:
        """Sets switches by name; raises ValueError for an unknown one."""
        known = get_type_hints(type(self))
        for name, value in values.items():
            if name not in known or name.startswith("_"):
                raise ValueError(f"no such switch: {name}; there are {', '.join(f.name for f in fields(self))}")
            setattr(self, name, value)

    def state(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def clear(self) -> None:
        self.update(Faults().state())

    def take(self, switch: str, operation: str | None = None) -> bool:
        """Whether a counted switch is on; takes one off it."""
        with self._lock:
            if operation is None:
                left = getattr(self, switch)
                if left > 0:
                    setattr(self, switch, left - 1)
                return left > 0
            counts = getattr(self, switch)
            for key in (operation, ANY):
                if counts.get(key, 0) > 0:
                    counts[key] -= 1
                    return True
            return False

    def take_partial(self) -> list[int]:
        with self._lock:
            return self.partial.pop(0) if self.partial else []
