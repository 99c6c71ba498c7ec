"""What an assertion raises."""

from __future__ import annotations

from pathlib import Path


class CheckFailed(AssertionError):
    """An assertion that does not hold. The message says what was compared, how, and by how much it is off.

    `reproduction` is the `.qsan` file that fails in the same way by itself, where one was written.
    """

    def __init__(self, message: str, *, reproduction: Path | None = None) -> None:
        super().__init__(message if reproduction is None else f"{message}\n  reproduced by {reproduction}")
        self.reproduction = reproduction
