"""What stands behind the colon: `braket:sv`, `braket:Garnet`, `braket:arn:aws:...`, `braket:Garnet+native`."""

from __future__ import annotations

from dataclasses import dataclass

ENTRY = "braket:"
NATIVE = "+native"
LOCAL = ("sv", "dm")


@dataclass(frozen=True, slots=True)
class Target:
    """A local simulator (`sv`, `dm`), or the name or ARN of a device; `native`: with circuits in its own gates."""

    name: str
    native: bool = False

    @property
    def local(self) -> bool:
        return self.name in LOCAL


def target_of(text: str | None) -> Target:
    """The target that a backend name holds; the local state-vector simulator where it holds none."""
    if not text:
        return Target("sv")
    return Target(text.removesuffix(NATIVE), text.endswith(NATIVE))
